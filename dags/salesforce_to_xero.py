"""### Closed-Won opportunities become Xero invoices

**extract** reads what changed in Salesforce into staged Parquet files, **check** holds the rows
against the suites in `include/expectations/`, **prepare** maps them, predicts Xero's totals and
fills the outbox, **publish** sends contacts first and invoices after them, and the **gate** proves
that every record that was read has ended somewhere. One DAG for each route file in
`include/mappings/`.

A red gate names what was lost, given up or refused beyond the route's threshold. Nothing is sent
twice when a run is repeated: `max_active_runs` is a courtesy, the ledger is what prevents it.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    Param,
    TriggerRule,
    chain,
    get_current_context,
    task,
    task_group,
)

from sfxero.mapping.fields import needed_fields
from sfxero.mapping.spec import RouteSpec
from sfxero.orchestration.retry import SyncRetry
from sfxero.orchestration.routes import declare_routes, timetable

Run = dict[str, Any]
"""What the first task returns: ids and the folder of the run, never records."""

LANE = {"retry_delay": timedelta(seconds=75), "execution_timeout": timedelta(minutes=30)}
"""A publisher that died holds its entries for a minute; its next try comes after that."""


@task(execution_timeout=timedelta(minutes=15))
def start(route: str, full_refresh: str, run_id: str | None = None, dag_run: Any = None) -> Run:
    """Open the run: connections work, the tenant is the expected one, windows are drawn."""
    from sfxero.orchestration import steps

    actor = getattr(dag_run, "triggering_user_name", None) or "scheduler"
    return steps.start(route, run_id=str(run_id), full_refresh=full_refresh == "True", actor=actor)


def run_of(ti: Any) -> Run:
    """Return what the first task returned; pulled, so that the graph shows the flow alone."""
    run: Run = ti.xcom_pull(task_ids="start")
    return run


@task(map_index_template="{{ object_name }}")
def submit(object_name: str, ti: Any = None) -> int:
    """Create the bulk job of one object's window and store its id."""
    from sfxero.orchestration import steps

    get_current_context()["object_name"] = object_name  # type: ignore[typeddict-unknown-key] # template
    return steps.submit(run_of(ti), object_name)


@task.sensor(
    mode="reschedule", poke_interval=5, exponential_backoff=True, max_wait=60, timeout=6 * 3600
)
def wait(window_id: int, ti: Any = None) -> bool:
    """Look whether the job is done; no worker slot is held between two looks."""
    from sfxero.orchestration import steps

    return steps.is_job_done(run_of(ti), window_id)


@task
def download(window_id: int, ti: Any = None) -> str:
    """Stream the job's pages into staged Parquet files; returns the manifest's path."""
    from sfxero.orchestration import steps

    return steps.download(run_of(ti), window_id)


@task_group
def objects(object_name: Any) -> None:
    """Read one Salesforce object."""
    window_id: Any = submit(object_name)
    wait(window_id) >> download(window_id)


@task
def complete(ti: Any = None) -> dict[str, int]:
    """Read the rest of what was touched: all lines, accounts, and what waits in quarantine."""
    from sfxero.orchestration import steps

    return steps.complete(run_of(ti))


@task
def suites(ti: Any = None) -> dict[str, int]:
    """Run Great Expectations once for all objects; refused rows go into quarantine."""
    from sfxero.orchestration import steps

    return steps.check(run_of(ti))


@task
def contacts(ti: Any = None) -> dict[str, int]:
    """Map accounts to contacts with unique names, and fill the outbox."""
    from sfxero.orchestration import steps

    return steps.prepare_contacts(run_of(ti))


@task
def invoices(ti: Any = None) -> dict[str, int]:
    """Map opportunities and lines to invoices, predict their totals, move the watermark."""
    from sfxero.orchestration import steps

    return steps.prepare_invoices(run_of(ti))


@task
def send(entity: str, lane: int, ti: Any = None) -> dict[str, Any]:
    """Publish as one of several lanes, which share the limiter and the outbox."""
    from sfxero.orchestration import steps

    return steps.publish(run_of(ti), entity, lane=lane)


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0)
def gate(route: str, run_id: str | None = None, ti: Any = None) -> dict[str, Any]:
    """Fail unless every record that was read has ended in exactly one stored disposition."""
    from sfxero.orchestration import steps

    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[run_id])[run_id]
    return steps.gate(route, run_of(ti), run_id=str(run_id), task_states=states)


def declare(spec: RouteSpec) -> DAG:
    """Declare the DAG of one route."""
    pool = spec.xero.pool
    lanes = list(range(spec.publish.lanes))

    @task_group
    def extract() -> None:
        """Salesforce to staging."""
        objects.expand(object_name=list(needed_fields(spec))) >> complete()

    @task_group
    def check() -> None:
        """Staged rows against the suites."""
        suites()

    @task_group
    def prepare() -> None:
        """Staging to outbox."""
        contacts() >> invoices()

    @task_group
    def publish() -> None:
        """Outbox to Xero; contacts are the invoices' parents."""
        parents = send.override(task_id="contacts", pool=pool, **LANE)
        children = send.override(task_id="invoices", pool=pool, **LANE)
        parents.partial(entity="contact").expand(lane=lanes) >> children.partial(
            entity="invoice"
        ).expand(lane=lanes)

    with DAG(
        dag_id=f"salesforce_to_xero__{spec.route}",
        description=spec.description,
        schedule=timetable(spec.schedule),
        catchup=False,
        max_active_runs=1,
        default_args={
            "retries": 2,
            "retry_delay": timedelta(seconds=30),
            "retry_policy": SyncRetry(),
        },
        params={
            "full_refresh": Param(
                default=False, type="boolean", description="Read everything, not only changes"
            )
        },
        tags=["sfxero", spec.route],
        doc_md=__doc__,
    ) as dag:
        begin = start.override(pool=pool)(spec.route, "{{ params.full_refresh }}")
        chain(begin, extract(), check(), prepare(), publish(), gate(spec.route))
    return dag


globals().update(declare_routes("salesforce_to_xero", declare))
