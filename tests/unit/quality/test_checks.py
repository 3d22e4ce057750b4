"""What the shipped suites find in staged frames of Arrow columns."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from sfxero.errors import ConfigurationError
from sfxero.model.findings import Severity
from sfxero.model.states import Entity
from sfxero.quality.checks import CheckResult, check
from sfxero.quality.suites import TYPES as EXPECTATIONS
from sfxero.quality.suites import Expectation, Stop, Suite, load_suite

# The first test of a process pays for the import of Great Expectations, which takes seconds.
pytestmark = pytest.mark.timeout(60)

SHIPPED = Path(__file__).parents[3] / "include" / "expectations"
COLUMNS = {
    "name_field": "Name",
    "postal_code_field": "BillingPostalCode",
    "country_field": "BillingCountry",
    "number_field": "Number__c",
    "amount_field": "Amount",
    "date_field": "CloseDate",
    "account_field": "AccountId",
    "quantity_field": "Quantity",
    "unit_amount_field": "UnitPrice",
}
TYPES: Mapping[str, pa.DataType] = {
    "Amount": pa.decimal128(18, 2),
    "Quantity": pa.decimal128(18, 4),
    "UnitPrice": pa.decimal128(18, 4),
    "CloseDate": pa.date32(),
    "IsWon": pa.bool_(),
    "IsDeleted": pa.bool_(),
}
WON = {
    "IsWon": True,
    "IsDeleted": False,
    "CloseDate": date(2026, 3, 31),
    "AccountId": "001000000000001AAA",
    "Number__c": "10001",
    "Amount": Decimal("10.50"),
}
ACCOUNT = {
    "Name": "Acme",
    "IsDeleted": False,
    "BillingPostalCode": "3000",
    "BillingCountry": "Australia",
}


def record_id(number: int) -> str:
    return f"006{number:015d}"


def frame_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as staged: Arrow columns, and an index that means nothing."""
    filled = [{"Id": record_id(number), **row} for number, row in enumerate(rows)]
    columns = {
        name: pd.array(
            [row[name] for row in filled], dtype=pd.ArrowDtype(TYPES.get(name, pa.string()))
        )
        for name in filled[0]
    }
    return pd.DataFrame(columns, index=range(len(rows), 0, -1))


def checked(entity: Entity, rows: Sequence[Mapping[str, Any]], *, at_once: int = 9) -> CheckResult:
    suite = load_suite(SHIPPED / f"{entity}.yaml", COLUMNS)
    frame = frame_of(rows)
    frames = [frame.iloc[start : start + at_once] for start in range(0, len(rows), at_once)]
    return check(frames, suite, entity=entity)


def found(result: CheckResult) -> list[tuple[str, str]]:
    return [(one.source_id, one.rule) for one in result.findings]


@pytest.mark.parametrize(
    ("change", "rule", "value"),
    [
        ({"CloseDate": None}, "close_date_out_of_range", None),
        ({"CloseDate": date(1926, 3, 31)}, "close_date_out_of_range", "1926-03-31"),
        ({"CloseDate": date(2206, 3, 31)}, "close_date_out_of_range", "2206-03-31"),
        ({"AccountId": None}, "no_account", None),
        ({"Number__c": None}, "no_number", None),
        ({"Amount": None}, "amount_missing", None),
        ({"Amount": Decimal("-0.10")}, "amount_negative", "-0.1"),
    ],
)
def test_a_won_opportunity_that_breaks_a_rule_is_refused_and_shown(
    change: Mapping[str, Any], rule: str, value: str | None
) -> None:
    result = checked(Entity.OPPORTUNITY, [WON, {**WON, **change}, WON])

    (finding,) = result.findings
    assert (finding.source_id, finding.rule, finding.value) == (record_id(1), rule, value)
    assert result.refused_ids == {record_id(1)}
    assert not result.broken


def test_what_is_not_won_or_is_deleted_is_not_looked_at() -> None:
    bad = {**WON, "AccountId": None}

    result = checked(
        Entity.OPPORTUNITY, [{**bad, "IsWon": False}, {**bad, "IsDeleted": True}, bad, WON]
    )

    assert found(result) == [(record_id(2), "no_account")]


