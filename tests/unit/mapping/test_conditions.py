"""Conditions: what each comparison says of texts, numbers, dates, moments, flags and nothing."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxero.errors import ConfigurationError
from sfxero.mapping.comparing import meets
from sfxero.mapping.conditions import Condition

TABLE = pa.table({
    "Type": pa.array(["New", " Renewal ", None, "renewal"]),
    "Amount": pa.array(
        [Decimal("99.99"), Decimal(100), None, Decimal("1e3")], pa.decimal128(18, 2)),
    "Count": pa.array([1, 2, None, 10]),
    "CloseDate": pa.array([date(2026, 6, 30), date(2026, 7, 1), None, date(2027, 1, 1)]),
    "CreatedDate": pa.array(
        [datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC), None,
         datetime(2027, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")),
    "IsPrivate": pa.array([True, False, None, False]),
})  # fmt: skip


def met(**condition):
    return meets(Condition.model_validate(condition), TABLE).nonzero()[0].tolist()


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ({"field": "Type", "equals": "New"}, [0]),
        ({"field": "Type", "equals": "Renewal"}, [1]),
        ({"field": "Type", "is_not": "New"}, [1, 2, 3]),
        ({"field": "Type", "one_of": ["New", "renewal"]}, [0, 3]),
        ({"field": "Type", "none_of": ["New", "renewal"]}, [1, 2]),
        ({"field": "Type", "starts_with": "R"}, [1]),
        ({"field": "Type", "contains": "ew"}, [0, 1, 3]),
        ({"field": "Type", "is_empty": True}, [2]),
        ({"field": "Type", "is_empty": False}, [0, 1, 3]),
        ({"field": "Amount", "equals": "100.0"}, [1]),
        ({"field": "Amount", "above": "100"}, [3]),
        ({"field": "Amount", "at_least": "100"}, [1, 3]),
        ({"field": "Amount", "below": "100"}, [0]),
        ({"field": "Amount", "at_most": "100"}, [0, 1]),
        ({"field": "Amount", "above": "99.989999"}, [0, 1, 3]),
        ({"field": "Count", "above": "2"}, [3]),
        ({"field": "CloseDate", "at_least": "2026-07-01"}, [1, 3]),
        ({"field": "CloseDate", "equals": "2026-06-30"}, [0]),
        ({"field": "CreatedDate", "below": "2026-07-01"}, [0]),
        ({"field": "CreatedDate", "at_least": "2026-07-01T10:00:00+10:00"}, [1, 3]),
        ({"field": "IsPrivate", "equals": "true"}, [0]),
        ({"field": "IsPrivate", "is_not": "true"}, [1, 2, 3]),
        ({"not": {"field": "Type", "equals": "New"}}, [1, 2, 3]),
        ({"all": [{"field": "Amount", "at_least": "100"}, {"field": "Count", "below": "5"}]}, [1]),
        ({"any": [{"field": "Type", "equals": "New"}, {"field": "Count", "above": "5"}]}, [0, 3]),
    ],
)  # fmt: skip
def test_a_condition_is_met_by_these_rows(condition, rows):
    assert met(**condition) == rows


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"field": "Amount", "above": "many"}, "compares Amount with 'many', but the field is of"),
        ({"field": "CloseDate", "equals": "30/06/2026"}, "compares CloseDate with '30/06/2026'"),
        ({"field": "IsPrivate", "equals": "yes"}, "compares IsPrivate with 'yes'"),
        ({"field": "CreatedDate", "above": "soon"}, "compares CreatedDate with 'soon'"),
        ({"field": "Amount", "contains": "1"}, "condition on Amount: 'contains' compares texts"),
        ({"field": "IsPrivate", "above": "true"}, "on IsPrivate: 'above' compares no yes and no"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_fields_name(condition, words):
    with pytest.raises(ConfigurationError, match=words):
        met(**condition)


@given(st.lists(st.one_of(st.none(), st.decimals(-(10**6), 10**6, places=2))), st.integers(-5, 5))
def test_each_row_meets_a_comparison_or_its_opposite_and_never_both(amounts, bound):
    table = pa.table({"Amount": pa.array(amounts, pa.decimal128(18, 2))})
    condition = {"field": "Amount", "at_least": str(bound)}
    yes = meets(Condition.model_validate(condition), table)
    no = meets(Condition.model_validate({"not": condition}), table)
    assert (yes ^ no).all()
    assert yes.tolist() == [one is not None and one >= bound for one in amounts]


def test_the_fields_of_all_parts_are_read():
    condition = Condition.model_validate(
        {"all": [{"field": "A", "equals": "1"}, {"not": {"any": [{"field": "B.C", "above": "2"}]}}]}
    )
    assert list(condition.fields()) == ["A", "B.C"]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"field": "Amount", "above": "1000"}, "Amount above 1000"),
        ({"field": "Type", "one_of": ["New", "Renewal"]}, "Type one of New, Renewal"),
        ({"field": "Type", "is_empty": False}, "Type is not empty"),
        ({"not": {"field": "Type", "is_empty": True}}, "not (Type is empty)"),
        (
            {"any": [{"field": "A", "equals": "x"}, {"field": "B", "at_most": "2"}]},
            "(A equals x) or (B at most 2)",
        ),
        (
            {"all": [{"field": "A", "equals": "x"}, {"field": "B", "at_most": "2"}]},
            "(A equals x) and (B at most 2)",
        ),
    ],
)
def test_a_condition_tells_people_what_it_asks(condition, told):
    assert Condition.model_validate(condition).told() == told
