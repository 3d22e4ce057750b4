"""The first task of a run over history; the others are the sync's."""

import json
import logging
from datetime import datetime
from typing import TYPE_CHECKING

from sfxero.errors import ConfigurationError
from sfxero.ledger.runs import HISTORY
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RouteName
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.opening import (
    Run,
    accounting_of,
    history_run_id,
    ledger_run_id,
    salesforce_of,
    scope_of,
    spec_of,
    wanted_tenant,
)
from sfxero.orchestration.outages import left_to_the_next_run
from sfxero.ratelimit.policy import Budget

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.sync.history import Interval

log = logging.getLogger(__name__)


def start(
    route: str, *, run_id: str, from_at: datetime | None, to_at: datetime | None, actor: str
) -> Run:
    """Open the run, prove both connections, and draw the windows of its data interval."""
    from sfxero.sync.history import interval_of

    if from_at is None or to_at is None:
        raise ConfigurationError(
            "this run has no data interval",
            hint="History is read by backfills: `airflow backfill create --dag-id ...`.",
        )
    spec, run_id = spec_of(route), history_run_id(run_id)
    interval = interval_of(spec, from_at, to_at)
    with open_ledger(spec.ledger.connection) as ledger:
        ledger.migrate()
        ledger_run = ledger_run_id(route, run_id)
        bounds = {"from": interval.from_at.isoformat(), "to": interval.to_at.isoformat()}
        ledger.runs.start(
            ledger_run,
            RouteName(spec.route),
            kind=HISTORY,
            mapping_version=spec.mapping_version,
            actor=actor,
            params=json.dumps({"by": interval.measure, **bounds}),
        )
        with left_to_the_next_run(ledger.runs, ledger_run):
            return _begin(spec, ledger, interval, run_id=run_id)


def _begin(spec: RouteSpec, ledger: "Ledger", interval: "Interval", *, run_id: str) -> Run:
    from sfxero.sync import history, org_budget, preflight

    hook = XeroHook(spec.xero.connection)
    tenant = hook.find_tenant(wanted_tenant(spec), ledger).tenant_id
    scope = scope_of(spec, ledger, run_id=run_id, tenant=tenant, budget=Budget.MIGRATION)
    salesforce, accounting = salesforce_of(scope), accounting_of(scope)
    windows = history.draw_windows(scope, interval)
    needed = history.forecast(scope, salesforce, windows)
    org_budget.reserve(scope, salesforce, needed)
    preflight.share_organisation(scope, accounting)
    preflight.refresh_directory(scope, accounting)
    log.info("history_started from=%s to=%s", interval.from_at, interval.to_at)
    return {
        "route": spec.route,
        "run_id": run_id,
        "tenant": tenant,
        "windows": windows,
        "budgets": [str(Budget.MIGRATION)],
    }
