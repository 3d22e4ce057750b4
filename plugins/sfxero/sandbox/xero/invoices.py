"""Rules for writing invoices (xero-api, 5.1 to 5.4)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sfxero.sandbox.xero.amounts import CENT, FOUR, totals_of
from sfxero.sandbox.xero.contacts import ContactPlan, find_existing, plan_contact, squeezed
from sfxero.sandbox.xero.fields import Fields
from sfxero.sandbox.xero.lines import LineRules, checked_again, read_lines
from sfxero.sandbox.xero.models import Books, Contact, Invoice, Line, new_id
from sfxero.sandbox.xero.replies import Json

STATES: Mapping[str, frozenset[str]] = {
    "": frozenset({"DRAFT", "SUBMITTED", "AUTHORISED"}),
    "DRAFT": frozenset({"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"}),
    "SUBMITTED": frozenset({"SUBMITTED", "DRAFT", "AUTHORISED", "DELETED"}),
    "AUTHORISED": frozenset({"AUTHORISED", "VOIDED"}),
    "PAID": frozenset({"PAID"}),
    "VOIDED": frozenset(),
    "DELETED": frozenset(),
}
STATUSES = frozenset(STATES) - {""}
KINDS = frozenset({"ACCREC", "ACCPAY"})
AMOUNT_TYPES = frozenset({"Exclusive", "Inclusive", "NoTax"})
PAID_EDIT = "This document cannot be edited as it has a payment or credit note allocated to it."
PAID_VOID = (
    "The status VOIDED cannot be applied to the invoice because "
    "it has payments or credit notes allocated to it."
)
# Keys of a Contact block that match a contact without changing it.
_MATCHING = frozenset({"ContactID", "ContactNumber", "Name", "ContactStatus"})
_BASE_RATE = Decimal("1.000000")
_RATE = Decimal("0.000001")
_PRINTABLE = re.compile(r"[\x20-\x7e]+")


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
    books: Books, raw: Json, existing: Invoice | None, *, four_decimals: bool, app: str
) -> InvoicePlan:
    """Read and check one invoice; nothing is stored."""
    fields = Fields(raw)
    contact_plan = _contact_of(books, fields, existing)
    old = existing or _blank(books, fields, contact_plan, app)
    status = fields.choice("Status", old.status, STATUSES)
    refusal = _state_refusal(existing, status)
    if refusal is not None:
        return InvoicePlan(old, None, (refusal,))
    invoice = _with_heads(books, fields, old, status)
    if contact_plan is not None:
        invoice = replace(invoice, contact_id=contact_plan.contact.contact_id)
    invoice, line_errors = _with_lines(
        books, fields, invoice, old_types=old.line_amount_types, four_decimals=four_decimals
    )
    errors = (
        *(contact_plan.errors if contact_plan else ()),
        *fields.errors,
        *_document_errors(books, fields, invoice, existing),
        *line_errors,
        *_total_errors(fields, invoice),
        *_lock_errors(books, invoice, existing),
    )
    if existing is not None and not _may_change(existing, invoice):
        errors = (*errors, PAID_EDIT)
    changed = contact_plan.contact if contact_plan and _is_new(books, contact_plan) else None
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
        currency_rate=_BASE_RATE,
        updated_at=books.clock.now(),
        created_by=app,
    )


def _state_refusal(existing: Invoice | None, status: str) -> str | None:
    if existing is None:
        ok = status in STATES[""]
        return None if ok else "Invoice not of valid status for creation"
    if status == "VOIDED" and existing.has_allocations:
        return PAID_VOID
    ok = status in STATES[existing.status]
    return None if ok else "Invoice not of valid status for modification"


def _contact_of(books: Books, fields: Fields, existing: Invoice | None) -> ContactPlan | None:
    """Match the contact, or plan to create or change it (side effects of 4.2)."""
    block = fields.block("Contact")
    if block is None:
        return None
    found, missing = find_existing(books, block)
    if missing:
        return ContactPlan(Contact("", "", books.clock.now()), (missing,))
    if found is not None:
        return _matched_contact(books, block, found, existing)
    return plan_contact(books, block, None) if Fields(block).text("Name") else None


def _matched_contact(
    books: Books, block: Json, found: Contact, existing: Invoice | None
) -> ContactPlan:
    if found.status != "ACTIVE" and not (existing and existing.contact_id == found.contact_id):
        message = f"The contact {found.name} is archived and cannot be used on an invoice."
        return ContactPlan(found, (message,))
    name = squeezed(Fields(block).text("Name") or found.name)
    is_match_only = set(block) <= _MATCHING and books.name_key(name) == books.name_key(found.name)
    if is_match_only or found.status != "ACTIVE":
        return ContactPlan(found, ())
    plan = plan_contact(books, block, found)
    return ContactPlan(replace(plan.contact, persons=()), plan.errors)


def _is_new(books: Books, plan: ContactPlan) -> bool:
    return books.contacts.get(plan.contact.contact_id) is not plan.contact


def _with_heads(books: Books, fields: Fields, old: Invoice, status: str) -> Invoice:
    currency = fields.text("CurrencyCode", old.currency_code) or old.currency_code
    number = fields.text("InvoiceNumber", old.number, longest=255)
    reference = fields.text("Reference", old.reference, longest=255)
    is_sale = old.kind == "ACCREC"
    return replace(
        old,
        status=status,
        number=number,
        reference=reference if is_sale else None,
        dated_on=fields.day("Date", old.dated_on) or old.dated_on,
        due_on=fields.day("DueDate", old.due_on),
        line_amount_types=fields.choice("LineAmountTypes", old.line_amount_types, AMOUNT_TYPES),
        currency_code=currency,
        currency_rate=_currency_rate(books, fields, old, currency),
        url=fields.text("Url", old.url),
        branding_theme_id=fields.guid("BrandingThemeID") or old.branding_theme_id,
        expected_payment_on=fields.day("ExpectedPaymentDate", old.expected_payment_on),
        planned_payment_on=fields.day("PlannedPaymentDate", old.planned_payment_on),
        sent_to_contact=fields.flag("SentToContact", old.sent_to_contact)
        and status in {"AUTHORISED", "PAID"},
    )


def _currency_rate(books: Books, fields: Fields, old: Invoice, currency: str) -> Decimal:
    if currency == books.organisation.base_currency:
        return _BASE_RATE
    day_rate = books.currencies.get(currency, ("", Decimal(1)))[1]
    kept = old.currency_rate if currency == old.currency_code and old.number else day_rate
    return (fields.number("CurrencyRate", kept) or kept).quantize(_RATE)


def _with_lines(
    books: Books, fields: Fields, invoice: Invoice, *, old_types: str, four_decimals: bool
) -> tuple[Invoice, list[str]]:
    rules = LineRules(
        books=books,
        kind=invoice.kind,
        types=invoice.line_amount_types,
        unit_decimals=FOUR if four_decimals else CENT,
        needs_account=invoice.status == "AUTHORISED",
    )
    rows = fields.rows("LineItems")
    if rows is not None:
        lines, errors = read_lines(rows, invoice.lines, rules)
    elif invoice.status in {"VOIDED", "DELETED"}:
        lines, errors = invoice.lines, []
    else:
        lines, errors = checked_again(invoice.lines, rules, same_types=old_types == rules.types)
    totals = totals_of(lines, types=rules.types, mode=rules.mode)
    return replace(invoice, lines=lines, totals=totals), errors


def _document_errors(
    books: Books, fields: Fields, invoice: Invoice, existing: Invoice | None
) -> Iterator[str]:
    if not invoice.kind:
        yield "Invoice type must be specified."
    if existing is not None and fields.choice("Type", existing.kind, KINDS) != existing.kind:
        yield "Invoice type cannot be changed."
    if not invoice.contact_id:
        yield "A Contact must be specified for this type of transaction"
    if not invoice.lines:
        yield "One or more line items must be specified"
    if invoice.status == "AUTHORISED" and invoice.due_on is None:
        yield "The DueDate field is mandatory for an approved invoice."
    yield from _number_errors(books, invoice)
    yield from _reference_errors(books, invoice)


def _reference_errors(books: Books, invoice: Invoice) -> Iterator[str]:
    if invoice.currency_code not in books.currencies:
        yield f"Organisation is not subscribed to currency {invoice.currency_code}"
    if invoice.url and not re.match(r"https?://[^\s/]+", invoice.url):
        yield "Url must be a valid absolute URL."
    if invoice.url and "xero" in invoice.url.lower():
        yield "Url cannot contain 'xero'."
    if invoice.branding_theme_id and invoice.branding_theme_id not in books.branding_themes:
        yield "The branding theme was not found."


def _number_errors(books: Books, invoice: Invoice) -> Iterator[str]:
    if invoice.number is None:
        return
    if not _PRINTABLE.fullmatch(invoice.number):
        yield "Invoice # may hold printable ASCII characters only."
    if invoice.kind == "ACCREC" and books.number_taken(invoice.number, but=invoice.invoice_id):
        yield "Invoice # must be unique."


def _total_errors(fields: Fields, invoice: Invoice) -> Iterator[str]:
    totals = invoice.totals
    expected = (
        ("SubTotal", totals.sub_total),
        ("TotalTax", totals.total_tax),
        ("Total", totals.total),
    )
    if any(fields.number(name, value) != value for name, value in expected):
        yield "The invoice total does not equal the sum of the lines."
    if totals.total < 0 and invoice.status in {"SUBMITTED", "AUTHORISED"}:
        yield "The invoice total must not be negative."


def _lock_errors(books: Books, invoice: Invoice, existing: Invoice | None) -> Iterator[str]:
    days = [invoice.dated_on, *([existing.dated_on] if existing else [])]
    if _locked(days, books.switches.period_locked_to):
        yield "The document date cannot be before the period lock date"
    year_end = books.switches.year_locked_to
    if year_end is not None and _locked(days, year_end):
        yield (
            "The document date cannot be before the end of year lock date, "
            f"currently set at {year_end:%d/%m/%Y}"
        )


def _locked(days: list[date], locked_to: date | None) -> bool:
    return locked_to is not None and any(day <= locked_to for day in days)


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
