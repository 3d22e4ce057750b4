"""The three-way merge of accounts and contacts: both sides brought into one form, then compared."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.shared_fields import ONE_WAY, Part, SharedField, shown
from sfxero.model.agreed import Agreed, Pair
from sfxero.model.ids import SourceId
from sfxero.sync.shared_values import Parts, agreed_of, parts_of, snapshot_of

if TYPE_CHECKING:
    from sfxero.ledger.merging import StoredConflict
    from sfxero.mapping.merging import Verdict
    from sfxero.mapping.result import Document
    from sfxero.sync.contact_reading import ReadPair

_SIDES: Final = {"salesforce": "xero", "xero": "salesforce"}

Asked = Mapping[tuple[SourceId, str], "StoredConflict"]


@dataclass(slots=True)
class MergedPair:
    """A pair with what is to be done about each of its fields."""

    pair: "ReadPair"
    document: "Document"
    agreed: Agreed
    ours: Parts
    theirs: Parts
    verdicts: dict[str, "Verdict"] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """Of fields that both sides had changed: who decided."""
    refilled: set[str] = field(default_factory=set)
    """Fields that were emptied in Salesforce, and that Xero cannot be emptied of."""

    @property
    def source_id(self) -> SourceId:
        """The account."""
        return self.pair.source_id

    def with_verdict(self, verdict: "Verdict") -> list[str]:
        """Return the fields of a verdict."""
        return [key for key, found in self.verdicts.items() if found is verdict]

    def now(self, key: str) -> Pair:
        """Return what both sides hold of a field."""
        return Pair(self.ours[key], self.theirs[key])

    def note(self, key: str, side: str) -> str:
        """Say how it came about that one side's value counts."""
        values = {"salesforce": shown(self.ours[key]), "xero": shown(self.theirs[key])}
        told = f"{values[side] or 'nothing'!r} instead of {values[_SIDES[side]] or 'nothing'!r}"
        reason = self.reasons.get(key)
        if key in self.refilled:
            return f"{key}: emptied in salesforce, and xero cannot be: {told}"
        if reason is None:
            return f"{key}: only {side} changed, {told}"
        return f"{key}: both changed, {reason}: {told} of {_SIDES[side]}"


def has_moved(pair: "ReadPair", agreed: Agreed, fields: Sequence[SharedField]) -> bool:
    """Say whether a contact holds anything else than when both sides agreed."""
    held = parts_of(pair.contact.held, fields)
    return any(one.text(held[one.key]) != one.text(agreed[one.key].xero) for one in fields)


def merge_pairs(
    found: Sequence[tuple["ReadPair", "Document"]],
    fields: Sequence[SharedField],
    asked: Asked,
) -> list[MergedPair]:
    """Merge pairs field by field; `asked` are the open conflicts, with a person's words."""
    merged = [
        MergedPair(
            pair,
            document,
            agreed_of(pair.link, fields),
            ours=parts_of(snapshot_of(document.payload), fields),
            theirs=parts_of(pair.contact.held, fields),
        )
        for pair, document in found
    ]
    for one in fields if merged else ():
        _merge_field(merged, one, asked)
    return merged


def _merge_field(merged: Sequence[MergedPair], field: SharedField, asked: Asked) -> None:
    from sfxero.mapping.merging import Sides, merge

    def column(parts: list[Part]) -> list[str | None]:
        return [field.text(part) for part in parts]

    key = field.key
    # Where nothing flows back any more, a person's word for Xero could never be carried out.
    heard = {} if field.policy == ONE_WAY else asked
    decided = [_decision(one, key, heard) for one in merged]
    newer = [one.document.stamp_at >= one.pair.contact.updated_at for one in merged]
    result = merge(
        Sides.of(
            column([one.ours[key] for one in merged]),
            column([one.theirs[key] for one in merged]),
            column([one.agreed[key].salesforce for one in merged]),
            column([one.agreed[key].xero for one in merged]),
        ),
        field.policy,
        is_salesforce_newer=newer,
        decided=[side for side, _ in decided],
        can_be_emptied=field.can_be_emptied,
    )
    rows = zip(merged, result.verdicts, result.is_conflict, decided, strict=True)
    for one, verdict, is_conflict, (_, who) in rows:
        one.verdicts[key] = verdict
        if is_conflict:
            one.reasons[key] = f"{who} decided" if who else f"by the rule {field.policy}"
        elif not field.can_be_emptied and one.ours[key] is None and one.agreed[key].salesforce:
            one.refilled.add(key)


def _decision(one: MergedPair, key: str, asked: Asked) -> tuple[str, str]:
    """Return the side that a person chose for the very values of now, and who did."""
    stored = asked.get((one.source_id, key))
    if stored is None or stored.decision is None:
        return "", ""
    before = stored.conflict
    is_same = _plain(before.salesforce) == _plain(one.ours[key]) and _plain(before.xero) == _plain(
        one.theirs[key]
    )
    return (stored.decision, stored.decided_by or "somebody") if is_same else ("", "")


def _plain(part: Any) -> str:
    return json.dumps(part, sort_keys=True)
