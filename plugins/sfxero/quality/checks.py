"""Runs a suite over staged frames and says which records broke which rule."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.errors import ConfigurationError
from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity
from sfxero.quality.suites import Expectation, Only, Stop, Suite
from sfxero.quality.values import ColumnCheck, Library

_LONGEST_VALUE: Final = 120
_ID: Final = "Id"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows an expectation looked at, and how many broke it."""

    expectation: Expectation
    looked_at: int
    missed: int


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a suite found; anything in `broken` was not checked, so the caller must fail.

    So it must for anything in `stops`: more rows than the suite allows broke what it names.
    """

    findings: tuple[Finding, ...]
    refused_ids: frozenset[SourceId]
    broken: tuple[str, ...]
    stops: tuple[str, ...] = ()
    counts: tuple[Counted, ...] = ()


def check(frames: Iterable[pd.DataFrame], suite: Suite, *, entity: Entity) -> CheckResult:
    """Check each row of the frames, which have an `Id` column, against the suite.

    One frame at a time is held, so that memory does not grow with the window.
    """
    checking = _Checking(suite, entity)
    for frame in frames:
        checking.look_at(frame)
    return checking.result()


class _Checking:
    """One suite over one entity's frames: what was looked at so far, and what was found."""

    def __init__(self, suite: Suite, entity: Entity) -> None:
        self._suite = suite
        self._entity = entity
        self._findings: list[Finding] = []
        self._broken: dict[str, None] = {}
        self._looked_at = np.zeros(len(suite.expectations), dtype=np.int64)
        self._missed = np.zeros(len(suite.expectations), dtype=np.int64)
        self._rows = 0
        self._groups: list[tuple[Only, list[ColumnCheck]]] | None = None

    def look_at(self, frame: pd.DataFrame) -> None:
        broken = _unfit_columns(frame, self._suite)
        self._broken |= dict.fromkeys(broken)
        if broken or frame.empty:
            return
        if self._groups is None:
            self._groups = list(_groups(self._suite))
        seen = np.zeros(len(frame), dtype=bool)
        hits: list[tuple[int, int]] = []
        for only, checks in self._groups:
            chosen = _selected(frame, only)
            seen |= chosen
            places = np.flatnonzero(chosen)
            for one in checks:
                hits += self._look(frame, places, one)
        self._rows += int(seen.sum())
        self._findings += _findings(frame, self._suite, sorted(hits), entity=self._entity)

    def result(self) -> CheckResult:
        refused = frozenset(
            one.source_id for one in self._findings if one.severity is Severity.REFUSE
        )
        return CheckResult(
            findings=tuple(self._findings),
            refused_ids=refused,
            broken=tuple(self._broken),
            stops=tuple(self._stops(len(refused))),
            counts=tuple(
                Counted(rule, int(of), int(n))
                for rule, n, of in zip(
                    self._suite.expectations, self._missed, self._looked_at, strict=True
                )
            ),
        )

    def _look(
        self, frame: pd.DataFrame, places: np.ndarray, one: ColumnCheck
    ) -> Iterator[tuple[int, int]]:
        """Yield (place, expectation) of each miss of the chosen rows."""
        values = _arrow(frame[one.column]).take(pa.array(places))
        for number, mask in one.misses(values).items():
            self._looked_at[number] += len(places)
            if mask is None:
                rule = self._suite.expectations[number]
                said = f"{self._suite.name}: {rule.rule} ({rule.type}) could not be checked"
                self._broken[said] = None
                continue
            missed = places[mask]
            self._missed[number] += len(missed)
            yield from ((int(place), number) for place in missed)

    def _stops(self, refused: int) -> Iterator[str]:
        """Say which shares are exceeded: the suite's own, and those of its expectations."""
        counted = zip(self._suite.expectations, self._missed, self._looked_at, strict=True)
        stops: list[tuple[str, Stop | None, int, int]] = [
            ("refused", self._suite.stop, refused, self._rows),
            *((rule.rule, rule.stop, int(n), int(of)) for rule, n, of in counted),
        ]
        for name, stop, count, looked_at in stops:
            if stop is not None and stop.is_exceeded(count, looked_at):
                yield f"{self._suite.name}: {name}, {count} of {looked_at} rows, at most {stop}"


def _groups(suite: Suite) -> Iterator[tuple[Only, list[ColumnCheck]]]:
    """Gather the expectations by the rows that they look at, and those by their column."""
    library = Library()
    by_rows: dict[str, dict[str, dict[int, Expectation]]] = {}
    for number, rule in enumerate(suite.expectations):
        columns = by_rows.setdefault(repr(sorted(rule.only.items())), {})
        columns.setdefault(rule.column, {})[number] = rule
    for columns in by_rows.values():
        checks = [ColumnCheck(library, suite.name, members) for members in columns.values()]
        yield next(iter(checks[0].members.values())).only, checks


def _unfit_columns(frame: pd.DataFrame, suite: Suite) -> tuple[str, ...]:
    """Return what cannot be checked at all: columns that are missing, repeated, or of no use."""
    counts = frame.columns.value_counts()
    wrong = [
        f"{suite.name}: column {name} is staged {counts.get(name, 0)} times, not once"
        for name in suite.columns
        if counts.get(name, 0) != 1
    ]
    if not wrong and frame[_ID].isna().any():
        wrong.append(f"{suite.name}: a row has no {_ID}")
    return tuple(wrong)


def _selected(frame: pd.DataFrame, only: Only) -> np.ndarray:
    """Return which rows a group of expectations looks at; a missing flag counts as false."""
    mask = np.ones(len(frame), dtype=bool)
    for name, values in only.items():
        column = _arrow(frame[name])
        try:
            wanted = pa.array(list(values), type=column.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise ConfigurationError(
                f"`only` of an expectation suite compares {name}, a {column.type}, with {values}"
            ) from None
        hit = pc.fill_null(pc.is_in(column, value_set=wanted), False)
        if any(value is False for value in values):
            hit = pc.or_(hit, pc.is_null(column))
        mask &= hit.to_numpy(zero_copy_only=False)
    return mask


def _arrow(series: pd.Series) -> pa.Array:
    column = pa.array(series, from_pandas=True)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _findings(
    frame: pd.DataFrame, suite: Suite, hits: Sequence[tuple[int, int]], *, entity: Entity
) -> Iterator[Finding]:
    ids = frame[_ID].iloc[[place for place, _ in hits]].tolist()
    values = {
        number: iter(frame[rule.column].iloc[[at for at, one in hits if one == number]].tolist())
        for number, rule in enumerate(suite.expectations)
    }
    for source_id, (_, number) in zip(ids, hits, strict=True):
        rule = suite.expectations[number]
        yield Finding(
            entity=entity,
            source_id=SourceId(str(source_id)),
            rule=rule.rule,
            field=rule.field,
            value=_shown(next(values[number])),
            hint=rule.hint,
            severity=rule.severity,
        )


def _shown(value: object) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    text = f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
