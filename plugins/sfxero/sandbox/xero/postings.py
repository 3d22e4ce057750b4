"""The double entries behind documents and payments, in the base currency."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sfxero.sandbox.xero.amounts import cents
from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.models import ZERO, Credit, Invoice, Line, Payment

_STANDING = frozenset({"AUTHORISED", "PAID"})
_GST_CODE = "820"


@dataclass(frozen=True, slots=True)
class Posting:
    """A debit of one account, or a credit where negative."""

    account_code: str
    on: date
    amount: Decimal


def postings_of(books: Books) -> Iterator[Posting]:
    """All entries; they add up to nothing."""
    for invoice in books.invoices.values():
        if invoice.status in _STANDING:
            yield from _document(books, invoice, sign=-1 if invoice.kind == "ACCREC" else 1)
    for credit in books.credits.values():
        if credit.status in _STANDING:
            yield from _credit(books, credit)
    for payment in books.payments.values():
        if payment.status in _STANDING:
            yield from _payment(books, payment)


def control_code(books: Books, *, is_sale: bool) -> str:
    """The account that documents are owed on: debtors or creditors."""
    wanted = "DEBTORS" if is_sale else "CREDITORS"
    return next(code for code, one in books.accounts.items() if one.system == wanted)


def in_base(amount: Decimal, rate: Decimal, mode: str) -> Decimal:
    """A foreign amount in the base currency: the rate is foreign units for one of the base."""
    return cents(amount / rate, mode)


def _document(books: Books, document: Invoice | Credit, *, sign: int) -> Iterator[Posting]:
    mode, rate, on = books.switches.rounding_mode, document.currency_rate, document.dated_on
    inclusive = document.line_amount_types == "Inclusive"
    total = ZERO
    for code, amount in _entries(document.lines, inclusive=inclusive):
        posted = sign * in_base(amount, rate, mode)
        total += posted
        yield Posting(code, on, posted)
    is_sale = document.kind.startswith("ACCREC")
    yield Posting(control_code(books, is_sale=is_sale), on, -total)


def _entries(lines: Iterable[Line], *, inclusive: bool) -> Iterator[tuple[str, Decimal]]:
    for line in lines:
        if line.line_amount is not None and line.account_code is not None:
            net = line.line_amount - line.tax_amount if inclusive else line.line_amount
            yield line.account_code, net
            yield _GST_CODE, line.tax_amount


def _credit(books: Books, credit: Credit) -> Iterator[Posting]:
    """An overpayment or prepayment stays on the control account until it is used."""
    if credit.family == "CreditNotes":
        yield from _document(books, credit, sign=1 if credit.is_sales else -1)
        return
    mode, sign = books.switches.rounding_mode, 1 if credit.is_sales else -1
    amount = sign * in_base(credit.totals.total, credit.currency_rate, mode)
    yield Posting(credit.account_code or "", credit.dated_on, amount)
    yield Posting(control_code(books, is_sale=credit.is_sales), credit.dated_on, -amount)


def _payment(books: Books, payment: Payment) -> Iterator[Posting]:
    is_sale = payment.kind.startswith(("ACCREC", "AR"))
    money_in = payment.kind == "ACCRECPAYMENT" or payment.kind.startswith("AP")
    amount = payment.bank_amount if money_in else -payment.bank_amount
    yield Posting(payment.account_code, payment.paid_on, amount)
    yield Posting(control_code(books, is_sale=is_sale), payment.paid_on, -amount)
