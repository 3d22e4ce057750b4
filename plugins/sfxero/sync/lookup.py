"""Entries whose outcome is unknown: what the target holds decides, never a guess."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sfxero.model.ids import RunId, TargetId
from sfxero.model.outbox import Entry, Settlement
from sfxero.model.states import Entity, Operation
from sfxero.sync.bodies import NUMBER_FIELD, holds, own_number, parse
from sfxero.sync.ports import Outbox, Target
from sfxero.xero.snapshots import snapshot

_GONE = frozenset({"VOIDED", "DELETED"})


@dataclass(frozen=True, slots=True)
class Found:
    """The target's record for an entry, or why none may be taken for it."""

    element: Mapping[str, Any] | None = None
    objection: str | None = None
    hint: str = ""


class LookUp:
    """Settles entries by reading the target; writes nothing to it."""

    def __init__(self, *, outbox: Outbox, target: Target, owner: str, run_id: RunId) -> None:
        """`owner` must hold the leases of the entries given to `resolve`."""
        self._outbox = outbox
        self._target = target
        self._owner = owner
        self._run_id = run_id

    def resolve(self, entries: Sequence[Entry]) -> list[Entry]:
        """Settle, adopt or bury what the target knows; return the entries it does not know."""
        unknown: list[Entry] = []
        for entity in Entity:
            creates = [
                entry
                for entry in entries
                if entry.entity is entity and entry.operation is Operation.CREATE
            ]
            if creates:
                found = self._find(entity, creates)
                unknown += [entry for entry in creates if not self._apply(entry, found)]
        # An update repeats the same values, so sending it again is always safe.
        return unknown + [entry for entry in entries if entry.operation is Operation.UPDATE]

    def _find(self, entity: Entity, entries: Sequence[Entry]) -> dict[int, Found]:
        """Return what the target holds, by entry id."""
        if entity is Entity.CONTACT:
            elements = self._target.contacts_by_number([own_number(entry) for entry in entries])
            return {
                entry.entry_id: _judge_contact(matches)
                for entry in entries
                if (matches := _numbered(elements, entry))
            }
        elements = self._target.invoices_by_number([own_number(entry) for entry in entries])
        found = {
            entry.entry_id: _judge_invoice(entry, matches)
            for entry in entries
            if (matches := _numbered(elements, entry))
        }
        missing = [entry for entry in entries if entry.entry_id not in found]
        return found | self._find_by_url(missing)

    def _find_by_url(self, entries: Sequence[Entry]) -> dict[int, Found]:
        """Look among the invoices this app made since: a person may have renumbered one."""
        sent = [
            attempt.sent_at
            for entry in entries
            if (attempt := self._outbox.last_attempt(entry.entry_id))
        ]
        if not sent:
            return {}
        since = min([*sent, datetime.now(UTC)])
        made = list(self._target.invoices_created_by_app_since(since))
        return {
            entry.entry_id: _judge_invoice(entry, matches)
            for entry in entries
            if (matches := [one for one in made if entry.source_id in str(one.get("Url") or "")])
        }

    def _apply(self, entry: Entry, found: Mapping[int, Found]) -> bool:
        """Act on what was found for one entry; False if nothing was."""
        match = found.get(entry.entry_id)
        if match is None:
            return False
        if match.element is None:
            self._outbox.bury(
                entry.entry_id,
                owner=self._owner,
                run_id=self._run_id,
                error_class="Clash",
                message=match.objection or "",
                hint=match.hint,
            )
            return True
        settlement = settlement_of(entry, match.element)
        if holds(parse(entry.payload), match.element):
            self._outbox.settle([settlement], owner=self._owner)
        else:
            self._outbox.adopt(settlement, owner=self._owner)
        return True


def settlement_of(entry: Entry, element: Mapping[str, Any]) -> Settlement:
    """Turn the target's word on an entry into what the ledger keeps."""
    field = "ContactID" if entry.entity is Entity.CONTACT else "InvoiceID"
    return Settlement(
        entry_id=entry.entry_id,
        target_id=TargetId(str(element[field])),
        target_number=element.get(NUMBER_FIELD[entry.entity]),
        target_snapshot=snapshot(entry.entity, element),
    )


def _numbered(elements: Sequence[Mapping[str, Any]], entry: Entry) -> list[Mapping[str, Any]]:
    field, number = NUMBER_FIELD[entry.entity], own_number(entry)
    return [element for element in elements if element.get(field) == number]


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
    merged = {one.get("MergedToContactID") for one in matches} - {None, ""}
    if len(merged) == 1:
        return Found(element={**matches[0], "ContactID": merged.pop()})
    return Found(
        objection="the Xero contact of this account is archived",
        hint="Restore it in Xero, or merge it into another contact, then replay.",
    )


def _judge_invoice(entry: Entry, matches: Sequence[Mapping[str, Any]]) -> Found:
    """Adopt only an invoice whose Url holds our opportunity's id, and only a live one."""
    ours = [one for one in matches if entry.source_id in str(one.get("Url") or "")]
    live = [one for one in ours if one.get("Status") not in _GONE]
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
