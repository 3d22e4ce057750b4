"""What a contact gives back to its account, tried out on the mapping before it is written."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from sfxero.mapping.inverse import account_fields
from sfxero.mapping.shared_fields import NAME, SharedField, shown
from sfxero.model.agreed import Pair, canonical
from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import SourceId
from sfxero.model.outbox import NOTE, PlannedEntry, SourceVersion
from sfxero.model.states import Entity
from sfxero.sync.bodies import payload_hash
from sfxero.sync.contact_merging import MergedPair
from sfxero.sync.org_rereading import BEFORE
from sfxero.sync.prepare import names_in_use
from sfxero.sync.scope import Scope
from sfxero.sync.shared_values import AGREED_IN, CHANGES, OF_CONTACT, Parts, parts_of, snapshot_of
from sfxero.sync.status_prepare import org_of
from sfxero.sync.two_way import RULE

NO_WAY_BACK: Final = "cannot_flow_back"
NO_WAY_BACK_HINT: Final = (
    "Correct it in Xero: the mapping would make nothing of it, so it stays there alone."
)
_Values = dict[str, str | None]


class FlowingBack:
    """Makes the entries of accounts, of the accounts of one frame."""

    def __init__(self, scope: Scope, frame: Any, fields: Sequence[SharedField]) -> None:
        """The frame holds the accounts as they are now."""
        self._scope = scope
        self._frame = frame
        self._fields = {one.key: one for one in fields}

    def entries(
        self, merged: Sequence[MergedPair], *, read_at: datetime
    ) -> tuple[list[PlannedEntry], dict[SourceId, dict[str, Pair]]]:
        """Return what is to be written to accounts, and what needs no writing to be agreed on.

        A value of which the mapping would make nothing, or which it refuses, stays in Xero, and a
        warning tells of it: written to the account, it would look like a change there.
        """
        flowing = [one for one in merged if _flowing(one)]
        if not flowing:
            return [], {}
        rows = {row["Id"]: row for row in self._frame.to_dict("records")}
        after = self._tried(flowing)
        entries, met = [], {}
        for one in flowing:
            keys = self._usable(one, after.get(one.source_id, {}))
            changes = {key: Pair(after[one.source_id][key], one.theirs[key]) for key in keys}
            values = self._values(one, keys)
            before = {name: _text(rows[one.source_id][name]) for name in values}
            new = {name: text for name, text in values.items() if (text or None) != before[name]}
            if new:
                entries.append(self._entry(one, changes, new, before, read_at=read_at))
            elif changes:
                met[one.source_id] = changes
        return entries, met

    def _values(self, one: MergedPair, keys: Iterable[str] | None = None) -> _Values:
        """Return what the account's own fields are to be."""
        values: _Values = {}
        for key in _flowing(one) if keys is None else keys:
            field, contacts = self._fields[key], self._scope.spec.contacts
            suffix = _suffix(one) if key == NAME else ""
            values |= account_fields(field, one.theirs[key], contacts, suffix=suffix)
        return values

    def _tried(self, flowing: Sequence[MergedPair]) -> dict[SourceId, Parts]:
        """Return what the mapping would make of the accounts with their contacts' values.

        Of an account that it refuses with all of them, each is tried alone, and then together those
        that it takes: one value is not to hold back the others. What it refuses is left out.
        """
        after = self._mapped({one.source_id: self._values(one) for one in flowing})
        refused = [one for one in flowing if one.source_id not in after]
        taken: dict[SourceId, list[str]] = {}
        for key in self._fields if refused else ():
            alone = {
                one.source_id: self._values(one, [key]) for one in refused if key in _flowing(one)
            }
            for source_id in self._mapped(alone):
                taken.setdefault(source_id, []).append(key)
        again = {
            one.source_id: self._values(one, taken[one.source_id])
            for one in refused
            if one.source_id in taken
        }
        for source_id, parts in self._mapped(again).items():
            after[source_id] = {key: parts[key] for key in taken[source_id]}
        return after

    def _mapped(self, values: Mapping[SourceId, _Values]) -> dict[SourceId, Parts]:
        """Return what the mapping would make of the accounts with these values.

        Names are looked at and not reserved: a reservation would outlive a value that never comes.
        """
        from sfxero.mapping.transform import transform_contacts
        from sfxero.mapping.trying import with_values

        if not values:
            return {}
        tried = with_values(self._frame, values)
        result = transform_contacts(tried, self._scope.spec, **self._names)
        fields = tuple(self._fields.values())
        return {
            one.source_id: parts_of(snapshot_of(one.payload), fields) for one in result.documents
        }

    @cached_property
    def _names(self) -> dict[str, dict[str, str]]:
        """The names in use, which are many, for all trials."""
        return names_in_use(self._scope)

    def _usable(self, one: MergedPair, after: Parts) -> list[str]:
        """Return the fields that come through the mapping; others are warned of."""
        keys = _flowing(one)
        lost = [
            key
            for key in keys
            if key not in after or (after[key] is None) is not (one.theirs[key] is None)
        ]
        findings = [
            Finding(
                Entity.CONTACT,
                one.pair.contact.contact_id,
                NO_WAY_BACK,
                key,
                shown(one.theirs[key]),
                NO_WAY_BACK_HINT,
                Severity.WARN,
            )
            for key in lost
        ]
        self._scope.ledger.quarantine.put(self._scope.run_id, self._scope.route, findings)
        return [key for key in keys if key not in lost]

    def _entry(
        self,
        one: MergedPair,
        changes: Mapping[str, Pair],
        values: _Values,
        before: _Values,
        *,
        read_at: datetime,
    ) -> PlannedEntry:
        scope = self._scope
        payload, told = canonical(values), canonical(changes)
        return PlannedEntry(
            route=scope.route,
            tenant=org_of(scope),
            entity=Entity.ACCOUNT_UPDATE,
            source_id=one.source_id,
            payload=payload,
            content_hash=payload_hash(f"{payload}\n{told}\n{_since(one)}"),
            version=SourceVersion(stamp_at=_stamp(one), read_at=read_at),
            mapping_version=scope.spec.mapping_version,
            meta={
                "rule": RULE,
                CHANGES: told,
                AGREED_IN: scope.tenant,
                OF_CONTACT: one.pair.link.target_id,
                BEFORE: canonical({name: before[name] for name in values}),
                NOTE: "; ".join(one.note(key, "xero") for key in changes),
            },
        )


def _flowing(one: MergedPair) -> list[str]:
    """Return the fields that the account is to take from its contact."""
    from sfxero.mapping.merging import Verdict

    return one.with_verdict(Verdict.TO_SALESFORCE)


def _stamp(one: MergedPair) -> datetime:
    """Return how new the wish is: a contact that the account stands for since may be an old one.

    By its own stamp alone it would be older than what the former contact gave back.
    """
    return max(one.pair.contact.updated_at, one.pair.link.settled_at)


def _since(one: MergedPair) -> str:
    """Return what tells the same wish at another time apart: the account was changed since.

    Both sides may begin anew to agree, with another contact or after a write of the whole one.
    """
    link = one.pair.link
    return f"{link.target_id} {link.settled_at.isoformat()} {one.agreed.number}"


def _suffix(one: MergedPair) -> str:
    """Return what the mapping has put behind the account's name to keep it unique."""
    name, base = one.document.meta.get("name", ""), one.document.meta.get("base_name", "")
    return name[len(base) :] if base and name.startswith(base) else ""


def _text(value: Any) -> str | None:
    """Return a frame's value as text; None for nothing."""
    return value if isinstance(value, str) and value else None
