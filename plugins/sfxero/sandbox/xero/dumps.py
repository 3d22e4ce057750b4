"""Xero's state for tests and tables, without its wire forms: amounts are text."""

from collections import Counter
from decimal import Decimal

from sfxero.sandbox.xero.models import Allocation, Contact, Credit, Invoice, Line, Payment
from sfxero.sandbox.xero.service import XeroService


def xero_state(service: XeroService, *, full: bool) -> dict[str, object]:
    """Counts of the Xero side; all rows on request."""
    books, app = service.books, next(iter(service.identity.apps))
    meter = service.limits.meter(app, service.identity.tenant_id)
    invoices = list(books.invoices.values())
    state: dict[str, object] = {
        "tenant_id": service.identity.tenant_id,
        "contacts": len(books.contacts),
        "invoices": len(invoices),
        "invoices_by_status": dict(Counter(invoice.status for invoice in invoices)),
        "invoiced_total": format(sum((one.totals.total for one in invoices), Decimal("0.00")), "f"),
        "payments": len(books.payments),
        "credits": len(books.credits),
        "violations": len(service.violations),
        "calls_today": meter.day.used_at(service.clock.now()),
        "peak_in_flight": meter.peak_in_flight,
        "refused_by_limit": meter.refused,
    }
    if full:
        state["contact_rows"] = [contact_dump(one) for one in books.contacts.values()]
        state["invoice_rows"] = [invoice_dump(one) for one in invoices]
        state["payment_rows"] = [payment_dump(one) for one in books.payments.values()]
        state["credit_rows"] = [credit_dump(one) for one in books.credits.values()]
    return state


def contact_dump(contact: Contact) -> dict[str, object]:
    """A contact."""
    return {
        "contact_id": contact.contact_id,
        "name": contact.name,
        "status": contact.status,
        "merged_to": contact.merged_to,
        "texts": contact.texts,
        "addresses": contact.addresses,
        "phones": contact.phones,
        "updated_at": contact.updated_at.isoformat(),
    }


def invoice_dump(invoice: Invoice) -> dict[str, object]:
    """An invoice or bill."""
    return {
        "invoice_id": invoice.invoice_id,
        "type": invoice.kind,
        "number": invoice.number,
        "reference": invoice.reference,
        "contact_id": invoice.contact_id,
        "status": invoice.status,
        "url": invoice.url,
        "currency": invoice.currency_code,
        "line_amount_types": invoice.line_amount_types,
        "dated_on": invoice.dated_on.isoformat(),
        "due_on": invoice.due_on.isoformat() if invoice.due_on else None,
        "sub_total": format(invoice.totals.sub_total, "f"),
        "total_tax": format(invoice.totals.total_tax, "f"),
        "total": format(invoice.totals.total, "f"),
        "amount_paid": format(invoice.amount_paid, "f"),
        "amount_credited": format(invoice.amount_credited, "f"),
        "amount_due": format(invoice.amount_due, "f"),
        "payment_ids": list(invoice.payments),
        "allocations": [_allocation_dump(one) for one in invoice.allocations],
        "updated_at": invoice.updated_at.isoformat(),
        "lines": [_line_dump(line) for line in invoice.lines],
    }


def credit_dump(credit: Credit) -> dict[str, object]:
    """A credit note, overpayment or prepayment."""
    return {
        "credit_id": credit.credit_id,
        "type": credit.kind,
        "number": credit.number,
        "contact_id": credit.contact_id,
        "status": credit.status,
        "currency": credit.currency_code,
        "dated_on": credit.dated_on.isoformat(),
        "total": format(credit.totals.total, "f"),
        "remaining": format(credit.remaining, "f"),
        "payment_ids": list(credit.payments),
        "allocations": [_allocation_dump(one) for one in credit.allocations],
        "updated_at": credit.updated_at.isoformat(),
        "lines": [_line_dump(line) for line in credit.lines],
    }


def payment_dump(payment: Payment) -> dict[str, object]:
    """A payment."""
    return {
        "payment_id": payment.payment_id,
        "type": payment.kind,
        "document_id": payment.document_id,
        "status": payment.status,
        "amount": format(payment.amount, "f"),
        "paid_on": payment.paid_on.isoformat(),
        "account": payment.account_code,
        "reference": payment.reference,
        "updated_at": payment.updated_at.isoformat(),
    }


def _allocation_dump(allocation: Allocation) -> dict[str, object]:
    return {
        "allocation_id": allocation.allocation_id,
        "credit_id": allocation.credit_id,
        "invoice_id": allocation.invoice_id,
        "amount": format(allocation.amount, "f"),
    }


def _line_dump(line: Line) -> dict[str, object]:
    return {
        "description": line.description,
        "quantity": _text(line.quantity),
        "unit_amount": _text(line.unit_amount),
        "discount_rate": _text(line.discount_rate),
        "discount_amount": _text(line.discount_amount),
        "line_amount": _text(line.line_amount),
        "account_code": line.account_code,
        "item_code": line.item_code,
        "tax_type": line.tax_type,
        "tax_amount": _text(line.tax_amount),
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")
