"""What one Xero organisation holds; every change of it goes through `Books.put_*`."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import uuid4

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.xero.replies import Json
from sfxero.sandbox.xero.settings_seed import (
    ACCOUNTS,
    BRANDING_THEMES,
    CURRENCIES,
    TAX_RATES,
    TRACKING,
    Organisation,
)
from sfxero.sandbox.xero.switches import Switches

ZERO = Decimal("0.00")


@dataclass(slots=True)
class Contact:
    """One contact; text that is absent is `None`."""

    contact_id: str
    name: str
    updated_at: datetime
    status: str = "ACTIVE"
    texts: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, dict[str, str]] = field(default_factory=dict)
    phones: dict[str, dict[str, str]] = field(default_factory=dict)
    persons: tuple[Json, ...] = ()
    payment_terms: Json | None = None
    merged_to: str | None = None
    is_customer: bool = False
    is_supplier: bool = False

    @property
    def number(self) -> str | None:
        """The external id that only the API can set."""
        return self.texts.get("ContactNumber")


@dataclass(frozen=True, slots=True)
class Line:
    """One invoice line; a line with neither price nor amount is description only."""

    line_id: str
    description: str | None = None
    quantity: Decimal | None = None
    unit_amount: Decimal | None = None
    line_amount: Decimal | None = None
    discount_rate: Decimal | None = None
    discount_amount: Decimal | None = None
    item_code: str | None = None
    account_code: str | None = None
    tax_type: str | None = None
    tax_amount: Decimal = ZERO
    tracking: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of an invoice's lines, always with two decimals."""

    sub_total: Decimal = ZERO
    total_tax: Decimal = ZERO
    total: Decimal = ZERO
    discount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as an invoice shows it."""

    payment_id: str
    amount: Decimal
    paid_on: date


@dataclass(slots=True)
class Invoice:
    """One sales invoice or bill."""

    invoice_id: str
    kind: str
    number: str | None
    contact_id: str
    status: str
    dated_on: date
    line_amount_types: str
    currency_code: str
    currency_rate: Decimal
    updated_at: datetime
    created_by: str
    due_on: date | None = None
    reference: str | None = None
    url: str | None = None
    branding_theme_id: str | None = None
    expected_payment_on: date | None = None
    planned_payment_on: date | None = None
    sent_to_contact: bool = False
    lines: tuple[Line, ...] = ()
    totals: Totals = Totals()
    payments: tuple[Payment, ...] = ()
    amount_paid: Decimal = ZERO
    amount_credited: Decimal = ZERO
    fully_paid_on: date | None = None

    @property
    def amount_due(self) -> Decimal:
        """What is still owed; nothing once voided or deleted."""
        if self.status in {"VOIDED", "DELETED"}:
            return ZERO
        return self.totals.total - self.amount_paid - self.amount_credited

    @property
    def has_allocations(self) -> bool:
        """Whether a payment or credit note stands against it."""
        return bool(self.amount_paid or self.amount_credited)


class Books:
    """The organisation's records with their unique keys, and a way back."""

    def __init__(self, clock: SandboxClock) -> None:
        """Start with the settings seed and no documents."""
        self.clock = clock
        self.organisation = Organisation()
        self.accounts = {account.code: account for account in ACCOUNTS}
        self.tax_rates = {rate.tax_type: rate for rate in TAX_RATES}
        self.currencies = {code: (name, rate) for code, name, rate in CURRENCIES}
        self.branding_themes = dict(BRANDING_THEMES)
        self.tracking = dict(TRACKING)
        self.switches = Switches()
        self._undo: list[Contact | Invoice | tuple[str, str]] | None = None
        self.clear()

    def clear(self) -> None:
        """Forget contacts and documents; settings and switches stay."""
        self.contacts: dict[str, Contact] = {}
        self.invoices: dict[str, Invoice] = {}
        self._by_name: dict[str, set[str]] = defaultdict(set)
        self._by_contact_number: dict[str, set[str]] = defaultdict(set)
        self._by_account_number: dict[str, set[str]] = defaultdict(set)
        self._by_invoice_number: dict[str, set[str]] = defaultdict(set)
        self._of_contact: dict[str, set[str]] = defaultdict(set)
        self._next_invoice = 1

    def today(self) -> date:
        """The calendar day in the organisation's time zone."""
        return self.clock.now().astimezone(self.organisation.timezone).date()

    def name_key(self, name: str) -> str:
        """How two names are compared."""
        return name if self.switches.name_case_sensitive else name.casefold()

    def active_named(self, name: str) -> Contact | None:
        """The active contact of this name, case ignored unless switched."""
        for contact_id in self._by_name.get(name.casefold(), ()):
            contact = self.contacts[contact_id]
            if contact.status == "ACTIVE" and self.name_key(contact.name) == self.name_key(name):
                return contact
        return None

    def numbered(self, number: str) -> Contact | None:
        """The contact of this ContactNumber, archived ones included."""
        found = self._by_contact_number.get(number)
        return self.contacts[min(found)] if found else None

    def with_account_number(self, number: str) -> Contact | None:
        """The contact of this AccountNumber."""
        found = self._by_account_number.get(number)
        return self.contacts[min(found)] if found else None

    def sales_invoice(self, number: str) -> Invoice | None:
        """The sales invoice that holds this number; a dead one only if none lives."""
        found = [self.invoices[key] for key in sorted(self._by_invoice_number.get(number, ()))]
        sales = [invoice for invoice in found if invoice.kind == "ACCREC"]
        alive = [invoice for invoice in sales if invoice.status not in {"VOIDED", "DELETED"}]
        return next(iter(alive or sales), None)

    def any_invoice(self, number: str) -> Invoice | None:
        """The invoice of this number, sales invoices first."""
        found = self.sales_invoice(number)
        if found is None:
            keys = sorted(self._by_invoice_number.get(number, ()))
            found = self.invoices[keys[0]] if keys else None
        return found

    def number_taken(self, number: str, *, but: str | None) -> bool:
        """Whether another sales invoice holds this number."""
        for key in self._by_invoice_number.get(number, ()):
            other = self.invoices[key]
            dead = other.status in {"VOIDED", "DELETED"}
            if other.kind == "ACCREC" and key != but and not (dead and self.switches.number_reuse):
                return True
        return False

    def new_invoice_number(self) -> str:
        """The next free number of the organisation's own sequence."""
        while True:
            number = f"INV-{self._next_invoice:04d}"
            self._next_invoice += 1
            if number not in self._by_invoice_number or not self._by_invoice_number[number]:
                return number

    def invoices_of(self, contact_id: str) -> list[Invoice]:
        """All documents of one contact."""
        return [self.invoices[key] for key in self._of_contact.get(contact_id, ())]

    def put_contact(self, contact: Contact) -> None:
        """Store a new or changed contact."""
        old = self.contacts.get(contact.contact_id)
        self._remember(old or ("contact", contact.contact_id))
        self._index_contact(old, contact)

    def put_invoice(self, invoice: Invoice) -> None:
        """Store a new or changed document."""
        old = self.invoices.get(invoice.invoice_id)
        self._remember(old or ("invoice", invoice.invoice_id))
        self._index_invoice(old, invoice)

    @contextmanager
    def revertible(self) -> Iterator[list[Contact | Invoice | tuple[str, str]]]:
        """Note what each change replaces, so that `revert` can undo them."""
        self._undo = []
        try:
            yield self._undo
        finally:
            self._undo = None

    def revert(self, notes: list[Contact | Invoice | tuple[str, str]]) -> None:
        """Undo the noted changes, last one first."""
        self._undo = None
        for note in reversed(notes):
            match note:
                case Contact():
                    self._index_contact(self.contacts[note.contact_id], note)
                case Invoice():
                    self._index_invoice(self.invoices[note.invoice_id], note)
                case ("contact", key):
                    self._index_contact(self.contacts[key], None)
                case (_, key):
                    self._index_invoice(self.invoices[key], None)

    def _remember(self, note: Contact | Invoice | tuple[str, str]) -> None:
        if self._undo is not None:
            self._undo.append(note)

    def _index_contact(self, old: Contact | None, new: Contact | None) -> None:
        for contact, is_new in ((old, False), (new, True)):
            if contact is None:
                continue
            keys = (
                (self._by_name, contact.name.casefold()),
                (self._by_contact_number, contact.number),
                (self._by_account_number, contact.texts.get("AccountNumber")),
            )
            for index, key in keys:
                _mark(index, key, contact.contact_id, present=is_new)
        if new is not None:
            self.contacts[new.contact_id] = new
        elif old is not None:
            del self.contacts[old.contact_id]

    def _index_invoice(self, old: Invoice | None, new: Invoice | None) -> None:
        for invoice, is_new in ((old, False), (new, True)):
            if invoice is None:
                continue
            _mark(self._by_invoice_number, invoice.number, invoice.invoice_id, present=is_new)
            _mark(self._of_contact, invoice.contact_id, invoice.invoice_id, present=is_new)
        if new is not None:
            self.invoices[new.invoice_id] = new
        elif old is not None:
            del self.invoices[old.invoice_id]


def _mark(index: dict[str, set[str]], key: str | None, value: str, *, present: bool) -> None:
    if not key:
        return
    if present:
        index[key].add(value)
    else:
        index[key].discard(value)
        if not index[key]:
            del index[key]


def new_id() -> str:
    """An id as Xero chooses them."""
    return str(uuid4())
