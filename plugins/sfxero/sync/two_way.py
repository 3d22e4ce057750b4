"""From accounts to contacts that are edited on both sides: only what changed is wished for."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import orjson

from sfxero.mapping.shared_fields import SharedField, shared_fields
from sfxero.model.agreed import Agreed, Pair, canonical
from sfxero.model.outbox import NOTE, PlannedEntry
from sfxero.model.states import Entity
from sfxero.sync.bodies import payload_hash
from sfxero.sync.scope import Scope
from sfxero.sync.shared_values import (
    CHANGES,
    Parts,
    agreed_of,
    document_of,
    parts_of,
    snapshot_of,
)

if TYPE_CHECKING:
    from sfxero.ledger.merging import Wish
    from sfxero.model.ids import SourceId

_CHUNK: Final = 1_000
RULE: Final = "two_way"
GONE: Final = "the account is gone"
"""Why a conflict of an account ends that was deleted, or merged into another."""


class ToXero:
    """Turns the wish for a whole contact into the wish for those of its fields that changed."""

    def __init__(self, scope: Scope) -> None:
        """The route must have `contacts.two_way`."""
        self._scope = scope
        self._fields = shared_fields(scope.spec.contacts)
        self.unchanged: list[SourceId] = []
        """Accounts that are as they were when both sides last agreed."""
        self.obsolete: list[SourceId] = []
        """Those among them for which something waits all the same."""
        self.overtaken: list[SourceId] = []
        """Accounts of which both sides have come to agree on more since they were read."""

    def wishes(self, entries: Iterable[PlannedEntry]) -> Iterator[PlannedEntry]:
        """Yield new contacts as they are, and for others what changed since both sides agreed.

        Whether the contact was changed meanwhile is seen when the entry is sent. A field that a
        person is asked about stays as it is.
        """
        chunk: list[PlannedEntry] = []
        for entry in entries:
            chunk.append(entry)
            if len(chunk) == _CHUNK:
                yield from self._of_chunk(chunk)
                chunk = []
        yield from self._of_chunk(chunk)

    def leave(self, removed: "Iterable[SourceId]") -> None:
        """Close the conflicts of accounts that are gone: their contacts may never change again."""
        ledger, scope = self._scope.ledger, self._scope
        asked = {source_id for source_id, _ in ledger.merging.open_of(scope.tenant, removed)}
        ledger.merging.end(scope.run_id, scope.route, reason=GONE, accounts=asked)

    def _of_chunk(self, chunk: Sequence[PlannedEntry]) -> Iterator[PlannedEntry]:
        ledger, tenant = self._scope.ledger, self._scope.tenant
        ids = [entry.source_id for entry in chunk]
        links = ledger.links.get_many(tenant, Entity.CONTACT, ids)
        agreed = {one: agreed_of(link, self._fields) for one, link in links.items()}
        ledger.agreeing.begin(
            tenant, {one: agreed[one] for one, link in links.items() if link.agreed is None}
        )
        asked = ledger.merging.open_of(tenant, links)
        wished = ledger.merging.wished(tenant, Entity.CONTACT, links)
        again: set[SourceId] = {source_id for source_id, _ in asked}
        same: dict[SourceId, dict[str, Pair]] = {}
        for entry in chunk:
            if entry.source_id not in links:
                yield entry
                continue
            ours = parts_of(snapshot_of(entry.payload), self._fields)
            held, wish = agreed[entry.source_id], wished.get(entry.source_id)
            if held.account_at is not None and held.account_at > entry.version.read_at:
                # By what was read, the account would take back what it has come to hold since.
                self.overtaken.append(entry.source_id)
                again.add(entry.source_id)
                continue
            moved = [
                one for one in self._fields if one.text(ours[one.key]) != self._text(one, held)
            ]
            met = same[entry.source_id] = self._met(moved, ours, held)
            waits = {} if wish is None else json.loads(wish.meta.get(CHANGES, "{}"))
            left = [one for one in moved if one.key not in met]
            changes = {
                one.key: Pair(ours[one.key], held[one.key].xero)
                for one in left
                if _can_be_sent(one, ours)
                and ((entry.source_id, one.key) not in asked or one.key in waits)
            }
            if any(not _can_be_sent(one, ours) for one in left):
                again.add(entry.source_id)
            if changes:
                yield self._entry(entry, changes, held, wish)
                continue
            self.unchanged.append(entry.source_id)
            if wish is not None:
                self.obsolete.append(entry.source_id)
                again.add(entry.source_id)
        ledger.agreeing.agree(tenant, {one: pairs for one, pairs in same.items() if pairs})
        ledger.merging.mark_due(tenant, again)

    def _entry(
        self,
        entry: PlannedEntry,
        changes: Mapping[str, Pair],
        held: Agreed,
        wish: "Wish | None",
    ) -> PlannedEntry:
        """Return the wish for the changes; one that waits knows better what it replaces."""
        if wish is not None:
            # A conflict may have been decided, by the very values of now.
            known = json.loads(wish.meta.get(CHANGES, "{}"))
            if {key: pair.salesforce for key, pair in changes.items()} == {
                key: pair[0] for key, pair in known.items()
            }:
                return replace(
                    entry, payload=wish.payload, content_hash=wish.content_hash, meta=wish.meta
                )
        notes = [f"{key}: only the account changed" for key in changes]
        return contact_entry(entry, changes, held, fields=self._fields, notes=notes)

    def _met(self, moved: Iterable[SharedField], ours: Parts, held: Agreed) -> dict[str, Pair]:
        """Return the fields in which the account took on what the contact held already."""
        return {
            one.key: Pair(ours[one.key], held[one.key].xero)
            for one in moved
            if one.text(ours[one.key]) == one.text(held[one.key].xero)
        }

    def _text(self, field: SharedField, held: Agreed) -> str | None:
        return field.text(held[field.key].salesforce)


def _can_be_sent(field: SharedField, ours: Parts) -> bool:
    """Say whether Xero can take what the account holds; else its own value comes back."""
    return field.can_be_emptied or ours[field.key] is not None


def contact_entry(
    entry: PlannedEntry,
    changes: Mapping[str, Pair],
    held: Agreed,
    *,
    fields: Sequence[SharedField],
    parts: Parts | None = None,
    notes: Sequence[str] = (),
) -> PlannedEntry:
    """Return the wish for a contact that differs from what it holds in these fields only.

    `parts` is what it holds, if that was read; else it is what both sides last agreed on. The same
    wish at a later time is another one: the contact may have been changed back in between.
    """
    known = parts or {one.key: held[one.key].xero for one in fields}
    wanted = {**known, **{key: pair.salesforce for key, pair in changes.items()}}
    document = json.loads(entry.payload)
    head = {
        "Name": str(wanted.get("name") or document["Name"]),
        "ContactNumber": document["ContactNumber"],
    }
    payload = orjson.dumps(document_of(wanted, fields, head=head)).decode()
    told = canonical(changes)
    note = {NOTE: "; ".join(notes)} if notes else {}
    return replace(
        entry,
        payload=payload,
        content_hash=payload_hash(f"{payload}\n{told}\n{held.number}"),
        meta={**entry.meta, "rule": RULE, CHANGES: told, **note},
    )
