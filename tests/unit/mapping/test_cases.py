"""Golden cases: those of the demo hold, and one that does not hold says in what."""

from pathlib import Path

import pytest

from sfxero.errors import ConfigurationError, MappingFileError
from sfxero.mapping.cases import run_cases

DEMO_CASES = Path(__file__).parents[3] / "include" / "cases" / "demo"
HEAD = """organisation:
  accounts: ["200"]
  tax_rates: {OUTPUT: "10"}
cases:
"""
SALE = """  - name: sale
    opportunity: {Opportunity_Number__c: "7", Amount: "100", CloseDate: "2026-11-20"}
    lines: [{Name: Router, Quantity: "1", UnitPrice: "100"}]
"""


@pytest.fixture
def ran(tmp_path, demo):
    def run(text):
        (tmp_path / "own.yaml").write_text(HEAD + text, encoding="utf-8")
        return [one.differences for one in run_cases(demo, tmp_path)]

    return run


def test_the_cases_of_the_demo_hold(demo):
    results = list(run_cases(demo, DEMO_CASES))
    assert len(results) >= 6
    assert {one.name: one.differences for one in results if one.differences} == {}


@pytest.mark.parametrize(
    ("expected", "differences"),
    [
        ('invoice: {Total: "110"}', ()),
        ('invoice: {Total: "111"}', ("invoice.Total: expected 111, found 110.00",)),
        ("invoice: {Total: much}", ("invoice.Total: expected much, found 110.00",)),
        ("invoice: {LineItems: []}", ("invoice.LineItems: expected 0 elements, found 1",)),
        ('invoice: {LineItems: [{AccountCode: "201"}]}',
         ("invoice.LineItems.0.AccountCode: expected 201, found 200",)),
        ("invoice: {Reference: null}", ("invoice.Reference: expected None, found 7",)),
        ("refused: [no_lines]", ("refuse: expected no_lines",)),
        ("warned: [abn_invalid]", ("warn: expected abn_invalid",)),
        ("skipped: not_won", ("skipped: expected not_won, found None",)),
    ],
)  # fmt: skip
def test_a_case_is_compared_with_what_it_says_and_only_that(ran, expected, differences):
    assert ran(f"{SALE}    {expected}\n") == [differences]


def test_a_refusal_that_is_not_expected_is_named(ran):
    (differences,) = ran(
        SALE.replace('"100", Close', '"99", Close') + "    invoice: {Type: ACCREC}\n"
    )
    assert differences == (
        "invoice: expected, but total_mismatch", "refuse: total_mismatch, not expected",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("  - {name: nothing}\n", MappingFileError, "own.yaml:5: 'cases.0': a case expects one of"),
        ("  - {nmae: a, skipped: b}\n", MappingFileError, "'cases.0.nmae' is unknown"),
        (f"{SALE}    skipped: x\n".replace('"7"', "a, Nope__c: b"), ConfigurationError,
         "gives Opportunity.Nope__c, which the route does not read"),
        (f"{SALE}    skipped: x\n".replace('"2026-11-20"', "20/11/2026"), ConfigurationError,
         "gives CloseDate as '20/11/2026', which is no date"),
        (f"{SALE}    skipped: x\n".replace('Amount: "100"', "Amount: much"), ConfigurationError,
         "gives Amount as 'much', which is no number"),
    ],
)  # fmt: skip
def test_a_case_that_cannot_be_is_refused(ran, text, error, words):
    with pytest.raises(error, match=words):
        ran(text)
