"""Before anything is mapped, links follow, and who may not write is left out."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sfxero.mapping.names import has_suffix
from sfxero.mapping.result import CONTACT_SHARED, TransformResult
from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId, is_lead
from sfxero.model.states import Entity
from sfxero.sync.identity.born import made_of_contacts
from sfxero.sync.identity.leads import Leads
from sfxero.sync.identity.successors import (
    ACCOUNT_MERGED,
    LINK_UNDER_WAY,
    Followed,
    Succession,
    Successors,
)
from sfxero.sync.identity.writers import LiveAmong, Writers
from sfxero.sync.scope import Scope


class Identity:
    """The run's accounts and leads, as far as their links are not plain."""

    def __init__(self, scope: Scope, accounts: Any, leads: Leads | None = None) -> None:
        """`accounts` is the frame of those that the run has read."""
        from sfxero.mapping.standing import standing_of

        self._scope = scope
        self._accounts = accounts
        self._leads = leads
        self._standing = standing_of(accounts, successor="MasterRecordId")
        self._found: list[Finding] = []
        self._last_change = 0

    def take_back(self, *, read_at: datetime) -> None:
        """Withdraw what waits for records that others stand for now.

        Before anything is planned for their heirs, so that only one of both is ever created.
        """
        scope = self._scope
        scope.ledger.outbox.withdraw(
            scope.run_id,
            scope.tenant,
            Entity.CONTACT,
            sorted(self._standing.successors),
            read_at=read_at,
            reason="the account was merged",
        )
        if self._leads is not None:
            self._leads.take_back(read_at=read_at)

    def follow(self) -> None:
        """Move the links of merged and converted records to those that stand for them."""
        standing, leads = self._standing, self._leads
        accounts, wished = Successors(self._scope, Entity.ACCOUNT), self._merged()
        self._note(accounts.follow(wished))
        self._found += accounts.returned(standing.live_among)
        if leads is not None:
            became = leads.successions(standing)
            prospects = Successors(self._scope, Entity.LEAD)
            self._note(prospects.follow(became))
            self._found += prospects.returned(self._qualified)
            wished += became
        self._found += made_of_contacts(self._scope, self._accounts, standing.live_among)
        self._hand_over_names(wished)
        # What is moved from now on, by a person or another run, is not compared by this one.
        changes = self._scope.ledger.link_changes
        self._last_change = changes.last_id(self._scope.tenant, Entity.CONTACT)

    def findings(self, entity: Entity, result: TransformResult) -> list[Finding]:
        """Why some accounts, or leads, may not go: their links, or contacts that are archived."""
        archived = self._writers.refused(entity, self._live(entity), result)
        return [*self._held(entity), *archived]

    def writable(self, entity: Entity) -> Any:
        """Return the frame of those that may write, with all that are gone."""
        from sfxero.mapping.standing import without

        live_among = self._live(entity)
        held = live_among({one.source_id for one in self._held(entity)})
        self._writers.take_turns(live_among, held=held)
        return without(self._frame(entity), held.union(self._readers(entity)))

    def completed(self, entity: Entity, result: TransformResult) -> TransformResult:
        """Return the result with a word on those that were left out of it."""
        passed_over = [(one, CONTACT_SHARED) for one in self._readers(entity)]
        return replace(result, skipped=[*result.skipped, *passed_over])

    def note_prepared(self) -> None:
        """Say that the changes of these records' links have been acted upon.

        What people changed in a contact while no account stood for it is merged by the next run
        from Xero, in a route that brings it back.
        """
        scope, changes = self._scope, self._scope.ledger.link_changes
        changed = changes.unprepared(scope.tenant, Entity.CONTACT)
        known = self._standing.known_among(changed)
        if self._leads is not None:
            known |= self._leads.standing.known_among(changed)
        if scope.spec.contacts.two_way is not None:
            accounts = [one for one in known if not is_lead(one)]
            linked = scope.ledger.links.get_many(scope.tenant, Entity.CONTACT, accounts)
            scope.ledger.merging.mark_due(scope.tenant, linked)
        changes.note_prepared(scope.tenant, Entity.CONTACT, sorted(known), up_to=self._last_change)

    def _held(self, entity: Entity) -> list[Finding]:
        """Return why some may not go whatever their values are."""
        return [one for one in self._found if one.entity is entity]

    @cached_property
    def _writers(self) -> Writers:
        """To be asked once the links have followed."""
        accounts, leads = self._live(Entity.ACCOUNT), self._live(Entity.LEAD)
        return Writers(self._scope, lambda ids: accounts(ids) | leads(ids))

    def _live(self, entity: Entity) -> LiveAmong:
        """Return what tells which of some records may be wished for."""
        leads = self._leads
        if entity is Entity.LEAD and leads is not None:
            return lambda ids: leads.standing.live_among(ids) - leads.converted.keys()
        return self._standing.live_among

    def _qualified(self, source_ids: Collection[SourceId]) -> set[SourceId]:
        """Return those of some leads that are to have a contact."""
        from sfxero.mapping.qualifying import ids_meeting

        live, spec = self._live(Entity.LEAD)(source_ids), self._scope.spec
        if not live or self._leads is None or spec.leads is None:
            return set()
        frame = self._leads.frame
        return {
            SourceId(one) for one in ids_meeting(frame[frame["Id"].isin(live)], spec.leads.when)
        }

    def _frame(self, entity: Entity) -> Any:
        is_lead = entity is Entity.LEAD and self._leads is not None
        return self._leads.frame if is_lead and self._leads else self._accounts

    def _readers(self, entity: Entity) -> list[SourceId]:
        held = {one.source_id for one in self._found}
        return [one for one in self._writers.readers(self._live(entity)) if one not in held]

    def _merged(self) -> list[Succession]:
        standing = self._standing
        heirs = {one: standing.heir_of(one) for one in standing.successors}
        live = standing.live_among(set(heirs.values()))
        return [
            Succession(one, heir, ACCOUNT_MERGED)
            for one, heir in sorted(heirs.items())
            if heir in live
        ]

    def _note(self, followed: Followed) -> None:
        """Keep what was found, and hold back heirs whose contact comes later."""
        rule, hint = LINK_UNDER_WAY
        self._found += followed.findings
        for one in followed.waiting:
            entity = Entity.LEAD if is_lead(one.after) else Entity.ACCOUNT
            self._found.append(Finding(entity, one.after, rule, None, one.before, hint))

    def _hand_over_names(self, wished: Sequence[Succession]) -> None:
        """Let a name that both are called by go to the heir; a suffixed one never does.

        Only that of records without a contact: it went along, or there never was one. An heir that
        has a suffix keeps it, whether the record is read with it or long after it.
        """
        ledger, tenant = self._scope.ledger, self._scope.tenant
        named = ledger.names.names_of(tenant) if wished else {}
        ids = [one.before for one in wished if one.before in named]
        links = ledger.links.get_many(tenant, Entity.CONTACT, ids)
        held = links.keys() | {one.source_id for one in self._found}
        freed = [one for one in wished if one.before in named and one.before not in held]
        keys = self._base_keys({one for each in freed for one in (each.before, each.after)})
        for one in freed:
            key, own = keys.get(one.after), named.get(one.after)
            if key is None or key != keys.get(one.before):
                continue
            if own is None or not has_suffix(own, key):
                ledger.names.hand_over(tenant, key, before=one.before, after=one.after)

    def _base_keys(self, ids: set[SourceId]) -> dict[SourceId, str]:
        from sfxero.mapping.standing import base_keys

        if not ids:
            return {}
        spec = self._scope.spec
        keys = base_keys(self._accounts, spec.contacts.name, ids)
        if self._leads is not None and spec.leads is not None:
            keys |= base_keys(self._leads.frame, spec.leads.name, ids)
        return keys
