"""Reads an organisation's sales invoices for a comparison into staging."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

from sfxero.errors import (
    CircuitOpen,
    NotSent,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from sfxero.model.ids import TargetId
from sfxero.staging.manifest import is_published, load
from sfxero.sync.org_reading import Period
from sfxero.sync.preflight import refresh_directory
from sfxero.sync.scope import Scope
from sfxero.sync.staged import save_rows
from sfxero.xero.accounting import Accounting

INVOICES: Final = "compared-Invoices"
_MOST_LOOKED_UP: Final = 400
_NO_MORE: Final = (CircuitOpen, QuotaExhausted, RateLimited, ServiceUnavailable)
_NO_REPORT: Final = (NotSent, OutcomeUnknown, RequestRejected, UnexpectedResponse)

Row = Mapping[str, Any]


class SalesBooks(Protocol):
    """The receivables side of the organisation."""

    def invoices(self, *, dated_from: Any = None, dated_to: Any = None) -> Iterable[Row]:
        """Yield the sales invoices of any status, dated in `[from, to]`."""
        ...

    def aged_receivables(self, contact_id: TargetId, *, on: Any) -> Mapping[str, Decimal]:
        """Return what a contact owes on a day, by document."""
        ...


@dataclass(frozen=True, slots=True)
class Books:
    """The organisation, as a comparison asks it."""

    accounting: Accounting
    sales: SalesBooks


@dataclass(frozen=True, slots=True)
class BooksReading:
    """What one run reads of the organisation."""

    scope: Scope
    period: Period | None = None
    """Days of the invoices; None for everything."""

    def read(self, books: Books) -> int:
        """Stage the sales invoices page by page, and return how many rows came.

        The ledger's list of contacts is brought up to date as well.
        """
        from sfxero.proof.documents import INVOICE, invoice_rows
        from sfxero.staging.writer import write_records

        folder = self.scope.folder(INVOICES)
        first, last = self.period or (None, None)
        refresh_directory(self.scope, books.accounting)
        elements = books.sales.invoices(dated_from=first, dated_to=last)
        rows = write_records(invoice_rows(elements), schema=INVOICE, folder=folder)
        save_rows(self.scope, "Invoices", folder, rows, api_version="2.0")
        return rows.row_count

    def is_read(self) -> bool:
        """Say whether the invoices lie in staging."""
        return is_published(self.scope.folder(INVOICES))

    def table(self) -> Any:
        """Return the invoices, the newest state of each."""
        from sfxero.proof.documents import newest_invoices
        from sfxero.staging.reader import read_table

        return newest_invoices(read_table([load(self.scope.folder(INVOICES))]))


def look_up(accounting: Accounting, ids: list[str], *, is_whole: bool) -> Any:
    """Return invoices that the list did not hold, before they are called missing.

    Where the list was of all invoices, a few suffice to tell that they are gone; a list of a period
    lacks those that are dated in another one.
    """
    from sfxero.proof.documents import INVOICE, invoice_rows, row_table

    wanted = [TargetId(one) for one in (ids[:_MOST_LOOKED_UP] if is_whole else ids)]
    found = accounting.invoices_by_id(wanted) if wanted else []
    return row_table(invoice_rows(found), INVOICE)


def aged_reports(
    books: SalesBooks, contact_ids: Iterable[str], *, on: Any
) -> tuple[dict[str, Mapping[str, Decimal]], str | None]:
    """Return the aged receivables of contacts, and why there are no more of them.

    They are a second opinion: a comparison is not to wait for the scope or the calls that they
    need.
    """
    found: dict[str, Mapping[str, Decimal]] = {}
    try:
        for one in contact_ids:
            found[one] = books.aged_receivables(TargetId(one), on=on)
    except PermissionDenied:
        return found, "the Xero app lacks the scope `accounting.reports.aged.read`"
    except _NO_MORE as error:
        return found, f"Xero took no more calls ({error.message})"
    except _NO_REPORT as error:
        return found, f"Xero gave no report ({error.message})"
    return found, None


def look_again(accounting: Accounting, ids: list[str]) -> Any:
    """Return invoices as they are by now; none where Xero takes no more calls for it."""
    from sfxero.proof.documents import INVOICE, row_table

    try:
        return look_up(accounting, ids, is_whole=True)
    except (*_NO_MORE, *_NO_REPORT):
        return row_table([], INVOICE)
