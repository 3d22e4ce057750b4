"""Reads of payments, credits and history."""

from collections.abc import Iterable, Mapping

from sfxero.sandbox.xero.batches import known_id_of
from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.failures import NotFound
from sfxero.sandbox.xero.fields import guid_or_none
from sfxero.sandbox.xero.listing import candidates, is_paged, select, wanted_ids
from sfxero.sandbox.xero.models import Credit, Payment
from sfxero.sandbox.xero.rendering_invoices import invoice_json
from sfxero.sandbox.xero.rendering_money import (
    batch_json,
    credit_json,
    note_json,
    payment_json,
)
from sfxero.sandbox.xero.replies import Json, Reply
from sfxero.sandbox.xero.shapes import BATCHES, CREDITS, PAYMENTS


def read_payments(call: Call) -> Reply:
    """A list, deleted ones included unless switched, or one by id."""
    books = call.books
    if call.identifier is not None:
        return call.answer("Payments", [_whole_payment(call)])
    page = select(call, _payments(call), PAYMENTS, paged=is_paged(call))
    return call.answer("Payments", [payment_json(books, one) for one in page.rows], page.pagination)


def read_credit_notes(call: Call) -> Reply:
    """Credit notes."""
    return _read_credits(call, "CreditNotes")


def read_overpayments(call: Call) -> Reply:
    """Overpayments."""
    return _read_credits(call, "Overpayments")


def read_prepayments(call: Call) -> Reply:
    """Prepayments."""
    return _read_credits(call, "Prepayments")


def read_batch_payments(call: Call) -> Reply:
    """Batch payments."""
    books = call.books
    if call.identifier is not None:
        found = books.batch_table.rows[known_id_of(call, books.batch_table.rows)]
        return call.answer("BatchPayments", [batch_json(books, found)])
    page = select(call, candidates(call, books.batch_table, None), BATCHES, paged=False)
    return call.answer("BatchPayments", [batch_json(books, one) for one in page.rows])


def read_history(call: Call) -> Reply:
    """The history of one record, newest first."""
    record_id = recorded_id(call)
    notes = reversed(call.books.notes.get(record_id, []))
    return call.answer("HistoryRecords", [note_json(call.books, note) for note in notes])


def recorded_id(call: Call) -> str:
    """The record of the path that has a history."""
    return known_id_of(call, records_of(call.books, call.resource))


def records_of(books: Books, resource: str) -> Mapping[str, object]:
    """The records of an endpoint."""
    known: dict[str, Mapping[str, object]] = {
        "Contacts": books.contacts,
        "Invoices": books.invoices,
        "Payments": books.payments,
        "BatchPayments": books.batch_table.rows,
    }
    found = known.get(resource)
    if found is not None:
        return found
    return {key: one for key, one in books.credits.items() if one.family == resource}


def credit_of(call: Call) -> Credit:
    """The credit of the path; credit notes also by their number."""
    key = call.identifier or ""
    found = call.books.credits.get(guid_or_none(key) or "")
    if found is None and call.method == "GET":
        found = call.books.credit_note(key)
    if found is None or found.family != call.resource:
        raise NotFound
    return found


def _read_credits(call: Call, family: str) -> Reply:
    books = call.books
    if call.identifier is not None:
        row = credit_json(books, credit_of(call), four_decimals=call.four_decimals, detail=True)
        return call.answer(family, [row])
    paged = is_paged(call)
    references = call.comma_list("References") if family == "Overpayments" else None
    found = [
        one
        for one in candidates(call, books.credit_table, wanted_ids(call))
        if one.family == family and (references is None or one.reference in references)
    ]
    page = select(call, found, CREDITS, paged=paged)
    rows = [
        credit_json(books, one, four_decimals=call.four_decimals, detail=paged) for one in page.rows
    ]
    return call.answer(family, rows, page.pagination)


def _whole_payment(call: Call) -> Json:
    """One payment shows the whole of its invoice, where lists have a stub."""
    books = call.books
    payment = books.payments[known_id_of(call, books.payments)]
    row = payment_json(books, payment)
    invoice = books.invoices.get(payment.document_id)
    if invoice is not None:
        row["Invoice"] = invoice_json(
            books, invoice, four_decimals=call.four_decimals, lines=True, whole_contact=False
        )
    return row


def _payments(call: Call) -> Iterable[Payment]:
    with_deleted = call.books.switches.deleted_payments_listed
    for one in candidates(call, call.books.payment_table, None):
        if with_deleted or one.status != "DELETED":
            yield one