def test_a_missing_deletion_flag_does_not_hide_a_record() -> None:
    result = checked(Entity.OPPORTUNITY, [{**WON, "IsDeleted": None, "Number__c": None}])

    assert found(result) == [(record_id(0), "no_number")]


def test_records_are_named_rightly_across_frames() -> None:
    rows = [{**WON, "AccountId": None if number in {0, 4, 6} else "001"} for number in range(7)]

    result = checked(Entity.OPPORTUNITY, rows, at_once=3)

    assert found(result) == [(record_id(number), "no_account") for number in (0, 4, 6)]


@pytest.mark.parametrize("name", [None, "", " \t"])
def test_an_account_without_a_name_is_refused(name: str | None) -> None:
    result = checked(Entity.ACCOUNT, [{**ACCOUNT, "Name": name}, ACCOUNT])

    assert found(result) == [(record_id(0), "account_name_missing")]


def test_an_odd_postcode_warns_in_australia_only_and_lets_the_record_go() -> None:
    odd = {**ACCOUNT, "BillingPostalCode": "300"}

    result = checked(Entity.ACCOUNT, [odd, {**odd, "BillingCountry": "Fiji"}, ACCOUNT])

    assert [(one.rule, one.severity) for one in result.findings] == [
        ("postal_code_unusual", Severity.WARN)
    ]
    assert result.refused_ids == frozenset()


def test_a_line_needs_its_opportunity_quantity_and_price() -> None:
    line = {
        "OpportunityId": "006",
        "Quantity": Decimal(1),
        "UnitPrice": Decimal(0),
        "IsDeleted": False,
    }
    gaps = [{**line, name: None} for name in ("OpportunityId", "Quantity", "UnitPrice")]

    result = checked(Entity.OPPORTUNITY_LINE, [line, *gaps])

    assert [one.rule for one in result.findings] == [
        "line_without_opportunity",
        "line_quantity_missing",
        "line_price_missing",
    ]


def test_an_empty_frame_has_no_findings() -> None:
    suite = load_suite(SHIPPED / "opportunity.yaml", COLUMNS)

    assert check([frame_of([WON]).iloc[:0]], suite, entity=Entity.OPPORTUNITY).findings == ()


def test_a_column_that_was_not_staged_breaks_the_suite() -> None:
    suite = load_suite(SHIPPED / "opportunity.yaml", COLUMNS)

    result = check([frame_of([WON]).drop(columns="Amount")], suite, entity=Entity.OPPORTUNITY)

    assert result.broken == ("opportunity: column Amount is staged 0 times, not once",)


def rule(type_: str, *, stop: Stop | None = None, **kwargs: object) -> Suite:
    one = Expectation(
        type=type_,
        kwargs={"column": "Amount"} | kwargs,
        severity=Severity.REFUSE,
        rule="made_up",
        field="Amount",
        hint="",
        only={},
        stop=stop,
    )
    return Suite(name="own", expectations=(one,))


def test_an_expectation_that_cannot_be_run_is_broken_and_not_passed() -> None:
    suite = rule("expect_column_values_to_match_regex", regex="(")

    result = check([frame_of([WON])], suite, entity=Entity.OPPORTUNITY)

    assert result.broken == (
        "own: made_up (expect_column_values_to_match_regex) could not be checked",
    )


@pytest.mark.parametrize(
    "suite",
    [
        rule("expect_column_values_to_be_splendid"),
        rule("expect_column_values_to_be_between", x=1),
        rule("expect_column_values_to_be_between", min_value="abc"),
    ],
)
def test_an_expectation_unknown_to_the_library_is_a_configuration_error(suite: Suite) -> None:
    with pytest.raises(ConfigurationError, match="suite own is not understood"):
        check([frame_of([WON])], suite, entity=Entity.OPPORTUNITY)


