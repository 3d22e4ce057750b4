"""The bodies of the tasks that bring what happens in Xero to the opportunities."""

import json
import logging
import uuid
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowSkipException

from sfxero.clock import SystemClock, SystemSleeper
from sfxero.errors import TerminalError
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RouteName
from sfxero.model.owners import owner_name
from sfxero.model.states import Entity
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.opening import (
    Run,
    accounting_of,
    ledger_run_id,
    opened,
    salesforce_of,
    scope_of,
    show_run_id,
    spec_of,
    wanted_tenant,
)
from sfxero.orchestration.outages import leave, left_to_the_next_run
from sfxero.orchestration.verdicts import NOTHING_DUE
from sfxero.ratelimit.policy import Budget
from sfxero.settings import load_settings
from sfxero.sync.scope import Scope

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger
    from sfxero.sync.org_ends import OrgReport

log = logging.getLogger(__name__)

_TIME: Final = timedelta(minutes=25)
"""For all lanes of a task together, which is killed after thirty minutes."""


def start(route: str, *, run_id: str, full_refresh: bool, by_hand: bool, actor: str) -> Run:
    """Open the run and say which lists it reads; skips if it is not time for any.

    A run that a person asked for reads all of them.
    """
    spec, run_id = spec_of(route), show_run_id(run_id)
    with open_ledger(spec.ledger.connection) as ledger:
        ledger.migrate()
        ledger_run = ledger_run_id(route, run_id)
        ledger.runs.start(
            ledger_run,
            RouteName(spec.route),
            kind="refresh" if full_refresh else "changes",
            mapping_version=spec.status_version,
            actor=actor,
            params=json.dumps({"full_refresh": full_refresh, "by_hand": by_hand}),
        )
        with left_to_the_next_run(ledger.runs, ledger_run):
            return _begin(spec, ledger, run_id=run_id, is_full=full_refresh, is_all=by_hand)


def _begin(spec: RouteSpec, ledger: "Ledger", *, run_id: str, is_full: bool, is_all: bool) -> Run:
    from sfxero.sync.xero_extract import has_other_view
    from sfxero.sync.xero_lists import all_lists, due_lists

    hook = XeroHook(spec.xero.connection)
    tenant = hook.find_tenant(wanted_tenant(spec), ledger, payments=True).tenant_id
    scope = scope_of(spec, ledger, run_id=run_id, tenant=tenant)
    is_full = is_full or has_other_view(scope)
    every = all_lists(with_contacts=spec.contacts.is_read_in_xero)
    lists = every if is_all or is_full else due_lists(scope, now=scope.clock.now())
    if not lists:
        ledger.runs.finish(scope.run_id, state="succeeded", verdict=NOTHING_DUE)
        raise AirflowSkipException(NOTHING_DUE)
    org = salesforce_of(scope).org_id
    log.info("show_started lists=%s full=%s", ",".join(lists), is_full)
    return {
        "route": spec.route,
        "run_id": run_id,
        "tenant": tenant,
        "org": org,
        "lists": lists,
        "full": is_full,
        "budgets": [str(Budget.PAYMENTS)],
    }


def read(run: Run) -> dict[str, int]:
    """Stage what changed in Xero, and the invoices that it touched."""
    from sfxero.sync.xero_extract import read_lists

    with opened(run) as scope:
        return read_lists(scope, accounting_of(scope), run["lists"], is_full=run["full"])


def check(run: Run) -> int:
    """Hold the staged invoices and contacts against their suites."""
    from sfxero.quality.suites import load_suite
    from sfxero.sync.contact_reading import check_contacts
    from sfxero.sync.status_prepare import check_invoices

    folder = load_settings().expectations
    with opened(run) as scope:
        refused = check_invoices(scope, load_suite(folder / f"{Entity.INVOICE}.yaml", {}))
        if not scope.spec.contacts.is_read_in_xero:
            return refused
        return refused + check_contacts(scope, load_suite(folder / f"{Entity.CONTACT}.yaml", {}))


def prepare(run: Run) -> dict[str, int]:
    """Fill the outbox with what accounts and opportunities are to hold; move the watermarks."""
    from sfxero.sync.contact_prepare import prepare_accounts
    from sfxero.sync.status_prepare import prepare_statuses
    from sfxero.sync.two_way_end import end_two_way

    with opened(run) as scope:
        end_two_way(scope)
        # First: what a contact is about must not hold up what was paid.
        shown = prepare_statuses(scope)
        if not scope.spec.contacts.is_read_in_xero:
            return shown
        return prepare_accounts(scope, salesforce_of(scope)) | shown


def show(run: Run) -> dict[str, Any]:
    """Write to Salesforce what waits for it; fails over a batch of which nothing was written.

    Each kind of record gets its turn, whatever another met.
    """
    from sfxero.sync.draining import shown_by
    from sfxero.sync.org_lanes import run_lanes

    ends_at = SystemClock().now() + _TIME
    with opened(run) as scope:
        if scope.org is None:
            return {"nothing waits for": "salesforce"}
        end = run_lanes(shown_by(scope.spec), lambda one: _lane(scope, one, ends_at=ends_at))
        end.failures += filter(None, map(_failure, end.reports.values()))
        end.raise_worst()
        if end.deferred_by is not None:
            leave(scope.ledger.runs, scope.run_id, reason=end.deferred_by)
        return {entity: asdict(report) for entity, report in end.reports.items()}


def _lane(scope: Scope, entity: Entity, *, ends_at: datetime) -> "OrgReport":
    from sfxero.sync.org_ends import OrgLaneSpec
    from sfxero.sync.org_publish import OrgLane
    from sfxero.sync.org_records import forms_of
    from sfxero.sync.status_prepare import org_of

    clock = SystemClock()
    spec = OrgLaneSpec(
        org=org_of(scope),
        entity=entity,
        run_id=scope.run_id,
        owner=owner_name(scope.run_id, entity, 0, token=uuid.uuid4().hex[:8]),
        ends_at=ends_at,
        forms=forms_of(scope.spec),
    )
    report = OrgLane(
        spec,
        outbox=scope.ledger.outbox,
        client=salesforce_of(scope),
        clock=clock,
        sleeper=SystemSleeper(),
        new_key=lambda: uuid.uuid4().hex,
    ).run()
    facts = asdict(report)
    told = " ".join(f"{name}={facts[name]}" for name in facts)
    log.info("lane_ended entity=%s %s", entity, told)
    return report


def _failure(report: "OrgReport") -> TerminalError | None:
    if not report.failed_batches:
        return None
    # What may pass waits in the outbox, but a run that wrote nothing is not to be green.
    return TerminalError(
        f"Salesforce took no record of {report.failed_batches} batches: {report.failure}",
        service="salesforce",
        hint="`sfxero outbox list` and `sfxero dead-letters list` name the records.",
    )
