"""Following: the link of a contact that was merged in Xero leads to the one that survived."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, TypeAlias

from sfxero.ledger.link_moves import LinkEnds, Move, MoveOutcome
from sfxero.ledger.names import ACTIVE
from sfxero.model.ids import SourceId, TargetId, chain_end
from sfxero.model.states import Entity
from sfxero.sync.holding import CONTACT_ARCHIVED
from sfxero.sync.identity.writers import ARCHIVED
from sfxero.sync.scope import Scope
from sfxero.xero.accounting import Accounting
from sfxero.xero.snapshots import snapshot

log = logging.getLogger(__name__)

Element: TypeAlias = Mapping[str, Any]

CONTACT_MERGED: Final = "contact_merged"
"""The rule by which a link goes to the contact that another was merged into."""


def follow_merged(scope: Scope, accounting: Accounting) -> int:
    """Move the links of merged contacts to their survivors; return how many were moved.

    The directory must be up to date. Its lists may not say what a contact was merged into, so that
    each linked one that is not active is read by id once, and again in each run while something
    waits for it: no service promises that a merge of what is archived shows as a change. So are the
    survivors, of which the next run must know what they hold before it writes to them.
    """
    astray = scope.ledger.links.astray(scope.tenant)
    if not astray:
        return 0
    targets = sorted({target_id for target_id, _ in astray.values()})
    waits_for = scope.ledger.quarantine.open_values(scope.route, (ARCHIVED[0], CONTACT_ARCHIVED[0]))
    awaited = {
        target_id
        for source_id, (target_id, _) in astray.items()
        if not waits_for.isdisjoint({source_id, target_id})
    }
    survivors = _survivors(scope, accounting, targets, awaited)
    moves = [
        move_to(LinkEnds(source_id, target_id), survivors[target_id], by_rule=CONTACT_MERGED)
        for source_id, (target_id, _) in sorted(astray.items())
        if target_id in survivors
    ]
    made = scope.ledger.link_changes.make(
        scope.route, scope.tenant, Entity.CONTACT, moves, run_id=scope.run_id
    )
    count = made.count(MoveOutcome.MOVED)
    if moves:
        log.info("contacts_followed moved=%d of=%d", count, len(moves))
    return count


def _survivors(
    scope: Scope,
    accounting: Accounting,
    targets: Sequence[TargetId],
    awaited: AbstractSet[TargetId],
) -> dict[TargetId, Element]:
    """Return by contact that was merged the active one in which its merges end."""
    standing = scope.ledger.names.standing(scope.tenant, targets)
    known = {one: TargetId(at.merged_to) for one, at in standing.items() if at.merged_to}
    unknown = [
        one
        for one in targets
        if standing[one].merged_to is None or (one in awaited and one not in known)
    ]
    read = _read_on(accounting, {*unknown, *known.values()})
    asked = {one: _merged_to(read.get(one)) for one in unknown}
    scope.ledger.names.note_merged(scope.tenant, asked)
    known |= {one: into for one, into in asked.items() if into is not None}
    ends = ((one, _end_of(into, read)) for one, into in known.items())
    return {one: end for one, end in ends if end is not None}


def _read_on(accounting: Accounting, ids: Iterable[TargetId]) -> dict[TargetId, Element]:
    """Read contacts, and those that they were merged into, to the end."""
    read: dict[TargetId, Element] = {}
    wanted = set(ids)
    while wanted:
        found = accounting.contacts_by_id(sorted(wanted))
        read |= {TargetId(str(one["ContactID"])): one for one in found}
        further = {into for one in found if (into := _merged_to(one)) is not None}
        wanted = further - read.keys() - wanted
    return read


def _merged_to(contact: Element | None) -> TargetId | None:
    if contact is None or contact.get("ContactStatus") == ACTIVE:
        return None
    merged_to = contact.get("MergedToContactID")
    return TargetId(str(merged_to)) if merged_to else None


def _end_of(contact_id: TargetId, read: Mapping[TargetId, Element]) -> Element | None:
    """Go along a chain of merges; None if it ends at a contact that may not be written to."""
    seen: set[TargetId] = set()
    while contact_id not in seen and contact_id in read:
        seen.add(contact_id)
        contact = read[contact_id]
        if contact.get("ContactStatus") == ACTIVE:
            return contact
        contact_id = _merged_to(contact) or contact_id
    return None


def merged_contacts(scope: Scope) -> dict[str, str]:
    """Return by contact that was merged the one in which its links ended."""
    went: dict[str, str] = {
        one.before.target_id: one.after.target_id
        for one in scope.ledger.link_changes.listing(scope.tenant, Entity.CONTACT)
        if one.rule == CONTACT_MERGED and one.undone_by is None
        if one.before.target_id is not None and one.after.target_id is not None
    }
    return {contact_id: chain_end(contact_id, went) for contact_id in went}


def move_to(before: LinkEnds, contact: Element, *, by_rule: str, note: str | None = None) -> Move:
    """Return the move of a record's link to a contact as Xero gave it."""
    after = LinkEnds(SourceId(before.source_id), TargetId(str(contact["ContactID"])))
    return Move(
        before,
        after,
        by_rule,
        note,
        snapshot=snapshot(Entity.CONTACT, contact),
        target_number=contact.get("ContactNumber") or None,
    )
