"""Credit notes for the difference: what of an invoice is credited when its opportunity shrinks."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from sfxero.model.outbox import Entry
from sfxero.model.states import Operation
from sfxero.sync.bodies import date_text, parse

_ZERO: Final = Decimal(0)
_TOTALS: Final = frozenset({"SubTotal", "TotalTax", "Total"})
_APART: Final = _TOTALS | {"LineItems", "Status", "SentToContact"}
"""What two versions of an invoice may differ in, and a credit note still brings them together."""
_REVISION: Final = re.compile(r"-R\d+$")
_KIND: Final = ("Description", "ItemCode", "AccountCode", "TaxType", "Tracking")
"""By what lines of two versions are held against each other."""


def same_sale(former: str | None, wished: str) -> bool:
    """Say whether two versions sell the same, whatever their numbers."""
    if not former:
        return False
    before, after = parse(former), parse(wished)
    return not _other_heads(before, after) and not _gaps(before, after)


def credit_of(former: str | None, wished: str) -> dict[str, Any] | str:
    """Return the lines that a credit note must have, with their sum; or why it can be none.

    Each line of the credit note is what the invoice had of a kind of line and is not to have, so
    that both together are to the cent what is wished.
    """
    if not former:
        return "what was invoiced is not known"
    before, after = parse(former), parse(wished)
    others = _other_heads(before, after)
    if others:
        return f"besides its amount, this changed: {', '.join(others)}"
    gaps = _gaps(before, after)
    total = sum((amount for _, amount in gaps), _ZERO)
    if total < 0:
        return "its amount rose, which no credit note can make good"
    if total == 0:
        return "its lines changed, and not its amount"
    lines = [
        {**kind, "Quantity": Decimal(1), "UnitAmount": amount, "LineAmount": amount}
        for kind, amount in gaps
    ]
    checked = "Total" if after.get("LineAmountTypes") == "Inclusive" else "SubTotal"
    return {"LineItems": lines, checked: total}


def to_credit(entry: Entry, credit: Mapping[str, Any], held: Mapping[str, Any]) -> Entry:
    """Return the entry as the credit note for its difference; Xero dates it today."""
    element = {
        "Type": "ACCRECCREDIT",
        "CreditNoteNumber": entry.credit_number,
        "Contact": {"ContactID": _contact_of(held)},
        "Reference": held.get("InvoiceNumber"),
        "Status": "AUTHORISED",
        "LineAmountTypes": held.get("LineAmountTypes"),
        "CurrencyCode": held.get("CurrencyCode"),
        **_rate(held),
        **credit,
    }
    return replace(entry, operation=Operation.CREDIT, sends=element)


def to_allocation(entry: Entry, note: Mapping[str, Any], held: Mapping[str, Any]) -> Entry | None:
    """Return the entry as the allocation of its credit note; None if nothing is to be allocated.

    What is more than is due on the invoice stays with the customer as a credit.
    """
    allocations = note.get("Allocations") or []
    taken = {(one.get("Invoice") or {}).get("InvoiceID") for one in allocations}
    amount = min(
        Decimal(str(note.get("RemainingCredit") or 0)), Decimal(str(held.get("AmountDue") or 0))
    )
    if entry.target_id in taken or amount <= 0 or held.get("Status") != "AUTHORISED":
        return None
    element = {
        "CreditNote": {"CreditNoteID": note.get("CreditNoteID")},
        "Invoice": {"InvoiceID": entry.target_id},
        "Amount": amount,
        "Date": date_text(note, "Date"),
    }
    return replace(entry, operation=Operation.ALLOCATE, sends=element)


def note_objection(note: Mapping[str, Any], held: Mapping[str, Any]) -> str:
    """Say why a credit note under our number is not the one that we made for the invoice."""
    if note.get("Status") not in {"AUTHORISED", "PAID"}:
        return f"its credit note {note.get('CreditNoteNumber')} is {note.get('Status')}"
    is_ours = note.get("Reference") == held.get("InvoiceNumber")
    if not is_ours or _contact_of(note) != _contact_of(held):
        return f"another credit note has the number {note.get('CreditNoteNumber')} already"
    return ""


def moved_contact(entry: Entry, held: Mapping[str, Any]) -> bool:
    """Say whether the invoice is to be another contact's."""
    return entry.parent_target_id not in {None, _contact_of(held)}


def _contact_of(element: Mapping[str, Any]) -> Any:
    return (element.get("Contact") or {}).get("ContactID")


def _rate(held: Mapping[str, Any]) -> dict[str, Any]:
    """Credit at the invoice's own rate: what is left of both is then nothing in any currency."""
    rate = held.get("CurrencyRate")
    return {"CurrencyRate": rate} if rate not in {None, Decimal(1)} else {}


def _other_heads(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    names = (before.keys() | after.keys()) - _APART
    return sorted(name for name in names if _head(before, name) != _head(after, name))


def _head(document: Mapping[str, Any], name: str) -> Any:
    """Return a field; a number without its revision, which the route does not give."""
    value = document.get(name)
    return _REVISION.sub("", str(value)) if name == "InvoiceNumber" else value


def _gaps(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[dict[str, Any], Decimal]]:
    """Return, by kind of line, how much more the former version has; in a fixed order."""
    kinds: dict[str, dict[str, Any]] = {}
    sums: dict[str, Decimal] = {}
    for document, sign in ((before, 1), (after, -1)):
        for line in document.get("LineItems") or ():
            kind = {name: line[name] for name in _KIND if line.get(name)}
            key = json.dumps(kind, sort_keys=True, default=str)
            kinds[key] = kind
            sums[key] = sums.get(key, _ZERO) + sign * line.get("LineAmount", _ZERO)
    return [(kinds[key], amount) for key, amount in sums.items() if amount]
