"""Numbers with more decimals than their field: one record waits by name, all others go."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.contract.sync.comparing import Comparer
from tests.contract.sync.kit import INCLUDE, World
from tests.contract.sync.test_sweep import put_aside, read, sweep_once

from sfxero.model.finer import FINER
from sfxero.model.states import Entity
from sfxero.staging.reader import read_latest
from sfxero.sync import extract

pytestmark = pytest.mark.contract

HOUR = 3600


@pytest.fixture
def keeping(world: World) -> Iterator[World]:
    """An org that keeps all digits."""
    world.org_switch(keeps_digits=True)
    yield world
    world.org_switch(keeps_digits=False)


def totals(world: World) -> list[str]:
    return sorted(str(one.totals.sub_total) for one in world.invoices)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ({"Quantity": "33.33333"}, "quantity_scale"),
        ({"Quantity": "0.00001"}, "quantity_scale"),
        ({"Discount": "33.333"}, "discount_scale"),
        ({"UnitPrice": "1.00005"}, "unit_price_scale"),
    ],
)
def test_a_number_that_is_finer_than_xero_takes_waits_by_its_rule_and_all_else_goes(
    keeping: World, line: dict[str, str], rule: str
) -> None:
    account = keeping.account()
    keeping.won(account, "100")
    fine = keeping.won(account, "200")
    keeping.line(fine, "5", **line)

    keeping.run()

    assert totals(keeping) == ["100.00"]
    assert rule in keeping.quarantined(Entity.OPPORTUNITY)[fine]
    (shown,) = [
        one.value
        for one in keeping.ledger.quarantine.listing(keeping.scope("any").route)
        if one.rule == rule
    ]
    assert next(iter(line.values())) in str(shown)


def test_a_quantity_that_xero_takes_goes_with_all_its_digits(keeping: World) -> None:
    deal = keeping.won(keeping.account(), "100")
    keeping.line(deal, "3", Quantity="33.333")

    keeping.run()

    assert totals(keeping) == ["200.00"]  # 99.999 is a cent more
    assert sorted(str(one.quantity) for one in keeping.invoices[0].lines) == ["1.0000", "33.3330"]


def test_an_amount_that_is_no_whole_cents_is_refused_and_stops_nobody(keeping: World) -> None:
    keeping.respec(
        invoices={
            "without_lines": "one_line",
            "single_line": {
                "description": {"from": ["Name"]},
                "account_code": "200",
                "tax_type": "OUTPUT",
            },
        }
    )
    account = keeping.account()
    won = {"AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-11-20"}
    keeping.new("Opportunity", Name="Whole", Amount="50", **won)
    fine = keeping.new("Opportunity", Name="Fine", Amount="33.333", **won)

    keeping.run()

    assert totals(keeping) == ["50.00"]
    assert fine in keeping.quarantined(Entity.OPPORTUNITY)


def test_a_cure_releases_what_waited(keeping: World) -> None:
    deal = keeping.won(keeping.account(), "100")
    line = keeping.line(deal, "5", Quantity="1.00001")
    keeping.run()
    keeping.edit("OpportunityLineItem", line, Quantity="2")
    keeping.sleep(HOUR)

    keeping.run()

    assert totals(keeping) == ["110.00"]
    assert keeping.quarantined() == {}


def test_a_sweep_finds_nothing_new_where_numbers_are_finer(keeping: World) -> None:
    deal = keeping.won(keeping.account(), "100")
    keeping.line(deal, "3", Quantity="33.333")
    for _ in range(2):
        keeping.run()
        keeping.sleep(HOUR)

    assert read(sweep_once(keeping)) == {}
    keeping.sleep(HOUR)
    assert read(sweep_once(keeping, "again")) == {}


def test_a_suite_judges_the_number_as_it_is(keeping: World, tmp_path: Path) -> None:
    folder = tmp_path / "expectations"
    shutil.copytree(INCLUDE / "expectations", folder)
    suite = folder / "opportunity_line.yaml"
    suite.write_text(
        suite.read_text()
        + """
  - type: expect_column_values_to_be_between
    kwargs: {column: "{quantity_field}", min_value: 0, strict_min: true}
    severity: critical
    meta: {rule: quantity_zero, hint: "Enter the quantity."}
"""
    )
    deal = keeping.won(keeping.account(), "100")
    keeping.line(deal, "1000", Quantity="0.004")
    scope = keeping.begin()
    keeping.stage(scope)

    keeping.check(scope, folder)

    assert keeping.quarantined() == {}
    keeping.prepare(scope)
    keeping.publish()
    keeping.publish(Entity.INVOICE)
    assert totals(keeping) == ["104.00"]


def test_a_comparison_finds_nothing_where_numbers_are_finer(keeping: World) -> None:
    deal = keeping.won(keeping.account(), "100")
    keeping.line(deal, "3", Quantity="33.333")
    for _ in range(2):
        keeping.run()
        keeping.sleep(HOUR)

    assert Comparer(keeping).compare().stored == []


def test_a_job_whose_pages_hold_finer_numbers_is_read_whole(world: World) -> None:
    world.account()
    world.control("POST", "/salesforce/seed_big", {"rows": 700})
    world.org_switch(page_cap=140)
    table = world.sandbox.org.records.tables["Opportunity"]
    for place in (10, 300):
        put_aside(world, "Opportunity", list(table)[place], Amount=Decimal("33.333333333333336"))
    scope = world.begin()
    (window,) = [
        one for one in world.ledger.windows.of_run(scope.run_id) if one.entity is Entity.OPPORTUNITY
    ]
    extract.submit_job(scope, world.salesforce, window.window_id)
    extract.download(scope, world.salesforce, window.window_id)

    frame = read_latest(scope.staged("Opportunity"))

    assert len(frame) == 700
    assert frame[FINER].dropna().tolist() == [";Amount=33.333333333333336000"] * 2
    assert (frame["Amount"] == Decimal("33.33")).sum() == 2
