"""Line amounts, tax per line and totals, as Xero computes them (xero-api, 5.2 and 5.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from sfxero.sandbox.xero.models import ZERO, Line, Totals
from sfxero.sandbox.xero.settings_seed import TaxRate

CENT = Decimal("0.01")
FOUR = Decimal("0.0001")
HUNDRED = Decimal(100)


def cents(value: Decimal, mode: str) -> Decimal:
    """Round to two decimals."""
    return value.quantize(CENT, rounding=mode)


def gross_amount(line: Line) -> Decimal:
    """Quantity times unit price, unrounded; nothing for a description-only line."""
    if line.quantity is None or line.unit_amount is None:
        return ZERO
    return line.quantity * line.unit_amount


def discount_of(line: Line) -> Decimal:
    """The line's discount, unrounded; a rate goes before an amount."""
    if line.discount_rate is not None:
        return gross_amount(line) * line.discount_rate / HUNDRED
    return line.discount_amount or ZERO


def expected_amount(line: Line, mode: str) -> Decimal:
    """Quantity x unit x (100 - rate) / 100, or minus the amount."""
    return cents(gross_amount(line) - discount_of(line), mode)


def tax_on(amount: Decimal, rate: Decimal, *, types: str, mode: str) -> Decimal:
    """Tax of one line, rounded to cents before any summing (D: rounding-in-xero)."""
    if types == "NoTax":
        return ZERO
    if types == "Inclusive":
        return cents(amount - amount * HUNDRED / (HUNDRED + rate), mode)
    return cents(amount * rate / HUNDRED, mode)


def taxed(
    line: Line, rates: Mapping[str, TaxRate], *, types: str, mode: str, override: Decimal | None
) -> Line:
    """The line with its tax amount; a sent TaxAmount overrides."""
    rate = rates.get(line.tax_type or "")
    if override is not None and types != "NoTax":
        return replace(line, tax_amount=cents(override, mode))
    percent = rate.rate if rate else ZERO
    tax = tax_on(line.line_amount or ZERO, percent, types=types, mode=mode)
    return replace(line, tax_amount=tax)


def totals_of(lines: Iterable[Line], *, types: str, mode: str) -> Totals:
    """Sum the lines; the subtotal is always without tax."""
    rows = tuple(lines)
    amount = sum((line.line_amount or ZERO for line in rows), ZERO)
    tax = sum((line.tax_amount for line in rows), ZERO)
    discount = cents(sum((discount_of(line) for line in rows), ZERO), mode)
    if types == "Inclusive":
        return Totals(amount - tax, tax, amount, discount)
    return Totals(amount, tax, amount + tax, discount)
