"""Invoices in Xero's JSON shapes."""

from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.models import Invoice
from sfxero.sandbox.xero.rendering import contact_json, contact_stub, line_json
from sfxero.sandbox.xero.rendering_money import applied_credits, embedded_payment
from sfxero.sandbox.xero.replies import Json, day_text, moment_text, ms_day, ms_moment


def invoice_json(
    books: Books, invoice: Invoice, *, four_decimals: bool, lines: bool, whole_contact: bool
) -> Json:
    """An invoice; unpaged lists come without lines and with a stub contact."""
    contact = books.contacts[invoice.contact_id]
    totals = invoice.totals
    row: Json = {
        "Type": invoice.kind,
        "InvoiceID": invoice.invoice_id,
        "InvoiceNumber": invoice.number or "",
        **({"Reference": invoice.reference or ""} if invoice.kind == "ACCREC" else {}),
        "Payments": [embedded_payment(books, one) for one in invoice.payments],
        **applied_credits(books, invoice),
        "AmountDue": invoice.amount_due,
        "AmountPaid": invoice.amount_paid,
        "AmountCredited": invoice.amount_credited,
        "CurrencyRate": invoice.currency_rate,
        "IsDiscounted": bool(totals.discount),
        "HasAttachments": False,
        "HasErrors": False,
        "Contact": (
            contact_json(books, contact, detail=False) if whole_contact else contact_stub(contact)
        ),
        **_invoice_days(books, invoice),
        "Status": invoice.status,
        "LineAmountTypes": invoice.line_amount_types,
        "LineItems": [line_json(line, four_decimals=four_decimals) for line in invoice.lines]
        if lines
        else [],
        "SubTotal": totals.sub_total,
        "TotalTax": totals.total_tax,
        "Total": totals.total,
        "UpdatedDateUTC": ms_moment(invoice.updated_at, books.switches.date_offset),
        "UpdatedDateUTCString": moment_text(invoice.updated_at),
        "CurrencyCode": invoice.currency_code,
    }
    return row | _invoice_extras(invoice)


def summary_json(books: Books, invoice: Invoice) -> Json:
    """`summaryOnly=true`: no lines, no allocations."""
    row = invoice_json(books, invoice, four_decimals=False, lines=False, whole_contact=False)
    for name in ("LineItems", "Payments", "CreditNotes", "Prepayments", "Overpayments"):
        del row[name]
    return row


def _invoice_days(books: Books, invoice: Invoice) -> Json:
    offset = books.switches.date_offset
    row: Json = {
        "DateString": day_text(invoice.dated_on),
        "Date": ms_day(invoice.dated_on, offset),
    }
    if invoice.due_on is not None:
        row |= {
            "DueDateString": day_text(invoice.due_on),
            "DueDate": ms_day(invoice.due_on, offset),
        }
    others = {
        "ExpectedPaymentDate": invoice.expected_payment_on,
        "PlannedPaymentDate": invoice.planned_payment_on,
        "FullyPaidOnDate": invoice.fully_paid_on,
    }
    return row | {name: ms_day(day, offset) for name, day in others.items() if day is not None}


def _invoice_extras(invoice: Invoice) -> Json:
    row: Json = {}
    if invoice.url:
        row["Url"] = invoice.url
    if invoice.branding_theme_id:
        row["BrandingThemeID"] = invoice.branding_theme_id
    if invoice.kind == "ACCREC":
        row["SentToContact"] = invoice.sent_to_contact
    if invoice.totals.discount:
        row["TotalDiscount"] = invoice.totals.discount
    return row
