"""Conditions over whole columns; each comparison reads its value as the column's type."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.errors import ConfigurationError
from sfxero.mapping.columns import (
    NUMBER,
    STAMP,
    TEXT,
    clean_text,
    flags,
    number_column,
    raw_column,
)
from sfxero.mapping.conditions import COMPARISONS, Condition

_ORDERED: Final[dict[str, Callable[..., pa.Array]]] = {
    "above": pc.greater,
    "at_least": pc.greater_equal,
    "below": pc.less,
    "at_most": pc.less_equal,
}
_TEXTUAL: Final[dict[str, Callable[..., pa.Array]]] = {
    "starts_with": pc.starts_with,
    "contains": pc.match_substring,
}


def meets(condition: Condition, table: pa.Table) -> np.ndarray:
    """Return which rows meet the condition; an empty field is met by `is_empty` and negations only.

    Raises ConfigurationError if a value of the condition cannot be of the field's type.
    """
    if condition.all_ is not None:
        return reduce(np.logical_and, (meets(inner, table) for inner in condition.all_))
    if condition.any_ is not None:
        return reduce(np.logical_or, (meets(inner, table) for inner in condition.any_))
    if condition.not_ is not None:
        return ~meets(condition.not_, table)
    return _compare(condition, table)


def _compare(condition: Condition, table: pa.Table) -> np.ndarray:
    path = condition.field or ""
    name = next(one for one in COMPARISONS if getattr(condition, one) is not None)
    given = getattr(condition, name)
    column = _read(table, path)
    if name == "is_empty":
        return flags(pc.is_null(column)) if given else flags(pc.is_valid(column))
    if name in _TEXTUAL:
        _refuse_unless(column.type == TEXT, path, f"'{name}' compares texts")
        return flags(_TEXTUAL[name](column, given))
    if name in _ORDERED:
        _refuse_unless(column.type != pa.bool_(), path, f"'{name}' compares no yes and no")
        return flags(_ORDERED[name](column, _typed(given, column.type, path)))
    values = [given] if isinstance(given, str) else given
    wanted = pa.array([_typed(one, column.type, path).as_py() for one in values], column.type)
    found = flags(pc.is_in(column, wanted))
    return ~found if name in {"is_not", "none_of"} else found


def _read(table: pa.Table, path: str) -> pa.Array:
    """Return the field as text, number, date, moment or flag."""
    kind = raw_column(table, path).type
    if pa.types.is_decimal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return number_column(table, path)
    if pa.types.is_boolean(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return raw_column(table, path).combine_chunks()
    return clean_text(table, path)


def _typed(text: str, kind: pa.DataType, path: str) -> pa.Scalar:
    """Return a value of the route file as the column's type."""
    try:
        if kind == NUMBER:
            return pa.scalar(Decimal(text), NUMBER)
        if pa.types.is_boolean(kind):
            return pa.scalar({"true": True, "false": False}[text.lower()])
        if pa.types.is_date(kind):
            return pa.scalar(date.fromisoformat(text), kind)
        if pa.types.is_timestamp(kind):
            return pa.scalar(_moment(text), STAMP)
    except (InvalidOperation, KeyError, ValueError, pa.ArrowInvalid):
        raise ConfigurationError(
            f"a condition compares {path} with '{text}', but the field is of type {kind}",
            hint="Numbers are written 1000.50, dates 2026-11-20, flags true or false.",
        ) from None
    return pa.scalar(text, TEXT)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refuse_unless(is_so: bool, path: str, objection: str) -> None:
    if not is_so:
        raise ConfigurationError(
            f"a condition on {path}: {objection}", hint="Choose another comparison."
        )
