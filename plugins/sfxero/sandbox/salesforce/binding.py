"""Bind a parsed query to the org's schema: names, types and what may be filtered."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sfxero.sandbox.salesforce.dates import day_range
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.records import Record, Value, normal_id
from sfxero.sandbox.salesforce.schema import (
    DECIMAL_KINDS,
    ID_KINDS,
    TEXT_KINDS,
    Field,
    ObjectType,
    Schema,
)
from sfxero.sandbox.salesforce.soql import point_at
from sfxero.sandbox.salesforce.soql_tree import (
    Both,
    Compare,
    Condition,
    DateLiteral,
    FieldRef,
    LiteralValue,
    Not,
    Query,
)

Row = tuple[Record | None, ...]
Test = Callable[[Row], bool]
SemiJoin = Callable[[Query], frozenset[Value]]

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A bound field: which record of the row holds it, and under which name."""

    slot: int
    field: Field
    path: tuple[str, ...]

    def read(self, row: Row) -> Value:
        """Return the value; a missing parent gives null."""
        record = row[self.slot]
        return None if record is None else record.get(self.field.name)


@dataclass(slots=True)
class Joins:
    """The records of one row: slot 0 is the row itself, the others are its parents."""

    parents: list[tuple[int, Field, ObjectType]] = field(default_factory=list)
    _slots: dict[tuple[str, ...], int] = field(default_factory=dict)

    def slot(self, path: tuple[str, ...], source: int, via: Field, target: ObjectType) -> int:
        """Return the slot of the parent reached by this path."""
        if path not in self._slots:
            self.parents.append((source, via, target))
            self._slots[path] = len(self.parents)
        return self._slots[path]


