"""Field rules of a route applied to columns."""

from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import (
    TEXT,
    clean_text,
    fill_template,
    first_filled,
    flags,
    join_filled,
    map_unique,
)
from sfxero.mapping.comparing import meets
from sfxero.mapping.countries import NotJudged
from sfxero.mapping.field_rules import FieldRule, LookupRule
from sfxero.model.findings import Severity

# No text has it: each is cleaned of control characters.
_BETWEEN: Final = "\x00"
_UNKNOWN_HINT: Final = "Correct the value or its country, or let the route pass what is not known."
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
    texts, refused = _apply_function(table, rule, report)
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
    if rule.value is not None:
        return f"the constant '{rule.value}'"
    is_choice = rule.join is None and rule.template is None
    return (" or " if is_choice else " and ").join(rule.read_fields)


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
    """Return what a rule's sources give, by its table and where its condition is met."""
    texts = _source(table, rule)
    if rule.table is not None:
        texts = map_unique(texts, rule.table.get)
    if rule.when is not None:
        texts = pc.if_else(pa.array(meets(rule.when, table)), texts, pa.scalar(None, TEXT))
    return pc.fill_null(texts, pa.scalar(rule.default, TEXT)) if rule.default else texts


def _source(table: pa.Table, rule: FieldRule) -> pa.Array:
    if rule.value is not None:
        return pa.repeat(pa.scalar(rule.value, TEXT), table.num_rows)
    if rule.template is not None:
        return fill_template(table, rule.template)
    columns = [clean_text(table, path) for path in rule.from_]
    if rule.join is None:
        return first_filled(columns)
    return join_filled(columns, rule.join)


def _apply_function(
    table: pa.Table, rule: FieldRule, report: Report
) -> tuple[pa.Array, np.ndarray]:
    """Return what the rule's function makes of its texts, and which of them are refused."""
    texts, function = _read(table, rule), rule.with_
    if function is None:
        return texts, np.zeros(len(texts), dtype=bool)
    if function.unknown_rule is None:
        mapped = map_unique(texts, function.call)
    else:
        mapped = _apply_of_country(table, texts, rule, report)
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


def _apply_of_country(
    table: pa.Table, texts: pa.Array, rule: FieldRule, report: Report
) -> pa.Array:
    """Return what a function makes of each text in its country; what it cannot judge stays."""
    countries = pa.nulls(len(texts), TEXT)
    if rule.country:
        countries = first_filled([clean_text(table, path) for path in rule.country])
    countries = pc.fill_null(countries, pa.scalar(rule.country_default or "", TEXT))
    pairs = pc.binary_join_element_wise(countries, texts, pa.scalar(_BETWEEN, TEXT))
    unknown: list[str] = []

    def judge(pair: str) -> str | None:
        country, _, text = pair.partition(_BETWEEN)
        try:
            return rule.with_.call(text, country) if rule.with_ else text
        except NotJudged:
            unknown.append(pair)
            return text

    mapped = map_unique(pairs, judge)
    if rule.on_unknown != "pass" and rule.with_ and rule.with_.unknown_rule:
        report.add(
            rule.with_.unknown_rule,
            flags(pc.is_in(pairs, pa.array(unknown, TEXT))),
            field=" and ".join((source_of(rule), *rule.country)),
            values=texts,
            hint=_UNKNOWN_HINT,
            severity=_SEVERITY[rule.on_unknown],
        )
    return mapped
