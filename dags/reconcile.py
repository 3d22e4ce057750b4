"""### Both systems agree to the cent, or each difference has a name

Every night, and by hand for any period, all that Salesforce, the ledger and Xero say of each
opportunity and its invoice is compared: existence, state, currency, total, tax, what is due and
what was paid; and what stands alone on either side. One DAG for each route file in
`include/mappings/`.

**salesforce** and **xero** read both systems whole, in bulk; **compare** names what differs, keeps
it in the ledger with its age, and writes a report and two marts; the **gate** is red if a
difference has no explanation and nobody has accepted it. Its verdict, in one line, is the run's
note, and the report is linked from *compare*.

Nothing is written to either service here. What a route lets be repaired, the next
`salesforce_to_xero` sends.
"""

from typing import Any

from airflow.sdk import DAG, Param, TriggerRule, chain, task, task_group

from sfxero.mapping.spec import RouteSpec
from sfxero.orchestration.assets import differences_of, receivables_of
from sfxero.orchestration.operators import CompareOperator
from sfxero.orchestration.routes import declare_routes, timetable
from sfxero.orchestration.task_groups import Run, default_args, run_of, states_of

PARAMS = {
    name: Param(default=None, type=["null", "string"], format="date", description=text)
    for name, text in (("from", "First day; empty: everything"), ("to", "Last day"))
}


@task
def start(route: str, run_id: str | None = None, dag_run: Any = None, params: Any = None) -> Run:
    """Open the run and let the org prepare what will be read."""
    from sfxero.orchestration import reconciling

    actor = getattr(dag_run, "triggering_user_name", None) or "scheduler"
    return reconciling.start(
        route, run_id=str(run_id), actor=actor, first=params["from"], last=params["to"]
    )


@task.sensor(
    mode="reschedule", poke_interval=5, exponential_backoff=True, max_wait=60, timeout=6 * 3600
)
def wait(ti: Any = None) -> bool:
    """Look whether the org's jobs are done; no worker slot is held between two looks."""
    from sfxero.orchestration import reconciling

    return reconciling.is_org_read(run_of(ti))


@task
def salesforce(ti: Any = None) -> dict[str, int]:
    """Stage opportunities and accounts."""
    from sfxero.orchestration import reconciling

    return reconciling.read_org(run_of(ti))


@task
def xero(ti: Any = None) -> int:
    """Stage all sales invoices, a thousand for each call."""
    from sfxero.orchestration import reconciling

    return reconciling.read_books(run_of(ti))


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0)
def gate(route: str, run_id: str | None = None, ti: Any = None) -> dict[str, Any]:
    """Fail if a difference is neither explained nor accepted, or a task failed."""
    from sfxero.orchestration import verdicts

    states = states_of(ti, run_id)
    told = ti.xcom_pull(task_ids="compare")
    return verdicts.reconcile_gate(route, told, run_id=str(run_id), task_states=states)


def read_group(spec: RouteSpec) -> Any:
    """Declare what reads both systems; neither waits for the other."""

    @task_group
    def read() -> None:
        """Salesforce and Xero to staging."""
        wait() >> salesforce()
        xero.override(pool=spec.xero.pool)()

    return read()


def declare(spec: RouteSpec) -> DAG:
    """Declare the DAG of one route."""
    with DAG(
        dag_id=f"reconcile__{spec.route}",
        description=f"Proves that both systems of {spec.route} agree, or names each difference",
        schedule=timetable(spec.reconcile.schedule, zone=spec.timezone),
        catchup=False,
        max_active_runs=1,
        default_args=default_args(),
        params=PARAMS,
        tags=["sfxero", spec.route],
        doc_md=__doc__,
    ) as dag:
        begin = start.override(pool=spec.xero.pool)(spec.route)
        compare = CompareOperator(
            task_id="compare",
            pool=spec.xero.pool,
            outlets=[receivables_of(spec.route), differences_of(spec.route)],
        )
        chain(begin, read_group(spec), compare, gate(spec.route))
    return dag


globals().update(declare_routes("reconcile", declare))
