"""Suites read from files: placeholders, filters, and errors that say file and place."""

from pathlib import Path

import pytest

from sfxero.errors import ConfigurationError
from sfxero.model.findings import Severity
from sfxero.quality.suites import load_suite

SHIPPED = Path(__file__).parents[3] / "include" / "expectations"
RULE = """
expectations:
  - type: expect_column_values_to_not_be_null
    kwargs: {column: "{number_field}"}
    severity: critical
    meta: {rule: no_number, hint: Number it.}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "opportunity.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_placeholders_are_filled_with_the_routes_columns(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, RULE), {"number_field": "Number__c"})

    (rule,) = suite.expectations
    assert suite.name == "opportunity"
    assert (rule.columns, rule.field, rule.severity) == (
        ("Number__c",),
        "Number__c",
        Severity.REFUSE,
    )


def test_a_regex_keeps_its_own_braces(tmp_path: Path) -> None:
    text = RULE.replace('"{number_field}"', 'Id, regex: "^[0-9]{4}$"')

    assert load_suite(write(tmp_path, text), {}).expectations[0].kwargs["regex"] == "^[0-9]{4}$"


def test_an_optional_expectation_is_left_out_without_its_column(tmp_path: Path) -> None:
    optional = RULE + RULE.split("expectations:")[1].replace(
        "number_field", "postal_code_field"
    ).replace("severity", "optional: true\n    severity")

    suite = load_suite(write(tmp_path, optional), {"number_field": "N"})

    assert [rule.columns for rule in suite.expectations] == [("N",)]


def test_filters_of_suite_and_expectation_add_up(tmp_path: Path) -> None:
    text = "only: {IsWon: true}\n" + RULE + "    only: {'{country}': [AU, Australia]}\n"

    suite = load_suite(write(tmp_path, text), {"number_field": "N", "country": "C"})

    assert suite.expectations[0].only == {"IsWon": (True,), "C": ("AU", "Australia")}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{number_field}", "{numbr}", "expectation 1 names {numbr}, for which there is no column"),
        ("severity: critical", "severity: fatal", "must be critical or warning"),
        ("rule: no_number, ", "", "must name a `rule`"),
        ("meta:", "mta:", "unknown keys: mta"),
        ("hint: Number", "tip: Number", "unknown keys: tip"),
        ("expect_column_values_to_not_be_null", "expect_table_row_count", "of a column"),
        ('column: "{number_field}"', "mostly: 1", "must name a `column`"),
        ('"{number_field}"', "Amount, min_value: 0.1", "floating point"),
        ("kwargs: {", "only: [IsWon]\n    kwargs: {", "must map columns"),
        ("expectations:", "expectation:", "unknown keys: expectation"),
        ("severity: critical", "severity: [", "is not YAML"),
        (RULE, "expectations: []", "must be a list and not be empty"),
        (RULE, "expectations: [3]", "expectation 1 must be a mapping"),
        (RULE, "- 3", "must be a mapping with `expectations`"),
    ],
)
def test_a_wrong_suite_is_refused_with_file_and_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = write(tmp_path, RULE.replace(old, new))

    with pytest.raises(ConfigurationError) as caught:
        load_suite(path, {"number_field": "N"})

    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.yaml: cannot be read"):
        load_suite(tmp_path / "gone.yaml", {})


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_rule_of_the_shipped_suites_tells_a_person_what_to_do(path: Path) -> None:
    names = ("name", "number", "amount", "date", "account", "quantity", "unit_amount")

    suite = load_suite(path, {f"{name}_field": name for name in names})

    assert suite.expectations
    assert all(rule.hint.endswith(".") and rule.field for rule in suite.expectations)
