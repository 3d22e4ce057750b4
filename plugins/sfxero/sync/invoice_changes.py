"""Changes of invoices that Xero has: read first, then done as the route and their state allow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sfxero.clock import Clock
from sfxero.errors import SyncError
from sfxero.model.outbox import ChangePolicy, Entry, OpenCredit, Settlement
from sfxero.model.states import Entity, Operation
from sfxero.sync.bodies import moving_on
from sfxero.sync.crediting import (
    as_found,
    asked_notes,
    credit_of,
    is_ours,
    other_amount,
    to_allocation,
    to_credit,
    totals_of,
)
from sfxero.sync.judging import GONE, Act, Verdict, judge, to_void
from sfxero.sync.lookup import settlement_of
from sfxero.sync.ports import Outbox, Target
from sfxero.xero.snapshots import snapshot

Element = Mapping[str, Any]
Notes = Mapping[str, Element | None]
"""Credit notes by number; None where Xero has none of that number."""

_AT_ONCE: Final = 40
"""Entries of one round: so many invoices one call reads, whatever the rate of calls."""

_ACT_OF: Final = {Operation.VOID: Act.VOID, Operation.CREDIT: Act.CREDIT}
_NOT_OURS = (
    "Give that credit note another number in Xero, then replay: the difference is then credited."
)
_LOST = "Give the credit note of this invoice its number {number} back in Xero, then replay."
_OTHER_AMOUNT = (
    "Void that credit note in Xero, then replay: the difference is then credited whole, under the "
    "next number."
)


class Doing(Protocol):
    """What the lane does for it."""

    def send(self, entries: Sequence[Entry]) -> None:
        """Send a batch and act on the reply."""
        ...

    def bury(self, entry: Entry, error_class: str, message: str, hint: str) -> None:
        """Give an entry up."""
        ...

    def release(self, entries: Sequence[Entry]) -> None:
        """Put entries back unsent."""
        ...


@dataclass(frozen=True, slots=True)
class _Round:
    """What was claimed at once: what of it is left by entry id, and until when more may go."""

    left: dict[int, Entry]
    held: Mapping[Any, Element]
    until: datetime

    def asked_by(self, entry: Entry) -> list[str]:
        """Return the numbers of the credit notes that an entry hangs on."""
        held = self.held.get(entry.target_id)
        return [] if held is None else asked_notes(entry, held)


class InvoiceChanges:
    """Works through entries whose invoices exist."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        target: Target,
        clock: Clock,
        owner: str,
        lease_s: float,
        doing: Doing,
    ) -> None:
        """`owner` must have claimed the entries given to `run` just then, for `lease_s`."""
        self._outbox = outbox
        self._target = target
        self._clock = clock
        self._owner = owner
        self._lease_s = lease_s
        self._doing = doing
        self.settled = 0

    def run(self, entries: Sequence[Entry]) -> None:
        """Read the invoices' states, by a permit that was taken, and do what they allow.

        After half the lease no further call begins, and what is left goes back untouched: calls
        may be so few that the rest of the lease passes while one is waited for. A reading is
        always followed by what it was made for, so that every round brings something about.
        """
        until = self._clock.now() + timedelta(seconds=self._lease_s / 2)
        left = {entry.entry_id: entry for entry in entries[:_AT_ONCE]}
        self._doing.release(entries[_AT_ONCE:])
        try:
            self._work(_Round(left, self._held(list(left.values())), until))
        except SyncError:
            self._doing.release(list(left.values()))
            raise
        self._doing.release(list(left.values()))

    def _work(self, now: _Round) -> None:
        """Do first what the invoices alone decide, then what hangs on credit notes, too."""
        entries = list(now.left.values())
        asked = {one.entry_id: now.asked_by(one) for one in entries}
        self._do(now, [one for one in entries if not asked[one.entry_id]], {})
        waiting = [one for one in entries if asked[one.entry_id]]
        notes: dict[str, Element | None] = {}
        told: list[Entry] = []
        while waiting and (not told or self._clock.now() < now.until):
            numbers = dict.fromkeys(it for one in waiting for it in asked[one.entry_id])
            notes |= self._target.credit_notes_by_number([it for it in numbers if it not in notes])
            told = [one for one in waiting if notes.keys() >= set(asked[one.entry_id])]
            ids = [one.entry_id for one in told]
            if told and not self._outbox.renew(ids, owner=self._owner, lease_s=self._lease_s):
                return
            self._do(now, told, notes)
            waiting = [one for one in waiting if one.entry_id not in ids]

    def _do(self, now: _Round, entries: Sequence[Entry], notes: Notes) -> None:
        """Judge each entry, and send by as few calls as possible; the first goes in any case."""
        batches: dict[Act, list[Entry]] = {Act.EDIT: [], Act.VOID: [], Act.CREDIT: []}
        singles: list[list[Entry]] = []
        for entry in entries:
            sends = self._judged(entry, now.held.get(entry.target_id), notes)
            if sends is None:
                now.left.pop(entry.entry_id)
            elif sends.operation is Operation.ALLOCATE:
                # A call allocates one credit note (Xero, createCreditNoteAllocation).
                singles.append([sends])
            else:
                batches[_ACT_OF.get(sends.operation, Act.EDIT)].append(sends)
        for place, batch in enumerate([*filter(None, batches.values()), *singles]):
            if place and self._clock.now() >= now.until:
                return
            for one in batch:
                now.left.pop(one.entry_id)
            self._doing.send(batch)

    def _held(self, entries: Sequence[Entry]) -> dict[Any, Element]:
        ids = [entry.target_id for entry in entries if entry.target_id]
        found = self._target.invoices_by_id(ids, permit_taken=True)
        return {one.get("InvoiceID"): one for one in found}

    def _judged(self, entry: Entry, held: Element | None, notes: Notes) -> Entry | None:
        """Return what is to be sent of an entry; None if it is dealt with."""
        if held is None or not (numbers := asked_notes(entry, held)):
            return self._decided(entry, held)
        return self._noted(entry, {one: notes[one] for one in numbers}, held)

    def _noted(self, entry: Entry, notes: Notes, held: Element) -> Entry | None:
        """Go on with what is known of the credit notes that the invoice does not show."""
        void = [one for one, note in notes.items() if note and note.get("Status") in GONE]
        if void:
            self._outbox.void_credits(_said(entry, held), void, owner=self._owner)
            return None
        begun = entry.open_credit
        note = notes[begun.number] if begun else None
        if note is not None and held.get("Status") not in GONE:
            return self._credited(entry, note, held)
        if begun is not None and note is None and self._is_lost(entry, begun):
            return None
        return self._decided(as_found(entry, notes, held), held)

    def _decided(self, entry: Entry, held: Element | None) -> Entry | None:
        """Do what the invoice and its credit notes allow."""
        verdict = judge(entry, held)
        if verdict.act is Act.EDIT:
            return moving_on(entry, held or {})
        if verdict.act is Act.VOID:
            return to_void(entry, held or {})
        if verdict.act is Act.CREDIT:
            credit = credit_of(entry.former_payload, entry.payload)
            return to_credit(entry, credit, held or {}) if isinstance(credit, dict) else None
        self._leave(entry, held or {}, verdict)
        return None

    def _is_lost(self, entry: Entry, begun: OpenCredit) -> bool:
        """Give an entry up whose credit note is gone; forget one that was never made."""
        if begun.note_id is None:
            self._outbox.drop_credit(entry.entry_id, owner=self._owner)
            return False
        why = f"Xero has no credit note {begun.number} any more"
        self._doing.bury(entry, "Clash", why, _LOST.format(number=begun.number))
        return True

    def _credited(self, entry: Entry, note: Element, held: Element) -> Entry | None:
        """Go on with a credit note that is made: allocate it, or book it if that is done."""
        if not is_ours(entry, note, held):
            objection = f"another credit note has the number {note.get('CreditNoteNumber')} already"
            self._doing.bury(entry, "Clash", objection, _NOT_OURS)
            return None
        if objection := other_amount(entry, note):
            self._doing.bury(entry, "Clash", objection, _OTHER_AMOUNT)
            return None
        allocation = to_allocation(entry, note, held)
        if allocation is not None:
            return allocation
        self._outbox.book_credit(_said(entry, held), totals_of(note), owner=self._owner)
        return None

    def _leave(self, entry: Entry, held: Element, verdict: Verdict) -> None:
        """Act on an invoice that nothing is to be sent for."""
        if verdict.act is Act.REFUSE:
            self._doing.bury(entry, "NotEditable", verdict.why, verdict.hint)
            return
        said = _said(entry, held)
        if verdict.act is Act.SETTLE:
            self.settled += self._outbox.settle([said], owner=self._owner)
        elif verdict.act is Act.RETIRE:
            self._outbox.retire([said], owner=self._owner)
        else:
            self._outbox.hold(
                entry.entry_id, owner=self._owner, why=verdict.why, snapshot=said.target_snapshot
            )


def _said(entry: Entry, held: Element) -> Settlement:
    """Return the target's word on an invoice that was looked at."""
    return replace(settlement_of(entry, held), is_looked_up=True)


def note_settlement(entry: Entry, element: Element) -> Settlement:
    """Turn the target's word on a credit note, or its allocation, into what the ledger keeps."""
    return Settlement(
        entry_id=entry.entry_id,
        target_id=element["CreditNoteID"],
        target_number=element.get("CreditNoteNumber"),
        target_snapshot=snapshot(Entity.CREDIT_NOTE, element),
    )


def ends(entry: Entry) -> bool:
    """Say whether a void is all that is wished."""
    return entry.on_change is ChangePolicy.VOID
