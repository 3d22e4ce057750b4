"""Field rules of a route applied to columns."""

from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, clean_text, first_filled, flags, map_unique
from sfxero.mapping.functions import FUNCTIONS
from sfxero.mapping.spec import FieldRule, LookupRule
from sfxero.model.findings import Severity

_SEVERITY: Final = {"warn": Severity.WARN, "refuse": Severity.REFUSE}


class Report(Protocol):
    """Takes note of the rows that break a rule."""

    def add(
        self,
        rule: str,
        mask: np.ndarray,
        *,
        field: str | None,
        hint: str,
        values: pa.Array | None = None,
        severity: Severity = Severity.REFUSE,
    ) -> None:
        """Record each row of the mask."""
        ...


def apply_rule(
    table: pa.Table,
    rule: FieldRule | None,
    report: Report,
    *,
    name: str,
    limit: int | None = None,
    required: bool = False,
) -> pa.Array:
    """Return one target field; rows that break its rule are reported under `name`.

    A `required` field is so whatever the route says.
    """
    if rule is None:
        return pa.nulls(table.num_rows, TEXT)
    texts, refused = _apply_function(_read(table, rule), rule, report)
    if limit is not None:
        report.add(
            f"{name}_too_long",
            flags(too_long(texts, limit)),
            field=source_of(rule),
            values=texts,
            hint=f"Shorten it to {limit} characters: Xero takes no more.",
        )
    if required or rule.required:
        report.add(
            f"{name}_missing",
            flags(pc.is_null(texts)) & ~refused,
            field=source_of(rule),
            hint=f"Fill {source_of(rule)} in Salesforce.",
        )
    return texts


def source_of(rule: FieldRule) -> str:
    """Return the source fields of a rule as a person reads them."""
    return " or ".join(rule.from_)


def too_long(texts: pa.Array, limit: int) -> pa.Array:
    """Return which texts have more than `limit` characters."""
    return pc.greater(pc.utf8_length(texts), limit)


def look_up(table: pa.Table, rule: LookupRule) -> pa.Array:
    """Return the table's value for each row, else the default, else null."""
    found = map_unique(clean_text(table, rule.by), rule.table.get)
    if rule.default is None:
        return found
    return pc.fill_null(found, pa.scalar(rule.default, TEXT))


def _read(table: pa.Table, rule: FieldRule) -> pa.Array:
    """Return the first filled source of a rule, else its default."""
    columns = [clean_text(table, path) for path in rule.from_]
    if rule.default:
        columns.append(pa.repeat(pa.scalar(rule.default, TEXT), table.num_rows))
    return first_filled(columns)


def _apply_function(
    texts: pa.Array, rule: FieldRule, report: Report
) -> tuple[pa.Array, np.ndarray]:
    """Return what the rule's function makes of the texts, and which of them are refused."""
    if rule.with_ is None:
        return texts, np.zeros(len(texts), dtype=bool)
    function = FUNCTIONS[rule.with_]
    mapped = map_unique(texts, function.call)
    invalid = flags(pc.and_(pc.is_valid(texts), pc.is_null(mapped)))
    report.add(
        function.rule,
        invalid,
        field=source_of(rule),
        values=texts,
        hint=function.hint,
        severity=_SEVERITY[rule.on_invalid],
    )
    return mapped, invalid & (rule.on_invalid == "refuse")
