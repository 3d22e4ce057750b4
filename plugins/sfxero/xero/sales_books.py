"""All sales invoices, in as many ranges of dates as Xero allows rows, and the aged receivables."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sfxero.errors import RequestRejected, UnexpectedResponse
from sfxero.model.ids import TargetId
from sfxero.xero.client import XeroClient
from sfxero.xero.paging import FetchPage, Row, page_of, seek_rows

_PAGE: Final = 1000
_FIRST_DAY: Final = date(1990, 1, 1)
_LAST_DAY: Final = date(2100, 1, 1)
_NO_AMOUNT: Final = frozenset({"", "-"})
_Range = tuple[date | None, date | None]


class SalesBooks:
    """The receivables side of an organisation, read whole."""

    def __init__(self, client: XeroClient) -> None:
        """The client takes the permits and renews the token."""
        self._client = client

    def invoices(
        self, *, dated_from: date | None = None, dated_to: date | None = None
    ) -> Iterator[Row]:
        """Yield the sales invoices of any status, with lines, dated in `[from, to]`.

        One that changes meanwhile comes again. A query that matches more rows than Xero allows
        (about 100,000) is refused: it is asked again in two halves.
        """
        ranges: list[_Range] = [(dated_from, dated_to)]
        while ranges:
            first, last = ranges.pop()
            try:
                yield from seek_rows(self._pages(first, last), id_field="InvoiceID", since=None)
            except RequestRejected as refusal:
                halves = _halves(first, last)
                if refusal.status != 400 or halves is None:
                    raise
                ranges += reversed(halves)

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

    def _pages(self, first: date | None, last: date | None) -> FetchPage:
        params: dict[str, str | int] = {
            "where": _where(first, last),
            "pageSize": _PAGE,
            "unitdp": 4,
        }

        def fetch(page_number: int, since: Any) -> Any:
            reply = self._client.call(
                "GET", "Invoices", params={**params, "page": page_number}, if_modified_since=since
            )
            return page_of(reply.body, "Invoices")

        return fetch


def _where(first: date | None, last: date | None) -> str:
    parts = ['Type=="ACCREC"']
    if first is not None:
        parts.append(f"Date>={_day(first)}")
    if last is not None:
        parts.append(f"Date<={_day(last)}")
    return " AND ".join(parts)


def _day(day: date) -> str:
    return f"DateTime({day.year},{day.month},{day.day})"


def _halves(first: date | None, last: date | None) -> tuple[_Range, _Range] | None:
    """Cut a range in the middle; None for a single day, which cannot be cut."""
    low, high = first or _FIRST_DAY, last or _LAST_DAY
    if low >= high:
        return None
    middle = low + (high - low) / 2
    return (first, middle), (middle + timedelta(days=1), last)


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
