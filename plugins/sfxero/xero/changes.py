"""Lists of what changed in Xero, read to the end, each row as the flat record that is staged."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sfxero.model.states import Entity
from sfxero.xero.date_ranges import ALL_CHANGES, EVER, ChangeRange, DateRange, in_ranges
from sfxero.xero.dates import parse_xero_date, parse_xero_day
from sfxero.xero.organisation import optional, required
from sfxero.xero.paging import FetchPage, Page, Row, numbered_rows, seek_rows
from sfxero.xero.snapshots import snapshot

Record = dict[str, object]

_CENTS: Final = Decimal("0.01")
_AMOUNTS: Final = (
    "SubTotal", "TotalTax", "Total", "AmountDue", "AmountPaid", "AmountCredited",
)  # fmt: skip
_LINE_TEXTS: Final = ("Description", "ItemCode", "AccountCode", "TaxType")
_LINE_NUMBERS: Final = ("Quantity", "UnitAmount", "LineAmount", "TaxAmount")
_ID_FIELDS: Final[Mapping[str, str]] = {
    "Invoices": "InvoiceID",
    "Payments": "PaymentID",
    "CreditNotes": "CreditNoteID",
    "Overpayments": "OverpaymentID",
    "Prepayments": "PrepaymentID",
    "Contacts": "ContactID",
}
_IN_PLACE: Final = frozenset({"Contacts"})
"""Lists that are asked for by id, and never lose a row: none can move up and be missed."""


class Changes:
    """One reading of one list; what changes meanwhile comes again, and nothing is skipped.

    A first reading, or one after much has changed, may be of more rows than Xero lists: it then
    goes on in ranges of dates. Who moves a document from one of them to another while they are
    read changes it, so that the next reading has it.
    """

    def __init__(
        self,
        plural: str,
        fetch_of: Callable[[Any], FetchPage],
        *,
        since: datetime | None,
        with_details: bool = False,
    ) -> None:
        """Nothing is read before `records`; `fetch_of` asks for pages of a range.

        The range is one of dates, and of contacts one of the times of their last changes.
        """
        self._with_details = with_details
        self._plural = plural
        self._fetch_of = fetch_of
        self._since = since
        self.began_at: datetime | None = None
        """The first page's moment by Xero's own clock; None if it did not say."""

    def records(self) -> Iterator[Record]:
        """Yield the records; those of a range of dates come oldest change first, contacts by id."""
        rows = (
            in_ranges(self._rows_in_place, ALL_CHANGES)
            if self._plural in _IN_PLACE
            else in_ranges(self._rows, EVER)
        )
        return records_of(self._plural, rows, with_details=self._with_details)

    def _rows_in_place(self, times: ChangeRange) -> Iterator[Row]:
        if times.is_whole:
            return numbered_rows(self._pages(times), since=self._since)
        return self._rows(times)

    def _rows(self, part: DateRange | ChangeRange) -> Iterator[Row]:
        id_field = _ID_FIELDS[self._plural]
        return seek_rows(self._pages(part), id_field=id_field, since=self._since)

    def _pages(self, part: DateRange | ChangeRange) -> FetchPage:
        fetch = self._fetch_of(part)

        def page_of(page_number: int, since: datetime | None) -> Page:
            page = fetch(page_number, since)
            if self.began_at is None:
                self.began_at = page.sent_at
            return page

        return page_of


def records_of(plural: str, rows: Iterable[Row], *, with_details: bool = False) -> Iterator[Record]:
    """Make records of rows as Xero sends them; an invoice's lines and payments are details."""
    return map(_detailed if with_details else _MAKERS[plural], rows)


def _invoice(row: Row) -> Record:
    return {
        **_common(row, "InvoiceID"),
        "Type": optional(row, "Type"),
        "InvoiceNumber": optional(row, "InvoiceNumber"),
        "ContactID": _contact(row),
        "CurrencyCode": optional(row, "CurrencyCode"),
        "Reference": optional(row, "Reference"),
        **{name: _cents(row.get(name)) for name in _AMOUNTS},
        "CreditNotesApplied": credit_notes_applied(row),
        **{name: day_of(row, name) for name in ("Date", "DueDate", "FullyPaidOnDate")},
    }


def _detailed(row: Row) -> Record:
    """Return an invoice with its lines and payments, as JSON whose numbers are texts."""
    record = _invoice(row)
    lines = [
        {
            "Id": optional(line, "LineItemID") or f"{record['Id']}-{place}",
            "Position": str(place),
            **{name: optional(line, name) for name in _LINE_TEXTS},
            **{name: _number(line.get(name)) for name in _LINE_NUMBERS},
        }
        for place, line in enumerate(_objects(row, "LineItems"), start=1)
    ]
    payments = [
        {
            "Id": required(one, "PaymentID"),
            "Date": day_of(one, "Date"),
            "Amount": _number(one.get("Amount")),
            "Reference": optional(one, "Reference"),
        }
        for one in _objects(row, "Payments")
    ]
    return record | {"LineItems": _json(lines), "Payments": _json(payments)}


