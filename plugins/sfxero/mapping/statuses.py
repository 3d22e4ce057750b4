"""Xero invoices become what their opportunities show."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import (
    TEXT,
    date_column,
    number_column,
    read_records,
    stamp_column,
    text_column,
)
from sfxero.mapping.organisation import View
from sfxero.mapping.render import (
    Json,
    json_date,
    json_number,
    json_object,
    json_text,
    or_null,
)
from sfxero.mapping.result import Documents
from sfxero.mapping.status_fields import PaymentStatus
from sfxero.mapping.status_rules import SalesforceFieldsSection

if TYPE_CHECKING:
    import pandas as pd

GONE: Final = ("VOIDED", "DELETED")
_AMOUNT: Final = pa.decimal128(20, 4)  # leaves Arrow room to add
_CENTS: Final = pa.decimal128(20, 2)
# Xero, developer documentation, deep linking.
_LINK: Final = (
    "https://go.xero.com/organisationlogin/default.aspx?shortcode={short_code}"
    "&redirecturl=/AccountsReceivable/View.aspx?InvoiceID="
)
_BARE_LINK: Final = "https://go.xero.com/AccountsReceivable/View.aspx?InvoiceID="


def transform_statuses(
    invoices: "pd.DataFrame",
    fields: SalesforceFieldsSection,
    *,
    opportunities: Sequence[tuple[str, str]],
    view: View,
) -> Documents:
    """Return a document for each (invoice id, opportunity id); other invoices are passed over.

    The documents come by contact, so that those of one account stand together. Their `meta` has
    the invoice's id and number.
    """
    table = paired_invoices(invoices, opportunities)
    columns: dict[str, Callable[[], Json]] = {
        "invoice_id": lambda: json_text(text_column(table, "Id")),
        "invoice_number": lambda: json_text(text_column(table, "InvoiceNumber")),
        "invoice_url": lambda: json_text(invoice_links(text_column(table, "Id"), view.short_code)),
        "status": lambda: json_text(text_column(table, "Status")),
        "payment_status": lambda: json_text(payment_statuses(table, today_on=view.today_on)),
        "amount_paid": lambda: json_number(cents(table, "AmountPaid")),
        "amount_due": lambda: json_number(cents(table, "AmountDue")),
        "amount_credited": lambda: json_number(cents(table, "AmountCredited")),
        "paid_on": lambda: json_date(paid_days(table)),
    }
    payloads = json_object({name: or_null(columns[key]()) for key, name in fields.shown().items()})
    return Documents(
        text_column(table, "OpportunityId"),
        payloads,
        stamp_column(table, "UpdatedDateUTC"),
        meta={
            "invoice_id": text_column(table, "Id"),
            "invoice_number": text_column(table, "InvoiceNumber"),
        },
    )


def payment_statuses(table: pa.Table, *, today_on: date) -> pa.Array:
    """Return what a salesperson calls the state of each invoice.

    Credit notes give nothing: what was paid out of an overpayment or a prepayment is money.
    """
    status, zero = text_column(table, "Status"), pa.scalar(0, _AMOUNT)
    due, total = _amount(table, "AmountDue"), _amount(table, "Total")
    noted = _amount(table, "CreditNotesApplied")
    credited = _amount(table, "AmountCredited")
    # What credits gave in money may be unknown; that does not hide what was paid.
    in_credit = pc.fill_null(pc.subtract(credited, noted), zero)
    money = pc.add(_amount(table, "AmountPaid"), in_credit)
    is_late = pc.less(date_column(table, "DueDate"), pa.scalar(today_on, pa.date32()))
    is_approved = _is_one_of(status, ("AUTHORISED", "PAID"))
    is_settled = pc.and_(is_approved, pc.equal(due, zero))
    is_noted = pc.and_(pc.greater(total, zero), pc.greater_equal(noted, total))
    conditions = {
        PaymentStatus.VOIDED: _is_one_of(status, GONE),
        PaymentStatus.CREDITED: pc.and_(is_settled, is_noted),
        PaymentStatus.PAID: is_settled,
        PaymentStatus.OVERDUE: pc.and_(is_approved, is_late),
        PaymentStatus.PART_PAID: pc.and_(is_approved, pc.greater(money, zero)),
    }
    masks = [pc.fill_null(mask, pa.scalar(False)) for mask in conditions.values()]
    cases = pa.StructArray.from_arrays(masks, names=list(conditions))
    words = [pa.scalar(word.value, TEXT) for word in (*conditions, PaymentStatus.UNPAID)]
    return pc.case_when(cases, *words)


def paired_invoices(invoices: "pd.DataFrame", opportunities: Sequence[tuple[str, str]]) -> pa.Table:
    """Join the invoices with their opportunities, sorted by contact."""
    table = read_records(invoices)
    pairs = pa.table(
        {
            "Id": pa.array([invoice for invoice, _ in opportunities], TEXT),
            "OpportunityId": pa.array([opportunity for _, opportunity in opportunities], TEXT),
        }
    )
    rows = table.set_column(table.column_names.index("Id"), "Id", text_column(table, "Id"))
    joined = pairs.join(rows, keys="Id", join_type="inner", use_threads=False)
    by_contact = [("ContactID", "ascending"), ("OpportunityId", "ascending")]
    return joined.sort_by(by_contact).combine_chunks()


def _is_one_of(values: pa.Array, words: Sequence[str]) -> pa.Array:
    return pc.is_in(values, value_set=pa.array(words, TEXT))


def _amount(table: pa.Table, name: str) -> pa.Array:
    return pc.cast(number_column(table, name), _AMOUNT)


def cents(table: pa.Table, name: str) -> pa.Array:
    """Return a column of amounts with two decimals."""
    return pc.cast(number_column(table, name), _CENTS)


def paid_days(table: pa.Table) -> pa.Array:
    """Return the day of the last payment; Xero keeps it only while the invoice is paid."""
    is_paid = pc.equal(text_column(table, "Status"), pa.scalar("PAID", TEXT))
    nothing = pa.scalar(None, pa.date32())
    return pc.if_else(is_paid, date_column(table, "FullyPaidOnDate"), nothing)


def invoice_links(ids: pa.Array, short_code: str | None) -> pa.Array:
    """Return where a browser opens each invoice; the short code chooses the organisation."""
    start = _LINK.format(short_code=short_code) if short_code else _BARE_LINK
    return pc.binary_join_element_wise(pa.scalar(start, TEXT), ids, pa.scalar("", TEXT))
