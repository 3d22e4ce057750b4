"""Expectation suites as YAML files, with the route's column names filled in."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from sfxero.model.findings import Severity
from sfxero.quality.suite_files import Place, SuiteFile

TYPES: Final = (
    "expect_column_value_lengths_to_be_between",
    "expect_column_value_lengths_to_equal",
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_dateutil_parseable",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_be_json_parseable",
    "expect_column_values_to_be_null",
    "expect_column_values_to_match_json_schema",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_match_regex_list",
    "expect_column_values_to_match_strftime_format",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_not_match_regex",
    "expect_column_values_to_not_match_regex_list",
)
"""Great Expectations' own that look at one value at a time: only they name the rows that miss."""

KEYS: Final = ("type", "kwargs", "severity", "meta", "only", "stop", "optional")
_SEVERITIES: Final = {"critical": Severity.REFUSE, "warning": Severity.WARN}
_SUITE_KEYS: Final = ("only", "stop", "expectations")
_META_KEYS: Final = ("rule", "field", "hint")
_STOP_KEYS: Final = ("above", "of_at_least")
_FEWEST: Final = 100
"""A share of fewer rows than this stops nothing, unless the suite says otherwise."""
_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z_]*)\}")

Only = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Stop:
    """The share of rows above which a run must not go on, of as many rows at least."""

    above: Decimal
    of_at_least: int = _FEWEST

    def __str__(self) -> str:
        """Say the share as people do."""
        return f"{(self.above * 100).normalize():f} %"

    def is_exceeded(self, count: int, looked_at: int) -> bool:
        """Say whether so many of so many rows are too many."""
        return looked_at >= self.of_at_least and Decimal(count) > self.above * looked_at


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation of a column, the words for who breaks it, and which rows it looks at."""

    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    rule: str
    field: str | None
    hint: str
    only: Only
    stop: Stop | None = None

    @property
    def column(self) -> str:
        """The column that it reads, beside those of `only`."""
        return str(self.kwargs["column"])


@dataclass(frozen=True, slots=True)
class Suite:
    """The expectations of one staged entity; `stop` is about all rows that they refuse."""

    name: str
    expectations: tuple[Expectation, ...]
    stop: Stop | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that must be staged for it, each once."""
        names = ["Id"]
        for one in self.expectations:
            names += [one.column, *one.only]
        return tuple(dict.fromkeys(names))


class _Missing(Exception):
    """A placeholder without a column."""


def load_suite(path: Path, columns: Mapping[str, str]) -> Suite:
    """Read a suite; `columns` fills placeholders such as `{number_field}` with staged columns.

    An expectation marked `optional` is left out where the route has no column for it.
    """
    file = SuiteFile(path)
    document = file.content
    file.refuse_unknown("the suite", document, _SUITE_KEYS, ())
    listed = document.get("expectations")
    if not isinstance(listed, list) or not listed:
        raise file.wrong("`expectations` must be a list and not be empty", ("expectations",))
    reader = _Reader(file, columns)
    found = [reader.read(number, item) for number, item in enumerate(listed)]
    expectations = tuple(one for one in found if one is not None)
    return Suite(path.stem, expectations, reader.stop("the suite", document, ()))


