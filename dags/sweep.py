"""### Nothing was missed

A window sees what moved a stamp in time. Once a night this DAG lists the ids and stamps of all
records, with the fields that move no stamp (formulas, and what is read through a parent), and
compares them with what was read. What differs is read by id and goes the way of every record:
checked, prepared, published. What is listed no more was deleted for good.

It moves no watermark, and a night in which nothing differs writes nothing. The **gate** judges what
was found as that of `salesforce_to_xero` does.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, TriggerRule, chain, task

from sfxero.mapping.spec import RouteSpec
from sfxero.orchestration.routes import declare_routes, timetable
from sfxero.orchestration.task_groups import (
    Run,
    check_group,
    default_args,
    list_group,
    prepare_group,
    publish_group,
    run_of,
    states_of,
)


@task(execution_timeout=timedelta(minutes=15))
def start(route: str, run_id: str | None = None, dag_run: Any = None) -> Run:
    """Open the run: connections work, and the listings are drawn."""
    from sfxero.orchestration import sweep_steps

    actor = getattr(dag_run, "triggering_user_name", None) or "scheduler"
    return sweep_steps.start(route, run_id=str(run_id), actor=actor)


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0)
def gate(route: str, run_id: str | None = None, ti: Any = None) -> dict[str, Any]:
    """Fail unless every record that differed has ended in exactly one stored disposition."""
    from sfxero.orchestration import verdicts

    states = states_of(ti, run_id)
    return verdicts.sweep_gate(route, run_of(ti), run_id=str(run_id), task_states=states)


def declare(spec: RouteSpec) -> DAG:
    """Declare the DAG of one route."""
    with DAG(
        dag_id=f"sweep__{spec.route}",
        description=f"Compares all records of {spec.route} with what was read of them",
        schedule=timetable(spec.sweep.schedule, zone=spec.timezone),
        catchup=False,
        max_active_runs=1,
        default_args=default_args(),
        tags=["sfxero", spec.route],
        doc_md=__doc__,
    ) as dag:
        begin = start.override(pool=spec.xero.pool)(spec.route)
        chain(
            begin,
            list_group(spec),
            check_group(),
            prepare_group(),
            publish_group(spec),
            gate(spec.route),
        )
    return dag


globals().update(declare_routes("sweep", declare))
