"""Suites read from files: placeholders, filters, and errors that say file and place."""

from decimal import Decimal
from pathlib import Path

import pytest

from sfxero.errors import MappingFileError
from sfxero.model.findings import Severity
from sfxero.quality.suites import Stop, load_suite

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
    assert (rule.column, rule.field, rule.severity) == (
        "Number__c",
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

    assert [rule.column for rule in suite.expectations] == ["N"]


def test_filters_of_suite_and_expectation_add_up(tmp_path: Path) -> None:
    text = "only: {IsWon: true}\n" + RULE + "    only: {'{country}': [AU, Australia]}\n"

    suite = load_suite(write(tmp_path, text), {"number_field": "N", "country": "C"})

    assert suite.expectations[0].only == {"IsWon": (True,), "C": ("AU", "Australia")}


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (
            "{number_field}",
            "{numbr}",
            3,
            (
                "expectation 1 names {numbr}, for which there is no column. "
                "Known: number_field; or mark it `optional: true`."
            ),
        ),
        ("severity: critical", "severity: fatal", 5, "must be critical or warning"),
        ("rule: no_number, ", "", 6, "`meta` of expectation 1 must name a `rule`"),
        ("meta:", "mta:", 6, "expectation 1 has an unknown key: mta. Did you mean `meta`?"),
        ("hint: Number", "hnt: Number", 6, "has an unknown key: hnt. Did you mean `hint`?"),
        ("meta:", "colour: red\n    meta:", 6, "Known: type, kwargs, severity, meta, only, stop"),
        (
            "values_to_not_be_null",
            "value_to_not_be_null",
            3,
            (
                "`type` of expectation 1 names no expectation of single values: "
                "expect_column_value_to_not_be_null. "
                "Did you mean `expect_column_values_to_not_be_null`?"
            ),
        ),
        ("type: expect_column_values_to_not_be_null", "type: 7", 3, "Known: expect_column_value_"),
        ("values_to_not_be_null", "values_to_be_unique", 3, "no expectation of single values"),
        ('column: "{number_field}"', "value: 1", 4, "must name a `column`"),
        ('"{number_field}"', "Amount, mostly: 1", 4, "`mostly`. Use `stop: {above: 0.05}`"),
        ('"{number_field}"', "Amount, min_value: 0.1", 4, "floating point number. Use whole ones"),
        ("kwargs: {", "only: [IsWon]\n    kwargs: {", 4, "must map columns"),
        ("expectations:", "only: [1]\nexpectations:", 2, "`only` of the suite must map columns"),
        ("expectations:", "expectation:", 2, "unknown key: expectation. Did you mean"),
        ("severity: critical", "severity: [", 7, "is not YAML"),
        ("meta:", "type: again\n    meta:", 6, "`type` is given twice. The first is on line 3"),
        ("meta:", "stop: 0.1\n    meta:", 6, "`stop` of expectation 1 must be a mapping"),
        ("meta:", "stop: {above: 1}\n    meta:", 6, "must be a share from 0 to below 1"),
        ("meta:", "stop: {above: few}\n    meta:", 6, "must be a share from 0 to below 1"),
        ("meta:", "stop: {abve: 0.1}\n    meta:", 6, "Did you mean `above`?"),
        (
            "meta:",
            "stop: {above: 0.1, of_at_least: 0}\n    meta:",
            6,
            "`of_at_least` of expectation 1's `stop` must be a number of rows",
        ),
        ("expectations:", "stop: {}\nexpectations:", 2, "`above` of the suite's `stop`"),
        (RULE, "expectations: []", 1, "must be a list and not be empty"),
        (RULE, "expectations: [3]", 1, "expectation 1 must be a mapping"),
        (RULE, "- 3", None, "must be a mapping with `expectations`"),
        (RULE, "", None, "must be a mapping with `expectations`"),
    ],
)
def test_a_wrong_suite_is_refused_with_file_line_and_hint(
    tmp_path: Path, old: str, new: str, line: int | None, said: str
) -> None:
    path = write(tmp_path, RULE.replace(old, new))

    with pytest.raises(MappingFileError) as caught:
        load_suite(path, {"number_field": "N"})

    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert said in str(caught.value)


def test_a_share_is_read_as_it_is_written(tmp_path: Path) -> None:
    text = "stop: {above: 0.1, of_at_least: 20}\n" + RULE + "    stop: {above: 0.05}\n"

    suite = load_suite(write(tmp_path, text), {"number_field": "N"})

    assert suite.stop == Stop(Decimal("0.1"), 20)
    assert suite.expectations[0].stop == Stop(Decimal("0.05"), 100)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MappingFileError, match=r"gone\.yaml: cannot be read"):
        load_suite(tmp_path / "gone.yaml", {})


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_rule_of_the_shipped_suites_tells_a_person_what_to_do(path: Path) -> None:
    names = ("name", "number", "amount", "date", "account", "quantity", "unit_amount")

    suite = load_suite(path, {f"{name}_field": name for name in names})

    assert suite.expectations
    assert all(rule.hint.endswith(".") and rule.field for rule in suite.expectations)
