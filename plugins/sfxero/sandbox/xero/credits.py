"""Rules for credit notes, overpayments, prepayments and their allocations (xero-api, 5.5)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sfxero.sandbox.xero.amounts import cents
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
from sfxero.sandbox.xero.models import Allocation, Contact, Credit, Invoice, new_id
from sfxero.sandbox.xero.payments import settled, settled_credit
from sfxero.sandbox.xero.replies import Json

NOTE_KINDS = frozenset({"ACCRECCREDIT", "ACCPAYCREDIT"})
ALLOCATED_VOID = (
    "The status VOIDED cannot be applied to the credit note because it has payments or allocations."
)
TOO_MUCH = "The allocation amount exceeds the amount outstanding on this document"


@dataclass(frozen=True, slots=True)
class CreditPlan:
    """What a credit would become, or why it may not."""

    credit: Credit
    contact: Contact | None
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllocationPlan:
    """The allocation that would be made, or why it may not."""

    allocation: Allocation | None
    errors: tuple[str, ...]


def find_existing_note(books: Books, raw: Json) -> tuple[Credit | None, str | None]:
    """The credit note that a POST would update: by id, else by its number."""
    fields = Fields(raw)
    credit_id = fields.guid("CreditNoteID")
    if credit_id is not None:
        found = books.credits.get(credit_id)
        missing = found is None or found.family != "CreditNotes"
        return found, "The credit note with the specified ID was not found." if missing else None
    number = fields.text("CreditNoteNumber")
    return (books.credit_note(number) if number else None), None


def plan_credit_note(
    books: Books, raw: Json, existing: Credit | None, rules: WriteRules
) -> CreditPlan:
    """Read and check one credit note; nothing is stored."""
    fields = Fields(raw)
    contact_plan = contact_of(books, fields, existing.contact_id if existing else None)
    kind = existing.kind if existing else fields.choice("Type", "", NOTE_KINDS)
    old = existing or blank_credit(books, contact_plan, kind=kind, app=rules.app)
    status = fields.choice("Status", old.status, STATUSES)
    refusal = _state_refusal(existing, status)
    if refusal is not None:
        return CreditPlan(old, None, (refusal,))
    credit = _with_heads(books, fields, old, status)
    if contact_plan is not None:
        credit = replace(credit, contact_id=contact_plan.contact.contact_id)
    credit, line_errors = with_lines(
        books,
        fields,
        credit,
        old_types=old.line_amount_types,
        four_decimals=rules.four_decimals,
    )
    errors = (
        *(contact_plan.errors if contact_plan else ()),
        *fields.errors,
        *type_errors(fields, credit.kind, NOTE_KINDS, is_new=existing is None),
        *common_errors(books, credit),
        *_number_errors(books, credit),
        *line_errors,
        *total_errors(fields, credit),
        *lock_errors(books, credit.dated_on, existing.dated_on if existing else None),
        *_edit_errors(existing, credit),
    )
    changed = changed_contact(books, contact_plan)
    return CreditPlan(replace(credit, updated_at=books.clock.now()), changed, errors)


def blank_credit(books: Books, plan: ContactPlan | None, *, kind: str, app: str) -> Credit:
    """A new credit with nothing but defaults."""
    currency = plan.contact.texts.get("DefaultCurrency") if plan else None
    return Credit(
        credit_id=new_id(),
        kind=kind,
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


def plan_allocation(books: Books, credit: Credit, raw: Json) -> AllocationPlan:
    """Read and check one allocation of a credit to an invoice."""
    fields = Fields(raw)
    block = Fields(fields.block("Invoice") or {})
    number = block.text("InvoiceNumber") or ""
    invoice = books.invoices.get(block.guid("InvoiceID") or "") or books.any_invoice(number)
    amount = fields.number("Amount")
    dated_on = fields.day("Date", books.today()) or books.today()
    if invoice is None:
        return AllocationPlan(None, ("The invoice to allocate to was not found.",))
    errors = tuple(_allocation_errors(books, credit, invoice, amount))
    if errors or amount is None:
        return AllocationPlan(None, errors)
    amount = cents(amount, books.switches.rounding_mode)
    allocation = Allocation(new_id(), credit.credit_id, invoice.invoice_id, amount, dated_on)
    return AllocationPlan(allocation, ())


def store_allocation(books: Books, allocation: Allocation, *, user: str) -> None:
    """Use a part of a credit for an invoice."""
    credit = books.credits[allocation.credit_id]
    invoice = books.invoices[allocation.invoice_id]
    _store(
        books,
        replace(credit, allocations=(*credit.allocations, allocation)),
        replace(
            invoice,
            allocations=(*invoice.allocations, allocation),
            amount_credited=invoice.amount_credited + allocation.amount,
        ),
        on=allocation.dated_on,
    )
    _note(books, allocation, "Credit applied", user)


def remove_allocation(books: Books, allocation: Allocation, *, user: str) -> None:
    """Undo an allocation: both documents are as open as before."""
    credit = books.credits[allocation.credit_id]
    invoice = books.invoices[allocation.invoice_id]
    _store(
        books,
        replace(credit, allocations=_without(credit.allocations, allocation)),
        replace(
            invoice,
            allocations=_without(invoice.allocations, allocation),
            amount_credited=invoice.amount_credited - allocation.amount,
        ),
        on=allocation.dated_on,
    )
    _note(books, allocation, "Credit removed", user)


def _store(books: Books, credit: Credit, invoice: Invoice, *, on: date) -> None:
    now = books.clock.now()
    books.put_credit(settled_credit(replace(credit, updated_at=now), on=on))
    if books.switches.allocation_moves_invoice:
        invoice = replace(invoice, updated_at=now)
    books.put_invoice(settled(invoice, on=on))


def _without(kept: tuple[Allocation, ...], gone: Allocation) -> tuple[Allocation, ...]:
    return tuple(one for one in kept if one.allocation_id != gone.allocation_id)


def _state_refusal(existing: Credit | None, status: str) -> str | None:
    if existing is not None and status == "VOIDED" and _is_used(existing):
        return ALLOCATED_VOID
    return state_refusal(existing.status if existing else None, status)


def _is_used(credit: Credit) -> bool:
    return bool(credit.allocations or credit.payments)


def _with_heads(books: Books, fields: Fields, old: Credit, status: str) -> Credit:
    currency = fields.text("CurrencyCode", old.currency_code) or old.currency_code
    same = old.credit_id in books.credits and currency == old.currency_code
    return replace(
        old,
        status=status,
        number=fields.text("CreditNoteNumber", old.number, longest=255),
        reference=fields.text("Reference", old.reference, longest=255),
        dated_on=fields.day("Date", old.dated_on) or old.dated_on,
        line_amount_types=fields.choice("LineAmountTypes", old.line_amount_types, AMOUNT_TYPES),
        currency_code=currency,
        currency_rate=currency_rate(
            books, fields, currency, kept=old.currency_rate if same else None
        ),
        branding_theme_id=fields.guid("BrandingThemeID") or old.branding_theme_id,
        sent_to_contact=fields.flag("SentToContact", old.sent_to_contact),
    )


def _number_errors(books: Books, credit: Credit) -> Iterator[str]:
    other = books.credit_note(credit.number) if credit.number else None
    if other and other.credit_id != credit.credit_id and credit.kind == "ACCRECCREDIT":
        yield "Credit note # must be unique."


def _edit_errors(existing: Credit | None, credit: Credit) -> Iterator[str]:
    if existing is None or not _is_used(existing):
        return
    kept = replace(credit, reference=existing.reference, number=existing.number)
    if kept != existing:
        yield PAID_EDIT


def _allocation_errors(
    books: Books, credit: Credit, invoice: Invoice, amount: Decimal | None
) -> Iterator[str]:
    is_sale = invoice.kind == "ACCREC"
    if credit.status != "AUTHORISED" or invoice.status != "AUTHORISED":
        yield "Allocations can only be made between Authorised documents"
    elif amount is None or amount <= 0:
        yield "The allocation amount must be greater than zero."
    elif amount > min(credit.remaining, invoice.amount_due):
        yield TOO_MUCH
    if (credit.contact_id, credit.currency_code) != (invoice.contact_id, invoice.currency_code):
        yield "The credit and the invoice must have the same contact and currency."
    if credit.is_sales != is_sale:
        yield "A customer's credit can only pay a sales invoice, a supplier's only a bill."
    yield from lock_errors(books, credit.dated_on, invoice.dated_on)


def _note(books: Books, allocation: Allocation, changes: str, user: str) -> None:
    details = f"Credit of {allocation.amount:f}."
    for record_id in (allocation.credit_id, allocation.invoice_id):
        books.note(record_id, changes, user=user, details=details)
