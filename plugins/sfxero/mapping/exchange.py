"""Amounts in other currencies: which one a document is in, by which rate, and what converts it.

A rate is what Xero and Salesforce both mean by it: how much of the other currency one unit of the
organisation's own buys. An amount of the other one is divided by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, clean_text, flags
from sfxero.mapping.money_rules import RateTable
from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.refusals import Findings
from sfxero.mapping.spec import InvoicesSection
from sfxero.mapping.totals import AMOUNT, FACTOR, FACTOR_LIMIT, line_amounts, quotients

RATE: Final = pa.decimal128(12, 6)
_RATE_LIMIT: Final = pa.scalar(Decimal(1_000_000), pa.decimal128(7, 0))
_NO_RATE: Final = pa.scalar(None, RATE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Per document: its currency, the rate that goes along, and what its amounts are divided by."""

    currencies: pa.Array
    sent: pa.Array
    divisors: pa.Array
    notes: pa.Array
    """What is kept of it with the entry; null where no rate of ours was used."""

    def between(self, start: int, stop: int) -> "Exchange":
        """Return that of the documents at the places from `start` to below `stop`."""
        columns = (self.currencies, self.sent, self.divisors, self.notes)
        return Exchange(*(one.slice(start, stop - start) for one in columns))


def read_exchange(
    table: pa.Table,
    dates: pa.Array,
    spec: InvoicesSection,
    organisation: OrganisationFacts,
    findings: Findings,
    *,
    org_rates: RateTable,
) -> Exchange:
    """Decide in which currency each document goes; what has no rate that it needs is refused."""
    base = pa.scalar(organisation.base_currency, TEXT)
    if spec.currency is None:
        none = pa.nulls(table.num_rows, RATE)
        own = pa.repeat(base, table.num_rows)
        return Exchange(own, none, none, pa.nulls(table.num_rows, TEXT))
    own = clean_text(table, spec.currency)
    foreign = flags(pc.not_equal(own, base))
    is_enabled = flags(pc.is_in(own, pa.array(sorted(organisation.currencies), TEXT)))
    _check_currencies(own, spec, organisation, findings, missing=foreign & ~is_enabled)
    rates = _rates(own, dates, spec, organisation, org_rates=org_rates)
    if spec.exchange.rates != "xero":
        _check_rates(own, dates, spec, findings, unknown=foreign & flags(pc.is_null(rates)))
    is_converted = pa.array(foreign & ~is_enabled)
    return Exchange(
        currencies=pc.if_else(is_converted, base, own),
        sent=pc.if_else(pa.array(foreign & is_enabled), rates, _NO_RATE),
        divisors=pc.if_else(is_converted, rates, _NO_RATE),
        notes=_notes(own, rates, dates, spec, base=base, converted=is_converted),
    )


def _check_currencies(
    own: pa.Array,
    spec: InvoicesSection,
    organisation: OrganisationFacts,
    findings: Findings,
    *,
    missing: np.ndarray,
) -> None:
    findings.add(
        "currency_missing",
        flags(pc.is_null(own)),
        field=spec.currency,
        hint=f"Fill {spec.currency}: without it the amounts have no currency.",
    )
    if spec.exchange.not_enabled == "refuse":
        findings.add(
            "currency_not_enabled",
            missing,
            field=spec.currency,
            values=own,
            hint=f"Add the currency to {organisation.name or 'the organisation'} in Xero, or let "
            "the route convert.",
        )


def _check_rates(
    own: pa.Array,
    dates: pa.Array,
    spec: InvoicesSection,
    findings: Findings,
    *,
    unknown: np.ndarray,
) -> None:
    where = "the route's table" if spec.exchange.rates == "table" else "Salesforce"
    findings.add(
        "rate_missing",
        unknown & flags(pc.is_valid(dates)),
        field=spec.currency,
        values=pc.binary_join_element_wise(own, pc.cast(dates, TEXT), pa.scalar(" of ", TEXT)),
        hint=f"Enter the rate of that day in {where}.",
    )


def _rates(
    own: pa.Array,
    dates: pa.Array,
    spec: InvoicesSection,
    organisation: OrganisationFacts,
    *,
    org_rates: RateTable,
) -> pa.Array:
    """Return how much of each document's currency one unit of the organisation's own buys."""
    match spec.exchange.rates:
        case "xero":
            return pa.nulls(len(own), RATE)
        case "table":
            return rates_on(own, dates, spec.exchange.table)
        case "salesforce":
            # Salesforce's rates are of its corporate currency, which need not be the base one.
            base = pa.repeat(pa.scalar(organisation.base_currency, TEXT), len(own))
            of_base = rates_on(base, dates, org_rates)
            return _usable(quotients(rates_on(own, dates, org_rates), of_base, places=6))


