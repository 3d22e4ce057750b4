"""### What waits in the outbox goes on its way

After an outage, a spent day or a crash, entries wait in the outbox, and of some nobody knows what
became of them. Every ten minutes this DAG looks whether anything can go now, and if so looks up
what is in doubt and sends the rest, oldest first: to Xero contacts before invoices, to Salesforce
what opportunities are to show. It reads no changes, and it asks the ledger alone whether there is
anything to do: an idle outbox costs no call. One DAG for each route file in `include/mappings/`.

It may run beside `salesforce_to_xero` and `xero_to_salesforce`: each lane claims other entries and
all calls to Xero leave by the one limiter, so nothing is sent twice and there is no stampede when a
service is back.

The **gate** is red for what was given up on in this run. A skipped one says that there was nothing
to send, or that the service still takes no calls: the next run goes on. What waits for the part of
the day that is left to migrations holds up nothing else.
"""

from typing import Any

from airflow.sdk import DAG, TriggerRule, chain, task

from sfxero.mapping.spec import RouteSpec
from sfxero.orchestration.routes import declare_routes, timetable
from sfxero.orchestration.task_groups import Run, default_args, publish_group, run_of, states_of

EVERY_TEN_MINUTES = "*/10 * * * *"


@task
def start(route: str, run_id: str | None = None, dag_run: Any = None) -> Run:
    """Open a run if anything in the outbox can go now; no service is asked."""
    from sfxero.orchestration import publishing

    actor = getattr(dag_run, "triggering_user_name", None) or "scheduler"
    return publishing.look(route, run_id=str(run_id), actor=actor)


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0)
def gate(route: str, run_id: str | None = None, ti: Any = None) -> dict[str, Any]:
    """Fail if a task failed, or an entry was given up on in this run."""
    from sfxero.orchestration import verdicts

    states = states_of(ti, run_id)
    return verdicts.drain_gate(route, run_of(ti), run_id=str(run_id), task_states=states)


def declare(spec: RouteSpec) -> DAG:
    """Declare the DAG of one route."""
    with DAG(
        dag_id=f"outbox_drain__{spec.route}",
        description=f"Sends what waits in the outbox of {spec.route}, after an outage for example",
        schedule=timetable(EVERY_TEN_MINUTES),
        catchup=False,
        max_active_runs=1,
        default_args=default_args(),
        tags=["sfxero", spec.route],
        doc_md=__doc__,
    ) as dag:
        chain(start(spec.route), publish_group(spec, both_ways=True), gate(spec.route))
    return dag


globals().update(declare_routes("outbox_drain", declare))
