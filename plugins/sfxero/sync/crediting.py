"""Credit notes for the difference: what of an invoice is credited when its opportunity shrinks."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, TypeAlias

from sfxero.model.outbox import BookedCredit, Entry, NoteTotals
from sfxero.model.states import Operation
from sfxero.sync.bodies import date_text, holds, parse

_ZERO: Final = Decimal(0)
_TOTALS: Final = frozenset({"SubTotal", "TotalTax", "Total"})
_APART: Final = _TOTALS | {"LineItems", "Status", "SentToContact"}
"""What two versions of an invoice may differ in, and a credit note still brings them together."""
_WRITTEN_APART: Final = _APART - {"LineItems"} | {"InvoiceNumber"}
"""What an invoice may hold otherwise than was written, and a credit note be right all the same."""
_REVISION: Final = re.compile(r"-R\d+$")
_KIND: Final = ("Description", "ItemCode", "AccountCode", "TaxType", "Tracking")
"""By what lines of two versions are held against each other."""
Line: TypeAlias = Mapping[str, Any]


def same_sale(former: str | None, wished: str) -> bool:
    """Say whether two versions sell the same, whatever their numbers."""
    if not former:
        return False
    before, after = parse(former), parse(wished)
    return not _other_heads(before, after) and not _changed_lines(before, after)


def credit_of(former: str | None, wished: str) -> dict[str, Any] | str:
    """Return the lines that a credit note must have, with their sum; or why it can be none.

    Each line of the credit note is what a line of the invoice is to have less, so that both
    together are to the cent what is wished; where a line is gone, with its very tax.
    """
    if not former:
        return "what was invoiced is not known"
    before, after = parse(former), parse(wished)
    others = _other_heads(before, after)
    if others:
        return f"besides its amount, this changed: {', '.join(others)}"
    changed = _changed_lines(before, after)
    total = sum((_less(*pair) for pair in changed), _ZERO)
    if total < 0:
        return "its amount rose, which no credit note can make good"
    if total == 0:
        return "its lines changed, and not its amount"
    is_all_less = all(former for former, _ in changed)
    lines = [_note_line(*pair, is_all_less=is_all_less) for pair in changed if _less(*pair)]
    return {"LineItems": lines, _amount_name(after): total}


def untied(entry: Entry, held: Mapping[str, Any]) -> str:
    """Say how Xero's invoice less our credit notes is not what was written last; '' if it is.

    A credit note for a difference is right only where that difference starts from what Xero holds.
    """
    former = parse(entry.former_payload or "{}")
    name = _amount_name(former)
    if name not in former:
        return "what was invoiced is not known"
    ours = sum((_amount(one.totals, name) for one in entry.booked), _ZERO)
    stands = Decimal(str(held.get(name) or 0)) - ours
    if stands != former[name]:
        return f"Xero holds {stands:,.2f}, and not {former[name]:,.2f} as was written"
    written = {key: value for key, value in former.items() if key not in _WRITTEN_APART}
    if not entry.is_vouched and not entry.booked and not holds(written, held):
        return "Xero holds other values than were written"
    return ""


def notes_of_others(entry: Entry, held: Mapping[str, Any]) -> str:
    """Name the credit notes on an invoice that are none of ours."""
    ours = {one.number for one in entry.booked}
    numbers = (str(one.get("CreditNoteNumber")) for one in held.get("CreditNotes") or ())
    return ", ".join(sorted(number for number in numbers if number not in ours))


def forgotten_notes(entry: Entry, held: Mapping[str, Any]) -> str:
    """Name credit notes on an invoice that have numbers of ours, and that the ledger has lost."""
    own = re.compile(re.escape(str(held.get("InvoiceNumber"))) + r"-C\d+")
    others = notes_of_others(entry, held).split(", ")
    return ", ".join(number for number in others if own.fullmatch(number))


def named(booked: Sequence[BookedCredit]) -> str:
    """Name credit notes of ours, with what they come to."""
    return ", ".join(f"{one.number} of {Decimal(one.totals.total):,.2f}" for one in booked)


def asked_notes(entry: Entry, held: Mapping[str, Any]) -> list[str]:
    """Return the numbers of our credit notes of which the invoice alone does not tell.

    One that is allocated cannot be void, nor changed; all others may be.
    """
    shown = {one.get("CreditNoteNumber") for one in held.get("CreditNotes") or ()}
    begun = [entry.open_credit.number] if entry.open_credit else []
    return [*begun, *(one.number for one in entry.booked if one.number not in shown)]


def as_found(
    entry: Entry, notes: Mapping[str, Mapping[str, Any] | None], held: Mapping[str, Any]
) -> Entry:
    """Return the entry with its credit notes as they are now, after they were looked up.

    One under way is one more that stands beside the invoice, where there is no going on with it.
    """
    found = {number: totals_of(note) for number, note in notes.items() if note}
    booked = [replace(one, totals=found.get(one.number, one.totals)) for one in entry.booked]
    begun = entry.open_credit
    if begun is None or (note := notes[begun.number]) is None:
        return replace(entry, booked=booked, open_credit=None)
    if is_ours(entry, note, held):
        booked.append(BookedCredit(begun.number, found[begun.number]))
    return replace(entry, booked=booked)


def totals_of(note: Mapping[str, Any]) -> NoteTotals:
    """Return what a credit note comes to."""
    return NoteTotals(str(note.get("SubTotal")), str(note.get("Total")))


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


def is_ours(entry: Entry, note: Mapping[str, Any], held: Mapping[str, Any]) -> bool:
    """Say whether a credit note under our number is the one that we made for the invoice.

    Until its id is known, it is told by what it refers to; a person may renumber the invoice.
    """
    begun = entry.open_credit
    if begun is None:
        return False
    if begun.note_id is not None:
        return bool(note.get("CreditNoteID") == begun.note_id)
    numbers = {held.get("InvoiceNumber"), begun.number.rpartition("-C")[0]}
    return _contact_of(note) == _contact_of(held) and note.get("Reference") in numbers


def other_amount(entry: Entry, note: Mapping[str, Any]) -> str:
    """Say how a credit note under way comes to something else than it was begun for."""
    if entry.open_credit is None:
        return ""
    number = note.get("CreditNoteNumber")
    if note.get("Status") not in {"AUTHORISED", "PAID"}:
        return f"its credit note {number} is {note.get('Status')}"
    meant = credit_of(entry.former_payload, entry.open_credit.payload)
    if isinstance(meant, str):
        return f"what its credit note {number} was made for is not known"
    name = _amount_name(parse(entry.open_credit.payload))
    amount = _amount(totals_of(note), name)
    if amount == meant[name]:
        return ""
    return f"its credit note {number} comes to {amount:,.2f}, and not to {meant[name]:,.2f}"


def moved_contact(entry: Entry, held: Mapping[str, Any]) -> bool:
    """Say whether the invoice is to be another contact's."""
    return entry.parent_target_id not in {None, _contact_of(held)}


