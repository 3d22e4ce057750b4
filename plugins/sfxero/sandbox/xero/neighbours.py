"""Beside an invoice: its online address and the e-mail to the customer (xero-api, 5.5)."""

from dataclasses import replace

from sfxero.sandbox.xero.batches import known_id_of
from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.failures import ValidationFailed
from sfxero.sandbox.xero.replies import Reply
from sfxero.sandbox.xero.settings_seed import seeded_id


def read_online_invoice(call: Call) -> Reply:
    """The customer's link to an invoice."""
    invoice_id = known_id_of(call, call.books.invoices)
    address = f"https://in.xero.com/{seeded_id('online', invoice_id).replace('-', '')}"
    return call.answer("OnlineInvoices", [{"OnlineInvoiceUrl": address}])


def email_invoice(call: Call) -> Reply:
    """Send an approved sales invoice to its contact; the reply has no body."""
    books = call.books
    invoice = books.invoices[known_id_of(call, books.invoices)]
    contact = books.contacts[invoice.contact_id]
    if invoice.kind != "ACCREC" or invoice.status not in {"SUBMITTED", "AUTHORISED", "PAID"}:
        raise _refusal(invoice.invoice_id, "The invoice status does not allow it to be emailed.")
    if not contact.texts.get("EmailAddress"):
        raise _refusal(invoice.invoice_id, "The contact has no email address.")
    with books.writing():
        books.put_invoice(replace(invoice, sent_to_contact=True, updated_at=books.clock.now()))
        books.note(invoice.invoice_id, "Invoice emailed", user=call.user)
    return Reply(204, b"", None)


def _refusal(invoice_id: str, message: str) -> ValidationFailed:
    return ValidationFailed([{"InvoiceID": invoice_id, "ValidationErrors": [{"Message": message}]}])
