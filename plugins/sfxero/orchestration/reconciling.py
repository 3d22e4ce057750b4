"""The bodies of the tasks that reconcile, and the same for a person at the command line."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import ObjectStoragePath

from sfxero.clock import SystemClock, SystemSleeper
from sfxero.errors import ConfigurationError, SyncError
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RouteName
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.hooks.outside import as_airflow_command
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.opening import (
    Run,
    ledger_run_id,
    opened,
    reconcile_run_id,
    salesforce_of,
    scope_of,
    spec_of,
    wanted_tenant,
    xero_client_of,
)
from sfxero.orchestration.outages import left_to_the_next_run
from sfxero.settings import load_settings
from sfxero.sync.books_reading import Books, BooksReading
from sfxero.sync.org_reading import OrgReading, Period, forget
from sfxero.sync.reconcile import Comparison, Outcome, books_read_to
from sfxero.sync.reconcile_outputs import Outputs
from sfxero.sync.scope import Scope

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger

log = logging.getLogger(__name__)

KIND: Final = "reconcile"
_POLL_S: Final = 5.0
_Days = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a run is to do, and for whom; without days everything is compared."""

    run_id: str
    actor: str
    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a comparison came to, and where it is told."""

    outcome: Outcome
    report: str
    marts: Mapping[str, str]

    def told(self) -> dict[str, Any]:
        """Return it as a task's result: figures and paths, no record."""
        proof = self.outcome.proof
        return {
            "verdict": self.outcome.verdict,
            "is_in_step": not self.outcome.open,
            "links": proof.links,
            "invoices": proof.invoices,
            "open": len(self.outcome.open),
            "report": self.report,
            "marts": dict(self.marts),
        }


def period_of(first: str | None, last: str | None) -> Period | None:
    """Return the days that a person asks for; both or none."""
    if not first and not last:
        return None
    try:
        period = date.fromisoformat(first or ""), date.fromisoformat(last or "")
    except ValueError:
        raise ConfigurationError(
            "a period has a first and a last day", hint="Give both as YYYY-MM-DD."
        ) from None
    if period[0] > period[1]:
        raise ConfigurationError("a period ends before it begins", hint="Give the days in order.")
    return period


def start(
    route: str, *, run_id: str, actor: str, first: str | None = None, last: str | None = None
) -> Run:
    """Open the run and start reading the org."""
    spec, run_id = spec_of(route), reconcile_run_id(run_id)
    with open_ledger(spec.ledger.connection) as ledger:
        ledger.migrate()
        asked = _Asked(run_id, actor, first, last)
        _open_run(spec, ledger, asked)
        with left_to_the_next_run(ledger.runs, ledger_run_id(route, run_id)):
            scope, run = _begun(spec, ledger, asked)
            with _parts(scope, run) as parts:
                forget(parts.org)
                parts.org.submit()
    return run


def reconcile_now(spec: RouteSpec, ledger: "Ledger", *, actor: str, days: _Days) -> Reconciled:
    """Reconcile at once, for a person who waits for it."""
    as_airflow_command()
    clock = SystemClock()
    asked = _Asked(reconcile_run_id(f"manual__{clock.now().isoformat()}"), actor, *days)
    _open_run(spec, ledger, asked)
    ledger_run = ledger_run_id(spec.route, asked.run_id)
    try:
        done = _at_once(*_begun(spec, ledger, asked))
    except SyncError as error:
        ledger.runs.finish(ledger_run, state="failed", verdict=f"FAILED: {error}")
        raise
    state = "failed" if done.outcome.open else "succeeded"
    ledger.runs.finish(ledger_run, state=state, verdict=done.outcome.verdict)
    return done


def is_org_read(run: Run) -> bool:
    """Look once whether the org's jobs are done."""
    with opened(run) as scope, _parts(scope, run) as parts:
        return parts.org.is_done()


def read_org(run: Run) -> dict[str, int]:
    """Stage what the jobs found."""
    with opened(run) as scope, _parts(scope, run) as parts:
        return parts.org.read()


def read_books(run: Run) -> int:
    """Stage the organisation's sales invoices."""
    with opened(run) as scope, _parts(scope, run) as parts:
        return parts.read.read(parts.books)


def compare(run: Run) -> dict[str, Any]:
    """Compare, store the differences, and write the report and the marts."""
    with opened(run) as scope, _parts(scope, run) as parts:
        return _compared(parts, run).told()


def address_of(path: str) -> str:
    """Return where a browser finds an output: on the web server that shows it, if there is one."""
    settings = load_settings()
    root = settings.outputs_root.rstrip("/")
    if settings.outputs_url is None or not path.startswith(root):
        return path
    return settings.outputs_url.rstrip("/") + path.removeprefix(root)


def _open_run(spec: RouteSpec, ledger: "Ledger", asked: _Asked) -> None:
    period_of(asked.first, asked.last)
    ledger.runs.start(
        ledger_run_id(spec.route, asked.run_id),
        RouteName(spec.route),
        kind=KIND,
        mapping_version=spec.mapping_version,
        actor=asked.actor,
        params=json.dumps({"from": asked.first, "to": asked.last}),
    )


def _begun(spec: RouteSpec, ledger: "Ledger", asked: _Asked) -> tuple[Scope, Run]:
    tenant = XeroHook(spec.xero.connection).find_tenant(wanted_tenant(spec), ledger).tenant_id
    scope = scope_of(spec, ledger, run_id=asked.run_id, tenant=tenant)
    read_to = books_read_to(scope)
    run: Run = {
        "route": spec.route,
        "run_id": asked.run_id,
        "tenant": tenant,
        "began_at": SystemClock().now().isoformat(),
        "books_read_to": read_to and read_to.isoformat(),
        "from": asked.first,
        "to": asked.last,
    }
    return scope, run


def _at_once(scope: Scope, run: Run) -> Reconciled:
    with _parts(scope, run) as parts:
        parts.org.submit()
        parts.read.read(parts.books)
        while not parts.org.is_done():
            SystemSleeper().sleep(_POLL_S)
        parts.org.read()
        return _compared(parts, run)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Both services as one run sees them."""

    scope: Scope
    org: OrgReading
    read: BooksReading
    books: Books


@contextmanager
def _parts(scope: Scope, run: Run) -> Iterator[_Parts]:
    from sfxero.xero.accounting import Accounting
    from sfxero.xero.sales_books import SalesBooks

    period = period_of(run["from"], run["to"])
    with closing(salesforce_of(scope)) as salesforce, closing(xero_client_of(scope)) as xero:
        yield _Parts(
            scope,
            OrgReading(scope, salesforce, period=period),
            BooksReading(scope, period=period),
            Books(Accounting(xero), SalesBooks(xero)),
        )


def _compared(parts: _Parts, run: Run) -> Reconciled:
    organisation, read_to = parts.books.accounting.organisation(), run["books_read_to"]
    outcome = Comparison(
        scope=parts.scope,
        org=parts.org,
        read=parts.read,
        services=parts.books,
        organisation=organisation,
        began_at=datetime.fromisoformat(run["began_at"]),
        books_read_to=read_to and datetime.fromisoformat(read_to),
    ).run()
    outputs = Outputs(parts.scope, ObjectStoragePath(load_settings().outputs_root))
    org_url = parts.org.client.instance_url
    report = outputs.write_report(outcome, organisation, org_url=org_url)
    # A part of the books is no mart of all receivables.
    marts = outputs.write_marts(outcome) if outcome.period is None else {}
    log.info("reconciled verdict=%s report=%s", outcome.verdict, report)
    return Reconciled(outcome, report, marts)
