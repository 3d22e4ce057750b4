"""Runs a suite over a staged frame and says which records broke which rule."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.errors import ConfigurationError
from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity
from sfxero.quality.suites import Expectation, Only, Suite

_CHUNK_ROWS: Final = 50_000
"""Great Expectations hashes and copies the frame it is given; this bounds what that takes."""
_LONGEST_VALUE: Final = 120
_ID: Final = "Id"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a suite found; anything in `broken` was not checked, so the caller must fail."""

    findings: tuple[Finding, ...]
    refused_ids: frozenset[SourceId]
    broken: tuple[str, ...]


def check(
    frame: pd.DataFrame, suite: Suite, *, entity: Entity, chunk_rows: int = _CHUNK_ROWS
) -> CheckResult:
    """Check each row of `frame`, which has an `Id` column, against the suite."""
    broken = _unfit_columns(frame, suite)
    if broken or frame.empty:
        return CheckResult(findings=(), refused_ids=frozenset(), broken=broken)
    rules = list(enumerate(suite.expectations))
    rules.sort(key=lambda rule: repr(rule[1].only))
    hits: list[tuple[int, int]] = []
    failures: dict[str, None] = {}
    for _, group in groupby(rules, key=lambda rule: repr(rule[1].only)):
        members = dict(group)
        runner = _Group(suite.name, members)
        rows = np.flatnonzero(_selected(frame, next(iter(members.values())).only))
        for start in range(0, len(rows), chunk_rows):
            found, failed = runner.check(frame, rows[start : start + chunk_rows])
            hits += found
            failures.update(dict.fromkeys(failed))
    findings = tuple(_findings(frame, suite, sorted(hits), entity=entity))
    return CheckResult(
        findings=findings,
        refused_ids=frozenset(one.source_id for one in findings if one.severity is Severity.REFUSE),
        broken=tuple(failures),
    )


def _unfit_columns(frame: pd.DataFrame, suite: Suite) -> tuple[str, ...]:
    """Return what cannot be checked at all: columns that are missing, repeated, or of no use."""
    names = [_ID]
    for expectation in suite.expectations:
        names += [*expectation.columns, *expectation.only]
    counts = frame.columns.value_counts()
    wrong = [
        f"{suite.name}: column {name} is staged {counts.get(name, 0)} times, not once"
        for name in dict.fromkeys(names)
        if counts.get(name, 0) != 1
    ]
    if not wrong and frame[_ID].isna().any():
        wrong.append(f"{suite.name}: a row has no {_ID}")
    return tuple(wrong)


def _selected(frame: pd.DataFrame, only: Only) -> np.ndarray:
    """Return which rows a group of expectations looks at; a missing flag counts as false."""
    mask = np.ones(len(frame), dtype=bool)
    for name, values in only.items():
        column = pa.array(frame[name], from_pandas=True)
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


class _Group:
    """Expectations that look at the same rows, ready to run over chunks of them."""

    def __init__(self, name: str, members: Mapping[int, Expectation]) -> None:
        """`members` are expectations by their place in the suite called `name`."""
        self._name = name
        self._members = members
        self._columns = list(dict.fromkeys(c for one in members.values() for c in one.columns))
        with warnings.catch_warnings():
            # The library and what it imports warn about their own old calls, not about the rows.
            warnings.simplefilter("ignore")
            import great_expectations as gx

            context = gx.get_context(mode="ephemeral")
            context.enable_analytics(False)
            context.variables.progress_bars = {"globally": False}
            asset = context.data_sources.add_pandas("staged").add_dataframe_asset("rows")
            self._all_rows = asset.add_batch_definition_whole_dataframe("all")
            self._suite = self._build(gx)

    def check(
        self, frame: pd.DataFrame, places: np.ndarray
    ) -> tuple[list[tuple[int, int]], list[str]]:
        """Return (place, expectation) of each miss, and the expectations that could not be run."""
        plain = pd.DataFrame(
            {column: _plain(frame[column].iloc[places]) for column in self._columns}, dtype=object
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = self._all_rows.get_batch(batch_parameters={"dataframe": plain})
            validation = batch.validate(self._suite, result_format={"result_format": "COMPLETE"})
        hits: list[tuple[int, int]] = []
        answered = set()
        for result in validation.results:
            number = result.expectation_config.meta["number"]
            rows = [] if result.success else (result.result or {}).get("unexpected_index_list")
            if rows is not None:
                answered.add(number)
                hits += [(int(places[row]), number) for row in rows]
        return hits, [
            f"{self._name}: {one.rule} ({one.type}) could not be checked"
            for number, one in self._members.items()
            if number not in answered
        ]

    def _build(self, gx: Any) -> Any:
        rules = [
            {"type": one.type, "kwargs": dict(one.kwargs), "meta": {"number": number}}
            for number, one in self._members.items()
        ]
        try:
            suite = gx.ExpectationSuite(name=self._name, expectations=rules)
        except (gx.exceptions.GreatExpectationsError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"expectation suite {self._name} is not understood ({type(error).__name__}): "
                f"{' '.join(str(error).split())[:300]}"
            ) from None
        # It leaves out what it does not know, with a line in the log only.
        known = {one.meta["number"] for one in suite.expectations}
        unknown = [one.type for number, one in self._members.items() if number not in known]
        if unknown:
            raise ConfigurationError(
                f"expectation suite {self._name} is not understood: {', '.join(unknown)}"
            )
        return suite


def _plain(series: pd.Series) -> np.ndarray:
    """Return a column as Python objects, which Great Expectations checks faster than Arrow's.

    Decimals stay exact, dates stay days, and whole numbers with gaps do not turn into floats.
    """
    column = pa.array(series, from_pandas=True)
    plain: np.ndarray = column.to_pandas(date_as_object=True, integer_object_nulls=True).to_numpy(
        dtype=object
    )
    return plain


def _findings(
    frame: pd.DataFrame, suite: Suite, hits: Sequence[tuple[int, int]], *, entity: Entity
) -> Iterator[Finding]:
    ids = frame[_ID]
    for place, number in hits:
        rule = suite.expectations[number]
        yield Finding(
            entity=entity,
            source_id=SourceId(str(ids.iloc[place])),
            rule=rule.rule,
            field=rule.field,
            value=_shown(frame[rule.kwargs["column"]].iloc[place]),
            hint=rule.hint,
            severity=rule.severity,
        )


def _shown(value: object) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    text = f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