def rates_on(currencies: pa.Array, dates: pa.Array, table: RateTable) -> pa.Array:
    """Return the rate of each currency on each day: the last one that began by then."""
    found = pa.nulls(len(currencies), RATE)
    ordinals = pc.fill_null(pc.cast(dates, pa.int32()), np.iinfo(np.int32).min).to_numpy()
    for code, by_day in table.items():
        first_days = sorted(by_day)
        days = pa.array(first_days, pa.date32()).cast(pa.int32()).to_numpy()
        places = np.searchsorted(days, ordinals, side="right") - 1
        rates = _usable(pa.array([by_day[day] for day in first_days]))
        of_code = rates.take(pa.array(places, mask=places < 0))
        found = pc.if_else(pc.equal(currencies, pa.scalar(code, TEXT)), of_code, found)
    return found


def _usable(rates: pa.Array) -> pa.Array:
    """Blank out what is no rate to divide by, or more than Xero takes."""
    rounded = pc.round(rates, ndigits=6, round_mode="half_towards_infinity")
    zero = pa.scalar(Decimal(0), rounded.type)
    is_one = pc.and_(pc.greater(rounded, zero), pc.less(rounded, _RATE_LIMIT))
    kept = pc.if_else(
        pc.fill_null(is_one, pa.scalar(False)), rounded, pa.scalar(None, rounded.type)
    )
    return pc.cast(kept, RATE)


def _notes(
    own: pa.Array,
    rates: pa.Array,
    dates: pa.Array,
    spec: InvoicesSection,
    *,
    base: pa.Scalar,
    converted: pa.Array,
) -> pa.Array:
    """Say which rate was used, and from where; null where none was."""
    converting = pa.scalar(f", converted to {base.as_py()} line by line", TEXT)
    parts = (
        own,
        pa.scalar(" at ", TEXT),
        pc.cast(rates, TEXT),
        pa.scalar(f" by {spec.exchange.rates} of ", TEXT),
        pc.cast(dates, TEXT),
        pc.if_else(converted, converting, pa.scalar("", TEXT)),
    )
    notes = pc.binary_join_element_wise(*parts, pa.scalar("", TEXT))
    return pc.if_else(
        pc.fill_null(pc.equal(own, base), pa.scalar(True)), pa.scalar(None, TEXT), notes
    )


def convert_lines(
    columns: Mapping[str, pa.Array], divisors: pa.Array
) -> tuple[dict[str, pa.Array], np.ndarray]:
    """Return lines in the organisation's currency, and which of them are one piece now.

    A line's amount is converted and rounded to cents, halves away from zero. It keeps its quantity
    and discount if a converted price of four decimals comes to that amount; else it goes as one
    piece. A null divisor leaves a line as it is; too large a result is null.
    """
    quantity, discount = columns["Quantity"], columns["DiscountRate"]
    amounts = _bounded(quotients(columns["LineAmount"], divisors, places=2), AMOUNT)
    prices = _bounded(quotients(columns["UnitAmount"], divisors, places=4), FACTOR)
    fits = pc.equal(line_amounts(quantity, prices, discount), amounts)
    is_piece = pc.and_(pc.is_valid(amounts), pc.invert(pc.fill_null(fits, pa.scalar(False))))
    converted = {
        "Quantity": pc.if_else(is_piece, pa.scalar(Decimal(1), FACTOR), quantity),
        "UnitAmount": pc.if_else(is_piece, pc.cast(amounts, FACTOR), prices),
        "DiscountRate": pc.if_else(is_piece, pa.scalar(Decimal(0), discount.type), discount),
        "LineAmount": amounts,
    }
    concerned = pc.is_valid(divisors)
    changed = {
        name: pc.if_else(concerned, column, columns[name]) for name, column in converted.items()
    }
    return {**columns, **changed}, flags(is_piece)


def _bounded(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Blank out what would be no price any more."""
    is_below = pc.less(pc.abs(values), pa.scalar(FACTOR_LIMIT, pa.decimal128(11, 0)))
    nothing = pa.scalar(None, values.type)
    return pc.cast(pc.if_else(pc.fill_null(is_below, pa.scalar(False)), values, nothing), kind)
