"""Writes of contacts, invoices and credit notes."""

from dataclasses import replace

from sfxero.sandbox.xero.batches import Outcome, Resource, echo, write_batch
from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.contacts import find_existing, plan_contact
from sfxero.sandbox.xero.credits import find_existing_note, plan_credit_note
from sfxero.sandbox.xero.documents import WriteRules
from sfxero.sandbox.xero.invoices import (
    InvoicePlan,
    approves,
    find_existing_invoice,
    plan_invoice,
)
from sfxero.sandbox.xero.models import Contact, Invoice
from sfxero.sandbox.xero.rendering import contact_json
from sfxero.sandbox.xero.rendering_invoices import invoice_json
from sfxero.sandbox.xero.rendering_money import credit_json
from sfxero.sandbox.xero.replies import Json, Reply


def write_contacts(call: Call) -> Reply:
    """Create or update contacts."""
    return write_batch(call, _CONTACTS)


def write_invoices(call: Call) -> Reply:
    """Create or update invoices."""
    return write_batch(call, _INVOICES)


def write_credit_notes(call: Call) -> Reply:
    """Create or update credit notes."""
    return write_batch(call, _CREDIT_NOTES)


def store_contact(books: Books, contact: Contact, *, user: str) -> None:
    """Store a planned contact and note it."""
    is_new = contact.contact_id not in books.contacts
    books.put_contact(contact)
    books.note(contact.contact_id, "Created" if is_new else "Edited", user=user)


def store_invoice(books: Books, plan: InvoicePlan, *, user: str) -> Invoice:
    """Store a planned invoice with the contact it brings along."""
    invoice = plan.invoice
    existing = books.invoices.get(invoice.invoice_id)
    if invoice.number is None and invoice.kind == "ACCREC":
        invoice = replace(invoice, number=books.new_number("INV"))
    if plan.contact is not None:
        store_contact(books, plan.contact, user=user)
    if approves(invoice, existing):
        books.count_approval()
    books.put_invoice(invoice)
    mark_trade(books, invoice.contact_id, invoice.kind)
    changes = "Created" if existing is None else "Edited"
    if existing is not None and existing.status != invoice.status:
        changes = _STATUS_CHANGES.get(invoice.status, changes)
    books.note(
        invoice.invoice_id,
        changes,
        user=user,
        details=f"{invoice.number or 'Bill'} for {invoice.totals.total:f}.",
    )
    return invoice


_STATUS_CHANGES = {"AUTHORISED": "Approved", "VOIDED": "Voided", "DELETED": "Deleted"}


def mark_trade(books: Books, contact_id: str, kind: str) -> None:
    """A first document makes a customer; that does not move the contact's time (3.3)."""
    contact = books.contacts[contact_id]
    is_sale = kind.startswith(("ACCREC", "RECEIVE"))
    if is_sale and not contact.is_customer:
        books.put_contact(replace(contact, is_customer=True))
    elif not is_sale and not contact.is_supplier:
        books.put_contact(replace(contact, is_supplier=True))


def _write_contact(call: Call, raw: Json) -> Outcome:
    books = call.books
    existing, missing = (None, None) if call.method == "PUT" else find_existing(books, raw)
    if missing:
        return Outcome(echo(raw, "ContactID", None), (missing,))
    plan = plan_contact(books, raw, existing)
    if plan.errors:
        known_id = existing.contact_id if existing else None
        return Outcome(echo(raw, "ContactID", known_id), plan.errors)
    store_contact(books, plan.contact, user=call.user)
    return Outcome(contact_json(books, plan.contact, detail=True))


def _write_invoice(call: Call, raw: Json) -> Outcome:
    books = call.books
    existing, missing = (None, None) if call.method == "PUT" else find_existing_invoice(books, raw)
    if missing:
        return Outcome(echo(raw, "InvoiceID", None), (missing,))
    plan = plan_invoice(books, raw, existing, _rules(call))
    if plan.errors:
        known_id = existing.invoice_id if existing else None
        return Outcome(echo(raw, "InvoiceID", known_id), plan.errors)
    invoice = store_invoice(books, plan, user=call.user)
    row = invoice_json(
        books, invoice, four_decimals=call.four_decimals, lines=True, whole_contact=True
    )
    return Outcome(row)


def _write_credit_note(call: Call, raw: Json) -> Outcome:
    books = call.books
    existing, missing = (None, None) if call.method == "PUT" else find_existing_note(books, raw)
    if missing:
        return Outcome(echo(raw, "CreditNoteID", None), (missing,))
    plan = plan_credit_note(books, raw, existing, _rules(call))
    if plan.errors:
        known_id = existing.credit_id if existing else None
        return Outcome(echo(raw, "CreditNoteID", known_id), plan.errors)
    credit = plan.credit
    if credit.number is None:
        credit = replace(credit, number=books.new_number("CN"))
    if plan.contact is not None:
        store_contact(books, plan.contact, user=call.user)
    books.put_credit(credit)
    mark_trade(books, credit.contact_id, credit.kind)
    books.note(credit.credit_id, "Edited" if existing else "Created", user=call.user)
    return Outcome(credit_json(books, credit, four_decimals=call.four_decimals, detail=True))


def _rules(call: Call) -> WriteRules:
    return WriteRules(call.bearer.app.client_id, call.four_decimals)


_CONTACTS = Resource(
    "Contacts", "ContactID", "HasValidationErrors", lambda books: books.contacts, _write_contact
)
_INVOICES = Resource(
    "Invoices", "InvoiceID", "HasErrors", lambda books: books.invoices, _write_invoice
)
_CREDIT_NOTES = Resource(
    "CreditNotes", "CreditNoteID", "HasErrors", lambda books: books.credits, _write_credit_note
)
