"""What an explanation says: fields, the rules behind them, findings, and how a record ends."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from sfxero.mapping.files import YamlFile
from sfxero.mapping.spec import RouteSpec
from sfxero.mapping.targets import Target, value_at
from sfxero.mapping.uses import Key, field_uses
from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity

Record = Mapping[str, object]


class Outcome(StrEnum):
    """What a run would do with the record."""

    SENT = "sent"
    AWAITING_APPROVAL = "sent once a person approves"
    REFUSED = "refused"
    SKIPPED = "skipped"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class StatedRule:
    """A rule as the route file states it; without a line it is a default."""

    key: str
    text: str
    line: int | None


@dataclass(frozen=True, slots=True)
class FieldStory:
    """One target field: the raw values of its sources, its rules, and what goes to Xero."""

    target: str
    sources: Mapping[str, str | None]
    rules: tuple[StatedRule, ...]
    value: str | None


@dataclass(frozen=True, slots=True)
class LineStory:
    """One line of an invoice; without an id it stands for the whole opportunity."""

    source_id: str | None
    fields: tuple[FieldStory, ...]


@dataclass(frozen=True, slots=True)
class RecordStory:
    """One record; `rule` is why it is skipped, and `condition` which records are wanted.

    `approval` says which must wait for a person, and why this one must.
    """

    entity: Entity
    source_id: SourceId
    outcome: Outcome
    rule: str | None
    condition: FieldStory | None
    fields: tuple[FieldStory, ...]
    findings: tuple[Finding, ...]
    lines: tuple[LineStory, ...] = ()
    approval: FieldStory | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """An account's contact; or an opportunity's invoice, after the contact of its account."""

    route: str
    file: str
    records: tuple[RecordStory, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def is_refused(self) -> bool:
        """Say whether a record would wait in quarantine."""
        return any(one.outcome is Outcome.REFUSED for one in self.records)


class Teller:
    """Tells fields of one route."""

    def __init__(self, spec: RouteSpec, file: YamlFile) -> None:
        """The file is the one that the spec was read from."""
        self._spec = spec
        self._file = file
        self._uses = list(field_uses(spec))

    def fields(
        self, targets: Sequence[Target], record: Record, document: Mapping[str, Any]
    ) -> tuple[FieldStory, ...]:
        """Tell each mapped field, then what the sync itself puts into the document."""
        told = [
            self._story(one, record, document)
            for one in targets
            if not one.is_part or one.value_in(document) is not None
        ]
        known = {one.path[0] for one in targets}
        own = [
            FieldStory(name, {}, (), _shown(value))
            for name, value in document.items()
            if name not in known and not isinstance(value, list | dict)
        ]
        return (*told, *own)

    def condition(self, key: Key, record: Record, *, is_met: bool | None) -> FieldStory:
        """Tell the condition that decides which records are wanted."""
        met = None if is_met is None else {True: "met", False: "not met"}[is_met]
        return FieldStory("(wanted)", self._sources((key,), record), self._rules((key,)), met)

    def approval(self, record: Record, *, why: str | None) -> FieldStory:
        """Tell the rules by which a person must approve an invoice, and why this one."""
        key: Key = ("invoices", "approval")
        return FieldStory("(approval)", self._sources((key,), record), self._rules((key,)), why)

    def _story(self, target: Target, record: Record, document: Mapping[str, Any]) -> FieldStory:
        return FieldStory(
            target.name,
            self._sources(target.keys, record),
            self._rules(target.keys),
            _shown(target.value_in(document)),
        )

    def _sources(self, keys: Sequence[Key], record: Record) -> dict[str, str | None]:
        uses = (use for key in keys for use in self._uses if use.key[: len(key)] == key)
        columns = (use.column for use in uses if use.column is not None)
        return {name: _shown(record.get(name)) for name in columns}

    def _rules(self, keys: Sequence[Key]) -> tuple[StatedRule, ...]:
        return tuple(map(self._rule, keys))

    def _rule(self, key: Key) -> StatedRule:
        name = ".".join(map(str, key))
        found: Any = self._file.content
        for part in key:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                return StatedRule(name, f"{_default(value_at(self._spec, key))} (default)", None)
        return StatedRule(name, _as_yaml(found), self._file.line_of(key))


def outcome_of(findings: Sequence[Finding], *, skipped: str | None, is_removed: bool) -> Outcome:
    """Say how the record ends: what is gone or not wanted is not refused."""
    if is_removed:
        return Outcome.REMOVED
    if skipped is not None:
        return Outcome.SKIPPED
    is_refused = any(one.severity is Severity.REFUSE for one in findings)
    return Outcome.REFUSED if is_refused else Outcome.SENT


def document_of(payload: str | None) -> dict[str, Any]:
    """Return a document with its numbers as they are written; an empty one for none."""
    if payload is None:
        return {}
    found: dict[str, Any] = json.loads(payload, parse_float=Decimal)
    return found


def texts_in(story: FieldStory) -> Iterator[str]:
    """Yield each source with its raw value."""
    for name, value in story.sources.items():
        yield f"{name} = {'empty' if value is None else value}"


def _shown(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _default(value: object) -> str:
    if isinstance(value, BaseModel):
        return _as_yaml(value.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    return _shown(value) or ""


def _as_yaml(value: object) -> str:
    """Return a value on one line, as YAML has it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_as_yaml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_as_yaml, value)) + "]"
    return _shown(value) or ""