class Binder:
    """Binds one query."""

    def __init__(self, query: Query, schema: Schema, *, now: datetime, semi_join: SemiJoin) -> None:
        """Take the query, what it may see and the moment that TODAY means."""
        self._query = query
        self._schema = schema
        self._now = now
        self._semi_join = semi_join
        self.joins = Joins()
        self.source = self._object()

    def _fail(self, position: int, code: str, message: str) -> ApiFailure:
        return ApiFailure(400, code, point_at(self._query.text, position, message))

    def _object(self) -> ObjectType:
        found = self._schema.find(self._query.object_name)
        if found is None:
            raise self._fail(
                self._query.object_position,
                "INVALID_TYPE",
                f"sObject type '{self._query.object_name}' is not supported. If you are attempting "
                "to use a custom object, be sure to append the '__c' after the entity name. Please "
                "reference your WSDL or the describe call for the appropriate names.",
            )
        return found

    def column(self, ref: FieldRef) -> Column:
        """Return the bound field or refuse an unknown one."""
        names = ref.path
        first = names[0].lower()
        if len(names) > 1 and first == self.source.name.lower():
            # SOQL lets a query name its own object, unless a parent has that name.
            names = names if first in self.source.by_relationship else names[1:]
        here, slot = self.source, 0
        path: tuple[str, ...] = ()
        for name in names[:-1]:
            via = here.by_relationship.get(name.lower())
            target = self._schema.find(via.reference_to[0]) if via else None
            if via is None or target is None or via.relationship is None:
                raise self._fail(
                    ref.position,
                    "INVALID_FIELD",
                    f"Didn't understand relationship '{name}' in field path. If you are attempting "
                    "to use a custom relationship, be sure to append the '__r' after the custom "
                    "relationship name. Please reference your WSDL or the describe call for the "
                    "appropriate names.",
                )
            path = (*path, via.relationship)
            slot = self.joins.slot(path, slot, via, target)
            here = target
        found = here.by_name.get(names[-1].lower())
        if found is None:
            raise self._fail(
                ref.position,
                "INVALID_FIELD",
                f"No such column '{names[-1]}' on entity '{here.name}'. If you are attempting to "
                "use a custom field, be sure to append the '__c' after the custom field name. "
                "Please reference your WSDL or the describe call for the appropriate names.",
            )
        return Column(slot, found, (*path, found.name))

    def columns(self) -> list[Column]:
        """Return the selected fields; one may be selected only once."""
        found: dict[tuple[str, ...], Column] = {}
        for ref in self._query.fields:
            bound = self.column(ref)
            if bound.path in found:
                message = f"duplicate field selected: {'.'.join(bound.path)}"
                raise self._fail(ref.position, "INVALID_FIELD", message)
            found[bound.path] = bound
        return list(found.values())

    def test(self, condition: Condition) -> Test:
        """Return the condition as a function of a row."""
        match condition:
            case Not(inner):
                negated = self.test(inner)
                return lambda row: not negated(row)
            case Both("AND", parts):
                every = [self.test(part) for part in parts]
                return lambda row: all(each(row) for each in every)
            case Both(_, parts):
                some = [self.test(part) for part in parts]
                return lambda row: any(each(row) for each in some)
            case Compare():
                return self._compare(condition)

    def _compare(self, condition: Compare) -> Test:
        ref, sign = condition.ref, condition.operator
        column = self.column(ref)
        if not column.field.filterable:
            message = f"field '{column.field.name}' can not be filtered in a query call"
            raise self._fail(ref.position, "INVALID_FIELD", message)
        if isinstance(condition.value, Query):
            return self._within(column, self._semi_join(condition.value), sign)
        if isinstance(condition.value, tuple):
            members = frozenset(self._value(column, each) for each in condition.value)
            return self._within(column, members, sign)
        return self._compare_one(column, sign, condition.value, ref.position)

    def _compare_one(self, column: Column, sign: str, literal: LiteralValue, position: int) -> Test:
        if sign == "LIKE":
            return self._like(column, literal)
        if isinstance(literal.value, DateLiteral):
            return self._in_range(column, literal, sign)
        wanted = self._value(column, literal)
        read = _reader(column)
        if sign == "=":
            return lambda row: read(row) == wanted
        if sign == "!=":
            return lambda row: read(row) != wanted
        return self._ordered(column, sign, wanted, position)

    def _ordered(self, column: Column, sign: str, wanted: Value, position: int) -> Test:
        if column.field.kind in {"boolean", *ID_KINDS} or wanted is None:
            raise self._fail(
                position, "INVALID_FIELD", f"invalid operator on {column.field.kind} field"
            )
        read, compare = _reader(column), _ORDERED[sign]

        def outcome(row: Row) -> bool:
            value = read(row)
            return value is not None and compare(value, wanted)

        return outcome

    def _within(self, column: Column, members: frozenset[Value], sign: str) -> Test:
        read = _reader(column)
        if sign == "NOT IN":
            return lambda row: read(row) not in members
        return lambda row: read(row) in members

    def _like(self, column: Column, literal: LiteralValue) -> Test:
        if column.field.kind not in TEXT_KINDS or not isinstance(literal.value, str):
            raise self._fail(
                literal.position,
                "INVALID_FIELD",
                f"invalid operator on {column.field.kind} field",
            )
        pattern = _like_pattern(literal.value)

        def outcome(row: Row) -> bool:
            value = column.read(row)
            return isinstance(value, str) and pattern.fullmatch(value) is not None

        return outcome

    def _in_range(self, column: Column, literal: LiteralValue, sign: str) -> Test:
        if column.field.kind not in {"date", "datetime"}:
            raise self._wrong_type(column, literal)
        named = literal.value
        if not isinstance(named, DateLiteral):
            raise self._wrong_type(column, literal)
        first, after = day_range(named.name, named.count, self._now.date())

        def outcome(row: Row) -> bool:
            value = column.read(row)
            if value is None:
                return sign == "!="
            day = value.date() if isinstance(value, datetime) else value
            if not isinstance(day, date):
                return False
            return {
                "=": first <= day < after, "!=": not first <= day < after, "<": day < first,
                "<=": day < after, ">": day >= after, ">=": day >= first,
            }[sign]  # fmt: skip

        return outcome

    def _value(self, column: Column, literal: LiteralValue) -> Value:
        """Return the literal as the field's own type, or refuse it."""
        value, kind = literal.value, column.field.kind
        if isinstance(value, DateLiteral):
            raise self._wrong_type(column, literal)
        if value is None and kind != "boolean":
            return None
        if kind in ID_KINDS and isinstance(value, str):
            found = normal_id(value)
            if found is None:
                raise self._fail(
                    literal.position, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}"
                )
            return found
        if kind in TEXT_KINDS and isinstance(value, str):
            return re.sub(r"\\([%_])", r"\1", value).casefold()
        if _fits(kind, value):
            return value
        raise self._wrong_type(column, literal)

    def _wrong_type(self, column: Column, literal: LiteralValue) -> ApiFailure:
        kind = column.field.kind
        wanted = {"datetime": "dateTime", "currency": "double", "percent": "double"}.get(kind, kind)
        quotes = "should" if kind in TEXT_KINDS | ID_KINDS else "should not"
        return self._fail(
            literal.position,
            "INVALID_FIELD",
            f"value of filter criterion for field '{column.field.name}' must be of type {wanted} "
            f"and {quotes} be enclosed in quotes",
        )


def _fits(kind: str, value: object) -> bool:
    match kind:
        case "boolean":
            return isinstance(value, bool)
        case "datetime":
            return isinstance(value, datetime)
        case "date":
            return isinstance(value, date) and not isinstance(value, datetime)
    return isinstance(value, Decimal) and (kind == "int" or kind in DECIMAL_KINDS)


def _reader(column: Column) -> Callable[[Row], Value]:
    """Return what reads a value for comparison; text is compared without case."""
    if column.field.kind not in TEXT_KINDS:
        return column.read

    def folded(row: Row) -> Value:
        value = column.read(row)
        return value.casefold() if isinstance(value, str) else value

    return folded


def _like_pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\\[%_]|[%_])", text)
    signs = {"%": ".*", "_": "."}
    pattern = "".join(
        re.escape(part[1:]) if part in {r"\%", r"\_"} else signs.get(part, re.escape(part))
        for part in parts
    )
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)
