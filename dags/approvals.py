"""### People say which invoices may go

A route can hold invoices back until a person has approved them (`invoices.approval`): large ones,
or the first of an account. Every ten minutes this DAG asks about those that nobody is being asked
about yet, each in a task of its own, which waits under *Required Actions* and holds neither a
worker nor a pool slot. One DAG for each route file in `include/mappings/`.

**Approve** lets the invoice go with the next run of `outbox_drain` or `salesforce_to_xero`.
**Refuse** ends it for good, with the person's name and reason in the audit log; a change of the
opportunity is planned, and asked about, anew. **Later**, or no answer within a day, leaves it
waiting, and the next run asks again. Nobody's silence holds up anything else: other invoices go
their way, and later runs ask about later ones.

The **gate** is red if a question could not be asked or an answer not be stored.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, TriggerRule, task

from sfxero.mapping.spec import RouteSpec
from sfxero.orchestration.asking import AskApproval
from sfxero.orchestration.routes import declare_routes, timetable
from sfxero.orchestration.task_groups import default_args, states_of

EVERY_TEN_MINUTES = "*/10 * * * *"
A_DAY = timedelta(days=1)
AT_ONCE = 150
"""More than the runs of a day: each asks about other entries, so they may wait side by side."""


@task
def waiting(route: str, run_id: str | None = None) -> list[int]:
    """Take the entries that nobody is being asked about; no service is called."""
    from sfxero.orchestration import approving

    return approving.to_ask(route, run_id=str(run_id), for_s=A_DAY.total_seconds())


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0)
def gate(run_id: str | None = None, ti: Any = None) -> None:
    """Fail if a task failed."""
    from sfxero.orchestration import upkeep

    upkeep.gate(states_of(ti, run_id))


def declare(spec: RouteSpec) -> DAG:
    """Declare the DAG of one route."""
    with DAG(
        dag_id=f"approvals__{spec.route}",
        description=f"Asks people about invoices of {spec.route} that wait for approval",
        schedule=timetable(EVERY_TEN_MINUTES),
        catchup=False,
        max_active_runs=AT_ONCE,
        default_args=default_args(),
        tags=["sfxero", spec.route],
        doc_md=__doc__,
    ) as dag:
        ask = AskApproval.partial(
            task_id="ask",
            route=spec.route,
            wait=A_DAY,
            map_index_template="entry {{ task.entry_id }}",
            doc_md="Ask a person about one invoice, wait for the answer, and carry it out.",
        )
        ask.expand(entry_id=waiting(spec.route)) >> gate()
    return dag


globals().update(declare_routes("approvals", declare))
