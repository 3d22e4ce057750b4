"""What people do inside Xero: the bookkeeper's hands."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TypeVar

from sfxero.sandbox.xero.bank import plan_bank_transaction, store_bank_transaction
from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.contacts import plan_contact
from sfxero.sandbox.xero.credits import (
    plan_allocation,
    plan_credit_note,
    remove_allocation,
    store_allocation,
)
from sfxero.sandbox.xero.documents import WriteRules
from sfxero.sandbox.xero.invoices import plan_invoice
from sfxero.sandbox.xero.models import Contact, Credit, Invoice, Payment
from sfxero.sandbox.xero.payments import (
    delete_payment,
    deletion_refusal,
    plan_payment,
    store_payment,
)
from sfxero.sandbox.xero.replies import Json
from sfxero.sandbox.xero.writes import store_contact, store_invoice

BOOKKEEPER = "Sandbox Bookkeeper"
BANK_CODE = "090"
# A person works with four decimals and belongs to no app.
_BY_HAND = WriteRules(app="", four_decimals=True)

T = TypeVar("T")


class NotPossible(Exception):
    """A bookkeeper's action that the books do not allow."""


class NoSuchRecord(Exception):
    """A bookkeeper's action on a record that does not exist."""


class Hands:
    """Each method is one action of a person, under the same rules as the API."""

    def __init__(self, books: Books) -> None:
        """Work on these books."""
        self._books = books

    def invoice(self, invoice_id: str) -> Invoice:
        """The invoice of an id."""
        return _known(self._books.invoices, invoice_id)

    def contact(self, contact_id: str) -> Contact:
        """The contact of an id."""
        return _known(self._books.contacts, contact_id)

    def write_contact(self, fields: Json, contact_id: str | None = None) -> Contact:
        """Create or edit a contact; a person may also bring an archived one back."""
        books = self._books
        existing = self.contact(contact_id) if contact_id else None
        if existing is not None and fields.get("ContactStatus") == "ACTIVE":
            existing = replace(existing, status="ACTIVE", merged_to=None)
        plan = plan_contact(books, fields, existing)
        _check(plan.errors)
        return self._done(lambda: store_contact(books, plan.contact, user=BOOKKEEPER), plan.contact)

    def archive(self, contact_id: str) -> Contact:
        """Archive a contact."""
        if self.contact(contact_id).status == "ARCHIVED":
            return self.contact(contact_id)
        return self.write_contact({"ContactStatus": "ARCHIVED"}, contact_id)

    def merge(self, loser_id: str, winner_id: str) -> Contact:
        """Merge one contact into another: its documents move, it is archived and points there."""
        books, loser, winner = self._books, self.contact(loser_id), self.contact(winner_id)
        if loser_id == winner_id or "ARCHIVED" in {loser.status, winner.status}:
            raise NotPossible("Only two different active contacts can be merged.")
        now = books.clock.now()
        merged = replace(loser, status="ARCHIVED", merged_to=winner_id, updated_at=now)

        def carry_out() -> None:
            books.put_contact(merged)
            books.put_contact(
                replace(
                    winner,
                    is_customer=winner.is_customer or loser.is_customer,
                    is_supplier=winner.is_supplier or loser.is_supplier,
                    updated_at=now,
                )
            )
            for invoice in books.invoices_of(loser_id):
                books.put_invoice(replace(invoice, contact_id=winner_id))
            for credit in books.credits_of(loser_id):
                books.put_credit(replace(credit, contact_id=winner_id))
            for contact_id in (loser_id, winner_id):
                books.note(contact_id, "Merged", user=BOOKKEEPER, details=f"Into {winner.name}.")

        return self._done(carry_out, merged)

    def write_invoice(self, fields: Json, invoice_id: str | None = None) -> Invoice:
        """Enter or edit an invoice, in Xero's own field names."""
        books = self._books
        existing = self.invoice(invoice_id) if invoice_id else None
        plan = plan_invoice(books, fields, existing, _BY_HAND)
        _check(plan.errors)
        with books.writing():
            return store_invoice(books, plan, user=BOOKKEEPER)

    def void(self, invoice_id: str) -> Invoice:
        """Void an approved invoice, delete a draft."""
        is_approved = self.invoice(invoice_id).status in {"AUTHORISED", "PAID"}
        status = "VOIDED" if is_approved else "DELETED"
        return self.write_invoice({"Status": status}, invoice_id)

    def pay(
        self,
        invoice_id: str,
        amount: Decimal | None = None,
        *,
        account: str = BANK_CODE,
        on: date | None = None,
        reference: str | None = None,
    ) -> Invoice:
        """Pay an approved invoice, in full unless an amount is given."""
        books, invoice = self._books, self.invoice(invoice_id)
        self._pay(
            {
                "Invoice": {"InvoiceID": invoice_id},
                "Account": {"Code": account},
                "Amount": invoice.amount_due if amount is None else amount,
                "Date": (on or books.today()).isoformat(),
                "Reference": reference,
            }
        )
        return self.invoice(invoice_id)

    def refund(self, credit_id: str, amount: Decimal | None = None) -> Credit:
        """Pay back a credit, all that is left of it unless an amount is given."""
        credit = _known(self._books.credits, credit_id)
        family = credit.family.removesuffix("s")
        self._pay(
            {
                family: {f"{family}ID": credit_id},
                "Account": {"Code": BANK_CODE},
                "Amount": credit.remaining if amount is None else amount,
            }
        )
        return self._books.credits[credit_id]

    def reconcile(self, payment_id: str) -> Payment:
        """Match a payment with the bank's statement."""
        books, payment = self._books, _known(self._books.payments, payment_id)
        if payment.status == "DELETED":
            raise NotPossible("A deleted payment cannot be reconciled.")
        matched = replace(payment, is_reconciled=True, updated_at=books.clock.now())
        return self._done(lambda: books.put_payment(matched), matched)

    def delete_payment(self, payment_id: str) -> Payment:
        """Delete a payment."""
        books, payment = self._books, _known(self._books.payments, payment_id)
        refusal = deletion_refusal(books, payment)
        _check((refusal,) if refusal else ())
        with books.writing():
            return delete_payment(books, payment, user=BOOKKEEPER)

    def credit(self, invoice_id: str, amount: Decimal | None = None) -> Credit:
        """Write and allocate a credit note over a part of an invoice, or over all that is owed."""
        books, invoice = self._books, self.invoice(invoice_id)
        code = next((line.account_code for line in invoice.lines if line.account_code), None)
        line: Json = {
            "Description": f"Credit of {invoice.number}",
            "Quantity": Decimal(1),
            "UnitAmount": invoice.amount_due if amount is None else amount,
            "AccountCode": code,
        }
        raw: Json = {
            "Type": "ACCRECCREDIT" if invoice.kind == "ACCREC" else "ACCPAYCREDIT",
            "Contact": {"ContactID": invoice.contact_id},
            "Status": "AUTHORISED",
            "LineAmountTypes": "NoTax" if invoice.line_amount_types == "NoTax" else "Inclusive",
            "CurrencyCode": invoice.currency_code,
            "CurrencyRate": invoice.currency_rate,
            "LineItems": [line],
        }
        plan = plan_credit_note(books, raw, None, _BY_HAND)
        _check(plan.errors)
        note = replace(plan.credit, number=books.new_number("CN"))
        with books.writing():
            books.put_credit(note)
            books.note(note.credit_id, "Created", user=BOOKKEEPER)
            self._allocate(note, invoice_id, note.totals.total)
        return books.credits[note.credit_id]

    def receive(self, contact_id: str, kind: str, amount: Decimal) -> Credit:
        """Take in money that belongs to no invoice: RECEIVE-OVERPAYMENT or RECEIVE-PREPAYMENT."""
        books = self._books
        raw: Json = {
            "Type": kind,
            "Contact": {"ContactID": self.contact(contact_id).contact_id},
            "BankAccount": {"Code": BANK_CODE},
            "LineAmountTypes": "NoTax",
            "LineItems": [
                {
                    "Description": "Received",
                    "Quantity": Decimal(1),
                    "UnitAmount": amount,
                    "AccountCode": "830",
                }
            ],
        }
        plan = plan_bank_transaction(books, raw, app="")
        _check(plan.errors)
        return self._done(lambda: store_bank_transaction(books, plan, user=BOOKKEEPER), plan.credit)

    def allocate(self, credit_id: str, invoice_id: str, amount: Decimal) -> Credit:
        """Use a part of a credit for an invoice."""
        credit = _known(self._books.credits, credit_id)
        with self._books.writing():
            self._allocate(credit, invoice_id, amount)
        return self._books.credits[credit_id]

    def deallocate(self, credit_id: str, allocation_id: str) -> Credit:
        """Undo an allocation."""
        credit = _known(self._books.credits, credit_id)
        allocation = _known({one.allocation_id: one for one in credit.allocations}, allocation_id)
        with self._books.writing():
            remove_allocation(self._books, allocation, user=BOOKKEEPER)
        return self._books.credits[credit_id]

    def archive_account(self, code: str) -> None:
        """Archive an account of the chart."""
        account = _known(self._books.accounts, code)
        now = self._books.clock.now()
        self._books.accounts[code] = replace(account, status="ARCHIVED", updated_at=now)

    def _pay(self, raw: Json) -> None:
        plan = plan_payment(self._books, raw)
        _check(plan.errors)
        with self._books.writing():
            if plan.payment is not None:
                store_payment(self._books, plan.payment, user=BOOKKEEPER)

    def _allocate(self, credit: Credit, invoice_id: str, amount: Decimal) -> None:
        raw: Json = {"Invoice": {"InvoiceID": invoice_id}, "Amount": amount}
        plan = plan_allocation(self._books, credit, raw)
        _check(plan.errors)
        if plan.allocation is not None:
            store_allocation(self._books, plan.allocation, user=BOOKKEEPER)

    def _done(self, carry_out: Callable[[], object], result: T) -> T:
        with self._books.writing():
            carry_out()
        return result


def _known(rows: dict[str, T], key: str) -> T:
    if key not in rows:
        raise NoSuchRecord(f"No record {key}.")
    return rows[key]


def _check(errors: tuple[str, ...]) -> None:
    if errors:
        raise NotPossible("; ".join(errors))
