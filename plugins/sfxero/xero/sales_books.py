"""All sales invoices, in as many ranges of dates as Xero allows rows, and the aged receivables."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sfxero.errors import UnexpectedResponse
from sfxero.model.ids import TargetId
from sfxero.xero.client import XeroClient
from sfxero.xero.date_ranges import SALES, DateRange, in_ranges
from sfxero.xero.paging import FetchPage, Row, page_of, seek_rows

_PAGE: Final = 1000
_NO_AMOUNT: Final = frozenset({"", "-"})


class SalesBooks:
    """The receivables side of an organisation, read whole."""

    def __init__(self, client: XeroClient) -> None:
        """The client takes the permits and renews the token."""
        self._client = client

    def invoices(
        self, *, dated_from: date | None = None, dated_to: date | None = None
    ) -> Iterator[Row]:
        """Yield the sales invoices of any status, with lines, dated in `[from, to]`.

        One that changes meanwhile comes again. More than Xero allows in one list are read in
        ranges of dates.
        """

        def read(dates: DateRange) -> Iterator[Row]:
            return seek_rows(self._pages(dates), id_field="InvoiceID", since=None)

        return in_ranges(read, DateRange(dated_from, dated_to))

    def aged_receivables(self, contact_id: TargetId, *, on: date) -> dict[str, Decimal]:
        """Return what a contact owes on a day, by document; one call.

        Raises PermissionDenied without the scope of the report.
        """
        params: dict[str, str | int] = {"contactId": contact_id, "date": on.isoformat()}
        body = self._client.call("GET", "Reports/AgedReceivablesByContact", params=params).body
        reports = page_of(body, "Reports").rows
        if len(reports) != 1:
            raise UnexpectedResponse(f"Xero sent {len(reports)} reports, not one", service="xero")
        return _due_by_document(reports[0])

    def _pages(self, dates: DateRange) -> FetchPage:
        params: dict[str, str | int] = {**dates.where(SALES), "pageSize": _PAGE, "unitdp": 4}

        def fetch(page_number: int, since: Any) -> Any:
            reply = self._client.call(
                "GET", "Invoices", params={**params, "page": page_number}, if_modified_since=since
            )
            return page_of(reply.body, "Invoices")

        return fetch


def _due_by_document(report: Mapping[str, Any]) -> dict[str, Decimal]:
    titles = [_value(cell).casefold() for cell in _header_cells(report)]
    column = titles.index("due") if "due" in titles else -1
    found: dict[str, Decimal] = {}
    for row in _rows(report):
        cells = row.get("Cells") or []
        document = _document(cells)
        if row.get("RowType") == "Row" and document is not None:
            found[document] = found.get(document, Decimal(0)) + _amount(_value(cells[column]))
    return found


def _header_cells(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    headers = [row for row in _rows(report) if row.get("RowType") == "Header"]
    return list(headers[0].get("Cells") or []) if headers else []


def _rows(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a report, those of its sections too."""
    for row in part.get("Rows") or []:
        yield row
        yield from _rows(row)


def _document(cells: list[Mapping[str, Any]]) -> str | None:
    for cell in cells:
        for attribute in cell.get("Attributes") or []:
            if str(attribute.get("Id", "")).casefold() == "invoiceid":
                return str(attribute.get("Value"))
    return None


def _value(cell: Mapping[str, Any]) -> str:
    return str(cell.get("Value") or "").strip()


def _amount(text: str) -> Decimal:
    try:
        return Decimal(0) if text in _NO_AMOUNT else Decimal(text.replace(",", ""))
    except InvalidOperation:
        raise UnexpectedResponse("a report's amount is no number", service="xero") from None
