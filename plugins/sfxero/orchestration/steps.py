"""The bodies of the tasks that read and map: build what a step needs, call one use case."""

import json
import logging
from typing import TYPE_CHECKING

from airflow.sdk import ObjectStoragePath

from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RouteName
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.opening import (
    Run,
    accounting_of,
    ledger_run_id,
    opened,
    opened_to_read,
    reading_scope,
    salesforce_of,
    scope_of,
    spec_of,
    wanted_tenant,
)
from sfxero.orchestration.outages import left_to_the_next_run
from sfxero.settings import load_settings
from sfxero.sync.replay import Replayed, replay
from sfxero.sync.scope import ENTITY_OF

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger

log = logging.getLogger(__name__)


def start(
    route: str, *, run_id: str, full_refresh: bool, actor: str, replayed: Replayed = None
) -> Run:
    """Open the run, prove both connections, read the organisation and draw the windows."""
    spec = spec_of(route)
    with open_ledger(spec.ledger.connection) as ledger:
        ledger.migrate()
        name, ledger_run = RouteName(spec.route), ledger_run_id(route, run_id)
        ledger.runs.start(
            ledger_run,
            name,
            kind="refresh" if full_refresh else "changes",
            mapping_version=spec.mapping_version,
            actor=actor,
            params=json.dumps({"full_refresh": full_refresh, "replay": replayed}),
        )
        # The run is known before anything is called: whatever comes, it ends with a state.
        with left_to_the_next_run(ledger.runs, ledger_run):
            replay(ledger.outbox, replayed, route=name, run_id=ledger_run, actor=actor)
            return _begin(spec, ledger, run_id=run_id, full_refresh=full_refresh)


def submit(run: Run, object_name: str) -> int:
    """Create the bulk job of one object; returns the window's id."""
    from sfxero.sync import extract

    window_id: int = run["windows"][object_name]
    with opened_to_read(run) as scope:
        job_id = extract.submit_job(scope, salesforce_of(scope), window_id)
    log.info("job_submitted object=%s job=%s", object_name, job_id)
    return window_id


def wanted_readers(run: Run, window_id: int) -> int:
    """Look at the window's job once; returns how many tasks are to read it, 0 if it works still."""
    from sfxero.sync import extract

    with opened_to_read(run) as scope:
        return extract.wanted_readers(scope, salesforce_of(scope), window_id)


def download(run: Run, window_id: int, *, share: int, of: int) -> str | None:
    """Stage pages of the window's job; returns the staged folder once all of them are."""
    from sfxero.sync import extract

    with opened_to_read(run) as scope:
        return extract.download(scope, salesforce_of(scope), window_id, share=share, of=of)


def complete(run: Run) -> dict[str, int]:
    """Read by id what the windows touched and do not hold."""
    from sfxero.sync import org_budget
    from sfxero.sync.companions import Companions

    with opened(run) as scope:
        client = salesforce_of(scope)
        rows = Companions(scope, client).read()
        org_budget.note(scope, client)
        return rows


def stage_differences(run: Run) -> dict[str, int]:
    """Read by id what a sweep's listings show to differ from what was read."""
    from sfxero.sync import sweep

    with opened(run) as scope:
        listing = reading_scope(scope, run)
        found = sweep.stage_differences(scope, listing, salesforce_of(scope))
    log.info("sweep_compared %s", " ".join(f"{name}={n}" for name, n in found.items()))
    return found


def check(run: Run) -> dict[str, int]:
    """Hold the staged rows against their suites."""
    from sfxero.quality.suites import load_suite
    from sfxero.sync.prepare import check_rows, suite_columns
    from sfxero.sync.reconcile_outputs import Outputs

    settings = load_settings()
    folder = settings.expectations
    with opened(run) as scope:
        suites = {
            entity: load_suite(folder / f"{entity}.yaml", suite_columns(scope.spec))
            for entity in ENTITY_OF.values()
        }
        outputs = Outputs(scope, ObjectStoragePath(settings.outputs_root))

        def keep(page: str) -> None:
            log.info("checks_page path=%s", outputs.write_checks(page))

        return check_rows(scope, suites, keep_page=keep)


def prepare_contacts(run: Run) -> dict[str, int]:
    """Fill the outbox with contacts."""
    from sfxero.sync import prepare

    with opened(run) as scope:
        return prepare.prepare_contacts(scope)


def prepare_invoices(run: Run) -> dict[str, int]:
    """Fill the outbox with invoices."""
    from sfxero.sync import preflight, prepare, sweep

    with opened(run) as scope:
        counts = prepare.prepare_invoices(
            scope,
            organisation=preflight.stored_organisation(scope),
            instance_url=salesforce_of(scope).instance_url,
        )
        if "listed" in run:
            sweep.keep(scope)
        return counts


def _begin(spec: RouteSpec, ledger: "Ledger", *, run_id: str, full_refresh: bool) -> Run:
    from sfxero.sync import extract, org_budget, preflight

    hook = XeroHook(spec.xero.connection)
    tenant = hook.find_tenant(wanted_tenant(spec), ledger).tenant_id
    scope = scope_of(spec, ledger, run_id=run_id, tenant=tenant)
    salesforce = salesforce_of(scope)
    needed = org_budget.forecast(scope, full_refresh=full_refresh)
    org_budget.reserve(scope, salesforce, needed)
    accounting = accounting_of(scope)
    organisation = preflight.read_organisation(scope, accounting)
    contacts = preflight.refresh_directory(scope, accounting)
    windows = extract.draw_windows(
        scope,
        server_now=salesforce.server_now(),
        full_refresh=full_refresh,
        client=salesforce,
    )
    log.info(
        "run_started organisation=%s contacts=%d calls_reserved=%d",
        organisation.short_code,
        contacts,
        needed.calls,
    )
    return {"route": spec.route, "run_id": run_id, "tenant": tenant, "windows": windows}
