"""The first task of a sweep; the others are the sync's, and one more."""

import json
import logging
from typing import TYPE_CHECKING, Final

from airflow.sdk.exceptions import AirflowSkipException

from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RouteName
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.opening import (
    Run,
    accounting_of,
    ledger_run_id,
    salesforce_of,
    scope_of,
    spec_of,
    sweep_run_id,
    wanted_tenant,
)
from sfxero.orchestration.outages import left_to_the_next_run
from sfxero.sync.scope import ENTITY_OF

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger

log = logging.getLogger(__name__)

_KIND: Final = "sweep"


def start(route: str, *, run_id: str, actor: str) -> Run:
    """Open the run and draw the listings; skips while the sync has read nothing yet."""
    spec, name, run_id = spec_of(route), RouteName(route), sweep_run_id(run_id)
    with open_ledger(spec.ledger.connection) as ledger:
        ledger.migrate()
        if any(ledger.windows.watermark(name, one) is None for one in ENTITY_OF.values()):
            raise AirflowSkipException("the sync has read nothing yet")
        ledger_run = ledger_run_id(route, run_id)
        ledger.runs.start(
            ledger_run,
            name,
            kind=_KIND,
            mapping_version=spec.mapping_version,
            actor=actor,
            params=json.dumps({}),
        )
        with left_to_the_next_run(ledger.runs, ledger_run):
            return _begin(spec, ledger, run_id=run_id)


def _begin(spec: RouteSpec, ledger: "Ledger", *, run_id: str) -> Run:
    from sfxero.sync import org_budget, preflight, sweep

    hook = XeroHook(spec.xero.connection)
    tenant = hook.find_tenant(wanted_tenant(spec), ledger).tenant_id
    scope = scope_of(spec, ledger, run_id=run_id, tenant=tenant)
    salesforce, accounting = salesforce_of(scope), accounting_of(scope)
    org_budget.reserve(scope, salesforce, org_budget.forecast(scope, full_refresh=True))
    preflight.read_organisation(scope, accounting)
    preflight.refresh_directory(scope, accounting)
    listed = sweep.listed_fields(spec, salesforce)
    windows = sweep.draw_windows(scope, scope.listing(listed), server_now=salesforce.server_now())
    log.info("sweep_started")
    return {
        "route": spec.route,
        "run_id": run_id,
        "tenant": tenant,
        "windows": windows,
        "listed": listed,
    }
