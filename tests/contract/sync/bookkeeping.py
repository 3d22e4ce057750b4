"""A bookkeeper's month in Xero: seeded actions of every kind that changes what is owed."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from tests.contract.sync.showing import Showing

from sfxero.sandbox.xero.hands import NotPossible
from sfxero.sandbox.xero.models import Credit, Invoice

if TYPE_CHECKING:
    from collections.abc import Callable

CENT = Decimal("0.01")
MONEY = ("Overpayments", "Prepayments")


class Bookkeeper:
    """Does one action after the other, each on a random document of the sync's."""

    def __init__(self, showing: Showing, opportunities: list[str], *, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a script, not a secret
        self.done: Counter[str] = Counter()
        self._showing = showing
        self._hands = showing.hands
        self._books = showing.world.books
        self._opportunities = opportunities
        self._actions: dict[str, Callable[[Invoice], object]] = {
            "pay a part": lambda one: self._hands.pay(one.invoice_id, self._part(one.amount_due)),
            "pay": lambda one: self._hands.pay(one.invoice_id),
            "delete a payment": self._delete_payment,
            "match a payment": self._match,
            "credit a part": lambda one: self._hands.credit(
                one.invoice_id, self._part(one.amount_due)
            ),
            "credit": lambda one: self._hands.credit(one.invoice_id),
            "take a credit back": self._deallocate,
            "receive too much": lambda one: self._receive(one, "RECEIVE-OVERPAYMENT"),
            "receive beforehand": lambda one: self._receive(one, "RECEIVE-PREPAYMENT"),
            "use a credit": self._allocate,
            "refund": self._refund,
            "void": self._void,
            "move the due date": self._move,
            "bill a stranger": self._stranger,
        }

    def act(self) -> None:
        """Do one action that is possible."""
        while True:
            name = self.random.choice(list(self._actions))
            invoice = self._showing.invoice_of(self.random.choice(self._opportunities))
            try:
                self._actions[name](invoice)
            except (NotPossible, IndexError):
                continue
            self.done[name] += 1
            return

    def _part(self, amount: Decimal) -> Decimal:
        return (amount * self.random.randint(1, 99) / 100).quantize(CENT)

    def _delete_payment(self, invoice: Invoice) -> None:
        self._hands.delete_payment(self.random.choice(invoice.payments))

    def _match(self, invoice: Invoice) -> None:
        payment = self._books.payments[self.random.choice(invoice.payments)]
        if payment.is_reconciled:
            raise NotPossible
        # A matched payment stays deletable here, so that the month does not run dry.
        self._showing.world.switch(delete_reconciled=True)
        self._hands.reconcile(payment.payment_id)

    def _deallocate(self, invoice: Invoice) -> None:
        allocation = self.random.choice(invoice.allocations)
        self._hands.deallocate(allocation.credit_id, allocation.allocation_id)

    def _receive(self, invoice: Invoice, kind: str) -> None:
        self._hands.receive(
            invoice.contact_id, kind, Decimal(self.random.randint(100, 20_000)) / 100
        )

    def _allocate(self, invoice: Invoice) -> None:
        credit = self.random.choice(self._credits(invoice))
        amount = min(credit.remaining, self._part(invoice.amount_due))
        self._hands.allocate(credit.credit_id, invoice.invoice_id, amount)

    def _refund(self, invoice: Invoice) -> None:
        credit = self.random.choice(self._credits(invoice))
        self._hands.refund(credit.credit_id, self._part(credit.remaining))

    def _credits(self, invoice: Invoice) -> list[Credit]:
        return [one for one in self._books.credits_of(invoice.contact_id) if one.remaining > 0]

    def _void(self, invoice: Invoice) -> None:
        if self.random.random() > 0.1:  # else all would soon be void
            raise NotPossible
        self._hands.void(invoice.invoice_id)

    def _move(self, invoice: Invoice) -> None:
        if invoice.amount_paid or invoice.amount_credited:
            raise NotPossible  # moves no time of change: only the next day's reading sees it
        due_on = self._books.today() + timedelta(days=self.random.randint(-5, 20))
        self._hands.write_invoice({"DueDate": due_on.isoformat()}, invoice.invoice_id)

    def _stranger(self, invoice: Invoice) -> None:
        line = {"Description": "x", "Quantity": 1, "UnitAmount": 5, "AccountCode": "200"}
        self._hands.write_invoice(
            {
                "Type": "ACCREC",
                "Contact": {"ContactID": invoice.contact_id},
                "LineItems": [line],
                "Status": "AUTHORISED",
                "DueDate": "2030-12-31",
            }
        )


def expected(invoice: Invoice, showing: Showing, *, today: date) -> dict[str, object]:
    """What an opportunity must show of an invoice, worked out by hand from the books."""
    noted = sum(
        one.amount
        for one in invoice.allocations
        if showing.world.books.credits[one.credit_id].family not in MONEY
    )
    return {
        "Invoice_Id": invoice.invoice_id,
        "Invoice_Number": invoice.number,
        "Invoice_Status": invoice.status,
        "Payment_Status": _in_words(invoice, noted, today),
        "Amount_Paid": invoice.amount_paid,
        "Amount_Due": invoice.amount_due,
        "Amount_Credited": invoice.amount_credited,
        "Paid_On": invoice.fully_paid_on.isoformat() if invoice.status == "PAID" else None,
    }


def _in_words(invoice: Invoice, noted: Decimal | int, today: date) -> str:
    if invoice.status in {"VOIDED", "DELETED"}:
        return "Voided"
    if invoice.status == "PAID":
        return "Credited" if noted == invoice.totals.total else "Paid"
    assert invoice.due_on is not None
    if invoice.due_on < today:
        return "Overdue"
    money = invoice.amount_paid + invoice.amount_credited - noted
    return "Part paid" if money > 0 else "Unpaid"


def shown(showing: Showing, opportunity: str) -> dict[str, object]:
    """What an opportunity shows, amounts exact."""
    found = showing.shown(opportunity)
    kept = {name: found[name] for name in expected_names()}
    return {
        name: Decimal(str(value)) if name.startswith("Amount") else value
        for name, value in kept.items()
    }


def expected_names() -> tuple[str, ...]:
    return (
        "Invoice_Id",
        "Invoice_Number",
        "Invoice_Status",
        "Payment_Status",
        "Amount_Paid",
        "Amount_Due",
        "Amount_Credited",
        "Paid_On",
    )
