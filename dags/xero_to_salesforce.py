"""### What happens in Xero is shown on the opportunities

**read** asks Xero what changed: invoices and payments every ten minutes, credit notes, overpayments
and prepayments every hour, all of it less often where Xero allows few calls a day. Once a day it
reads every invoice that is owed, since an invoice becomes overdue without any change. **check**
holds the invoices against the suite in `include/expectations/`, **prepare** works out what each
opportunity is to show, **publish** writes that to Salesforce, and the **gate** proves that every
record that was read has ended somewhere. One DAG for each route file in `include/mappings/`.

In a route with `contacts.two_way`, contacts are read every hour, and what people changed in them
is merged with their accounts and written there. With `contacts.new_in_xero`, contacts that stand
for no account and meet its condition become one.

Only invoices that the sync made are shown; where the route has a mirror, they are copied with their
lines and payments as well. A run in which nothing changed writes nothing. A skipped gate says that
the run was *deferred*: a service was down, or its day's calls were spent. The next run goes on
where this one stopped.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, TriggerRule, chain, task

from sfxero.mapping.spec import RouteSpec
from sfxero.orchestration.routes import declare_routes, timetable
from sfxero.orchestration.task_groups import Run, default_args, run_of, show_group, states_of

PARAMS = {
    "full_refresh": Param(
        default=False, type="boolean", description="Read every invoice, not only changes"
    ),
}


@task(execution_timeout=timedelta(minutes=15))
def start(route: str, run_id: str | None = None, dag_run: Any = None, params: Any = None) -> Run:
    """Open the run: both connections work, and it is known what is to be read."""
    from sfxero.orchestration import showing

    return showing.start(
        route,
        run_id=str(run_id),
        full_refresh=params["full_refresh"],
        by_hand=getattr(dag_run, "run_type", None) == "manual",
        actor=getattr(dag_run, "triggering_user_name", None) or "scheduler",
    )


@task
def read(ti: Any = None) -> dict[str, int]:
    """Stage what changed in Xero, and by id the invoices that it touched."""
    from sfxero.orchestration import showing

    return showing.read(run_of(ti))


@task
def check(ti: Any = None) -> int:
    """Run Great Expectations over the invoices; refused ones go into quarantine."""
    from sfxero.orchestration import showing

    return showing.check(run_of(ti))


@task
def prepare(ti: Any = None) -> dict[str, int]:
    """Work out what opportunities are to show, fill the outbox, move the watermarks."""
    from sfxero.orchestration import showing

    return showing.prepare(run_of(ti))


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0)
def gate(route: str, run_id: str | None = None, ti: Any = None) -> dict[str, Any]:
    """Fail unless every record that was read has ended in exactly one stored disposition."""
    from sfxero.orchestration import verdicts

    states = states_of(ti, run_id)
    return verdicts.show_gate(route, run_of(ti), run_id=str(run_id), task_states=states)


def declare(spec: RouteSpec) -> DAG:
    """Declare the DAG of one route."""
    with DAG(
        dag_id=f"xero_to_salesforce__{spec.route}",
        description=f"Shows on the opportunities of {spec.route} what happens in Xero",
        schedule=timetable(spec.xero_to_salesforce.schedule),
        catchup=False,
        max_active_runs=1,
        default_args=default_args(),
        params=PARAMS,
        tags=["sfxero", spec.route],
        doc_md=__doc__,
    ) as dag:
        begin = start.override(pool=spec.xero.pool)(spec.route)
        reading = read.override(pool=spec.xero.pool)()
        chain(begin, reading, check(), prepare(), show_group(), gate(spec.route))
    return dag


globals().update(declare_routes("xero_to_salesforce", declare))
