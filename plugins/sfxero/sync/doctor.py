"""Doctor: everything that a run needs, looked at once without running; all troubles are named."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from sfxero.errors import MappingFileError, SyncError
from sfxero.mapping.files import YamlFile
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import TenantId
from sfxero.model.states import Entity
from sfxero.salesforce.client import SalesforceClient
from sfxero.sync.checking import Check, Notebook, Report, Verdict
from sfxero.sync.doctor_books import Books, BooksDoctor
from sfxero.sync.doctor_org import OrgDoctor

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger

_LEDGER: Final = "ledger"
_LEDGER_KEY: Final = ("ledger", "connection")


def examine(
    route: tuple[RouteSpec, YamlFile],
    *,
    ledger: "Ledger",
    salesforce: Callable[[], SalesforceClient],
    xero: Callable[[], Books],
) -> Report:
    """Look at the ledger, the org and the organisation; nothing is written to any of them.

    The services are opened here, so that one that cannot be is a finding like others.
    """
    spec, file = route
    notes = Notebook(file)
    notes.ok("route file", f"mapping version {spec.mapping_version}")
    _check_ledger(ledger, notes)
    OrgDoctor(spec, notes).examine(salesforce)
    BooksDoctor(spec, notes, count_links=partial(_count_links, ledger)).examine(xero)
    return Report(spec.route, file.file, tuple(notes.checks))


def refused_file(route: str, error: MappingFileError) -> Report:
    """Report on a route file that cannot be read."""
    check = Check("route file", Verdict.FAILED, error.message, error.hint, error.line)
    return Report(route, error.file, (check,))


def without_ledger(route: tuple[RouteSpec, YamlFile], error: SyncError) -> Report:
    """Report on a route whose ledger's connection names none: nothing else can be looked at."""
    spec, file = route
    notes = Notebook(file)
    notes.ok("route file", f"mapping version {spec.mapping_version}")
    notes.failed(_LEDGER, error.message, hint=error.hint, key=_LEDGER_KEY)
    return Report(spec.route, file.file, tuple(notes.checks))


def _count_links(ledger: "Ledger", tenant: TenantId) -> int | None:
    """Return how many contacts are linked; None if the ledger cannot be asked."""
    try:
        return ledger.links.count(tenant, Entity.CONTACT) if ledger.is_current() else 0
    except SyncError:
        return None  # told by the ledger's own check


def _check_ledger(ledger: "Ledger", notes: Notebook) -> None:
    with notes.guarding(_LEDGER, _LEDGER_KEY):
        if ledger.is_current():
            notes.ok(_LEDGER, f"{ledger.address}, up to date")
            return
        state = "of an older version" if ledger.exists() else "not there yet"
        notes.warn(
            _LEDGER,
            f"the ledger at {ledger.address} is {state}",
            hint="The first task of the next run brings its tables up to date.",
            key=_LEDGER_KEY,
        )
