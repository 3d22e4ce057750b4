"""Write batches: one result per element, or one refusal for all (xero-api, 3.2 and 3.5)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from sfxero.sandbox.xero.calls import Call, read_elements
from sfxero.sandbox.xero.contacts import find_existing, plan_contact
from sfxero.sandbox.xero.failures import NotFound, ValidationFailed
from sfxero.sandbox.xero.fields import guid_or_none
from sfxero.sandbox.xero.invoices import find_existing_invoice, plan_invoice
from sfxero.sandbox.xero.models import Books
from sfxero.sandbox.xero.rendering import contact_json, invoice_json
from sfxero.sandbox.xero.replies import ZERO_ID, Json, Reply


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one element."""

    row: Json
    errors: tuple[str, ...] = ()


WriteOne: TypeAlias = Callable[[Call, Json], Outcome]


def write_contacts(call: Call) -> Reply:
    """Create or update contacts."""
    return _write(call, "Contacts", "ContactID", _write_contact)


def write_invoices(call: Call) -> Reply:
    """Create or update invoices."""
    return _write(call, "Invoices", "InvoiceID", _write_invoice)


def _write(call: Call, plural: str, id_name: str, write_one: WriteOne) -> Reply:
    elements = read_elements(call.body, plural)
    if call.identifier is not None:
        elements = [{**elements[0], id_name: _known_id(call, plural)}]
    per_element = call.query.get("summarizeErrors", "").strip().lower() == "false"
    with call.books.revertible() as notes:
        outcomes: list[Outcome] = []
        try:
            outcomes.extend(write_one(call, element) for element in elements)
        except BaseException:
            call.books.revert(notes)  # an unreadable element refuses the whole request
            raise
        failed = [one for one in outcomes if one.errors]
        if failed and not per_element and not call.books.switches.partial_commit:
            call.books.revert(notes)
    if failed and not per_element:
        raise ValidationFailed([_refused(one, plural) for one in failed])
    rows = [_refused(one, plural) if one.errors else _accepted(one) for one in outcomes]
    return call.answer(plural, rows)


def _known_id(call: Call, plural: str) -> str:
    found = guid_or_none(call.identifier or "")
    known = call.books.contacts if plural == "Contacts" else call.books.invoices
    if found is None or found not in known:
        raise NotFound
    return found


def _accepted(outcome: Outcome) -> Json:
    return {**outcome.row, "StatusAttributeString": "OK"}


def _refused(outcome: Outcome, plural: str) -> Json:
    flag = "HasValidationErrors" if plural == "Contacts" else "HasErrors"
    return {
        **outcome.row,
        "StatusAttributeString": "ERROR",
        flag: True,
        "ValidationErrors": [{"Message": text} for text in outcome.errors],
    }


def _echo(raw: Json, id_name: str, known_id: str | None) -> Json:
    return {**raw, id_name: known_id or ZERO_ID}


def _write_contact(call: Call, raw: Json) -> Outcome:
    books = call.books
    existing, missing = (None, None) if call.method == "PUT" else find_existing(books, raw)
    if missing:
        return Outcome(_echo(raw, "ContactID", None), (missing,))
    plan = plan_contact(books, raw, existing)
    if plan.errors:
        known_id = existing.contact_id if existing else None
        return Outcome(_echo(raw, "ContactID", known_id), plan.errors)
    books.put_contact(plan.contact)
    return Outcome(contact_json(books, plan.contact, detail=True))


def _write_invoice(call: Call, raw: Json) -> Outcome:
    books = call.books
    existing, missing = (None, None) if call.method == "PUT" else find_existing_invoice(books, raw)
    if missing:
        return Outcome(_echo(raw, "InvoiceID", None), (missing,))
    app = call.bearer.app.client_id
    plan = plan_invoice(books, raw, existing, four_decimals=call.four_decimals, app=app)
    if plan.errors:
        known_id = existing.invoice_id if existing else None
        return Outcome(_echo(raw, "InvoiceID", known_id), plan.errors)
    invoice = plan.invoice
    if invoice.number is None and invoice.kind == "ACCREC":
        invoice = replace(invoice, number=books.new_invoice_number())
    if plan.contact is not None:
        books.put_contact(plan.contact)
    books.put_invoice(invoice)
    _mark_trade(books, invoice.contact_id, invoice.kind)
    row = invoice_json(
        books, invoice, four_decimals=call.four_decimals, lines=True, whole_contact=True
    )
    return Outcome(row)


def _mark_trade(books: Books, contact_id: str, kind: str) -> None:
    """A first invoice makes a customer; that does not move the contact's time (3.3)."""
    contact = books.contacts[contact_id]
    if kind == "ACCREC" and not contact.is_customer:
        books.put_contact(replace(contact, is_customer=True))
    elif kind == "ACCPAY" and not contact.is_supplier:
        books.put_contact(replace(contact, is_supplier=True))