def _payment(row: Row) -> Record:
    invoice = row.get("Invoice")
    return {
        **_common(row, "PaymentID"),
        "PaymentType": optional(row, "PaymentType"),
        "Amount": _cents(row.get("Amount")),
        "Date": day_of(row, "Date"),
        "InvoiceIDs": optional(invoice, "InvoiceID") if isinstance(invoice, Mapping) else None,
    }


def _credit(id_field: str) -> Callable[[Row], Record]:
    def make(row: Row) -> Record:
        invoices = (one.get("Invoice") for one in _objects(row, "Allocations"))
        ids = [optional(one, "InvoiceID") for one in invoices if isinstance(one, Mapping)]
        return {
            **_common(row, id_field),
            "Type": optional(row, "Type"),
            "ContactID": _contact(row),
            "CurrencyCode": optional(row, "CurrencyCode"),
            "Total": _cents(row.get("Total")),
            "RemainingCredit": _cents(row.get("RemainingCredit")),
            "Date": day_of(row, "Date"),
            "InvoiceIDs": " ".join(dict.fromkeys(filter(None, ids))) or None,
        }

    return make


def _contact_record(row: Row) -> Record:
    names = ("ContactNumber", "AccountNumber", "TaxNumber", "EmailAddress", "MergedToContactID")
    return {
        "Id": required(row, "ContactID"),
        "Name": optional(row, "Name"),
        "Status": optional(row, "ContactStatus"),
        **{name: optional(row, name) for name in names},
        **{name: row.get(name) is True for name in ("IsCustomer", "IsSupplier")},
        "Snapshot": snapshot(Entity.CONTACT, row),
        "UpdatedDateUTC": parse_xero_date(required(row, "UpdatedDateUTC")).isoformat(),
    }


_MAKERS: Final[Mapping[str, Callable[[Row], Record]]] = {
    "Invoices": _invoice,
    "Payments": _payment,
    "Contacts": _contact_record,
    **{one: _credit(_ID_FIELDS[one]) for one in ("CreditNotes", "Overpayments", "Prepayments")},
}


def _common(row: Row, id_field: str) -> Record:
    updated = required(row, "UpdatedDateUTC")
    return {
        "Id": required(row, id_field),
        "Status": optional(row, "Status"),
        "UpdatedDateUTC": parse_xero_date(updated).isoformat(),
    }


def _cents(value: object) -> Decimal | None:
    """Return an amount; what is none, or has more than cents, is left to the suite to refuse."""
    if not isinstance(value, Decimal | int) or isinstance(value, bool):
        return None
    amount = Decimal(value)
    if not amount.is_finite() or amount != amount.quantize(_CENTS):
        return None
    return amount


def _number(value: object) -> str | None:
    """Return a number to its last digit, as text."""
    is_number = isinstance(value, Decimal | int) and not isinstance(value, bool)
    return f"{Decimal(value):f}" if is_number else None  # type: ignore[arg-type] # looked at above


def _json(values: list[dict[str, str | None]]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def credit_notes_applied(row: Row) -> Decimal | None:
    """Sum the credit notes that an invoice shows as allocated to it.

    Xero need not say of each how much that is: then they gave what no other credit did.
    """
    noted = _sum_of(row, "CreditNotes")
    if noted is not None:
        return noted
    credited, others = (
        _cents(row.get("AmountCredited")),
        _sum_of(row, "Overpayments", "Prepayments"),
    )
    return None if credited is None or others is None else credited - others


def _sum_of(row: Row, *names: str) -> Decimal | None:
    """Sum what the credits of an invoice gave to it; None if one of them does not say."""
    amounts = [_cents(one.get("AppliedAmount")) for name in names for one in _objects(row, name)]
    return None if None in amounts else sum(filter(None, amounts), Decimal(0))


def _contact(row: Row) -> str | None:
    contact = row.get("Contact")
    return optional(contact, "ContactID") if isinstance(contact, Mapping) else None


def day_of(row: Row, name: str) -> str | None:
    """Return a document date; its text twin, where there is one, has no zone to trip over."""
    text = optional(row, f"{name}String") or optional(row, name)
    return None if text is None else parse_xero_day(text).isoformat()


def _objects(row: Row, name: str) -> list[Mapping[str, Any]]:
    listed = row.get(name)
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
