"""The page of a run's checks: what was looked at, what broke, and no value of a record."""

from datetime import UTC, datetime

from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity
from sfxero.quality.checks import CheckResult, Counted
from sfxero.quality.page import render
from sfxero.quality.suites import Expectation

AT = datetime(2026, 11, 20, 1, 2, tzinfo=UTC)


def result(*, missed: int, stops: tuple[str, ...] = ()) -> CheckResult:
    rule = Expectation(
        type="expect_column_values_to_not_be_null",
        kwargs={"column": "Name"},
        severity=Severity.REFUSE,
        rule="name_missing",
        field=None,
        hint="Give it a <name>.",
        only={},
    )
    secret = Finding(Entity.ACCOUNT, SourceId("s1"), "name_missing", "Name", "Secret Ltd", "-")
    counted = (Counted(rule, 12_345, missed),)
    return CheckResult((secret,), frozenset({SourceId("s1")}), (), stops, counted)


def page(**results: CheckResult) -> str:
    return render(results, route="demo", run_id="demo/r1", at=AT)


def test_each_expectation_is_shown_with_its_counts_and_its_cure() -> None:
    text = page(Account=result(missed=7))

    for words in ("<h2>Account</h2>", "name_missing", "values to not be null", "12,345", ">7<",
                  "Give it a &lt;name&gt;.", "2026-11-20 01:02", "demo/r1"):  # fmt: skip
        assert words in text
    assert "Stopped" not in text


def test_no_value_of_a_record_is_shown_and_nothing_is_loaded() -> None:
    text = page(Account=result(missed=7))

    assert "Secret" not in text
    assert "s1" not in text
    assert "default-src 'none'" in text
    assert not any(one in text for one in ("http:", "https:", "src=", "<script", "@import"))


def test_why_a_run_was_stopped_stands_on_top() -> None:
    text = page(Account=result(missed=7, stops=("Account: name_missing, 7 of 100 rows",)))

    assert text.index("Stopped: Account: name_missing, 7 of 100 rows") < text.index("<h2>")
