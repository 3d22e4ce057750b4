"""Accounts: before any of them is mapped, links follow, and who may not write is left out."""

from dataclasses import replace
from functools import cached_property
from typing import Any

from sfxero.mapping.result import CONTACT_SHARED, TransformResult
from sfxero.model.findings import Finding
from sfxero.model.states import Entity
from sfxero.sync.identity.successors import ACCOUNT_MERGED, Succession, Successors
from sfxero.sync.identity.writers import Writers
from sfxero.sync.scope import Scope


class Identity:
    """The run's accounts, as far as their links are not plain."""

    def __init__(self, scope: Scope, frame: Any) -> None:
        """`frame` holds the accounts that the run has read."""
        from sfxero.mapping.standing import standing_of

        self._scope = scope
        self._frame = frame
        self._standing = standing_of(frame, successor="MasterRecordId")
        self._found: list[Finding] = []

    def follow(self) -> None:
        """Move the links of merged accounts to those that stand for them."""
        standing = self._standing
        heirs = {one: standing.heir_of(one) for one in standing.successors}
        wished = [
            Succession(one, heir, ACCOUNT_MERGED)
            for one, heir in sorted(heirs.items())
            if heir in standing.live
        ]
        successors = Successors(self._scope, Entity.ACCOUNT)
        found, moved = successors.follow(wished)
        self._hand_over_names(moved)
        self._found = [*found, *successors.returned(standing.live)]

    @property
    def findings(self) -> list[Finding]:
        """Why some accounts may not go, whatever their values are."""
        refused = self._writers.refused(Entity.ACCOUNT, self._standing.live)
        known = {one.source_id for one in self._found}
        return [*self._found, *(one for one in refused if one.source_id not in known)]

    def writable(self) -> Any:
        """Return the frame of those that may write, with all that are deleted."""
        from sfxero.mapping.standing import without

        held = {one.source_id for one in self.findings} & self._standing.live
        self._writers.take_turns(self._standing.live - held)
        return without(self._frame, held.union(self._readers))

    def completed(self, result: TransformResult) -> TransformResult:
        """Return the result with a word on those that were left out of it."""
        passed_over = [(one, CONTACT_SHARED) for one in self._readers]
        return replace(result, skipped=[*result.skipped, *passed_over])

    def note_prepared(self) -> None:
        """Say that the changes of these accounts' links have been acted upon."""
        scope, known = self._scope, self._standing.live | self._standing.gone
        changes = scope.ledger.link_changes
        changed = known.intersection(changes.unprepared(scope.tenant, Entity.CONTACT))
        changes.note_prepared(scope.tenant, Entity.CONTACT, sorted(changed))

    @cached_property
    def _writers(self) -> Writers:
        """To be asked once the links have followed."""
        return Writers(self._scope, self._standing.gone)

    @property
    def _readers(self) -> list[Any]:
        held = {one.source_id for one in self._found}
        return [one for one in self._writers.readers(self._standing.live) if one not in held]

    def _hand_over_names(self, moved: list[Succession]) -> None:
        """Let a name that both are called by go with the contact; a suffixed one never does."""
        from sfxero.mapping.standing import base_keys

        scope = self._scope
        ids = {one for each in moved for one in (each.before, each.after)}
        keys = base_keys(self._frame, scope.spec.contacts.name, ids) if ids else {}
        for one in moved:
            key = keys.get(one.after)
            if key is not None and key == keys.get(one.before):
                scope.ledger.names.hand_over(scope.tenant, key, before=one.before, after=one.after)
