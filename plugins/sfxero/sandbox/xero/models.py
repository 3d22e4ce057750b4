"""The records of one Xero organisation."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from uuid import uuid4

from sfxero.sandbox.xero.replies import Json

ZERO = Decimal("0.00")
# States in which a document has no effect any more.
DEAD = frozenset({"VOIDED", "DELETED"})


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
    """One line of a document; a line with neither price nor amount is description only."""

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
    """Sums of a document's lines, always with two decimals."""

    sub_total: Decimal = ZERO
    total_tax: Decimal = ZERO
    total: Decimal = ZERO
    discount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Payment:
    """Money in for a sales invoice, out for a bill, or a refund of a credit."""

    payment_id: str
    kind: str
    document_id: str
    amount: Decimal
    paid_on: date
    updated_at: datetime
    account_code: str
    currency_rate: Decimal
    bank_amount: Decimal
    reference: str | None = None
    status: str = "AUTHORISED"
    is_reconciled: bool = False
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """A part of a credit that pays an invoice without any payment."""

    allocation_id: str
    credit_id: str
    invoice_id: str
    amount: Decimal
    dated_on: date


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a record's history; it never changes."""

    changes: str
    at: datetime
    user: str
    details: str


@dataclass(frozen=True, slots=True)
class BatchPayment:
    """Several payments from or to one bank account, made and deleted together."""

    batch_id: str
    kind: str
    account_code: str
    paid_on: date
    updated_at: datetime
    payment_ids: tuple[str, ...]
    reference: str | None = None
    status: str = "AUTHORISED"


@dataclass(slots=True)
class Invoice:
    """One sales invoice or bill; `payments` holds the ids of those that stand."""

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
    payments: tuple[str, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    amount_paid: Decimal = ZERO
    amount_credited: Decimal = ZERO
    fully_paid_on: date | None = None

    @property
    def record_id(self) -> str:
        """The id, whatever the kind of document."""
        return self.invoice_id

    @property
    def amount_due(self) -> Decimal:
        """What is still owed; nothing once voided or deleted."""
        if self.status in DEAD:
            return ZERO
        return self.totals.total - self.amount_paid - self.amount_credited

    @property
    def has_allocations(self) -> bool:
        """Whether a payment or credit note stands against it."""
        return bool(self.amount_paid or self.amount_credited)


@dataclass(slots=True)
class Credit:
    """A credit note, an overpayment or a prepayment: money that invoices may be paid with."""

    credit_id: str
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
    reference: str | None = None
    branding_theme_id: str | None = None
    sent_to_contact: bool = False
    account_code: str | None = None
    bank_transaction_id: str | None = None
    lines: tuple[Line, ...] = ()
    totals: Totals = Totals()
    payments: tuple[str, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    amount_refunded: Decimal = ZERO
    fully_paid_on: date | None = None

    @property
    def record_id(self) -> str:
        """The id, whatever the kind of document."""
        return self.credit_id

    @property
    def family(self) -> str:
        """The endpoint that shows it."""
        if self.kind.endswith("CREDIT"):
            return "CreditNotes"
        return "Overpayments" if self.kind.endswith("OVERPAYMENT") else "Prepayments"

    @property
    def is_sales(self) -> bool:
        """Whether it is a customer's credit."""
        return self.kind.startswith(("ACCREC", "RECEIVE"))

    @property
    def allocated(self) -> Decimal:
        """How much of it invoices have taken."""
        return sum((one.amount for one in self.allocations), ZERO)

    @property
    def remaining(self) -> Decimal:
        """What is left to allocate or to refund."""
        if self.status in DEAD:
            return ZERO
        return self.totals.total - self.allocated - self.amount_refunded


def new_id() -> str:
    """An id as Xero chooses them."""
    return str(uuid4())


@lru_cache(maxsize=50_000)
def shared_number(value: Decimal, text: str) -> Decimal:  # noqa: ARG001 - equal values may have other digits
    """One object for all equal numbers with the same digits, so that big books stay small."""
    return value


@lru_cache(maxsize=50_000)
def shared_text(value: str) -> str:
    """One object for all equal texts."""
    return value
