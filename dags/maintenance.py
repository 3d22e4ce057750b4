"""### What has to be looked after though nothing changes

Once a day, for each route file in `include/mappings/`:

- **audit** checks the route's whole audit log, and that it still holds the head that the last good
  run saw, which Airflow kept: a log that was rewritten from the first event on shows, too. A log
  that does not add up raises the alert `audit_broken`.
- **consent** renews the tokens of a Xero app that needs a user's consent, before Xero lets them run
  out for want of use. A Custom Connection has none, and the task is skipped.

The **gate** is red if one of them failed; neither keeps the other from its work.
"""

from typing import Any

from airflow.sdk import DAG, TriggerRule, task

from sfxero.mapping.spec import RouteSpec
from sfxero.orchestration.routes import declare_routes, timetable
from sfxero.orchestration.task_groups import default_args, states_of

AT_NIGHT = "40 2 * * *"


@task
def audit(route: str, ti: Any = None) -> str | None:
    """Check the audit log, also against the heads that earlier runs returned."""
    from sfxero.orchestration import upkeep

    # Without an index, the values of all earlier runs come. The one that comes with an index is on
    # PostgreSQL that of a run without a logical date, if there ever was one: it may be years old.
    known = ti.xcom_pull(task_ids="audit", include_prior_dates=True)
    return upkeep.check_audit_log(route, known=known)


@task
def consent(route: str) -> bool:
    """Renew the tokens of a consent that nobody has used for weeks."""
    from sfxero.orchestration import upkeep

    return upkeep.keep_consent(route)


@task(trigger_rule=TriggerRule.ALL_DONE, retries=0)
def gate(run_id: str | None = None, ti: Any = None) -> None:
    """Fail if a task failed."""
    from sfxero.orchestration import upkeep

    upkeep.gate(states_of(ti, run_id))


def declare(spec: RouteSpec) -> DAG:
    """Declare the DAG of one route."""
    with DAG(
        dag_id=f"maintenance__{spec.route}",
        description=f"Looks after the audit log and the consent of {spec.route}",
        schedule=timetable(AT_NIGHT),
        catchup=False,
        max_active_runs=1,
        default_args=default_args(),
        tags=["sfxero", spec.route],
        doc_md=__doc__,
    ) as dag:
        [audit(spec.route), consent.override(pool=spec.xero.pool)(spec.route)] >> gate()
    return dag


globals().update(declare_routes("maintenance", declare))
