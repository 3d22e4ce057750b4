"""Xero invoices with their lines and payments become the records that mirror them in the org."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, date_column, number_column, stamp_column, text_column
from sfxero.mapping.mirror_fields import CURRENCY, INVOICE
from sfxero.mapping.mirror_rules import MirrorPart, MirrorSection
from sfxero.mapping.organisation import View
from sfxero.mapping.render import Json, json_date, json_number, json_object, json_text, or_null
from sfxero.mapping.result import Documents
from sfxero.mapping.statuses import (
    cents,
    invoice_links,
    paid_days,
    paired_invoices,
    payment_statuses,
)

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_NAME: Final = 80
_CENTS: Final = pa.decimal128(20, 2)
_LINE: Final = (
    "Id", "Position", "Description", "ItemCode", "AccountCode", "TaxType", "Quantity",
    "UnitAmount", "LineAmount", "TaxAmount",
)  # fmt: skip
_PAYMENT: Final = ("Id", "Date", "Amount", "Reference")
_LENT: Final[Mapping[str, str]] = {
    "InvoiceId": "Id", "UpdatedDateUTC": "UpdatedDateUTC", "CurrencyCode": "CurrencyCode",
}  # fmt: skip
_Columns = dict[str, Callable[[], Json]]


@dataclass(frozen=True, slots=True)
class Children:
    """The lines or payments of one invoice; `is_known` says that there are no others."""

    ids: Sequence[str]
    is_known: bool


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The wanted records of each object, and which invoice has which lines and payments."""

    invoices: Documents
    lines: Documents
    payments: Documents
    lines_of: Mapping[str, Children]
    payments_of: Mapping[str, Children]


def transform_mirror(
    invoices: "pd.DataFrame",
    mirror: MirrorSection,
    *,
    opportunities: Sequence[tuple[str, str]],
    accounts: Mapping[str, str],
    view: View,
) -> Mirrored:
    """Return the mirror of each (invoice id, opportunity id); other invoices are passed over.

    `accounts` are those of contacts. All comes by contact, so that the records of one account, and
    those of one invoice, stand together.
    """
    table = paired_invoices(invoices, opportunities)
    lines, payments = _opened(table, "LineItems", _LINE), _opened(table, "Payments", _PAYMENT)
    return Mirrored(
        _invoices(table, mirror.invoices, accounts, view),
        _children(lines, mirror.lines, mirror.invoices, _line_columns(lines)),
        _children(payments, mirror.payments, mirror.invoices, _payment_columns(payments)),
        # An invoice with an amount has lines: without any, they were not told.
        _ids_of(table, lines, pc.or_(_is_zero(table, "Total"), _has_any(table, lines))),
        # What the payments come to tells whether they are all.
        _ids_of(table, payments, pc.equal(_sums(table, payments), cents(table, "AmountPaid"))),
    )


def removed_line(mirror: MirrorSection, invoice_id: str) -> str | None:
    """Return the payload of a line that its invoice has no longer; None if that is not shown."""
    name = mirror.lines.name_of("is_removed")
    return None if name is None else _gone(mirror, mirror.lines, invoice_id, {name: True})


def deleted_payment(mirror: MirrorSection, invoice_id: str) -> str | None:
    """Return the payload of a payment that was deleted; None if that is not shown."""
    name = mirror.payments.name_of("status")
    return None if name is None else _gone(mirror, mirror.payments, invoice_id, {name: "DELETED"})


def _gone(
    mirror: MirrorSection, part: MirrorPart, invoice_id: str, values: Mapping[str, object]
) -> str:
    # What was not written yet is made by this, and belongs to its invoice all the same.
    lookup = {_relationship(part.name_of(INVOICE) or ""): {mirror.invoices.key: invoice_id}}
    return orjson.dumps({**lookup, **values}).decode()


def _invoices(
    table: pa.Table, part: MirrorPart, accounts: Mapping[str, str], view: View
) -> Documents:
    ids, numbers = text_column(table, "Id"), text_column(table, "InvoiceNumber")
    columns: _Columns = {
        "opportunity": lambda: json_text(text_column(table, "OpportunityId")),
        "account": lambda: json_text(_looked_up(text_column(table, "ContactID"), accounts)),
        "url": lambda: json_text(invoice_links(ids, view.short_code)),
        "status": lambda: json_text(text_column(table, "Status")),
        "payment_status": lambda: json_text(payment_statuses(table, today_on=view.today_on)),
        "reference": lambda: json_text(text_column(table, "Reference")),
        "dated_on": lambda: json_date(date_column(table, "Date")),
        "due_on": lambda: json_date(date_column(table, "DueDate")),
        "paid_on": lambda: json_date(paid_days(table)),
        CURRENCY: lambda: json_text(text_column(table, "CurrencyCode")),
        "sub_total": lambda: json_number(cents(table, "SubTotal")),
        "tax": lambda: json_number(cents(table, "TotalTax")),
        "total": lambda: json_number(cents(table, "Total")),
        "amount_paid": lambda: json_number(cents(table, "AmountPaid")),
        "amount_due": lambda: json_number(cents(table, "AmountDue")),
        "amount_credited": lambda: json_number(cents(table, "AmountCredited")),
    }
    names = pc.utf8_slice_codeunits(pc.coalesce(numbers, ids), 0, _LONGEST_NAME)
    return Documents(
        ids,
        json_object({"Name": json_text(names), **_written(part, columns)}),
        stamp_column(table, "UpdatedDateUTC"),
        meta={"invoice_number": numbers, CURRENCY: text_column(table, "CurrencyCode")},
    )


