"""Reads of contacts and invoices."""

from collections.abc import Iterable

from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.failures import NotFound
from sfxero.sandbox.xero.fields import guid_or_none
from sfxero.sandbox.xero.listing import candidates, is_paged, select, wanted_ids
from sfxero.sandbox.xero.models import Contact, Invoice
from sfxero.sandbox.xero.rendering import contact_json
from sfxero.sandbox.xero.rendering_invoices import invoice_json, summary_json
from sfxero.sandbox.xero.replies import Reply
from sfxero.sandbox.xero.shapes import CONTACTS, INVOICES


def read_contacts(call: Call) -> Reply:
    """A list, or one by id or ContactNumber."""
    if call.identifier is not None:
        return call.answer("Contacts", [contact_json(call.books, _contact(call), detail=True)])
    ids, paged, summary = wanted_ids(call), is_paged(call), call.asks("summaryOnly")
    with_archived = call.asks("includeArchived")
    records = [
        one
        for one in candidates(call, call.books.contact_table, ids)
        if with_archived or one.status != "ARCHIVED"
    ]
    page = select(call, records, CONTACTS, paged=paged)
    rows = [contact_json(call.books, one, detail=paged, summary=summary) for one in page.rows]
    return call.answer("Contacts", rows, page.pagination)


def read_invoices(call: Call) -> Reply:
    """A list, or one by id or number; unpaged lists come without lines."""
    books = call.books
    if call.identifier is not None:
        row = invoice_json(
            books,
            _invoice(call),
            four_decimals=call.four_decimals,
            lines=True,
            whole_contact=True,
        )
        return call.answer("Invoices", [row])
    paged = is_paged(call)
    page = select(call, _chosen(call), INVOICES, paged=paged)
    if call.asks("summaryOnly"):
        return call.answer(
            "Invoices", [summary_json(books, one) for one in page.rows], page.pagination
        )
    rows = [
        invoice_json(books, one, four_decimals=call.four_decimals, lines=paged, whole_contact=False)
        for one in page.rows
    ]
    return call.answer("Invoices", rows, page.pagination)


def _contact(call: Call) -> Contact:
    key = call.identifier or ""
    found = call.books.contacts.get(guid_or_none(key) or "") or call.books.numbered(key)
    if found is None:
        raise NotFound
    return found


def _invoice(call: Call) -> Invoice:
    key = call.identifier or ""
    found = call.books.invoices.get(guid_or_none(key) or "") or call.books.any_invoice(key)
    if found is None:
        raise NotFound
    return found


def _chosen(call: Call) -> Iterable[Invoice]:
    ids, contact_ids = wanted_ids(call), wanted_ids(call, "ContactIDs")
    numbers, statuses = call.comma_list("InvoiceNumbers"), call.comma_list("Statuses")
    mine = call.bearer.app.client_id if call.asks("createdByMyApp") else None
    table = call.books.invoice_table
    if ids is None and numbers is not None:
        index = table.indexes["InvoiceNumber"]
        ids = {row_id for number in numbers for row_id in index.find(number)}
    for one in candidates(call, table, ids):
        if (
            (contact_ids is None or one.contact_id in contact_ids)
            and (numbers is None or one.number in numbers)
            and (statuses is None or one.status in statuses)
            and (mine is None or one.created_by == mine)
        ):
            yield one
