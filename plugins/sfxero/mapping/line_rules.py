"""The rules that each opportunity product must meet to become an invoice line."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import NUMBER, TEXT, flags, number_column, text_column
from sfxero.mapping.field_rules import FieldRule, LookupRule, TrackingRule
from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.refusals import Findings, take
from sfxero.mapping.rules import apply_rule, look_up, source_of
from sfxero.mapping.totals import (
    AMOUNT,
    AMOUNT_LIMIT,
    FACTOR,
    FACTOR_LIMIT,
    PERCENT,
    RATE,
    RATE_LIMIT,
)
from sfxero.model.findings import Severity

_DESCRIPTION_LIMIT: Final = 4_000
_ITEM_LIMIT: Final = 30
_FACTOR_PLACES: Final = 4
_PERCENT_PLACES: Final = 2
_ZERO: Final = pa.scalar(Decimal(0), NUMBER)
_HUNDRED: Final = pa.scalar(Decimal(100), NUMBER)


@dataclass(frozen=True, slots=True)
class LinesOf:
    """Live lines, ordered by the place of the opportunity that owns them."""

    table: pa.Table
    owners: np.ndarray
    findings: Findings

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
        """Record the owner of each line of the mask once, showing its first such line."""
        places = np.flatnonzero(mask)
        records, first = np.unique(self.owners[places], return_index=True)
        shown = [f"line {one}" for one in take(text_column(self.table, "Id"), places[first])]
        if values is not None:
            found = take(values, places[first])
            shown = [f"{_plain(one)} on {line}" for one, line in zip(found, shown, strict=True)]
        self.findings.add_at(rule, records, field=field, hint=hint, shown=shown, severity=severity)

    def refuse(
        self, rule: str, mask: pa.Array, *, field: str | None, hint: str, values: pa.Array | None
    ) -> None:
        """Record the lines of an Arrow mask."""
        self.add(rule, flags(mask), field=field, hint=hint, values=values)


def read_descriptions(lines: LinesOf, rule: FieldRule) -> pa.Array:
    """Return what each line is for."""
    return apply_rule(
        lines.table,
        rule,
        lines,
        name="description",
        limit=_DESCRIPTION_LIMIT,
        required=True,
    )


def read_factors(lines: LinesOf, path: str, *, name: str) -> pa.Array:
    """Return quantities or prices as Xero keeps them: with four decimals."""
    raw = number_column(lines.table, path)
    lines.refuse(
        f"{name}_missing",
        pc.is_null(raw),
        field=path,
        hint=f"Fill {path} on the line.",
        values=None,
    )
    fine = _scaled(lines, raw, _FACTOR_PLACES, rule=f"{name}_scale", field=path)
    return pc.cast(_within(lines, fine, FACTOR_LIMIT, rule=f"{name}_range", field=path), FACTOR)


def read_discounts(lines: LinesOf, path: str | None) -> pa.Array:
    """Return discounts in percent; none is zero."""
    if path is None:
        return pa.repeat(pa.scalar(Decimal(0), PERCENT), len(lines.owners))
    raw = pc.fill_null(number_column(lines.table, path), _ZERO)
    fine = _scaled(lines, raw, _PERCENT_PLACES, rule="discount_scale", field=path)
    beyond = pc.or_(pc.less(fine, _ZERO), pc.greater(fine, _HUNDRED))
    lines.refuse(
        "discount_range",
        beyond,
        field=path,
        values=raw,
        hint="Give a discount from 0 to 100 %; put a surcharge into the price.",
    )
    return pc.cast(_blank(fine, beyond), PERCENT)


def read_account_codes(
    lines: LinesOf, rule: LookupRule, organisation: OrganisationFacts
) -> pa.Array:
    """Return the account of each line; it must exist in the organisation and be active."""
    codes = _looked_up(lines, rule, name="account_code")
    lines.refuse(
        "account_code_unknown",
        _absent(codes, list(organisation.accounts)),
        field=rule.by,
        values=codes,
        hint="Create the account in Xero, or correct account_code in the route file.",
    )
    closed = [code for code, facts in organisation.accounts.items() if facts.status != "ACTIVE"]
    lines.refuse(
        "account_code_archived",
        pc.is_in(codes, pa.array(closed, TEXT)),
        field=rule.by,
        values=codes,
        hint="Restore the account in Xero, or name another in the route file.",
    )
    return codes


def read_tax_types(
    lines: LinesOf, rule: LookupRule, organisation: OrganisationFacts, *, taxed: bool
) -> pa.Array:
    """Return the tax type of each line; if it is `taxed`, the organisation must have the type."""
    if not taxed:
        return look_up(lines.table, rule)
    types = _looked_up(lines, rule, name="tax_type")
    lines.refuse(
        "tax_type_unknown",
        _absent(types, [name for name, rate in organisation.tax_rates.items() if _usable(rate)]),
        field=rule.by,
        values=types,
        hint="Activate the tax rate in Xero, or correct tax_type in the route file.",
    )
    return types


def read_item_codes(
    lines: LinesOf, rule: FieldRule | None, organisation: OrganisationFacts
) -> pa.Array:
    """Return the item of each line that names one; it must exist in the organisation."""
    codes = apply_rule(lines.table, rule, lines, name="item_code", limit=_ITEM_LIMIT)
    if rule is not None:
        lines.refuse(
            "item_code_unknown",
            _absent(codes, sorted(organisation.items)),
            field=source_of(rule),
            values=codes,
            hint="Create the item in Xero, or correct item_code in the route file.",
        )
    return codes


def read_tracking(lines: LinesOf, rule: TrackingRule, organisation: OrganisationFacts) -> pa.Array:
    """Return the option of each line in one category; it must exist and be active."""
    options = apply_rule(lines.table, rule.option, lines, name="tracking_option")
    lines.refuse(
        "tracking_option_unknown",
        _absent(options, sorted(organisation.tracking.get(rule.category, ()))),
        field=source_of(rule.option),
        values=options,
        hint=f"Add the option to {rule.category} in Xero, or correct tracking in the route file.",
    )
    return options


def tax_rates(types: pa.Array, organisation: OrganisationFacts) -> pa.Array:
    """Return the effective rate of each tax type in percent; null for an unknown one."""
    encoded = pc.dictionary_encode(types)
    rates = [organisation.tax_rates.get(name) for name in encoded.dictionary.to_pylist()]
    known = [rate if rate is not None and _usable(rate) else None for rate in rates]
    return pa.array(known, RATE).take(encoded.indices)


def bounded_amounts(lines: LinesOf, amounts: pa.Array) -> pa.Array:
    """Return line amounts that can be computed with."""
    return pc.cast(
        _within(lines, amounts, AMOUNT_LIMIT, rule="line_amount_range", field=None), AMOUNT
    )


def _looked_up(lines: LinesOf, rule: LookupRule, *, name: str) -> pa.Array:
    found = look_up(lines.table, rule)
    lines.refuse(
        f"{name}_missing",
        pc.is_null(found),
        field=rule.by,
        values=text_column(lines.table, rule.by),
        hint=f"Give {name} a row for this value in the route file, or a default.",
    )
    return found


def _absent(codes: pa.Array, known: list[str]) -> pa.Array:
    return pc.and_(pc.is_valid(codes), pc.invert(pc.is_in(codes, pa.array(known, TEXT))))


def _usable(rate: Decimal) -> bool:
    return 0 <= rate <= RATE_LIMIT and rate == round(rate, 4)


def _scaled(lines: LinesOf, raw: pa.Array, places: int, *, rule: str, field: str) -> pa.Array:
    """Blank out and refuse values with more than `places` decimals."""
    finer = pc.not_equal(raw, pc.round(raw, ndigits=places))
    lines.refuse(
        rule,
        finer,
        field=field,
        values=raw,
        hint=f"Round it to {places} decimals: Xero keeps no more.",
    )
    return _blank(raw, finer)


def _within(
    lines: LinesOf, values: pa.Array, limit: Decimal, *, rule: str, field: str | None
) -> pa.Array:
    """Blank out and refuse values that are too large to be computed with."""
    beyond = pc.greater_equal(pc.abs(values), pa.scalar(limit, pa.decimal128(13, 0)))
    lines.refuse(
        rule, beyond, field=field, values=values, hint=f"Correct it: it must be below {limit}."
    )
    return _blank(values, beyond)


def _blank(values: pa.Array, mask: pa.Array) -> pa.Array:
    empty = pa.scalar(None, values.type)
    return pc.if_else(pc.fill_null(mask, False), empty, values)


def _plain(value: object) -> str:
    """Show a value, numbers without trailing zeros."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "nothing" if value is None else str(value)
