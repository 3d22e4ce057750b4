"""Successors: the link of an account that was merged goes to the one that stands for it now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sfxero.ledger.link_changes import LinkChange
from sfxero.ledger.link_moves import LinkEnds, Move, MoveOutcome
from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId, TargetId
from sfxero.model.states import Entity
from sfxero.sync.identity.writers import LiveAmong
from sfxero.sync.scope import Scope

if TYPE_CHECKING:
    from sfxero.ledger.links import Link

ACCOUNT_MERGED: Final = "account_merged"
"""The rule by which a link goes to the account that another was merged into."""

LINK_UNDER_WAY: Final = (
    "link_under_way",
    "Nothing to do: its contact is being written, and the next run moves the link.",
)
MERGED_WITH_CONTACT: Final = (
    "merged_with_contact",
    (
        "Two records became one in Salesforce, and both have a contact: merge the contacts in "
        "Xero; the link follows. To leave them apart, archive this one, or `sfxero links follow` "
        "to the other."
    ),
)
CONTACT_MOVED_ON: Final = (
    "contact_moved_on",
    (
        "It was merged, its contact went to the other record, and now it is back: `sfxero links "
        "undo` gives it the contact again; `sfxero links follow` lets both use it."
    ),
)


@dataclass(frozen=True, slots=True)
class Succession:
    """One record that another stands for now, by a rule."""

    before: SourceId
    after: SourceId
    rule: str


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of successions; `waiting` are those whose heir must not get another contact."""

    findings: list[Finding]
    waiting: list[Succession]


class Successors:
    """Moves links to the records that stand for others; what cannot be moved is a finding."""

    def __init__(self, scope: Scope, entity: Entity) -> None:
        """Findings are about records of `entity`."""
        self._scope = scope
        self._entity = entity

    def follow(self, wished: Sequence[Succession]) -> Followed:
        """Move the links of the former records to those that stand for them.

        Whether one whose first write is under way has a contact is not known before its outcome is.
        """
        scope = self._scope
        ids = {one for each in wished for one in (each.before, each.after)}
        links = scope.ledger.links.get_many(scope.tenant, Entity.CONTACT, sorted(ids))
        refused = self._taken_back([one.before for one in wished if one.before in links])
        open_ = [
            one for one in wished if one.before in links and (one.before, one.after) not in refused
        ]
        movable = [one for one in open_ if not _is_apart(one, links)]
        made = self._make([_move(one, links[one.before].target_id) for one in movable])
        both = [one for one in open_ if _is_apart(one, links)]
        both += _with(movable, made, MoveOutcome.TAKEN)
        busy = _with(movable, made, MoveOutcome.BUSY)
        unlinked = [one.before for one in wished if one.before not in links]
        sent = scope.ledger.outbox.under_way(scope.tenant, Entity.CONTACT, unlinked)
        busy += [one for one in wished if one.before in sent]
        rule, hint = LINK_UNDER_WAY
        return Followed(
            [
                *self._both_linked(both, links),
                *(Finding(self._entity, one.before, rule, None, one.after, hint) for one in busy),
            ],
            waiting=[one for one in busy if one.after not in links],
        )

    def returned(self, live_among: LiveAmong) -> list[Finding]:
        """Find live records without a link whose contact went to another when they were merged."""
        scope = self._scope
        made = scope.ledger.link_changes.successions(scope.tenant, Entity.CONTACT)
        lost = {change.before.source_id: change for change in made}
        live = live_among(lost)
        linked = scope.ledger.links.get_many(scope.tenant, Entity.CONTACT, sorted(live))
        rule, hint = CONTACT_MOVED_ON
        return [
            Finding(self._entity, one, rule, "MasterRecordId", _told(change), hint)
            for one, change in sorted(lost.items())
            if one in live and one not in linked
        ]

    def _taken_back(self, ids: Sequence[SourceId]) -> set[tuple[SourceId, SourceId]]:
        """Return the successions that a person has undone: they are not made again."""
        scope = self._scope
        left = scope.ledger.link_changes.left(scope.tenant, Entity.CONTACT, ids)
        return {
            (one.before.source_id, one.after.source_id) for one in left if one.undone_by is not None
        }

    def _make(self, moves: Sequence[Move]) -> list[MoveOutcome]:
        scope = self._scope
        return scope.ledger.link_changes.make(
            scope.route, scope.tenant, Entity.CONTACT, moves, run_id=scope.run_id
        )

    def _both_linked(
        self, both: Sequence[Succession], links: Mapping[SourceId, "Link"]
    ) -> Iterator[Finding]:
        """Name those that a person must merge; a contact that is archived needs no more merging."""
        scope, (rule, hint) = self._scope, MERGED_WITH_CONTACT
        targets = [links[one.before].target_id for one in both]
        standing = scope.ledger.names.standing(scope.tenant, targets)
        for one, target_id in zip(both, targets, strict=True):
            known = standing.get(target_id)
            if known is None or known.is_active:
                yield Finding(self._entity, one.before, rule, "contact", target_id, hint)


def _is_apart(one: Succession, links: Mapping[SourceId, "Link"]) -> bool:
    """Say whether both records have a contact, and not the same."""
    other = links.get(one.after)
    return other is not None and other.target_id != links[one.before].target_id


def _move(one: Succession, target_id: TargetId) -> Move:
    return Move(LinkEnds(one.before, target_id), LinkEnds(one.after, target_id), one.rule)


def _with(
    wished: Sequence[Succession], made: Sequence[MoveOutcome], outcome: MoveOutcome
) -> list[Succession]:
    return [one for one, what in zip(wished, made, strict=True) if what is outcome]


def _told(change: LinkChange) -> str:
    return f"{change.after.source_id} ({change.change_id})"
