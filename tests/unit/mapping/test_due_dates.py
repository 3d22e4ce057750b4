"""Due dates by terms, against the calendar."""

import calendar
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxero.mapping.due_dates import due_dates
from sfxero.mapping.refusals import Findings
from sfxero.mapping.spec import DueSection
from sfxero.model.states import Entity


def due(days, *dates, own=None, **terms):
    spec = DueSection.model_validate({"days": days, **terms})
    ids = pa.array([str(place) for place in range(len(dates))])
    findings = Findings(Entity.OPPORTUNITY, ids)
    owned = pa.array(own or [None] * len(dates), pa.decimal128(18, 2))
    table = pa.table({"Id": ids, "Days__c": owned})
    found = due_dates(table, pa.array(dates, pa.date32()), spec, findings)
    return found.to_pylist(), [(one.source_id, one.rule) for one in findings.rows]


@pytest.mark.shows("Invoice.DueDate")
@pytest.mark.parametrize(
    ("terms", "invoiced", "expected"),
    [
        ({"days": 14}, date(2026, 11, 20), date(2026, 12, 4)),
        ({"days": 0}, date(2026, 11, 20), date(2026, 11, 20)),
        ({"days": 7, "terms": "after_month_end"}, date(2026, 2, 1), date(2026, 3, 7)),
        ({"days": 0, "terms": "after_month_end"}, date(2028, 2, 1), date(2028, 2, 29)),
        ({"days": 20, "terms": "day_of_month"}, date(2026, 11, 20), date(2026, 11, 20)),
        ({"days": 20, "terms": "day_of_month"}, date(2026, 12, 21), date(2027, 1, 20)),
        ({"days": 31, "terms": "day_of_month"}, date(2026, 2, 10), date(2026, 2, 28)),
        ({"days": 15, "terms": "day_of_next_month"}, date(2026, 12, 1), date(2027, 1, 15)),
        ({"days": 31, "terms": "day_of_next_month"}, date(2026, 1, 31), date(2026, 2, 28)),
        # 2026-11-21 is a Saturday, 2026-11-22 a Sunday, and 1969-12-27 a Saturday.
        ({"days": 1, "on_weekend": "next_monday"}, date(2026, 11, 20), date(2026, 11, 23)),
        ({"days": 2, "on_weekend": "next_monday"}, date(2026, 11, 20), date(2026, 11, 23)),
        ({"days": 1, "on_weekend": "previous_friday"}, date(2026, 11, 20), date(2026, 11, 20)),
        ({"days": 2, "on_weekend": "previous_friday"}, date(2026, 11, 20), date(2026, 11, 20)),
        ({"days": 0, "on_weekend": "next_monday"}, date(2026, 11, 20), date(2026, 11, 20)),
        ({"days": 0, "on_weekend": "next_monday"}, date(1969, 12, 27), date(1969, 12, 29)),
    ],
)
def test_an_invoice_is_due(terms, invoiced, expected):
    assert due(terms.pop("days"), invoiced, **terms) == ([expected], [])


@pytest.mark.shows("Invoice.DueDate")
def test_a_records_own_days_count_where_they_are_filled():
    day = date(2026, 11, 20)
    found = due(14, day, day, None, own=[Decimal(30), None, Decimal(5)], days_from="Days__c")
    assert found == ([date(2026, 12, 20), date(2026, 12, 4), None], [])


@pytest.mark.shows("Invoice.DueDate")
def test_own_days_that_are_none_refuse_the_record():
    day = date(2026, 11, 20)
    own = [Decimal("7.5"), Decimal(-1), Decimal(4000), Decimal(0)]
    found, rules = due(14, day, day, day, day, own=own, days_from="Days__c")
    assert found == [None, None, None, day]
    assert rules == [(str(place), "due_days_invalid") for place in range(3)]
    _, rules = due(1, day, own=[Decimal(32)], days_from="Days__c", terms="day_of_month")
    assert rules == [("0", "due_days_invalid")]


@given(
    st.dates(date(1950, 1, 1), date(2150, 1, 1)), st.integers(1, 31),
    st.sampled_from(["day_of_month", "day_of_next_month"]),
)  # fmt: skip
def test_a_day_of_a_month_is_that_day_or_the_months_last(invoiced, day, terms):
    (found,), _ = due(day, invoiced, terms=terms)
    assert found.day == min(day, calendar.monthrange(found.year, found.month)[1])
    assert invoiced <= found or terms == "day_of_next_month"
    assert found - invoiced <= timedelta(days=62)


@pytest.mark.shows("Invoice.DueDate")
@given(st.dates(date(1950, 1, 1), date(2150, 1, 1)), st.integers(0, 400))
def test_a_moved_date_is_the_nearest_weekday_in_its_direction(invoiced, days):
    plain = invoiced + timedelta(days=days)
    later = next(one for one in (plain + timedelta(days=n) for n in range(3)) if one.weekday() < 5)
    earlier = next(
        one for one in (plain - timedelta(days=n) for n in range(3)) if one.weekday() < 5
    )
    assert due(days, invoiced, on_weekend="next_monday")[0] == [later]
    assert due(days, invoiced, on_weekend="previous_friday")[0] == [earlier]
