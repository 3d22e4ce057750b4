"""The bodies of the tasks that publish, within a run or after an outage."""

import json
import logging
import uuid
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowSkipException

from sfxero.clock import SystemClock, SystemSleeper
from sfxero.errors import TerminalError
from sfxero.model.ids import RouteName, TenantId
from sfxero.model.owners import owner_name
from sfxero.model.states import Entity
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.opening import (
    Run,
    accounting_of,
    budgets_of,
    drain_run_id,
    ledger_run_id,
    opened,
    spec_of,
)
from sfxero.orchestration.outages import leave
from sfxero.ratelimit.policy import Budget
from sfxero.sync.scope import Scope

if TYPE_CHECKING:
    from sfxero.sync.publish import LaneReport

log = logging.getLogger(__name__)

_TIME: Final = timedelta(minutes=25)
"""For all budgets of a task together, which is killed after thirty minutes."""


def look(route: str, *, run_id: str, actor: str) -> Run:
    """Open a run if anything waits that can go now; skips otherwise, and asks nobody but us."""
    from sfxero.sync.draining import org_with_work, sent_by, shown_by, tenant_with_work

    spec, name, run_id = spec_of(route), RouteName(route), drain_run_id(run_id)
    configured = spec.xero.tenant_id or XeroHook(spec.xero.connection).configured_tenant()
    with open_ledger(spec.ledger.connection) as ledger:
        ledger.migrate()
        now, outbox = SystemClock().now(), ledger.outbox
        meant = TenantId(configured) if configured else None
        tenant = tenant_with_work(outbox, name, now=now, configured=meant, entities=sent_by(spec))
        org = org_with_work(outbox, name, now=now, entities=shown_by(spec))
        if tenant is None and org is None:
            raise AirflowSkipException("nothing in the outbox can go now")
        waiting = ledger.outbox.outstanding(name)
        ledger.runs.start(
            ledger_run_id(route, run_id),
            name,
            kind="drain",
            mapping_version=spec.mapping_version,
            actor=actor,
            params=json.dumps({"outstanding": waiting}),
        )
    log.info("drain_started entries=%d", waiting)
    return {
        "route": route,
        "run_id": run_id,
        "tenant": tenant or "",
        "org": org or "",
        "waiting": waiting,
        "budgets": [str(one) for one in (Budget.SYNC, Budget.MIGRATION)],
    }


def publish(run: Run, entity: str, *, lane: int) -> dict[str, Any]:
    """Publish one lane, by each budget of the run; fails if Xero's totals were not predicted."""
    reports = {}
    ends_at = SystemClock().now() + _TIME
    with opened(run) as scope:
        if not scope.tenant:
            return {"nothing waits for": "xero"}
        for budget in budgets_of(run):
            report = _lane(scope, Entity(entity), lane=lane, budget=budget, ends_at=ends_at)
            reports[str(budget)] = facts = asdict(report)
            told = " ".join(f"{name}={facts[name]}" for name in facts)
            log.info("lane_ended budget=%s %s", budget, told)
            _judge(scope, report, is_first=len(reports) == 1)
    return reports


def _judge(scope: Scope, report: "LaneReport", *, is_first: bool) -> None:
    """Fail, or skip the task, if the lane did not end as it should.

    What the last budget of several does not allow waits, and lets go what hangs on the task: that
    goes by the budgets before it, too.
    """
    if report.total_differences:
        said = "; ".join(report.total_differences[:5])
        raise TerminalError(
            f"Xero computed other totals than predicted: {said}",
            service="xero",
            hint="The invoices exist in Xero; compare them before anything else is sent.",
        )
    if report.deferred_by is not None and is_first:
        leave(scope.ledger.runs, scope.run_id, reason=report.deferred_by)


def _lane(
    scope: Scope, entity: Entity, *, lane: int, budget: Budget, ends_at: datetime
) -> "LaneReport":
    from sfxero.sync.publish import Lane, LaneSpec
    from sfxero.sync.renaming import Renaming

    clock = SystemClock()
    spec = LaneSpec(
        tenant=scope.tenant,
        entity=entity,
        run_id=scope.run_id,
        owner=owner_name(scope.run_id, entity, lane, token=uuid.uuid4().hex[:8]),
        ends_at=ends_at,
        # An e-mail is a call of its own.
        batch_size=1 if entity is Entity.INVOICE_EMAIL else scope.spec.publish.batch_size,
        is_migration=budget is Budget.MIGRATION,
    )
    return Lane(
        spec,
        outbox=scope.ledger.outbox,
        target=accounting_of(scope, budget=budget),
        renamer=Renaming(scope.ledger.names),
        clock=clock,
        sleeper=SystemSleeper(),
        new_key=lambda: uuid.uuid4().hex,
    ).run()