def test_repeated_values_are_found_in_every_row_that_has_them() -> None:
    amounts = [Decimal("1.50"), Decimal(-2), None, Decimal("1.5"), Decimal("-2.00")]

    result = check(
        [frame_of([{**WON, "Amount": one} for one in amounts])],
        rule("expect_column_values_to_be_between", min_value=0),
        entity=Entity.OPPORTUNITY,
    )

    assert [(one.source_id, one.value) for one in result.findings] == [
        (record_id(1), "-2"),
        (record_id(4), "-2"),
    ]


@pytest.mark.parametrize(
    ("bad", "of", "stop", "stops"),
    [
        (2, 10, Stop(Decimal("0.2"), 1), ()),
        (3, 10, Stop(Decimal("0.2"), 1), ("own: made_up, 3 of 10 rows, at most 20 %",)),
        (3, 10, Stop(Decimal("0.2"), 11), ()),
        (1, 10, Stop(Decimal(0), 10), ("own: made_up, 1 of 10 rows, at most 0 %",)),
    ],
)
def test_a_share_above_the_expectations_own_stops_the_run(
    bad: int, of: int, stop: Stop, stops: Sequence[str]
) -> None:
    rows = [{**WON, "Amount": None if number < bad else Decimal(1)} for number in range(of)]
    frame = frame_of(rows)
    suite = rule("expect_column_values_to_not_be_null", stop=stop)

    result = check([frame.iloc[:4], frame.iloc[4:]], suite, entity=Entity.OPPORTUNITY)

    assert result.stops == tuple(stops)
    assert len(result.refused_ids) == bad


def test_the_suites_share_counts_each_refused_row_once_and_no_warning() -> None:
    rows = [WON, {**WON, "Amount": None, "AccountId": None}, {**WON, "Amount": None}]
    shipped = load_suite(SHIPPED / "opportunity.yaml", COLUMNS)
    at_most = replace(shipped, stop=Stop(Decimal("0.66"), 1))

    result = check([frame_of(rows)], at_most, entity=Entity.OPPORTUNITY)

    assert result.stops == ("opportunity: refused, 2 of 3 rows, at most 66 %",)


KWARGS: Mapping[str, Mapping[str, object]] = {
    "expect_column_value_lengths_to_be_between": {"min_value": 3},
    "expect_column_value_lengths_to_equal": {"value": 4},
    "expect_column_values_to_be_in_set": {"value_set": ["good", "fine"]},
    "expect_column_values_to_match_json_schema": {"json_schema": {"type": "integer"}},
    "expect_column_values_to_match_regex": {"regex": "^g"},
    "expect_column_values_to_match_regex_list": {"regex_list": ["^g", "^h"]},
    "expect_column_values_to_match_strftime_format": {"strftime_format": "%Y"},
    "expect_column_values_to_not_be_in_set": {"value_set": ["no"]},
    "expect_column_values_to_not_match_regex": {"regex": "^n"},
    "expect_column_values_to_not_match_regex_list": {"regex_list": ["^n"]},
}
GOOD: Mapping[str, str | None] = {
    "expect_column_values_to_be_null": None,
    "expect_column_values_to_be_dateutil_parseable": "2026-11-20",
    "expect_column_values_to_be_json_parseable": "{}",
    "expect_column_values_to_match_json_schema": "1",
    "expect_column_values_to_match_strftime_format": "2026",
}
BAD: Mapping[str, str | None] = {
    "expect_column_values_to_match_json_schema": '"no"',
    "expect_column_values_to_not_be_null": None,
}


@pytest.mark.parametrize(
    "type_",
    # The shipped suites, above, use that one for days and for amounts.
    [one for one in EXPECTATIONS if one != "expect_column_values_to_be_between"],
)
def test_each_type_that_a_suite_may_use_tells_good_values_from_bad_ones(type_: str) -> None:
    good, bad = GOOD.get(type_, "good"), BAD.get(type_, "no")
    suite = rule(type_, column="Number__c", **KWARGS.get(type_, {}))
    rows = [{**WON, "Number__c": value} for value in (good, bad, good, bad)]

    result = check([frame_of(rows)], suite, entity=Entity.OPPORTUNITY)

    assert (found(result), result.broken) == (
        [(record_id(1), "made_up"), (record_id(3), "made_up")],
        (),
    )
