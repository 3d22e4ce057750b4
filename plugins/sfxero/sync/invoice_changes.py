"""Changes of invoices that Xero has: read first, then done as the route and their state allow."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

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


class InvoiceChanges:
    """Works through entries whose invoices exist."""

    def __init__(self, *, outbox: Outbox, target: Target, owner: str, doing: Doing) -> None:
        """`owner` must hold the leases of the entries given to `run`."""
        self._outbox = outbox
        self._target = target
        self._owner = owner
        self._doing = doing
        self.settled = 0

    def run(self, entries: Sequence[Entry]) -> None:
        """Read the invoices' states, by a permit that was taken, and do what they allow."""
        left = {entry.entry_id: entry for entry in entries}
        try:
            held = self._held(entries)
            batches: dict[Act, list[Entry]] = {Act.EDIT: [], Act.VOID: []}
            singles: list[Entry] = []
            for entry in entries:
                sends = self._judged(entry, held.get(entry.target_id))
                if sends is None:
                    left.pop(entry.entry_id)
                elif sends.operation in {Operation.CREDIT, Operation.ALLOCATE}:
                    singles.append(sends)
                else:
                    batches[Act.VOID if sends.sends else Act.EDIT].append(sends)
            # Credit notes go one by one: what became of each is then known of it alone.
            for batch in (*batches.values(), *([one] for one in singles)):
                for one in batch:
                    left.pop(one.entry_id)
                if batch:
                    self._doing.send(batch)
        except SyncError:
            self._doing.release(list(left.values()))
            raise

    def _held(self, entries: Sequence[Entry]) -> dict[Any, Element]:
        ids = [entry.target_id for entry in entries if entry.target_id]
        found = self._target.invoices_by_id(ids, permit_taken=True)
        return {one.get("InvoiceID"): one for one in found}

    def _judged(self, entry: Entry, held: Element | None) -> Entry | None:
        """Return what is to be sent of an entry; None if it is dealt with."""
        if held is None or not (numbers := asked_notes(entry, held)):
            return self._decided(entry, held)
        notes = {one: self._target.credit_note_by_number(one) for one in numbers}
        return self._noted(entry, notes, held)

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
