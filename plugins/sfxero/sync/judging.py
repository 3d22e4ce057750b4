"""What becomes of an invoice in Xero whose opportunity has changed: by policy, and by its state."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sfxero.model.outbox import APPROVAL, LOOKED_AT, ChangePolicy, Entry, looked_at
from sfxero.model.states import Entity, Operation
from sfxero.sync.bodies import holds, wanted
from sfxero.sync.crediting import (
    credit_of,
    forgotten_notes,
    moved_contact,
    named,
    notes_of_others,
    same_sale,
    untied,
)
from sfxero.xero.snapshots import snapshot

DRAFTS: Final = frozenset({"DRAFT", "SUBMITTED"})
"""States of an invoice that nobody has approved yet."""
_EDITABLE: Final = DRAFTS | {"AUTHORISED"}
_BY_HAND: Final = "Edit it in Xero, or void it there."
_IN_THE_WAY: Final = (
    "Take back in Xero what is in the way of a void, then replay; or credit it there."
)
_THEN: Final = {
    ChangePolicy.VOID: "the invoice is then voided",
    ChangePolicy.REISSUE: "the invoice is then voided and issued anew",
    ChangePolicy.UPDATE: "the invoice is then edited",
}
"""What follows once no credit note stands beside an invoice; else a person is asked."""
_ONCE_APPROVED: Final = "the invoice is then edited, once you approve it"
_FORGOTTEN: Final = (
    "Take {} off the invoice in Xero and void it there, then replay: what is too much on the "
    "invoice is then credited, or you are asked about it."
)
GONE: Final = frozenset({"VOIDED", "DELETED"})
"""States of an invoice that nothing leads out of."""
_SINCE: Final = "; the invoice changed in Xero since somebody was asked: it is now"


class Act(StrEnum):
    """What is done about an entry whose invoice exists."""

    EDIT = "edit"
    VOID = "void"
    CREDIT = "credit"
    HOLD = "hold"
    """A person is asked first."""
    SETTLE = "settle"
    """Xero holds what is wished already."""
    RETIRE = "retire"
    """It is void, as was intended: another takes its place."""
    REFUSE = "refuse"


_WRITES: Final = frozenset({Act.EDIT, Act.VOID, Act.CREDIT})


@dataclass(frozen=True, slots=True)
class Verdict:
    """An act, why it is no edit, and what a person can do where nothing is done."""

    act: Act
    why: str = ""
    hint: str = ""


def judge(entry: Entry, held: Mapping[str, Any] | None) -> Verdict:
    """Decide by what Xero holds now; pure, and the same for the same answer."""
    if held is None:
        return _refused(entry, "Xero no longer has this invoice")
    verdict = _judge(entry, held)
    if verdict.act in _WRITES and not _is_as_it_was(entry, held):
        return Verdict(Act.HOLD, _told_again(entry, held))
    return verdict


def _judge(entry: Entry, held: Mapping[str, Any]) -> Verdict:
    status = str(held.get("Status"))
    if _may_stay(entry, held):
        return Verdict(Act.SETTLE)
    if status in GONE:
        return _of_gone(entry, status)
    if _may_be_held(entry, status) and holds(wanted(entry), held):
        return Verdict(Act.SETTLE)
    if entry.on_change is ChangePolicy.CREDIT_NOTE and status not in DRAFTS:
        return _of_credited(entry, held)
    return _of_uncredited(entry, held)


def to_void(entry: Entry, held: Mapping[str, Any]) -> Entry:
    """Return the entry as the void of its invoice; a draft cannot be voided, only deleted."""
    ending = "DELETED" if held.get("Status") in DRAFTS else "VOIDED"
    element = {"InvoiceID": entry.target_id, "Status": ending}
    return replace(entry, operation=Operation.VOID, sends=element)


def asks(policy: ChangePolicy, status: str) -> bool:
    """Say whether a person must approve the edit of an invoice in this state."""
    return policy is ChangePolicy.ASK or (
        policy is ChangePolicy.UPDATE_WHILE_DRAFT and status not in DRAFTS
    )


def told(policy: ChangePolicy, held: Mapping[str, Any]) -> str:
    """Say why a person is asked, and what the invoice comes to so far."""
    state = "" if policy is ChangePolicy.ASK else f", {held.get('Status')}"
    return f"the opportunity changed after it was invoiced: so far {_total(held)}{state}"


def _total(held: Mapping[str, Any]) -> str:
    return f"{held.get('CurrencyCode')} {Decimal(str(held.get('Total') or 0)):,.2f}"


def _is_as_it_was(entry: Entry, held: Mapping[str, Any]) -> bool:
    """Say whether the invoice is the one that a person looked at, if one had to.

    A route that edits whatever an invoice is asks about the new values alone.
    """
    if APPROVAL not in entry.meta or entry.on_change is ChangePolicy.UPDATE:
        return True
    return entry.meta.get(LOOKED_AT) == looked_at(snapshot(Entity.INVOICE, held))


def _told_again(entry: Entry, held: Mapping[str, Any]) -> str:
    reason, _, _ = entry.meta[APPROVAL].partition(_SINCE)
    return f"{reason}{_SINCE} {_total(held)}, {held.get('Status')}"


def _may_stay(entry: Entry, held: Mapping[str, Any]) -> bool:
    """Say whether nothing is to be written, since accounts were merged and nothing else changed.

    The contact followed its account; or the invoice is one that Xero lets nobody edit any more, and
    was made out as it should be then: the finding of the merged account tells what to do.
    """
    if not entry.is_vouched or entry.booked or entry.on_change is ChangePolicy.VOID:
        return False
    if entry.payload != entry.former_payload:
        return False
    values = wanted(entry)
    contact = values.pop("Contact", {})
    if held.get("Status") in GONE:
        values.pop("Status", None)
    # An adopted invoice may hold other values than those that are noted as written.
    if not holds(values, held):
        return False
    return holds({"Contact": contact}, held) or bool(_objection(held))


def _replaces(entry: Entry, status: str) -> bool:
    return entry.on_change is ChangePolicy.REISSUE and status not in DRAFTS


def _may_be_held(entry: Entry, status: str) -> bool:
    """Say whether Xero may hold what is wished: what was to be void may be wished after all."""
    is_wished = entry.on_change is not ChangePolicy.VOID
    return is_wished and (entry.is_voiding or _replaces(entry, status))


def _of_gone(entry: Entry, status: str) -> Verdict:
    """Tell what was to be void from what a person has voided: that is for a person.

    Nothing goes on from either before its credit notes are void, too.
    """
    if entry.booked:
        return _left_over(entry, status)
    if entry.on_change is ChangePolicy.VOID:
        return Verdict(Act.SETTLE)
    if entry.is_voiding:
        return Verdict(Act.RETIRE)
    return _refused(entry, f"the Xero invoice is {status}")


def _of_uncredited(entry: Entry, held: Mapping[str, Any]) -> Verdict:
    if entry.booked:
        return _beside(entry)
    objection = _objection(held)
    if objection:
        return _refused(entry, objection)
    policy, status = entry.on_change, str(held.get("Status"))
    if policy is ChangePolicy.VOID or _replaces(entry, status):
        return Verdict(Act.VOID)
    if asks(policy, status) and not entry.is_approved:
        return Verdict(Act.HOLD, told(policy, held))
    return Verdict(Act.EDIT)


def _of_credited(entry: Entry, held: Mapping[str, Any]) -> Verdict:
    """Credit what is a difference, paid or not; all else a person decides."""
    why = untied(entry, held)
    if why and _is_met_by_hand(entry, held):
        return Verdict(Act.SETTLE)
    found = why or _of_tied(entry, held)
    if isinstance(found, Verdict):
        return found
    if entry.booked:
        return _beside(entry, found)
    objection = _objection(held)
    if objection:
        return _refused(entry, f"{found}; {objection}")
    if not entry.is_approved:
        return Verdict(Act.HOLD, f"{told(entry.on_change, held)}; {found}")
    return Verdict(Act.EDIT)


def _of_tied(entry: Entry, held: Mapping[str, Any]) -> Verdict | str:
    """Decide where Xero holds what was written last; a text says why no credit note will do."""
    if forgotten := forgotten_notes(entry, held):
        why = f"{forgotten} is allocated to the Xero invoice, and the ledger does not know of it"
        return Verdict(Act.REFUSE, why, _FORGOTTEN.format(forgotten))
    if moved_contact(entry, held):
        return "its account changed"
    if same_sale(entry.former_payload, entry.payload):
        return Verdict(Act.SETTLE)
    credit = credit_of(entry.former_payload, entry.payload)
    return credit if isinstance(credit, str) else _of_difference(entry, held)


def _is_met_by_hand(entry: Entry, held: Mapping[str, Any]) -> bool:
    """Say whether a person made the invoice what is wished, and nothing was credited."""
    return not entry.booked and not held.get("AmountCredited") and holds(wanted(entry), held)


def _of_difference(entry: Entry, held: Mapping[str, Any]) -> Verdict:
    """Credit a difference, unless a person may have done so already."""
    others = notes_of_others(entry, held)
    # An approval may have been of something else, before anybody knew of them.
    is_known = entry.is_approved and others in entry.meta.get(APPROVAL, "")
    if not others or is_known:
        return Verdict(Act.CREDIT)
    why = f"{others} was allocated to it in Xero: approve to credit the whole difference besides"
    return Verdict(Act.HOLD, f"{told(entry.on_change, held)}; {why}")


def _refused(entry: Entry, why: str) -> Verdict:
    is_void = entry.on_change in {ChangePolicy.VOID, ChangePolicy.REISSUE}
    return Verdict(Act.REFUSE, why, _IN_THE_WAY if is_void else _BY_HAND)


def _beside(entry: Entry, why: str = "") -> Verdict:
    """Refuse to edit or void an invoice for as long as credit notes of ours stand beside it.

    Else their customer would have them besides what is wished.
    """
    notes = ", ".join(one.number for one in entry.booked)
    stand = "stand" if len(entry.booked) > 1 else "stands"
    told_why = f"{why}; " if why else ""
    return Verdict(
        Act.REFUSE,
        f"{told_why}{named(entry.booked)} {stand} beside the Xero invoice",
        f"Take {notes} off the invoice in Xero and void it there, with what else is in the way, "
        f"then replay: {_THEN.get(entry.on_change, _ONCE_APPROVED)}.",
    )


def _left_over(entry: Entry, status: str) -> Verdict:
    """Refuse to leave credit notes of ours behind with their customer."""
    is_meant = entry.is_voiding and entry.on_change is not ChangePolicy.VOID
    then = ": another invoice then takes its place" if is_meant else ""
    numbers = ", ".join(one.number for one in entry.booked)
    return Verdict(
        Act.REFUSE,
        f"the Xero invoice is {status}, and its credit note is not: {named(entry.booked)}",
        f"Void {numbers} in Xero, too, then replay{then}.",
    )


def _objection(held: Mapping[str, Any]) -> str:
    """Say why Xero would refuse an edit or a void (Invoices, what may still change)."""
    if held.get("Status") not in _EDITABLE:
        return f"the Xero invoice is {held.get('Status')}"
    if held.get("AmountPaid") or held.get("AmountCredited"):
        return "the Xero invoice has a payment or credit allocated to it"
    return ""
