"""Entries whose outcome is unknown: what the target holds decides, never a guess."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sfxero.clock import Clock
from sfxero.errors import OutcomeUnknown, UnexpectedResponse
from sfxero.model.ids import TargetId
from sfxero.model.outbox import Attempt, ChangePolicy, Entry, Settlement
from sfxero.model.states import Entity, Operation
from sfxero.sync.bodies import ID_FIELD, NUMBER_FIELD, holds, own_number, taking_number, wanted
from sfxero.sync.crediting import forgotten_notes
from sfxero.sync.judging import GONE
from sfxero.sync.ports import Outbox, Target
from sfxero.sync.shared_values import agreed_by
from sfxero.xero.snapshots import snapshot

_AT_WORK_FOR: Final = timedelta(minutes=1)
"""How much longer than we waited for its answer a request may take to be carried out."""
_GATEWAY_GAVE_UP: Final = frozenset({408, 504})
"""Answers of somebody between us and the service, who waited in vain as well."""


@dataclass(frozen=True, slots=True)
class Found:
    """The target's record for an entry, or why none may be taken for it."""

    element: Mapping[str, Any] | None = None
    objection: str = ""
    hint: str = ""


class LookUp:
    """Settles entries by reading the target; writes nothing to it."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        target: Target,
        owner: str,
        clock: Clock,
        clash: Callable[[Entry, Found], None],
    ) -> None:
        """`owner` must hold the leases of the entries given to `resolve`; `clash` gives one up."""
        self._outbox = outbox
        self._target = target
        self._owner = owner
        self._clock = clock
        self._clash = clash
        self.settled = 0

    def resolve(self, entries: Sequence[Entry]) -> list[Entry]:
        """Settle, adopt or give up what the target knows; return the entries it does not know.

        An update that the target does not hold was not carried out: it may be sent again. Of what
        the target may still be at work on, this is not known yet: it stays in doubt.
        """
        found: dict[int, Found] = {}
        for entity in Entity:
            ours = [entry for entry in entries if entry.entity is entity]
            creates = [entry for entry in ours if entry.operation is Operation.CREATE]
            updates = [entry for entry in ours if entry.operation is not Operation.CREATE]
            if creates:
                found |= self._find(entity, creates)
            if updates:
                found |= self._find_updated(entity, updates)
        for entry in entries:
            if entry.entry_id in found:
                self._apply(entry, found[entry.entry_id])
        return self._without_late([one for one in entries if one.entry_id not in found])

    def _without_late(self, entries: Sequence[Entry]) -> list[Entry]:
        """Leave those in doubt whose request may yet be carried out; return the others."""
        ends = {entry.entry_id: end for entry in entries if (end := self._late_until(entry))}
        if ends:
            self._outbox.doubt(list(ends), owner=self._owner, until_at=max(ends.values()))
        return [entry for entry in entries if entry.entry_id not in ends]

    def _late_until(self, entry: Entry) -> datetime | None:
        """Return up to when the entry's request may yet be carried out, if that is to come."""
        end = _carried_out_by(self._outbox.last_attempt(entry.entry_id))
        return end if end is not None and end > self._clock.now() else None

    def _find(self, entity: Entity, entries: Sequence[Entry]) -> dict[int, Found]:
        """Return what the target holds of records that were to be created, by entry id."""
        if entity is Entity.INVOICE_EMAIL:
            return self._find_emailed(entries)
        # A route may leave numbers to Xero; its invoices are found by their links alone.
        numbers = [number for entry in entries if (number := own_number(entry))]
        if entity is Entity.CONTACT:
            elements = self._target.contacts_by_number(numbers)
            return {
                entry.entry_id: _judge_contact(matches)
                for entry in entries
                if (matches := _numbered(elements, entry))
            }
        elements = self._target.invoices_by_number(numbers) if numbers else []
        found = {
            entry.entry_id: _judge_invoice(entry, matches)
            for entry in entries
            if (matches := _numbered(elements, entry))
        }
        missing = [entry for entry in entries if entry.entry_id not in found]
        return found | self._find_by_url(missing)

    def _find_emailed(self, entries: Sequence[Entry]) -> dict[int, Found]:
        """Say which e-mails went; one that may have gone is never sent again by itself."""
        sent = [entry for entry in entries if self._outbox.last_attempt(entry.entry_id)]
        ids = [entry.parent_target_id for entry in sent if entry.parent_target_id]
        held = (
            {one.get("InvoiceID"): one for one in self._target.invoices_by_id(ids)} if ids else {}
        )
        judged = {one.entry_id: _judge_email(held.get(one.parent_target_id)) for one in sent}
        # Of one that may be under way, only a good answer is certain.
        late = {one.entry_id for one in sent if self._late_until(one)}
        return {one: found for one, found in judged.items() if found.element or one not in late}

    def _find_by_url(self, entries: Sequence[Entry]) -> dict[int, Found]:
        """Look among the invoices this app made since: a person may have renumbered one."""
        sent = [
            attempt.sent_at
            for entry in entries
            if (attempt := self._outbox.last_attempt(entry.entry_id))
        ]
        if not sent:
            return {}
        made = list(self._target.invoices_created_by_app_since(min(sent)))
        return {
            entry.entry_id: _judge_invoice(entry, matches)
            for entry in entries
            if (matches := [one for one in made if _points_to(one, entry)])
        }

    def _find_updated(self, entity: Entity, entries: Sequence[Entry]) -> dict[int, Found]:
        """Return the linked records that hold what an update was to write, by entry id.

        What an invoice holds beside a credit note says nothing by itself: who claims it next looks
        at both.
        """
        entries = [entry for entry in entries if not entry.open_credit and not entry.booked]
        ids = [entry.target_id for entry in entries if entry.target_id]
        read = self._target
        is_contact = entity is Entity.CONTACT
        elements = read.contacts_by_id(ids) if is_contact else read.invoices_by_id(ids)
        by_id = {element.get(ID_FIELD[entity]): element for element in elements}
        return {
            entry.entry_id: Found(element)
            for entry in entries
            if (element := by_id.get(entry.target_id)) and _is_carried_out(entry, element)
        }

    def _apply(self, entry: Entry, found: Found) -> None:
        """Act on what was found for one entry."""
        if found.element is None:
            self._clash(entry, found)
            return
        settlement = replace(settlement_of(entry, found.element), is_looked_up=True)
        if entry.operation is Operation.VOID:
            self._end(entry, settlement)
        elif holds(wanted(entry), found.element) and not _is_credited(entry, found.element):
            self.settled += self._outbox.settle([settlement], owner=self._owner)
        else:
            self._outbox.adopt(settlement, owner=self._owner)

    def _end(self, entry: Entry, settlement: Settlement) -> None:
        """Take a void for done: either that was all, or another record takes its place."""
        outbox = self._outbox
        ends = entry.on_change is ChangePolicy.VOID
        done = outbox.settle if ends else outbox.retire
        self.settled += done([settlement], owner=self._owner)


