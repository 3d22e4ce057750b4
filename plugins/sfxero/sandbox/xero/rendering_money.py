"""Payments, credits, allocations and history in Xero's JSON shapes."""

from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.models import (
    ZERO,
    Allocation,
    BatchPayment,
    Credit,
    Invoice,
    Note,
    Payment,
)
from sfxero.sandbox.xero.rendering import contact_json, contact_stub, line_json
from sfxero.sandbox.xero.replies import Json, day_text, moment_text, ms_day, ms_moment

# How each family names its id and, where it has one, its number.
ID_NAMES = {
    "CreditNotes": "CreditNoteID",
    "Overpayments": "OverpaymentID",
    "Prepayments": "PrepaymentID",
}


def payment_json(books: Books, payment: Payment) -> Json:
    """A payment with a stub of its document."""
    offset = books.switches.date_offset
    row: Json = {
        "PaymentID": payment.payment_id,
        "PaymentType": payment.kind,
        "Status": payment.status,
        "Date": ms_day(payment.paid_on, offset),
        "Amount": payment.amount,
        "BankAmount": payment.bank_amount,
        "CurrencyRate": payment.currency_rate,
        "Reference": payment.reference or "",
        "IsReconciled": payment.is_reconciled,
        "HasAccount": True,
        "HasValidationErrors": False,
        "Account": account_stub(books, payment.account_code),
        "UpdatedDateUTC": ms_moment(payment.updated_at, offset),
        "UpdatedDateUTCString": moment_text(payment.updated_at),
        **_document_stub(books, payment.document_id),
    }
    if payment.batch_id is not None:
        batch = books.batch_table.rows.get(payment.batch_id)
        row |= {"BatchPaymentID": payment.batch_id}
        row |= {"BatchPayment": batch_stub(books, batch)} if batch else {}
    return row


def account_stub(books: Books, code: str) -> Json:
    """An account as payments show it."""
    account = books.accounts[code]
    shown: Json = {"Code": account.code} if account.shows_code else {}
    return {"AccountID": account.account_id, **shown, "Name": account.name}


def embedded_payment(books: Books, payment_id: str) -> Json:
    """A payment as its document shows it."""
    payment = books.payments[payment_id]
    row: Json = {
        "PaymentID": payment.payment_id,
        "Date": ms_day(payment.paid_on, books.switches.date_offset),
        "Amount": payment.amount,
        "CurrencyRate": payment.currency_rate,
        "HasAccount": False,
        "HasValidationErrors": False,
    }
    if payment.reference:
        row["Reference"] = payment.reference
    if payment.batch_id:
        row["BatchPaymentID"] = payment.batch_id
    return row


def invoice_stub(books: Books, invoice: Invoice) -> Json:
    """An invoice as payments and allocations show it."""
    contact = books.contacts[invoice.contact_id]
    return {
        "Type": invoice.kind,
        "InvoiceID": invoice.invoice_id,
        "InvoiceNumber": invoice.number or "",
        "Payments": [],
        "CreditNotes": [],
        "Prepayments": [],
        "Overpayments": [],
        "HasErrors": False,
        "IsDiscounted": False,
        "LineItems": [],
        "CurrencyCode": invoice.currency_code,
        "Contact": {"ContactID": contact.contact_id, "Name": contact.name},
    }


def applied_credits(books: Books, invoice: Invoice) -> dict[str, list[Json]]:
    """What an invoice shows under CreditNotes, Overpayments and Prepayments."""
    shown: dict[str, list[Json]] = {name: [] for name in ID_NAMES}
    offset = books.switches.date_offset
    for allocation in invoice.allocations:
        credit = books.credits[allocation.credit_id]
        row: Json = {
            ID_NAMES[credit.family]: credit.credit_id,
            "AppliedAmount": allocation.amount,
            "Date": ms_day(allocation.dated_on, offset),
            "Total": credit.totals.total,
            "LineItems": [],
        }
        if credit.family == "CreditNotes":
            row |= {"CreditNoteNumber": credit.number or "", "HasErrors": False}
        shown[credit.family].append(row)
    return shown


