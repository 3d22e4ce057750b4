"""### The past, month by month

Reads opportunities of past months and sends them like `salesforce_to_xero` does, beside it and
behind it: by the budget that is left to migrations. It runs by backfill only, one run a month:

    airflow backfill create --dag-id migrate_history__<route> --from-date ... --to-date ...

A run reads exactly its month, in the route's `timezone`: opportunities by their close date, or
records by when they last changed, as the route's `history` says. It moves no watermark, may overlap
any other run, and may be repeated. What is newer in Xero already stays as it is.

The **gate** is red for what `salesforce_to_xero` would be red for, and also if the month was not
read to its end, since no other run reads it: repeat it with `--reprocess-behavior failed`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, CronDataIntervalTimetable, TriggerRule, chain, task

from sfxero.mapping.spec import RouteSpec
from sfxero.orchestration.routes import declare_routes
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

LONG_AGO = datetime(1999, 1, 1, tzinfo=UTC)


@task(execution_timeout=timedelta(minutes=15))
def start(
    route: str,
    run_id: str | None = None,
    dag_run: Any = None,
    data_interval_start: Any = None,
    data_interval_end: Any = None,
) -> Run:
    """Open the run: connections work, and the month's windows are drawn."""
    from sfxero.orchestration import history_steps

    return history_steps.start(
        route,
        run_id=str(run_id),
        from_at=data_interval_start,
        to_at=data_interval_end,
        actor=getattr(dag_run, "triggering_user_name", None) or "scheduler",
    )


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0)
def gate(route: str, run_id: str | None = None, ti: Any = None) -> dict[str, Any]:
    """Fail unless the month was read, and every record of it has one stored disposition."""
    from sfxero.orchestration import verdicts

    states = states_of(ti, run_id)
    return verdicts.history_gate(route, run_of(ti), run_id=str(run_id), task_states=states)


def declare(spec: RouteSpec) -> DAG:
    """Declare the DAG of one route; it ended long ago, so that only backfills start runs."""
    with DAG(
        dag_id=f"migrate_history__{spec.route}",
        description=f"Past months of {spec.route}, by backfill only",
        schedule=CronDataIntervalTimetable("0 0 1 * *", timezone=spec.timezone),
        start_date=LONG_AGO,
        end_date=LONG_AGO,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args=default_args(priority_weight=1, weight_rule="absolute"),
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


globals().update(declare_routes("migrate_history", declare))
