"""What one Xero organisation holds; changes go through `put_*`, can be undone and are told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import TypeVar

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.xero.models import (
    DEAD,
    BatchPayment,
    Contact,
    Credit,
    Invoice,
    Note,
    Payment,
)
from sfxero.sandbox.xero.settings_seed import (
    ACCOUNTS,
    BRANDING_THEMES,
    CURRENCIES,
    ITEMS,
    TAX_RATES,
    TRACKING,
    Organisation,
)
from sfxero.sandbox.xero.switches import Switches
from sfxero.sandbox.xero.tables import Table

_Row = TypeVar("_Row", Contact, Invoice, Credit, Payment, BatchPayment)


@dataclass(frozen=True, slots=True)
class Change:
    """A stored change that webhooks may tell of; `cause` says if money caused it."""

    category: str
    cause: str = ""
    record_id: str = ""
    is_new: bool = False


@dataclass(slots=True)
class Transaction:
    """The changes of one request or one action of a person."""

    undo: list[Callable[[], object]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def revert(self) -> None:
        """Undo everything, last change first."""
        for step in reversed(self.undo):
            step()
        self.undo.clear()
        self.changes.clear()


class Books:
    """The organisation's records with their unique keys, and a way back."""

    def __init__(self, clock: SandboxClock) -> None:
        """Start with the settings seed and no documents."""
        self.clock = clock
        self.organisation = Organisation()
        self.switches = Switches()
        self.on_changes: Callable[[list[Change]], None] | None = None
        self._transaction: Transaction | None = None
        self.clear()

    def clear(self) -> None:
        """Forget contacts and documents and start the settings anew; switches stay."""
        self.accounts = {account.code: account for account in ACCOUNTS}
        self.account_codes = {account.account_id: account.code for account in ACCOUNTS}
        self.tax_rates = {rate.tax_type: rate for rate in TAX_RATES}
        self.items = {item.code: item for item in ITEMS}
        self.branding_themes = dict(BRANDING_THEMES)
        self.tracking = dict(TRACKING)
        self.contact_table: Table[Contact] = Table(
            lambda one: one.contact_id,
            lambda one: one.updated_at,
            {
                "name": lambda one: one.name.casefold(),
                "ContactNumber": lambda one: one.number,
                "AccountNumber": lambda one: one.texts.get("AccountNumber"),
            },
        )
        self.invoice_table: Table[Invoice] = Table(
            lambda one: one.invoice_id,
            lambda one: one.updated_at,
            {
                "InvoiceNumber": lambda one: one.number,
                "Reference": lambda one: one.reference,
                "contact": lambda one: one.contact_id,
            },
        )
        self.credit_table: Table[Credit] = Table(
            lambda one: one.credit_id,
            lambda one: one.updated_at,
            {"number": lambda one: one.number, "contact": lambda one: one.contact_id},
        )
        self.payment_table: Table[Payment] = Table(
            lambda one: one.payment_id, lambda one: one.updated_at
        )
        self.batch_table: Table[BatchPayment] = Table(
            lambda one: one.batch_id, lambda one: one.updated_at
        )
        self.notes: dict[str, list[Note]] = {}
        self.approvals: dict[str, int] = {}
        self._next_numbers = {"INV": 1, "CN": 1}

    @property
    def contacts(self) -> dict[str, Contact]:
        """All contacts by id."""
        return self.contact_table.rows

    @property
    def invoices(self) -> dict[str, Invoice]:
        """All invoices and bills by id."""
        return self.invoice_table.rows

    @property
    def credits(self) -> dict[str, Credit]:
        """All credit notes, overpayments and prepayments by id."""
        return self.credit_table.rows

    @property
    def payments(self) -> dict[str, Payment]:
        """All payments by id, deleted ones included."""
        return self.payment_table.rows

    @property
    def currencies(self) -> dict[str, tuple[str, Decimal]]:
        """The enabled currencies: only the base one unless the plan is multi-currency."""
        base = self.organisation.base_currency
        return {
            code: (name, rate)
            for code, name, rate in CURRENCIES
            if code == base or self.switches.multi_currency
        }

    def today(self) -> date:
        """The calendar day in the organisation's time zone."""
        return self.clock.now().astimezone(self.organisation.timezone).date()

    def name_key(self, name: str) -> str:
        """How two names are compared."""
        return name if self.switches.name_case_sensitive else name.casefold()

    def active_named(self, name: str) -> Contact | None:
        """The active contact of this name, case ignored unless switched."""
        for contact in self.contact_table.find("name", name.casefold()):
            if contact.status == "ACTIVE" and self.name_key(contact.name) == self.name_key(name):
                return contact
        return None

    def numbered(self, number: str) -> Contact | None:
        """The contact of this ContactNumber, archived ones included."""
        return next(iter(self.contact_table.find("ContactNumber", number)), None)

    def with_account_number(self, number: str) -> Contact | None:
        """The contact of this AccountNumber."""
        return next(iter(self.contact_table.find("AccountNumber", number)), None)

    def sales_invoice(self, number: str) -> Invoice | None:
        """The sales invoice that holds this number; a dead one only if none lives."""
        found = self.invoice_table.find("InvoiceNumber", number)
        sales = [invoice for invoice in found if invoice.kind == "ACCREC"]
        alive = [invoice for invoice in sales if invoice.status not in DEAD]
        return next(iter(alive or sales), None)

    def any_invoice(self, number: str) -> Invoice | None:
        """The invoice of this number, sales invoices first."""
        found = self.invoice_table.find("InvoiceNumber", number)
        return self.sales_invoice(number) or next(iter(found), None)

    def credit_note(self, number: str) -> Credit | None:
        """The credit note of this number."""
        return next(iter(self.credit_table.find("number", number)), None)

    def number_taken(self, number: str, *, but: str | None) -> bool:
        """Whether another sales invoice holds this number."""
        return any(
            other.kind == "ACCREC"
            and other.invoice_id != but
            and not (other.status in DEAD and self.switches.number_reuse)
            for other in self.invoice_table.find("InvoiceNumber", number)
        )

    def new_number(self, prefix: str) -> str:
        """The next free number of the organisation's own sequence."""
        index = (
            self.invoice_table.indexes["InvoiceNumber"]
            if prefix == "INV"
            else self.credit_table.indexes["number"]
        )
        while True:
            number = f"{prefix}-{self._next_numbers[prefix]:04d}"
            self._next_numbers[prefix] += 1
            if number not in index:
                return number

    def invoices_of(self, contact_id: str) -> list[Invoice]:
        """All invoices and bills of one contact."""
        return self.invoice_table.find("contact", contact_id)

    def credits_of(self, contact_id: str) -> list[Credit]:
        """All credits of one contact."""
        return self.credit_table.find("contact", contact_id)

    def put_contact(self, contact: Contact) -> None:
        """Store a new or changed contact."""
        self._put(self.contact_table, contact.contact_id, contact, Change("CONTACT"))

    def put_invoice(self, invoice: Invoice, *, cause: str = "") -> None:
        """Store a new or changed document."""
        self._put(self.invoice_table, invoice.invoice_id, invoice, Change("INVOICE", cause))

    def put_credit(self, credit: Credit) -> None:
        """Store a new or changed credit."""
        category = credit.family.removesuffix("s").upper()
        self._put(self.credit_table, credit.credit_id, credit, Change(category))

    def put_payment(self, payment: Payment) -> None:
        """Store a new or deleted payment; webhooks have no category for it."""
        self._put(self.payment_table, payment.payment_id, payment)

    def put_batch(self, batch: BatchPayment) -> None:
        """Store a new or deleted batch payment."""
        self._put(self.batch_table, batch.batch_id, batch)

    def note(self, record_id: str, changes: str, *, user: str, details: str = "") -> Note:
        """Add a line to a record's history."""
        note = Note(changes, self.clock.now(), user, details)
        notes = self.notes.setdefault(record_id, [])
        notes.append(note)
        self._remember(partial(notes.remove, note))
        return note

    @property
    def is_capped(self) -> bool:
        """Whether the plan's approved invoices of this month are used up; 0 is no cap."""
        cap = self.switches.approval_cap
        return bool(cap) and self.approvals.get(self.month(), 0) >= cap

    def count_approval(self) -> None:
        """Count an approved sales invoice of this month, for the plan's cap."""
        month = self.month()
        self.approvals[month] = self.approvals.get(month, 0) + 1

        def take_back() -> None:
            self.approvals[month] -= 1

        self._remember(take_back)

    def month(self) -> str:
        """The organisation's month."""
        return f"{self.today():%Y-%m}"

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Note each change, so that all can be undone; at the end tell what was stored."""
        transaction = self._transaction = Transaction()
        try:
            yield transaction
        except BaseException:
            transaction.revert()
            raise
        finally:
            self._transaction = None
        if transaction.changes and self.on_changes is not None:
            self.on_changes(transaction.changes)

    def _put(
        self, table: Table[_Row], row_id: str, row: _Row, change: Change | None = None
    ) -> None:
        """Store; a change that does not move the record's time is not told."""
        old = table.put(row)
        self._remember(partial(table.restore, row_id, old))
        # By identity: on a clock that stands still a later change has an equal time.
        moved = old is None or old.updated_at is not row.updated_at
        if self._transaction is not None and change is not None and moved:
            change = replace(change, record_id=row_id, is_new=old is None)
            self._transaction.changes.append(change)

    def _remember(self, step: Callable[[], object]) -> None:
        if self._transaction is not None:
            self._transaction.undo.append(step)
