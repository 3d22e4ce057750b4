"""The Xero side as one object: books, identity, limits and stored replies."""

from dataclasses import replace
from decimal import Decimal

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.xero.contacts import plan_contact
from sfxero.sandbox.xero.idempotency import IdempotencyStore
from sfxero.sandbox.xero.identity import App, Identity
from sfxero.sandbox.xero.limits import Limits
from sfxero.sandbox.xero.models import Books, Contact, Invoice, Payment, new_id
from sfxero.sandbox.xero.switches import Switches, SwitchValue


class NotPossible(Exception):
    """A bookkeeper's action that the books do not allow."""


class XeroService:
    """State of the Xero side, and what people do inside Xero."""

    def __init__(self, clock: SandboxClock, app: App, switches: Switches) -> None:
        """`switches` are also what `reset` returns to."""
        self.clock = clock
        self._first_switches = switches
        self.books = Books(clock)
        self.books.switches = switches
        self.identity = Identity(clock, app, self.books.organisation.name)
        self.limits = Limits(clock, lambda: self.books.switches)
        self.idempotency = IdempotencyStore(clock, lambda: self.books.switches)

    def reset(self) -> None:
        """Empty the books; tokens stay valid so that running clients go on."""
        self.books.clear()
        self.books.switches = self._first_switches
        self.limits.reset()
        self.idempotency.reset()

    def set_switches(self, values: dict[str, SwitchValue]) -> None:
        """Change some switches."""
        self.books.switches = self.books.switches.changed(values)

    def archive(self, contact_id: str) -> Contact:
        """Archive a contact, as a person in Xero does."""
        contact = self.books.contacts[contact_id]
        if contact.status == "ARCHIVED":
            return contact
        plan = plan_contact(self.books, {"ContactStatus": "ARCHIVED"}, contact)
        self.books.put_contact(plan.contact)
        return plan.contact

    def pay(self, invoice_id: str, amount: Decimal) -> Invoice:
        """Pay an approved invoice, in part or in full, today."""
        invoice = self.books.invoices[invoice_id]
        if invoice.status != "AUTHORISED":
            raise NotPossible("Payments can only be made against Authorised documents")
        if not 0 < amount <= invoice.amount_due:
            raise NotPossible("Payment amount exceeds the amount outstanding on this document")
        today = self.books.today()
        paid = replace(
            invoice,
            payments=(*invoice.payments, Payment(new_id(), amount, today)),
            amount_paid=invoice.amount_paid + amount,
            updated_at=self.clock.now(),
        )
        if not paid.amount_due:
            paid = replace(paid, status="PAID", fully_paid_on=today)
        self.books.put_invoice(paid)
        return paid
