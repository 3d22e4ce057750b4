from decimal import Decimal

import pyarrow as pa

from sfxero.proof.documents import MONEY
from sfxero.proof.sums import Sums


def sums(*rows: tuple[str, str, str, str]) -> Sums:
    """Groups of one contact: month, won, invoiced, and how much of the gap is named."""
    amounts = {
        name: pa.array([Decimal(row[place]) for row in rows], MONEY)
        for place, name in enumerate(("won", "invoiced", "named"), start=1)
    }
    groups = pa.table(
        {
            "contact_id": ["c"] * len(rows),
            "currency": ["AUD"] * len(rows),
            "month": [row[0] for row in rows],
            **amounts,
            "records": pa.array([1] * len(rows), pa.int64()),
        }
    )
    return Sums(groups=groups, won={}, invoiced={}, bridges=[])


def test_a_gap_that_its_named_records_make_up_is_no_difference() -> None:
    assert sums(("2026-03", "100", "90", "-10"), ("2026-04", "5", "5", "0")).unexplained() == []


def test_a_cent_that_no_record_names_is_a_difference_of_its_group() -> None:
    (found,) = sums(("2026-03", "100", "90", "-9.99"), ("2026-04", "5", "5", "0")).unexplained()
    assert (found.key, found.amount) == ("c AUD 2026-03", Decimal("-0.01"))


def test_named_gaps_that_cancel_out_between_months_do_not_hide_one() -> None:
    found = sums(("2026-03", "100", "90", "0"), ("2026-04", "90", "100", "0")).unexplained()
    assert [one.amount for one in found] == [Decimal(-10), Decimal(10)]


def test_sums_are_told_by_month_over_all_contacts() -> None:
    (march,) = sums(("2026-03", "1", "2", "0"), ("2026-03", "10", "20", "0")).by("month")
    assert (march["won"], march["invoiced"]) == (Decimal(11), Decimal(22))
