"""What the shipped suites find in staged frames of Arrow columns."""

from collections.abc import Mapping, Sequence
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
from sfxero.quality.suites import Expectation, Suite, load_suite

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


def checked(entity: Entity, rows: Sequence[Mapping[str, Any]], **options: int) -> CheckResult:
    suite = load_suite(SHIPPED / f"{entity}.yaml", COLUMNS)
    return check(frame_of(rows), suite, entity=entity, **options)


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


def test_records_are_named_rightly_across_chunks() -> None:
    rows = [{**WON, "AccountId": None if number in {0, 4, 6} else "001"} for number in range(7)]

    result = checked(Entity.OPPORTUNITY, rows, chunk_rows=3)

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

    assert check(frame_of([WON]).iloc[:0], suite, entity=Entity.OPPORTUNITY).findings == ()


def test_a_column_that_was_not_staged_breaks_the_suite() -> None:
    suite = load_suite(SHIPPED / "opportunity.yaml", COLUMNS)

    result = check(frame_of([WON]).drop(columns="Amount"), suite, entity=Entity.OPPORTUNITY)

    assert result.broken == ("opportunity: column Amount is staged 0 times, not once",)


def rule(type_: str, **kwargs: object) -> Suite:
    one = Expectation(
        type=type_,
        kwargs={"column": "Amount", **kwargs},
        severity=Severity.REFUSE,
        rule="made_up",
        field="Amount",
        hint="",
        only={},
    )
    return Suite(name="own", expectations=(one,))


def test_an_expectation_that_cannot_be_run_is_broken_and_not_passed() -> None:
    suite = rule("expect_column_values_to_match_regex", regex="(")

    result = check(frame_of([WON]), suite, entity=Entity.OPPORTUNITY)

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
        check(frame_of([WON]), suite, entity=Entity.OPPORTUNITY)