def _amount_name(document: Mapping[str, Any]) -> str:
    """Return which total lines add up to."""
    return "Total" if document.get("LineAmountTypes") == "Inclusive" else "SubTotal"


def _amount(totals: NoteTotals, name: str) -> Decimal:
    return Decimal(totals.total if name == "Total" else totals.sub_total)


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


def _changed_lines(before: Line, after: Line) -> list[tuple[Line | None, Line | None]]:
    """Return the lines that differ, each with the one of its kind that takes its place, if any."""
    rest = list(after.get("LineItems") or ())
    gone: list[Line] = []
    for line in before.get("LineItems") or ():
        if line in rest:
            rest.remove(line)
        else:
            gone.append(line)
    pairs: list[tuple[Line | None, Line | None]] = []
    for line in gone:
        other = next((one for one in rest if _kind(one) == _kind(line)), None)
        if other is not None:
            rest.remove(other)
        pairs.append((line, other))
    return [*pairs, *((None, line) for line in rest)]


def _kind(line: Line) -> dict[str, Any]:
    return {name: line[name] for name in _KIND if line.get(name)}


def _less(former: Line | None, wished: Line | None) -> Decimal:
    """Return by how much a line is less than it was."""
    before, after = ((one or {}).get("LineAmount", _ZERO) for one in (former, wished))
    return Decimal(before) - Decimal(after)


def _note_line(former: Line | None, wished: Line | None, *, is_all_less: bool) -> dict[str, Any]:
    """Return the line of a credit note for one of the invoice's.

    Only pieces that are not sold after all keep their item: else Xero would take one back on stock
    for a lower price.
    """
    amount, kind = _less(former, wished), _kind(former or wished or {})
    pieces, price = _pieces(former or {}, wished)
    if is_all_less and pieces > 0 and pieces * price == amount:
        return {**kind, "Quantity": pieces, "UnitAmount": price, "LineAmount": amount}
    if "AccountCode" in kind:
        kind.pop("ItemCode", None)
    return {**kind, "Quantity": Decimal(1), "UnitAmount": amount, "LineAmount": amount}


def _pieces(former: Line, wished: Line | None) -> tuple[Decimal, Decimal]:
    """Return how many pieces fewer there are, at which price; none if the price changed, too."""
    pieces, price = former.get("Quantity", _ZERO), former.get("UnitAmount", _ZERO)
    if wished is None:
        return pieces, price
    is_same_price = wished.get("UnitAmount") == price
    return (pieces - wished.get("Quantity", _ZERO) if is_same_price else _ZERO), price
