"""What invoices, credit notes and other credits have in common (xero-api, 5.2 to 5.4)."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TypeVar

from sfxero.sandbox.xero.amounts import CENT, FOUR, totals_of
from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.contacts import ContactPlan, find_existing, plan_contact, squeezed
from sfxero.sandbox.xero.fields import Fields
from sfxero.sandbox.xero.lines import LineRules, checked_again, read_lines
from sfxero.sandbox.xero.models import DEAD, Contact, Credit, Invoice, shared_number
from sfxero.sandbox.xero.replies import Json

Document = TypeVar("Document", Invoice, Credit)

STATES = {
    "": frozenset({"DRAFT", "SUBMITTED", "AUTHORISED"}),
    "DRAFT": frozenset({"DRAFT", "SUBMITTED", "AUTHORISED", "DELETED"}),
    "SUBMITTED": frozenset({"SUBMITTED", "DRAFT", "AUTHORISED", "DELETED"}),
    "AUTHORISED": frozenset({"AUTHORISED", "VOIDED"}),
    "PAID": frozenset({"PAID"}),
    "VOIDED": frozenset[str](),
    "DELETED": frozenset[str](),
}
STATUSES = frozenset(STATES) - {""}
AMOUNT_TYPES = frozenset({"Exclusive", "Inclusive", "NoTax"})
BASE_RATE = Decimal("1.000000")
PAID_EDIT = "This document cannot be edited as it has a payment or credit note allocated to it."
NOT_FOR_CREATION = "Invoice not of valid status for creation"
NOT_FOR_CHANGE = "Invoice not of valid status for modification"
PERIOD_LOCKED = "The document date cannot be before the period lock date"
# Keys of a Contact block that match a contact without changing it.
_MATCHING = frozenset({"ContactID", "ContactNumber", "Name", "ContactStatus"})
_RATE = Decimal("0.000001")
_PRINTABLE = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class WriteRules:
    """What the request around a document decides for it."""

    app: str
    four_decimals: bool = False


def contact_of(books: Books, fields: Fields, current_id: str | None) -> ContactPlan | None:
    """Match the contact, or plan to create or change it (side effects of 4.2)."""
    block = fields.block("Contact")
    if block is None:
        return None
    found, missing = find_existing(books, block)
    if missing:
        return ContactPlan(Contact("", "", books.clock.now()), (missing,))
    if found is not None:
        return _matched_contact(books, block, found, is_current=found.contact_id == current_id)
    return plan_contact(books, block, None) if Fields(block).text("Name") else None


def _matched_contact(books: Books, block: Json, found: Contact, *, is_current: bool) -> ContactPlan:
    if found.status != "ACTIVE" and not is_current:
        message = f"The contact {found.name} is archived and cannot be used on an invoice."
        return ContactPlan(found, (message,))
    name = squeezed(Fields(block).text("Name") or found.name)
    is_match_only = set(block) <= _MATCHING and books.name_key(name) == books.name_key(found.name)
    if is_match_only or found.status != "ACTIVE":
        return ContactPlan(found, ())
    plan = plan_contact(books, block, found)
    return ContactPlan(replace(plan.contact, persons=()), plan.errors)


def changed_contact(books: Books, plan: ContactPlan | None) -> Contact | None:
    """The contact that has to be stored together with the document."""
    if plan is None or books.contacts.get(plan.contact.contact_id) is plan.contact:
        return None
    return plan.contact


def state_refusal(status_before: str | None, status: str) -> str | None:
    """Whether a document may move, or start, so."""
    if status_before is None:
        return None if status in STATES[""] else NOT_FOR_CREATION
    return None if status in STATES[status_before] else NOT_FOR_CHANGE


def currency_rate(
    books: Books, fields: Fields, currency: str, *, kept: Decimal | None = None
) -> Decimal:
    """What was sent, else what it had, else the day rate; six decimals."""
    if currency == books.organisation.base_currency:
        return BASE_RATE
    default = kept or books.currencies.get(currency, ("", Decimal(1)))[1]
    rate = fields.number("CurrencyRate", default) or default
    return shared_number(*_with_text(rate.quantize(_RATE)))


def _with_text(value: Decimal) -> tuple[Decimal, str]:
    return value, str(value)


def with_lines(
    books: Books, fields: Fields, document: Document, *, old_types: str, four_decimals: bool
) -> tuple[Document, list[str]]:
    """Read or re-check the lines and sum them."""
    rules = LineRules(
        books=books,
        kind=document.kind,
        types=document.line_amount_types,
        unit_decimals=FOUR if four_decimals else CENT,
        needs_account=document.status == "AUTHORISED",
    )
    rows = fields.rows("LineItems")
    if rows is not None:
        lines, errors = read_lines(rows, document.lines, rules)
    elif document.status in DEAD:
        lines, errors = document.lines, []
    else:
        lines, errors = checked_again(document.lines, rules, same_types=old_types == rules.types)
    totals = totals_of(lines, types=rules.types, mode=rules.mode)
    return replace(document, lines=lines, totals=totals), errors


def type_errors(
    fields: Fields, kind: str, kinds: Collection[str], *, is_new: bool
) -> Iterator[str]:
    """The type must be known and stays."""
    if not kind:
        yield "Invoice type must be specified."
    if not is_new and fields.choice("Type", kind, kinds) != kind:
        yield "Invoice type cannot be changed."


def common_errors(books: Books, document: Invoice | Credit) -> Iterator[str]:
    """Contact, lines, currency and theme."""
    if not document.contact_id:
        yield "A Contact must be specified for this type of transaction"
    if not document.lines:
        yield "One or more line items must be specified"
    if document.currency_code not in books.currencies:
        yield f"Organisation is not subscribed to currency {document.currency_code}"
    theme = document.branding_theme_id
    if theme and theme not in books.branding_themes:
        yield "The branding theme was not found."
    if document.number and not _PRINTABLE.fullmatch(document.number):
        yield "Invoice # may hold printable ASCII characters only."
    if document.totals.total < 0 and document.status in {"SUBMITTED", "AUTHORISED"}:
        yield "The invoice total must not be negative."


def total_errors(fields: Fields, document: Invoice | Credit) -> Iterator[str]:
    """The check values that may be sent along."""
    totals = document.totals
    expected = (
        ("SubTotal", totals.sub_total),
        ("TotalTax", totals.total_tax),
        ("Total", totals.total),
    )
    if any(fields.number(name, value) != value for name, value in expected):
        yield "The invoice total does not equal the sum of the lines."


def lock_errors(books: Books, *days: date | None) -> Iterator[str]:
    """Nothing on or before a lock date may be made or changed."""
    dated = [day for day in days if day is not None]
    if _locked(dated, books.switches.period_locked_to):
        yield PERIOD_LOCKED
    year_end = books.switches.year_locked_to
    if year_end is not None and _locked(dated, year_end):
        yield (
            "The document date cannot be before the end of year lock date, "
            f"currently set at {year_end:%d/%m/%Y}"
        )


def _locked(days: list[date], locked_to: date | None) -> bool:
    return locked_to is not None and any(day <= locked_to for day in days)