def _line_columns(lines: pa.Table) -> _Columns:
    return {
        "position": lambda: json_number(_rounded(lines, "Position", 0)),
        "description": lambda: json_text(text_column(lines, "Description")),
        "item_code": lambda: json_text(text_column(lines, "ItemCode")),
        "account_code": lambda: json_text(text_column(lines, "AccountCode")),
        "tax_type": lambda: json_text(text_column(lines, "TaxType")),
        "quantity": lambda: json_number(_rounded(lines, "Quantity", 4)),
        "unit_amount": lambda: json_number(_rounded(lines, "UnitAmount", 4)),
        "line_amount": lambda: json_number(_rounded(lines, "LineAmount", 2)),
        "tax_amount": lambda: json_number(_rounded(lines, "TaxAmount", 2)),
        "is_removed": lambda: Json(pa.repeat(pa.scalar("false", TEXT), lines.num_rows)),
    }


def _payment_columns(payments: pa.Table) -> _Columns:
    live = pa.repeat(pa.scalar("AUTHORISED", TEXT), payments.num_rows)
    return {
        "paid_on": lambda: json_date(date_column(payments, "Date")),
        "amount": lambda: json_number(_rounded(payments, "Amount", 2)),
        "reference": lambda: json_text(text_column(payments, "Reference")),
        "status": lambda: json_text(live),
    }


def _children(
    rows: pa.Table, part: MirrorPart, invoices: MirrorPart, columns: _Columns
) -> Documents:
    parents = text_column(rows, "InvoiceId")
    lookup = part.name_of(INVOICE) or ""
    named = json_object({invoices.key: json_text(parents)})
    payloads = json_object({_relationship(lookup): Json(named), **_written(part, columns)})
    return Documents(
        text_column(rows, "Id"),
        payloads,
        stamp_column(rows, "UpdatedDateUTC"),
        parents=parents,
        meta={CURRENCY: text_column(rows, "CurrencyCode")},
    )


def _relationship(lookup: str) -> str:
    """Return the name by which a lookup takes an external id in place of an id."""
    return f"{lookup.removesuffix('__c')}__r"


def _written(part: MirrorPart, columns: _Columns) -> dict[str, Json]:
    names = part.named()
    return {names[key]: or_null(make()) for key, make in columns.items() if key in names}


def _opened(table: pa.Table, name: str, keys: Sequence[str]) -> pa.Table:
    """Return the elements of a column of JSON arrays as rows, with what their invoice lends."""
    texts = pc.fill_null(text_column(table, name), pa.scalar("[]", TEXT)).to_pylist()
    listed = orjson.loads(f"[{','.join(texts)}]")
    places = np.repeat(np.arange(len(listed)), [len(one) for one in listed])
    schema = pa.schema([(key, TEXT) for key in keys])
    rows = pa.Table.from_pylist(list(chain.from_iterable(listed)), schema=schema)
    for column, of in _LENT.items():
        taken = table[of].combine_chunks().take(pa.array(places, pa.int64()))
        rows = rows.append_column(column, taken)
    return rows


def _ids_of(table: pa.Table, rows: pa.Table, known: pa.Array) -> dict[str, Children]:
    ids: dict[str, list[str]] = {one: [] for one in text_column(table, "Id").to_pylist()}
    pairs = zip(
        text_column(rows, "InvoiceId").to_pylist(), text_column(rows, "Id").to_pylist(), strict=True
    )
    for invoice_id, one in pairs:
        ids[invoice_id].append(one)
    told = dict(zip(text_column(table, "Id").to_pylist(), known.to_pylist(), strict=True))
    return {one: Children(found, told[one] is True) for one, found in ids.items()}


def _has_any(table: pa.Table, rows: pa.Table) -> pa.Array:
    return pc.is_in(text_column(table, "Id"), value_set=text_column(rows, "InvoiceId"))


def _is_zero(table: pa.Table, name: str) -> pa.Array:
    return pc.equal(cents(table, name), pa.scalar(0, _CENTS))


def _sums(table: pa.Table, payments: pa.Table) -> pa.Array:
    """Return what the payments of each invoice come to."""
    amounts = pa.table(
        {"id": text_column(payments, "InvoiceId"), "amount": _rounded(payments, "Amount", 2)}
    )
    sums = amounts.group_by("id").aggregate([("amount", "sum")])
    places = pc.index_in(text_column(table, "Id"), value_set=sums["id"].combine_chunks())
    taken = sums["amount_sum"].combine_chunks().take(places)
    return pc.cast(pc.fill_null(taken, pa.scalar(0, taken.type)), _CENTS)


def _rounded(rows: pa.Table, name: str, places: int) -> pa.Array:
    exact = number_column(rows, name)
    rounded = pc.round(exact, ndigits=places, round_mode="half_towards_infinity")
    return pc.cast(rounded, pa.decimal128(20, places))


def _looked_up(keys: pa.Array, values: Mapping[str, str]) -> pa.Array:
    known, taken = pa.array(list(values), TEXT), pa.array(list(values.values()), TEXT)
    return taken.take(pc.index_in(keys, value_set=known))
