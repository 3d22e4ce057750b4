"""Rules for payments: made once, deleted once, never changed (xero-api, 6)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sfxero.sandbox.xero.amounts import cents
from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.documents import BASE_RATE, lock_errors
from sfxero.sandbox.xero.fields import Fields
from sfxero.sandbox.xero.models import Credit, Invoice, Payment, new_id
from sfxero.sandbox.xero.replies import Json
from sfxero.sandbox.xero.settings_seed import Account

STATUS_ONLY = "Only Status accepted for updates."
TOO_MUCH = "Payment amount exceeds the amount outstanding on this document"
NOT_APPROVED = "Payments can only be made against Authorised documents"
KINDS = {
    "ACCREC": "ACCRECPAYMENT",
    "ACCPAY": "ACCPAYPAYMENT",
    "ACCRECCREDIT": "ARCREDITPAYMENT",
    "ACCPAYCREDIT": "APCREDITPAYMENT",
    "RECEIVE-OVERPAYMENT": "AROVERPAYMENTPAYMENT",
    "RECEIVE-PREPAYMENT": "ARPREPAYMENTPAYMENT",
    "SPEND-OVERPAYMENT": "APOVERPAYMENTPAYMENT",
    "SPEND-PREPAYMENT": "APPREPAYMENTPAYMENT",
}


@dataclass(frozen=True, slots=True)
class PaymentPlan:
    """The payment that would be made, or why it may not."""

    payment: Payment | None
    errors: tuple[str, ...]


def plan_payment(books: Books, raw: Json) -> PaymentPlan:
    """Read and check one payment; nothing is stored."""
    fields = Fields(raw)
    document = _document(books, fields)
    if document is None:
        return PaymentPlan(
            None, ("Payment must be for an existing invoice, credit or prepayment.",)
        )
    account = account_of(books, fields.block("Account"))
    amount = fields.number("Amount")
    paid_on = fields.day("Date", books.today()) or books.today()
    reference = fields.text("Reference", longest=255)
    errors = (
        *fields.errors,
        *_document_errors(document),
        *_amount_errors(document, amount),
        *account_errors(account),
        *lock_errors(books, paid_on),
    )
    if errors or amount is None or account is None:
        return PaymentPlan(None, errors)
    rate = _rate(books, fields, document)
    payment = Payment(
        payment_id=new_id(),
        kind=KINDS[document.kind],
        document_id=document.record_id,
        amount=cents(amount, books.switches.rounding_mode),
        paid_on=paid_on,
        updated_at=books.clock.now(),
        account_code=account.code,
        currency_rate=rate,
        bank_amount=cents(amount / rate, books.switches.rounding_mode),
        reference=reference,
        is_reconciled=fields.flag("IsReconciled"),
    )
    return PaymentPlan(payment, ())


def store_payment(books: Books, payment: Payment, *, user: str) -> None:
    """Store a payment and move its document together with it."""
    books.put_payment(payment)
    change_paid(books, payment, payment.amount, on=payment.paid_on)
    _note(books, payment, "Payment made", user)


def deletion_refusal(books: Books, payment: Payment) -> str | None:
    """Why a payment may not be deleted."""
    if payment.status == "DELETED":
        return "Payment not of valid status for modification"
    if payment.batch_id is not None:
        return "A payment of a batch payment cannot be deleted by itself."
    if payment.is_reconciled and not books.switches.delete_reconciled:
        return "This payment cannot be deleted as it has been reconciled."
    return next(lock_errors(books, payment.paid_on), None)


def delete_payment(books: Books, payment: Payment, *, user: str) -> Payment:
    """Take a payment back; it keeps its id."""
    deleted = replace(payment, status="DELETED", updated_at=books.clock.now())
    books.put_payment(deleted)
    change_paid(books, deleted, -payment.amount, on=payment.paid_on)
    _note(books, payment, "Payment deleted", user)
    return deleted


def change_paid(books: Books, payment: Payment, by: Decimal, *, on: date) -> None:
    """Add to, or take from, what a document has been paid."""
    now = books.clock.now()
    invoice = books.invoices.get(payment.document_id)
    credit = books.credits.get(payment.document_id)
    if invoice is not None:
        paid = replace(
            invoice,
            payments=_with_id(invoice.payments, payment, by),
            amount_paid=invoice.amount_paid + by,
            updated_at=now,
        )
        books.put_invoice(settled(paid, on=on), cause="payment")
    elif credit is not None:
        refunded = replace(
            credit,
            payments=_with_id(credit.payments, payment, by),
            amount_refunded=credit.amount_refunded + by,
            updated_at=now,
        )
        books.put_credit(settled_credit(refunded, on=on))


def settled(invoice: Invoice, *, on: date) -> Invoice:
    """PAID when nothing is owed any more, AUTHORISED again when something is (5.1)."""
    if invoice.has_allocations and not invoice.amount_due:
        return replace(invoice, status="PAID", fully_paid_on=on)
    return replace(invoice, status="AUTHORISED", fully_paid_on=None)


def settled_credit(credit: Credit, *, on: date) -> Credit:
    """PAID when nothing of it is left."""
    if credit.remaining:
        return replace(credit, status="AUTHORISED", fully_paid_on=None)
    return replace(credit, status="PAID", fully_paid_on=on)


def account_of(books: Books, block: Json | None) -> Account | None:
    """The account of a block by its id, else by its code: some bank accounts have no code."""
    if block is None:
        return None
    fields = Fields(block)
    by_id = books.account_codes.get(fields.guid("AccountID") or "")
    found = books.accounts.get(by_id or fields.text("Code") or "")
    return found if found is None or by_id or found.shows_code else None


def account_errors(account: Account | None) -> Iterator[str]:
    """Money moves through bank accounts, and through those opened for payments."""
    if account is None:
        yield "Account could not be found"
    elif account.status != "ACTIVE" or not (account.kind == "BANK" or account.payments):
        yield f"Account type is invalid: payments cannot be made to '{account.code}'."


def _document(books: Books, fields: Fields) -> Invoice | Credit | None:
    block = Fields(fields.block("Invoice") or {"InvoiceNumber": fields.text("InvoiceNumber")})
    invoice_id, number = block.guid("InvoiceID"), block.text("InvoiceNumber")
    if invoice_id is not None or number is not None:
        found = books.any_invoice(number) if number and not invoice_id else None
        return books.invoices.get(invoice_id or "") or found
    for name in ("CreditNote", "Overpayment", "Prepayment"):
        credit_block = fields.block(name)
        if credit_block is not None:
            credit_id = Fields(credit_block).guid(f"{name}ID")
            number = Fields(credit_block).text(f"{name}Number")
            return books.credits.get(credit_id or "") or books.credit_note(number or "")
    return books.credit_note(fields.text("CreditNoteNumber") or "")


def _document_errors(document: Invoice | Credit) -> Iterator[str]:
    if document.status != "AUTHORISED":
        yield NOT_APPROVED


def _amount_errors(document: Invoice | Credit, amount: Decimal | None) -> Iterator[str]:
    left = document.amount_due if isinstance(document, Invoice) else document.remaining
    if amount is None or amount <= 0:
        yield "The payment amount must be greater than zero."
    elif amount > left and document.status == "AUTHORISED":
        yield TOO_MUCH


def _rate(books: Books, fields: Fields, document: Invoice | Credit) -> Decimal:
    if document.currency_code == books.organisation.base_currency:
        return BASE_RATE
    return fields.number("CurrencyRate", document.currency_rate) or document.currency_rate


def _with_id(ids: tuple[str, ...], payment: Payment, by: Decimal) -> tuple[str, ...]:
    if by > 0:
        return (*ids, payment.payment_id)
    return tuple(one for one in ids if one != payment.payment_id)


def _note(books: Books, payment: Payment, changes: str, user: str) -> None:
    details = f"Payment of {payment.amount:f} on {payment.paid_on:%d %B %Y}."
    for record_id in (payment.payment_id, payment.document_id):
        books.note(record_id, changes, user=user, details=details)