class _Reader:
    """Turns the items of one file into expectations."""

    def __init__(self, file: SuiteFile, columns: Mapping[str, str]) -> None:
        self._file = file
        self._columns = columns

    def read(self, number: int, item: object) -> Expectation | None:
        """Return one expectation; None if the route has no column for it and that is allowed."""
        where, place = f"expectation {number + 1}", ("expectations", number)
        if not isinstance(item, dict):
            raise self._file.wrong(f"{where} must be a mapping", place)
        self._file.refuse_unknown(where, item, KEYS, place)
        try:
            filled = _fill(item, self._columns)
            shared = _fill(self._file.content.get("only") or {}, self._columns)
        except _Missing as missing:
            if item.get("optional") is True:
                return None
            raise self._file.wrong(
                f"{where} names {{{missing}}}, for which there is no column",
                place,
                hint=f"Known: {', '.join(self._columns)}; or mark it `optional: true`.",
            ) from None
        self._check_type(where, filled, place)
        self._check_kwargs(where, filled, place)
        return self._expectation(where, filled, shared, place)

    def stop(self, where: str, given: Mapping[str, Any], place: Place) -> Stop | None:
        """Read the share above which a run stops, if there is one."""
        stop = given.get("stop")
        if stop is None:
            return None
        at = (*place, "stop")
        hint = "Write `stop: {above: 0.05}`: five in a hundred rows."
        if not isinstance(stop, dict):
            raise self._file.wrong(f"`stop` of {where} must be a mapping", at, hint=hint)
        self._file.refuse_unknown(f"`stop` of {where}", stop, _STOP_KEYS, at)
        share, fewest = _share(stop.get("above")), stop.get("of_at_least", _FEWEST)
        if share is None:
            raise self._file.wrong(
                f"`above` of {where}'s `stop` must be a share from 0 to below 1", at, hint=hint
            )
        if type(fewest) is not int or fewest < 1:
            raise self._file.wrong(
                f"`of_at_least` of {where}'s `stop` must be a number of rows", at, hint=hint
            )
        return Stop(share, fewest)

    def _check_type(self, where: str, item: Mapping[str, Any], place: Place) -> None:
        name = item.get("type")
        if name in TYPES:
            return
        close = get_close_matches(str(name), TYPES, n=1)
        raise self._file.wrong(
            f"`type` of {where} names no expectation of single values: {name}",
            (*place, "type"),
            hint=f"Did you mean `{close[0]}`?" if close else f"Known: {', '.join(TYPES)}.",
        )

    def _check_kwargs(self, where: str, item: Mapping[str, Any], place: Place) -> None:
        kwargs, at = item.get("kwargs"), (*place, "kwargs")
        if not isinstance(kwargs, dict) or not isinstance(kwargs.get("column"), str):
            raise self._file.wrong(f"`kwargs` of {where} must name a `column`", at)
        if "mostly" in kwargs:
            hint = "Use `stop: {above: 0.05}` for a share; each row is judged by itself."
            raise self._file.wrong(f"`kwargs` of {where} hold `mostly`", at, hint=hint)
        if any(isinstance(value, float) for value in kwargs.values()):
            raise self._file.wrong(
                f"`kwargs` of {where} hold a floating point number", at, hint="Use whole ones."
            )

    def _expectation(
        self, where: str, item: Mapping[str, Any], shared: object, place: Place
    ) -> Expectation:
        file, meta = self._file, item.get("meta")
        if item.get("severity") not in _SEVERITIES:
            raise file.wrong(
                f"`severity` of {where} must be critical or warning", (*place, "severity")
            )
        if not isinstance(meta, dict) or not isinstance(meta.get("rule"), str):
            raise file.wrong(f"`meta` of {where} must name a `rule`", (*place, "meta"))
        file.refuse_unknown(f"`meta` of {where}", meta, _META_KEYS, (*place, "meta"))
        own = self._only(where, item.get("only") or {}, (*place, "only"))
        return Expectation(
            type=item["type"],
            kwargs=item["kwargs"],
            severity=_SEVERITIES[item["severity"]],
            rule=meta["rule"],
            field=meta.get("field") or item["kwargs"]["column"],
            hint=str(meta.get("hint") or ""),
            only={**self._only("the suite", shared, ("only",)), **own},
            stop=self.stop(where, item, place),
        )

    def _only(self, where: str, given: object, place: Place) -> Only:
        """Return the values per column that a row must have one of to be looked at."""
        if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
            raise self._file.wrong(
                f"`only` of {where} must map columns to a value or a list of values", place
            )
        return {
            name: tuple(value) if isinstance(value, list) else (value,)
            for name, value in given.items()
        }


def _share(given: object) -> Decimal | None:
    """Return a share; its text is read, so that 0.05 is five in a hundred exactly."""
    try:
        share = Decimal(str(given))
    except InvalidOperation:
        return None
    return share if 0 <= share < 1 else None


def _fill(value: Any, columns: Mapping[str, str]) -> Any:
    """Return the value with its placeholders filled, in keys and texts at any depth."""
    if isinstance(value, dict):
        return {_fill(key, columns): _fill(item, columns) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, columns) for item in value]
    if not isinstance(value, str):
        return value

    def column(match: re.Match[str]) -> str:
        if match[1] not in columns:
            raise _Missing(match[1])
        return columns[match[1]]

    return _PLACEHOLDER.sub(column, value)