def _carried_out_by(attempt: Attempt | None) -> datetime | None:
    """Return when a request that got no answer is over for certain; None if one came.

    That of a worker that died is over with its lease.
    """
    if attempt is None or attempt.finished_at is None or attempt.outcome != OutcomeUnknown.__name__:
        return None
    if attempt.status is not None and attempt.status not in _GATEWAY_GAVE_UP:
        return None
    return attempt.finished_at + _AT_WORK_FOR


def _is_credited(entry: Entry, element: Mapping[str, Any]) -> bool:
    """Say whether an invoice that holds what is wished has credit notes of a lost ledger's."""
    return entry.entity is Entity.INVOICE and bool(forgotten_notes(entry, element))


def _is_carried_out(entry: Entry, element: Mapping[str, Any]) -> bool:
    if entry.operation is Operation.VOID:
        return element.get("Status") in GONE
    return holds(wanted(taking_number(entry, element)), element)


def settlement_of(entry: Entry, element: Mapping[str, Any]) -> Settlement:
    """Turn the target's word on an entry into what the ledger keeps."""
    target_id = element.get(ID_FIELD[entry.entity])
    if not isinstance(target_id, str) or not target_id:
        raise UnexpectedResponse(f"Xero sent a record of {entry.entity} without its id")
    return Settlement(
        entry_id=entry.entry_id,
        target_id=TargetId(target_id),
        target_number=element.get(NUMBER_FIELD[entry.entity]),
        target_snapshot=snapshot(entry.entity, element),
        agreed=agreed_by(entry, element),
    )


def _numbered(elements: Sequence[Mapping[str, Any]], entry: Entry) -> list[Mapping[str, Any]]:
    field, number = NUMBER_FIELD[entry.entity], own_number(entry)
    return [element for element in elements if number and element.get(field) == number]


def _judge_contact(matches: Sequence[Mapping[str, Any]]) -> Found:
    """Take the one active contact; real data can hold two with one ContactNumber."""
    active = [one for one in matches if one.get("ContactStatus") == "ACTIVE"]
    if len(active) == 1:
        return Found(element=active[0])
    if active:
        return Found(
            objection=f"{len(active)} active Xero contacts carry this account's id",
            hint="Merge them in Xero, then replay.",
        )
    merged = {str(one.get("MergedToContactID") or "") for one in matches} - {""}
    if len(merged) == 1:
        # Nothing but its id is known of the contact that they were merged into.
        return Found(element={"ContactID": merged.pop()})
    return Found(
        objection="the Xero contact of this account is archived",
        hint="Restore it in Xero, or merge it into another contact, then replay.",
    )


def _judge_email(invoice: Mapping[str, Any] | None) -> Found:
    if invoice is not None and invoice.get("SentToContact") is True:
        return Found(element=invoice)
    return Found(
        objection="nobody can say whether Xero e-mailed this invoice",
        hint="Look at the invoice's history in Xero: replay sends it, discard leaves it.",
    )


def _points_to(element: Mapping[str, Any], entry: Entry) -> bool:
    """Say whether an invoice is the opportunity's; one that it has replaced is not any more."""
    is_former = element.get("InvoiceID") in entry.former_ids
    return entry.source_id in str(element.get("Url") or "") and not is_former


def _judge_invoice(entry: Entry, matches: Sequence[Mapping[str, Any]]) -> Found:
    """Adopt only an invoice whose Url holds our opportunity's id, and only a live one."""
    ours = [one for one in matches if _points_to(one, entry)]
    live = [one for one in ours if one.get("Status") not in GONE]
    if len(live) == 1:
        return Found(element=live[0])
    if live:
        return Found(
            objection=f"{len(live)} live Xero invoices point to this opportunity",
            hint="Void all but one in Xero, then replay.",
        )
    if ours:
        return Found(
            objection="the invoice of this opportunity was voided or deleted in Xero",
            hint="Decide whether it is to be invoiced again; then give it a new number.",
        )
    return Found(
        objection="another Xero invoice has this number already",
        hint="Change the route's number template, or renumber that invoice, then replay.",
    )