def credit_json(books: Books, credit: Credit, *, four_decimals: bool, detail: bool) -> Json:
    """A credit note, overpayment or prepayment; unpaged lists come without lines."""
    contact = books.contacts[credit.contact_id]
    offset = books.switches.date_offset
    row: Json = {
        ID_NAMES[credit.family]: credit.credit_id,
        "ID": credit.credit_id,
        "Type": credit.kind,
        "Status": credit.status,
        "Contact": contact_json(books, contact, detail=False) if detail else contact_stub(contact),
        "DateString": day_text(credit.dated_on),
        "Date": ms_day(credit.dated_on, offset),
        "LineAmountTypes": credit.line_amount_types,
        "LineItems": [line_json(line, four_decimals=four_decimals) for line in credit.lines]
        if detail
        else [],
        "SubTotal": credit.totals.sub_total,
        "TotalTax": credit.totals.total_tax,
        "Total": credit.totals.total,
        "RemainingCredit": credit.remaining,
        "Allocations": [allocation_json(books, one) for one in credit.allocations],
        "Payments": [embedded_payment(books, one) for one in credit.payments],
        "CurrencyCode": credit.currency_code,
        "CurrencyRate": credit.currency_rate,
        "UpdatedDateUTC": ms_moment(credit.updated_at, offset),
        "UpdatedDateUTCString": moment_text(credit.updated_at),
        "HasAttachments": False,
        "Reference": credit.reference or "",
    }
    if credit.family == "CreditNotes":
        row |= {
            "CreditNoteNumber": credit.number or "",
            "SentToContact": credit.sent_to_contact,
            "HasErrors": False,
        }
    if credit.fully_paid_on is not None:
        row["FullyPaidOnDate"] = ms_day(credit.fully_paid_on, offset)
    if credit.branding_theme_id:
        row["BrandingThemeID"] = credit.branding_theme_id
    return row


def allocation_json(books: Books, allocation: Allocation) -> Json:
    """An allocation with a stub of the invoice it pays."""
    return {
        "AllocationID": allocation.allocation_id,
        "Amount": allocation.amount,
        "Date": ms_day(allocation.dated_on, books.switches.date_offset),
        "Invoice": invoice_stub(books, books.invoices[allocation.invoice_id]),
        "IsDeleted": False,
    }


def batch_stub(books: Books, batch: BatchPayment) -> Json:
    """A batch payment as its members show it."""
    offset = books.switches.date_offset
    return {
        "BatchPaymentID": batch.batch_id,
        "Type": batch.kind,
        "Status": batch.status,
        "Account": {"AccountID": books.accounts[batch.account_code].account_id},
        "Date": ms_day(batch.paid_on, offset),
        "TotalAmount": sum((books.payments[one].amount for one in batch.payment_ids), ZERO),
        "UpdatedDateUTC": ms_moment(batch.updated_at, offset),
        "IsReconciled": False,
    }


def batch_json(books: Books, batch: BatchPayment) -> Json:
    """A batch payment with its members."""
    payments = [books.payments[one] for one in batch.payment_ids]
    return {
        **batch_stub(books, batch),
        "Account": account_stub(books, batch.account_code),
        "Reference": batch.reference or "",
        "DateString": day_text(batch.paid_on),
        "Payments": [
            {
                "PaymentID": one.payment_id,
                "Amount": one.amount,
                "Invoice": invoice_stub(books, books.invoices[one.document_id]),
            }
            for one in payments
        ],
    }


def note_json(books: Books, note: Note) -> Json:
    """A line of history."""
    return {
        "Changes": note.changes,
        "DateUTCString": moment_text(note.at).removesuffix("Z"),
        "DateUTC": ms_moment(note.at, books.switches.date_offset),
        "User": note.user,
        "Details": note.details,
    }


def _document_stub(books: Books, document_id: str) -> Json:
    invoice = books.invoices.get(document_id)
    if invoice is not None:
        return {"Invoice": invoice_stub(books, invoice)}
    credit = books.credits[document_id]
    name = credit.family.removesuffix("s")
    stub: Json = {
        ID_NAMES[credit.family]: credit.credit_id,
        "CurrencyCode": credit.currency_code,
        "Contact": {
            "ContactID": credit.contact_id,
            "Name": books.contacts[credit.contact_id].name,
        },
        "LineItems": [],
    }
    if name == "CreditNote":
        stub["CreditNoteNumber"] = credit.number or ""
    return {name: stub}
