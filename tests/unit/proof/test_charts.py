from decimal import Decimal

import pytest

from sfxero.proof.charts import columns, pairs, short


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0"), ("999", "999"), ("1234.5", "1.2 k"), ("-2500", "-2.5 k"), ("88997377", "89.0 m")],
)
def test_amounts_are_told_shortly(amount: str, text: str) -> None:
    assert short(Decimal(amount)) == text


def test_bars_are_as_high_as_their_shares_and_stand_on_the_base() -> None:
    chart = columns([("a", Decimal(100), "x"), ("b", Decimal(50), "x"), ("c", Decimal(0), "x")])
    whole, half, none = chart.bars
    assert whole.height == pytest.approx(2 * half.height)
    assert none.height == 0
    assert {one.y + one.height for one in chart.bars} == {chart.base}


def test_what_is_there_is_seen_however_little_it_is() -> None:
    small = columns([("a", Decimal(10**9), "x"), ("b", Decimal("0.01"), "x")]).bars[1]
    assert small.height > 1


def test_bars_of_a_pair_stand_side_by_side_over_one_label() -> None:
    chart = pairs([("2026-03", Decimal(1), Decimal(2)), ("2026-04", Decimal(2), Decimal(1))])
    left, right = chart.bars[:2]
    assert left.x + left.width <= right.x + 1
    assert left.x < chart.ticks[0][0] < right.x + right.width
    assert [label for _, label in chart.ticks] == ["2026-03", "2026-04"]


def test_nothing_at_all_is_still_a_chart() -> None:
    assert columns([]).bars == []
