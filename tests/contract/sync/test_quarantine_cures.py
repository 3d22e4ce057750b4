"""What is refused waits, is named, and comes back by itself once its cause is gone."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.contract.sync.kit import INCLUDE, World

from sfxero.errors import ChecksFailed
from sfxero.model.states import Disposition, Entity

pytestmark = pytest.mark.contract

HOUR = 3600
SHORT_PRICE = """
  - type: expect_column_values_to_be_between
    kwargs: {column: "{unit_amount_field}", max_value: 1000}
    severity: critical
    meta: {rule: price_too_high, hint: "Ask the owner."}
"""


def ends(report: Any, entity: Entity = Entity.OPPORTUNITY) -> dict[tuple[str, str | None], int]:
    """How the records of one entity ended, by disposition and rule."""
    return {(one.disposition, one.rule): one.n for one in report.counts if one.entity is entity}


def pass_by(world: World) -> None:
    """Let time and a run go by, so that the window of the next holds nothing older."""
    world.sleep(HOUR)
    world.run()
    world.sleep(HOUR)


def mismatched(world: World, **fields: Any) -> str:
    """A won opportunity whose amount its lines do not add up to."""
    opportunity = world.won(world.account(), "100")
    world.org_switch(allow_amount_mismatch=True)
    world.edit("Opportunity", opportunity, Amount="90.00", **fields)
    world.org_switch(allow_amount_mismatch=False)
    return opportunity


def test_a_wrong_amount_is_named_and_cured_through_its_line(world: World) -> None:
    opportunity = mismatched(world)
    first = world.run()
    assert ends(first) == {("quarantined", "total_mismatch"): 1}
    assert world.quarantined() == {opportunity: ["total_mismatch"]}
    assert world.invoices == []
    world.org_switch(line_edit_touches_opportunity=False)
    world.sleep(HOUR)
    (line,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)

    world.edit("OpportunityLineItem", line["Id"], UnitPrice=90)
    second = world.run()

    assert ends(second) == {("in_step", None): 1}
    assert world.quarantined() == {}
    assert [str(one.totals.sub_total) for one in world.invoices] == ["90.00"]


def test_a_quarantined_record_is_read_again_by_every_run(world: World) -> None:
    mismatched(world)
    world.run()
    pass_by(world)

    report = world.run()

    assert ends(report) == {("quarantined", "total_mismatch"): 1}
    assert report.missing_count == 0


def test_only_the_rules_that_hold_now_are_named(world: World) -> None:
    opportunity = mismatched(world)
    world.run()
    (line,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)

    world.edit("OpportunityLineItem", line["Id"], UnitPrice=90)
    world.edit("Opportunity", opportunity, AccountId=None)
    world.run()

    assert world.quarantined() == {opportunity: ["no_account"]}


def test_an_invoice_waits_for_its_accounts_cure_and_follows_by_itself(world: World) -> None:
    account = world.account("<>")
    opportunity = world.won(account)
    first = world.run()
    assert ends(first) == {("quarantined", "account_quarantined"): 1}
    assert world.quarantined(Entity.ACCOUNT) == {account: ["name_missing"]}
    pass_by(world)

    world.edit("Account", account, Name="Named")
    second = world.run()

    assert ends(second) == {("in_step", None): 1}
    assert world.quarantined() == {}
    assert world.link(opportunity, Entity.INVOICE)


def test_an_invoice_that_is_in_step_waits_for_no_account(world: World) -> None:
    account = world.account("Acme")
    opportunity = world.won(account)
    world.run()
    pass_by(world)
    world.edit("Account", account, Name="<>")

    world.run(full=True)

    assert world.quarantined() == {account: ["name_missing"]}
    pass_by(world)
    (line,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.edit("OpportunityLineItem", line["Id"], UnitPrice=90)
    world.edit("Opportunity", opportunity, Amount=90)

    world.run()

    assert world.quarantined(Entity.OPPORTUNITY) == {opportunity: ["account_quarantined"]}


def test_an_account_that_no_one_can_read_holds_its_invoice_back(world: World) -> None:
    account = world.account()
    opportunity = world.won(account)
    world.purge("Account", account)

    report = world.run()

    assert ends(report) == {("quarantined", "account_missing"): 1}
    assert world.quarantined() == {opportunity: ["account_missing"]}
    assert "waiting" not in {one.disposition for one in report.counts}


def test_a_quarantined_opportunity_that_is_purged_is_forgotten(world: World) -> None:
    opportunity = mismatched(world)
    world.run()
    world.purge("Opportunity", opportunity)

    report = world.run(full=True)

    assert world.quarantined() == {}
    lines = ends(report, Entity.OPPORTUNITY_LINE)
    assert lines == {("skipped", "opportunity_not_readable"): 1}


@pytest.mark.parametrize("how", ["reopen", "delete"])
def test_what_was_invoiced_and_is_no_longer_won_is_for_a_person(world: World, how: str) -> None:
    opportunity = world.won(world.account())
    world.run()
    world.forget_calls()
    world.sleep(HOUR)

    if how == "reopen":
        world.edit("Opportunity", opportunity, StageName="Negotiation/Review")
    else:
        world.delete("Opportunity", opportunity)
    report = world.run()

    assert ends(report) == {("quarantined", "invoiced_but_not_won"): 1}
    assert world.quarantined() == {opportunity: ["invoiced_but_not_won"]}
    assert world.writes() == []


def test_winning_it_again_ends_the_quarantine_without_a_write(world: World) -> None:
    opportunity = world.won(world.account())
    world.run()
    world.edit("Opportunity", opportunity, StageName="Negotiation/Review")
    world.sleep(HOUR)
    world.run()
    world.forget_calls()

    world.edit("Opportunity", opportunity, StageName="Closed Won")
    world.run()

    assert world.quarantined() == {}
    assert world.writes() == []


@pytest.mark.parametrize("how", ["reopen", "delete", "refuse"])
def test_an_entry_that_waits_is_withdrawn_when_its_record_may_not_go(
    world: World, how: str
) -> None:
    opportunity = world.won(world.account())
    world.run(publishes=False)
    world.sleep(HOUR)

    if how == "reopen":
        world.edit("Opportunity", opportunity, StageName="Negotiation/Review")
    elif how == "delete":
        world.delete("Opportunity", opportunity)
    else:
        world.edit("Opportunity", opportunity, AccountId=None)
    report = world.run()

    assert world.states() == ["settled", "superseded"]
    assert world.invoices == []
    assert {key[0] for key in ends(report)} == {
        {"reopen": "skipped", "delete": "removed", "refuse": "quarantined"}[how]
    }


def test_an_account_deleted_before_it_was_sent_is_withdrawn(world: World) -> None:
    account = world.account()
    world.run(publishes=False)

    world.delete("Account", account)
    report = world.run()

    assert ends(report, Entity.ACCOUNT) == {(Disposition.REMOVED, None): 1}
    assert world.contacts == []


def test_suites_refuse_and_their_rule_is_kept(world: World) -> None:
    opportunity = world.won(world.account(), CloseDate="1999-01-01")

    report = world.run(with_suites=True)

    assert ends(report) == {("quarantined", "suite"): 1}
    assert world.quarantined() == {opportunity: ["close_date_out_of_range"]}
    assert world.invoices == []


def test_a_line_that_only_its_suite_refuses_holds_the_invoice_back_until_it_is_cured(
    world: World, tmp_path: Path
) -> None:
    suites = tmp_path / "expectations"
    shutil.copytree(INCLUDE / "expectations", suites)
    with (suites / "opportunity_line.yaml").open("a") as file:
        file.write(SHORT_PRICE)
    opportunity = world.won(world.account(), "100", "3000")
    line = world.rows("OpportunityLineItem", OpportunityId=opportunity)[1]["Id"]
    scope = world.begin()
    world.stage(scope)
    world.check(scope, suites)
    world.prepare(scope)
    assert world.quarantined() == {line: ["price_too_high"], opportunity: ["line_refused"]}
    assert world.states() == ["pending"]  # the account's

    world.edit("OpportunityLineItem", line, UnitPrice=30)
    report = world.run()

    assert world.quarantined() == {}
    assert ends(report) == {("in_step", None): 1}


@pytest.mark.timeout(120)
def test_too_many_broken_rows_stop_the_run_before_anything_is_prepared(
    world: World, tmp_path: Path
) -> None:
    suites = Path(shutil.copytree(INCLUDE / "expectations", tmp_path / "expectations"))
    with (suites / "opportunity_line.yaml").open("a", encoding="utf-8") as file:
        file.write(f"{SHORT_PRICE}    stop: {{above: 0.5, of_at_least: 2}}\n")
    opportunity = world.won(world.account(), "2000", "3000", "4")
    scope = world.begin()
    world.stage(scope)

    with pytest.raises(ChecksFailed, match="price_too_high, 2 of 3 rows, at most 50 %"):
        world.check(scope, suites)

    dear = {one["Id"] for one in world.rows("OpportunityLineItem", OpportunityId=opportunity)[:2]}
    assert set(world.quarantined()) == dear
    assert world.states() == []
    assert ends(world.run()) == {("in_step", None): 1}  # without the suite, and nothing was lost


@pytest.mark.timeout(120)
def test_a_run_that_is_started_again_forgets_what_it_refused_before(world: World) -> None:
    opportunity = world.won(world.account(), CloseDate="1999-01-01")
    world.run("same", with_suites=True)

    world.edit("Opportunity", opportunity, CloseDate="2026-11-20")
    report = world.run("same", with_suites=True)

    assert ends(report) == {("in_step", None): 1}
    assert world.quarantined() == {}


def test_a_refused_account_is_read_again_by_every_run(world: World) -> None:
    account = world.account("<<>>")
    world.run()
    pass_by(world)

    report = world.run()

    assert ends(report, Entity.ACCOUNT) == {("quarantined", "name_missing"): 1}
    assert world.quarantined() == {account: ["name_missing"]}
