"""Writers: who of several records may write to the contact that they share, and who to none."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, TypeAlias

from sfxero.ledger.names import Standing
from sfxero.mapping.result import TransformResult
from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId, is_lead
from sfxero.model.states import Entity
from sfxero.sync.scope import Scope

LiveAmong: TypeAlias = Callable[[Collection[SourceId]], set[SourceId]]
"""Tells which of some records the run has read, and are live."""

ARCHIVED: Final = (
    "contact_archived",
    (
        "Its contact is archived in Xero: restore it, merge it into another, or choose one with "
        "`sfxero links follow`. Until then nothing is written to it."
    ),
)


class Writers:
    """The links of the organisation's contacts, as far as they are not one to one and alive."""

    def __init__(self, scope: Scope, live_among: LiveAmong) -> None:
        """Whoever is not live is deleted, merged or converted, or could not be read any more.

        Of a contact none of whose records the run has read, nobody is asked.
        """
        ledger = scope.ledger
        self._astray = ledger.links.astray(scope.tenant)
        self._scope = scope
        self._shared = ledger.links.shared(scope.tenant, Entity.CONTACT)
        standing = ledger.names.standing(scope.tenant, self._shared)
        live = live_among({one for sharers in self._shared.values() for one in sharers})
        ranked = {
            target_id: _ranked(sharers, live, standing.get(target_id))
            for target_id, sharers in self._shared.items()
        }
        self._writers = {alive[0]: target_id for target_id, alive in ranked.items() if alive}
        self._readers = {one for alive in ranked.values() for one in alive[1:]}

    def take_turns(self, live_among: LiveAmong, *, held: Collection[SourceId]) -> None:
        """Let a writer write again to a contact that another has written to meanwhile.

        Not one that is `held` back now: its turn comes when it may go.
        """
        scope = self._scope
        live = live_among(self._writers).difference(held, self._astray)
        mine = {one: target_id for one, target_id in self._writers.items() if one in live}
        sharers = [one for target_id in mine.values() for one in self._shared[target_id]]
        links = scope.ledger.links.get_many(scope.tenant, Entity.CONTACT, sharers)
        behind = [
            one
            for one, target_id in mine.items()
            if any(
                links[other].content_hash and links[other].settled_at > links[one].settled_at
                for other in self._shared[target_id]
                if other in links and one in links
            )
        ]
        scope.ledger.link_changes.forget_values(scope.tenant, Entity.CONTACT, sorted(behind))

    def readers(self, live_among: LiveAmong) -> list[SourceId]:
        """Return those records whose contact another one writes."""
        return sorted(live_among(self._readers))

    def refused(
        self, entity: Entity, live_among: LiveAmong, result: TransformResult
    ) -> Iterator[Finding]:
        """Name those whose values changed and whose contact nobody can write to.

        What did not change waits for nothing; what shares such a contact is not asked.
        """
        concerned = live_among(self._astray) - self._readers
        if not concerned:
            return
        rule, hint = ARCHIVED
        links = self._scope.ledger.links.get_many(self._scope.tenant, Entity.CONTACT, concerned)
        for one in result.documents:
            link = links.get(one.source_id)
            if link is not None and link.content_hash != one.content_hash:
                yield Finding(entity, one.source_id, rule, "contact", link.target_id, hint)


def partners(scope: Scope, read: Collection[SourceId]) -> set[SourceId]:
    """Return the other records that share a contact with one of those that are read."""
    known = set(read)
    shared = scope.ledger.links.shared(scope.tenant, Entity.CONTACT)
    together = (sharers for sharers in shared.values() if not known.isdisjoint(sharers))
    return {one for sharers in together for one in sharers} - known


def _ranked(
    sharers: Sequence[SourceId], live: Collection[SourceId], contact: Standing | None
) -> list[SourceId]:
    """Return who is alive, the writer first.

    Accounts come before leads, and before others the one whose number the contact has.
    """
    number = contact.contact_number if contact else None
    return sorted(
        (one for one in sharers if one in live),
        key=lambda one: (is_lead(one), one != number, one),
    )
