"""Exact amounts: reading and rounding."""

from decimal import Decimal

import pytest

from sfxero.model.money import parse_amount, round_half_up


@pytest.mark.parametrize(
    ("value", "places", "rounded"),
    [
        ("0.005", 2, "0.01"),
        ("-0.005", 2, "-0.01"),
        ("2.675", 2, "2.68"),
        ("2.6749999999999999999999999999999999", 2, "2.67"),
        ("1.00005", 4, "1.0001"),
        (
            "99999999999999999999999999999999999999.995",
            2,
            "100000000000000000000000000000000000000.00",
        ),
        ("7", 2, "7.00"),
    ],
)
def test_halves_are_rounded_away_from_zero(value, places, rounded):
    assert str(round_half_up(Decimal(value), places)) == rounded


@pytest.mark.parametrize("value", ["12.30", 12, Decimal("12.3"), "-0.01", "8.0E7"])
def test_amounts_are_read_exactly(value):
    assert parse_amount(value) == Decimal(value)


@pytest.mark.parametrize("value", [1.1, True, None, b"1"])
def test_a_float_is_no_amount(value):
    with pytest.raises(TypeError, match="an amount is text, a whole number or a Decimal"):
        parse_amount(value)


@pytest.mark.parametrize("value", ["", "twelve", "NaN", "Infinity", Decimal("-Infinity")])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(ValueError, match=r"no number|not finite"):
        parse_amount(value)
