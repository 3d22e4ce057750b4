"""What Xero will compute, to the cent, for whole columns at once (its page on rounding).

Each step keeps within the 38 digits of decimal128: quantities and prices below ten thousand
million with four decimals, line amounts below a million million, rates up to 100 percent. Callers
blank out all others.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FACTOR: Final = pa.decimal128(14, 4)
FACTOR_LIMIT: Final = Decimal(10_000_000_000)
PERCENT: Final = pa.decimal128(5, 2)
AMOUNT: Final = pa.decimal128(14, 2)
AMOUNT_LIMIT: Final = Decimal(1_000_000_000_000)
RATE: Final = pa.decimal128(7, 4)
RATE_LIMIT: Final = Decimal(100)
SUM: Final = pa.decimal128(38, 2)

_CENT: Final = pa.scalar(Decimal("0.01"), pa.decimal128(3, 2))
_HUNDRED: Final = pa.scalar(Decimal(100), PERCENT)
_HUNDRED_RATE: Final = pa.scalar(Decimal(100), RATE)
_NOTHING: Final = pa.scalar(Decimal(0), AMOUNT)


@dataclass(frozen=True, slots=True)
class Totals:
    """Per document, what its lines come to."""

    sub_total: pa.Array
    tax: pa.Array
    total: pa.Array


def line_amounts(quantity: pa.Array, unit_amount: pa.Array, discount_rate: pa.Array) -> pa.Array:
    """Return quantity x price x (100 - rate) / 100, in cents; wider than AMOUNT, to be checked."""
    gross = pc.multiply(pc.cast(quantity, FACTOR), pc.cast(unit_amount, FACTOR))
    share = pc.cast(pc.subtract(_HUNDRED, pc.cast(discount_rate, PERCENT)), PERCENT)
    return _hundredth(pc.multiply(gross, share))


def line_taxes(amounts: pa.Array, rates: pa.Array, *, mode: str) -> pa.Array:
    """Return the tax of each line, rounded to cents per line."""
    if mode == "NoTax":
        return pa.repeat(_NOTHING, len(amounts))
    products = pc.multiply(pc.cast(amounts, AMOUNT), pc.cast(rates, RATE))
    if mode == "Exclusive":
        return pc.cast(_hundredth(products), AMOUNT)
    # a - a / (1 + r/100) = a * r / (100 + r). The quotient is cut, not rounded, to ten decimals;
    # a cut never lifts a value over a half, so rounding it again is exact.
    divisors = pc.cast(pc.add(_HUNDRED_RATE, pc.cast(rates, RATE)), RATE)
    return pc.cast(_round(pc.divide(products, divisors), 2), AMOUNT)


def quotients(values: pa.Array, divisors: pa.Array, *, places: int) -> pa.Array:
    """Return values / divisors, rounded to `places` decimals; the cut as above."""
    return _round(pc.divide(values, divisors), places)


def document_sums(
    columns: dict[str, pa.Array], *, owners: np.ndarray, count: int
) -> list[pa.Array]:
    """Sum columns per document; null for one without any."""
    table = pa.table({"owner": owners, **columns})
    sums = table.group_by("owner").aggregate([(name, "sum") for name in columns])
    places = pc.index_in(pa.array(np.arange(count), pa.int64()), sums["owner"].combine_chunks())
    return [pc.cast(sums[f"{name}_sum"].combine_chunks().take(places), SUM) for name in columns]


def group_totals(
    amounts: pa.Array, taxes: pa.Array, *, owners: np.ndarray, count: int, mode: str
) -> Totals:
    """Sum lines per document; `owners` gives each line's document, below `count`."""
    columns = {"amount": amounts, "tax": taxes}
    amount, tax = document_sums(columns, owners=owners, count=count)
    # Both sides stay far below 38 digits, so narrowing before the sum cannot fail.
    narrow = pa.decimal128(36, 2)
    if mode == "Inclusive":
        net = pc.subtract(pc.cast(amount, narrow), pc.cast(tax, narrow))
        return Totals(sub_total=pc.cast(net, SUM), tax=tax, total=amount)
    gross = pc.add(pc.cast(amount, narrow), pc.cast(tax, narrow))
    return Totals(sub_total=amount, tax=tax, total=pc.cast(gross, SUM))


def _round(values: pa.Array, places: int) -> pa.Array:
    return pc.round(values, ndigits=places, round_mode="half_towards_infinity")


def _hundredth(values: pa.Array) -> pa.Array:
    """Return values / 100 in cents: rounded whole, then moved by two places, which is exact."""
    whole = pc.cast(_round(values, 0), pa.decimal128(34, 0))
    return pc.multiply(whole, _CENT)
