"""Rules for writing invoices (xero-api, 5.1 to 5.4)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.contacts import ContactPlan
from sfxero.sandbox.xero.documents import (
    AMOUNT_TYPES,
    BASE_RATE,
    PAID_EDIT,
    STATUSES,
    WriteRules,
    changed_contact,
    common_errors,
    contact_of,
    currency_rate,
    lock_errors,
    state_refusal,
    total_errors,
    type_errors,
    with_lines,
)
from sfxero.sandbox.xero.fields import Fields
from sfxero.sandbox.xero.models import Contact, Invoice, Line, new_id
from sfxero.sandbox.xero.replies import Json

KINDS = frozenset({"ACCREC", "ACCPAY"})
PAID_VOID = (
    "The status VOIDED cannot be applied to the invoice because "
    "it has payments or credit notes allocated to it."
)


@dataclass(frozen=True, slots=True)
class InvoicePlan:
    """What an invoice would become, with the contact it creates or changes, or why it may not."""

    invoice: Invoice
    contact: Contact | None
    errors: tuple[str, ...]


def find_existing_invoice(books: Books, raw: Json) -> tuple[Invoice | None, str | None]:
    """The invoice that a POST would update: by id, else a sales invoice by its number."""
    fields = Fields(raw)
    invoice_id = fields.guid("InvoiceID")
    if invoice_id is not None:
        found = books.invoices.get(invoice_id)
        return found, None if found else "The invoice with the specified InvoiceID was not found."
    number = fields.text("InvoiceNumber")
    is_sale = fields.choice("Type", "ACCREC", KINDS) == "ACCREC"
    return (books.sales_invoice(number) if number and is_sale else None), None


def plan_invoice(
    books: Books, raw: Json, existing: Invoice | None, rules: WriteRules
) -> InvoicePlan:
    """Read and check one invoice; nothing is stored."""
    fields = Fields(raw)
    contact_plan = contact_of(books, fields, existing.contact_id if existing else None)
    old = existing or _blank(books, fields, contact_plan, rules.app)
    status = fields.choice("Status", old.status, STATUSES)
    refusal = _state_refusal(existing, status)
    if refusal is not None:
        return InvoicePlan(old, None, (refusal,))
    invoice = _with_heads(books, fields, old, status)
    if contact_plan is not None:
        invoice = replace(invoice, contact_id=contact_plan.contact.contact_id)
    invoice, line_errors = with_lines(
        books,
        fields,
        invoice,
        old_types=old.line_amount_types,
        four_decimals=rules.four_decimals,
    )
    errors = (
        *(contact_plan.errors if contact_plan else ()),
        *fields.errors,
        *_document_errors(books, fields, invoice, existing),
        *line_errors,
        *total_errors(fields, invoice),
        *lock_errors(books, invoice.dated_on, existing.dated_on if existing else None),
    )
    if existing is not None and not _may_change(existing, invoice):
        errors = (*errors, PAID_EDIT)
    changed = changed_contact(books, contact_plan)
    return InvoicePlan(_stamped(books, invoice, existing), changed, errors)


def _blank(books: Books, fields: Fields, plan: ContactPlan | None, app: str) -> Invoice:
    currency = plan.contact.texts.get("DefaultCurrency") if plan else None
    return Invoice(
        invoice_id=new_id(),
        kind=fields.choice("Type", "", KINDS),
        number=None,
        contact_id=plan.contact.contact_id if plan else "",
        status="DRAFT",
        dated_on=books.today(),
        line_amount_types="Exclusive",
        currency_code=currency or books.organisation.base_currency,
        currency_rate=BASE_RATE,
        updated_at=books.clock.now(),
        created_by=app,
    )


def _state_refusal(existing: Invoice | None, status: str) -> str | None:
    if existing is not None and status == "VOIDED" and existing.has_allocations:
        return PAID_VOID
    return state_refusal(existing.status if existing else None, status)


def _with_heads(books: Books, fields: Fields, old: Invoice, status: str) -> Invoice:
    currency = fields.text("CurrencyCode", old.currency_code) or old.currency_code
    number = fields.text("InvoiceNumber", old.number, longest=255)
    reference = fields.text("Reference", old.reference, longest=255)
    is_sale = old.kind == "ACCREC"
    known, same = old.invoice_id in books.invoices, currency == old.currency_code
    return replace(
        old,
        status=status,
        number=number,
        reference=reference if is_sale else None,
        dated_on=fields.day("Date", old.dated_on) or old.dated_on,
        due_on=fields.day("DueDate", old.due_on),
        line_amount_types=fields.choice("LineAmountTypes", old.line_amount_types, AMOUNT_TYPES),
        currency_code=currency,
        currency_rate=currency_rate(
            books, fields, currency, kept=old.currency_rate if known and same else None
        ),
        url=fields.text("Url", old.url),
        branding_theme_id=fields.guid("BrandingThemeID") or old.branding_theme_id,
        expected_payment_on=fields.day("ExpectedPaymentDate", old.expected_payment_on),
        planned_payment_on=fields.day("PlannedPaymentDate", old.planned_payment_on),
        sent_to_contact=fields.flag("SentToContact", old.sent_to_contact)
        and status in {"AUTHORISED", "PAID"},
    )


def _document_errors(
    books: Books, fields: Fields, invoice: Invoice, existing: Invoice | None
) -> Iterator[str]:
    yield from type_errors(fields, invoice.kind, KINDS, is_new=existing is None)
    yield from common_errors(books, invoice)
    if invoice.status == "AUTHORISED" and invoice.due_on is None:
        yield "The DueDate field is mandatory for an approved invoice."
    number = invoice.number if invoice.kind == "ACCREC" else None
    if number and books.number_taken(number, but=invoice.invoice_id):
        yield "Invoice # must be unique."
    if invoice.url and not re.match(r"https?://[^\s/]+", invoice.url):
        yield "Url must be a valid absolute URL."
    if invoice.url and "xero" in invoice.url.lower():
        yield "Url cannot contain 'xero'."
    if approves(invoice, existing) and books.is_capped:
        yield "You have reached the limit of invoices you can approve"


def approves(invoice: Invoice, existing: Invoice | None) -> bool:
    """Whether this write approves a sales invoice."""
    was_approved = existing is not None and existing.status == "AUTHORISED"
    return invoice.kind == "ACCREC" and invoice.status == "AUTHORISED" and not was_approved


def _may_change(old: Invoice, new: Invoice) -> bool:
    """A paid or part-paid invoice may still change what 5.4 lists."""
    if not old.has_allocations:
        return True
    neutral = replace(
        new,
        reference=old.reference,
        due_on=old.due_on,
        number=old.number,
        branding_theme_id=old.branding_theme_id,
        url=old.url,
        contact_id=old.contact_id if not old.amount_credited else new.contact_id,
        expected_payment_on=old.expected_payment_on,
        planned_payment_on=old.planned_payment_on,
        sent_to_contact=old.sent_to_contact,
        lines=tuple(map(_free_line, new.lines)),
    )
    return neutral == replace(old, lines=tuple(map(_free_line, old.lines)))


def _free_line(line: Line) -> Line:
    """The line without what may still change; its tax type follows the account's class."""
    return replace(line, line_id="", description=None, account_code=None, tracking=())


def _stamped(books: Books, invoice: Invoice, existing: Invoice | None) -> Invoice:
    """Move `UpdatedDateUTC`, except for the two edits of a part-paid invoice (3.3)."""
    if existing is not None and existing.has_allocations:
        quiet = replace(invoice, due_on=existing.due_on, sent_to_contact=existing.sent_to_contact)
        if quiet == existing:
            return invoice
    return replace(invoice, updated_at=books.clock.now())
