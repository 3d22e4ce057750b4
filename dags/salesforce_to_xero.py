"""### Closed-Won opportunities become Xero invoices

**extract** reads what changed in Salesforce into staged Parquet files, **check** holds the rows
against the suites in `include/expectations/`, **prepare** maps them, predicts Xero's totals and
fills the outbox, **publish** sends contacts first and invoices after them, and the **gate** proves
that every record that was read has ended somewhere. One DAG for each route file in
`include/mappings/`.

A red gate names what was lost, given up or refused beyond the route's threshold. A skipped one
says that the run was *deferred*: a service was down, or its day's calls were spent. Nothing is
lost then, and there is nothing to do: the next run goes on. Nothing is sent twice when a run is
repeated: `max_active_runs` is a courtesy, the ledger is what prevents it.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, TriggerRule, chain, task

from sfxero.mapping.spec import RouteSpec
from sfxero.orchestration.routes import declare_routes, timetable
from sfxero.orchestration.task_groups import (
    Run,
    check_group,
    default_args,
    extract_group,
    prepare_group,
    publish_group,
    run_of,
    states_of,
)

PARAMS = {
    "full_refresh": Param(
        default=False, type="boolean", description="Read everything, not only changes"
    ),
    "replay": Param(
        default=None,
        type=["null", "array", "string"],
        description="Dead letters to send after all: their ids, or all",
    ),
}


@task(execution_timeout=timedelta(minutes=15))
def start(route: str, run_id: str | None = None, dag_run: Any = None, params: Any = None) -> Run:
    """Open the run: connections work, the tenant is the expected one, windows are drawn."""
    from sfxero.orchestration import steps

    return steps.start(
        route,
        run_id=str(run_id),
        full_refresh=params["full_refresh"],
        replayed=params["replay"],
        actor=getattr(dag_run, "triggering_user_name", None) or "scheduler",
    )


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0)
def gate(route: str, run_id: str | None = None, ti: Any = None) -> dict[str, Any]:
    """Fail unless every record that was read has ended in exactly one stored disposition."""
    from sfxero.orchestration import verdicts

    states = states_of(ti, run_id)
    return verdicts.gate(route, run_of(ti), run_id=str(run_id), task_states=states)


def declare(spec: RouteSpec) -> DAG:
    """Declare the DAG of one route."""
    with DAG(
        dag_id=f"salesforce_to_xero__{spec.route}",
        description=spec.description,
        schedule=timetable(spec.schedule, zone=spec.timezone),
        catchup=False,
        max_active_runs=1,
        default_args=default_args(),
        params=PARAMS,
        tags=["sfxero", spec.route],
        doc_md=__doc__,
    ) as dag:
        begin = start.override(pool=spec.xero.pool)(spec.route)
        chain(
            begin,
            extract_group(spec),
            check_group(),
            prepare_group(),
            publish_group(spec),
            gate(spec.route),
        )
    return dag


globals().update(declare_routes("salesforce_to_xero", declare))
