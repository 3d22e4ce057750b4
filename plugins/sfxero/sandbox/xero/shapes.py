"""How `where`, `order` and `searchTerm` see contacts, invoices, payments and credits."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.listing import Shape, plain
from sfxero.sandbox.xero.models import BatchPayment, Contact, Credit, Invoice, Payment
from sfxero.sandbox.xero.where import Value

_CONTACT_TEXTS = (
    "FirstName",
    "LastName",
    "EmailAddress",
    "ContactNumber",
    "AccountNumber",
    "CompanyNumber",
    "TaxNumber",
)


_CONTACT_VALUES: Mapping[str, tuple[type, Callable[[Contact], Value]]] = {
    "ContactID": (UUID, lambda one: UUID(one.contact_id)),
    "Name": (str, lambda one: one.name),
    "ContactStatus": (str, lambda one: one.status),
    "IsCustomer": (bool, lambda one: one.is_customer),
    "IsSupplier": (bool, lambda one: one.is_supplier),
    "UpdatedDateUTC": (datetime, lambda one: one.updated_at),
}


def _contact_value(_books: Books, contact: Contact, name: str) -> Value:
    known = _CONTACT_VALUES.get(name)
    return known[1](contact) if known else contact.texts.get(name)


CONTACTS: Shape[Contact] = Shape(
    kinds={
        **{name: kind for name, (kind, _) in _CONTACT_VALUES.items()},
        **dict.fromkeys(_CONTACT_TEXTS, str),
    },
    value=_contact_value,
    folded={"Name": plain, "EmailAddress": plain, "AccountNumber": plain},
    searched=(
        "Name",
        "FirstName",
        "LastName",
        "ContactNumber",
        "CompanyNumber",
        "EmailAddress",
    ),
    updated_at=lambda contact: contact.updated_at,
    record_id=lambda contact: contact.contact_id,
)

_INVOICE_VALUES: Mapping[str, tuple[type, Callable[[Books, Invoice], Value]]] = {
    "InvoiceID": (UUID, lambda _, one: UUID(one.invoice_id)),
    "Status": (str, lambda _, one: one.status),
    "Type": (str, lambda _, one: one.kind),
    "InvoiceNumber": (str, lambda _, one: one.number),
    "Reference": (str, lambda _, one: one.reference),
    "Url": (str, lambda _, one: one.url),
    "CurrencyCode": (str, lambda _, one: one.currency_code),
    "Date": (date, lambda _, one: one.dated_on),
    "DueDate": (date, lambda _, one: one.due_on),
    "UpdatedDateUTC": (datetime, lambda _, one: one.updated_at),
    "AmountDue": (Decimal, lambda _, one: one.amount_due),
    "AmountPaid": (Decimal, lambda _, one: one.amount_paid),
    "AmountCredited": (Decimal, lambda _, one: one.amount_credited),
    "SubTotal": (Decimal, lambda _, one: one.totals.sub_total),
    "TotalTax": (Decimal, lambda _, one: one.totals.total_tax),
    "FullyPaidOnDate": (date, lambda _, one: one.fully_paid_on),
    "ExpectedPaymentDate": (date, lambda _, one: one.expected_payment_on),
    "SentToContact": (bool, lambda _, one: one.sent_to_contact),
    "Total": (Decimal, lambda _, one: one.totals.total),
    "Contact.ContactID": (UUID, lambda _, one: UUID(one.contact_id)),
    "Contact.Name": (str, lambda books, one: books.contacts[one.contact_id].name),
    "Contact.ContactNumber": (str, lambda books, one: books.contacts[one.contact_id].number),
}

INVOICES: Shape[Invoice] = Shape(
    kinds={name: kind for name, (kind, _) in _INVOICE_VALUES.items()},
    value=lambda books, invoice, name: _INVOICE_VALUES[name][1](books, invoice),
    folded={"Contact.Name": plain},
    searched=("InvoiceNumber", "Reference"),
    updated_at=lambda invoice: invoice.updated_at,
    record_id=lambda invoice: invoice.invoice_id,
)


def _invoice_id(books: Books, payment: Payment) -> UUID | None:
    return UUID(payment.document_id) if payment.document_id in books.invoices else None


def _invoice_number(books: Books, payment: Payment) -> str | None:
    invoice = books.invoices.get(payment.document_id)
    return invoice.number if invoice else None


_PAYMENT_VALUES: Mapping[str, tuple[type, Callable[[Books, Payment], Value]]] = {
    "PaymentID": (UUID, lambda _, one: UUID(one.payment_id)),
    "PaymentType": (str, lambda _, one: one.kind),
    "Status": (str, lambda _, one: one.status),
    "Date": (date, lambda _, one: one.paid_on),
    "Amount": (Decimal, lambda _, one: one.amount),
    "Reference": (str, lambda _, one: one.reference),
    "IsReconciled": (bool, lambda _, one: one.is_reconciled),
    "UpdatedDateUTC": (datetime, lambda _, one: one.updated_at),
    "Invoice.InvoiceID": (UUID, _invoice_id),
    "Invoice.InvoiceNumber": (str, _invoice_number),
}

PAYMENTS: Shape[Payment] = Shape(
    kinds={name: kind for name, (kind, _) in _PAYMENT_VALUES.items()},
    value=lambda books, payment, name: _PAYMENT_VALUES[name][1](books, payment),
    folded={},
    searched=("Reference",),
    updated_at=lambda payment: payment.updated_at,
    record_id=lambda payment: payment.payment_id,
)


_CREDIT_VALUES: Mapping[str, tuple[type, Callable[[Books, Credit], Value]]] = {
    "CreditNoteID": (UUID, lambda _, one: UUID(one.credit_id)),
    "OverpaymentID": (UUID, lambda _, one: UUID(one.credit_id)),
    "PrepaymentID": (UUID, lambda _, one: UUID(one.credit_id)),
    "CreditNoteNumber": (str, lambda _, one: one.number),
    "Type": (str, lambda _, one: one.kind),
    "Status": (str, lambda _, one: one.status),
    "Reference": (str, lambda _, one: one.reference),
    "Date": (date, lambda _, one: one.dated_on),
    "Total": (Decimal, lambda _, one: one.totals.total),
    "RemainingCredit": (Decimal, lambda _, one: one.remaining),
    "UpdatedDateUTC": (datetime, lambda _, one: one.updated_at),
    "Contact.ContactID": (UUID, lambda _, one: UUID(one.contact_id)),
    "Contact.Name": (str, lambda books, one: books.contacts[one.contact_id].name),
}

CREDITS: Shape[Credit] = Shape(
    kinds={name: kind for name, (kind, _) in _CREDIT_VALUES.items()},
    value=lambda books, credit, name: _CREDIT_VALUES[name][1](books, credit),
    folded={"Contact.Name": plain},
    searched=("CreditNoteNumber", "Reference"),
    updated_at=lambda credit: credit.updated_at,
    record_id=lambda credit: credit.credit_id,
)

_BATCH_VALUES: Mapping[str, tuple[type, Callable[[BatchPayment], Value]]] = {
    "BatchPaymentID": (UUID, lambda one: UUID(one.batch_id)),
    "Status": (str, lambda one: one.status),
    "Date": (date, lambda one: one.paid_on),
    "UpdatedDateUTC": (datetime, lambda one: one.updated_at),
}

BATCHES: Shape[BatchPayment] = Shape(
    kinds={name: kind for name, (kind, _) in _BATCH_VALUES.items()},
    value=lambda _, batch, name: _BATCH_VALUES[name][1](batch),
    folded={},
    searched=(),
    updated_at=lambda batch: batch.updated_at,
    record_id=lambda batch: batch.batch_id,
)
