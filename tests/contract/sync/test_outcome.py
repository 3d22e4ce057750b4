"""The demo's comparison of both sides, against what a run really did."""

from decimal import Decimal

import pytest
from tests.contract.sync.kit import World

from sfxero.cli.demo.report import read_outcome

pytestmark = pytest.mark.contract


def test_a_run_that_went_well_has_no_faults(world: World) -> None:
    won = world.won(world.account(ABN__c="123"), "100", "23.50")
    world.won(None)  # has no account: named, and no fault

    world.run("well")
    world.edit("Opportunity", won, Xero_Invoice_Id__c=world.invoices[0].invoice_id)
    outcome = read_outcome(world.address, world.ledger, route="demo", run_id="well")

    assert outcome.faults == ()
    assert (outcome.contacts, outcome.invoices, outcome.writes) == (1, 1, 2)
    assert outcome.quarantined == {"no_account": 1}
    assert sum(outcome.warned.values()) == 1
    assert outcome.salesforce_total == outcome.xero_total == Decimal("123.50")


def test_an_invoice_that_no_opportunity_shows_is_a_fault(world: World) -> None:
    world.won(world.account(), "100")
    world.run("well")

    outcome = read_outcome(world.address, world.ledger, route="demo", run_id="well")

    assert outcome.faults == (f"invoice {world.invoices[0].number} is shown on no opportunity",)


def test_what_is_missing_foreign_or_unnamed_is_a_fault(world: World) -> None:
    lost = world.won(world.account(), "100")
    world.run("ill")
    world.books.invoices.clear()
    unnamed = world.won(None)

    outcome = read_outcome(world.address, world.ledger, route="demo", run_id="ill")

    number = world.rows("Opportunity", Id=lost)[0]["Opportunity_Number__c"]
    assert outcome.faults == (
        f"opportunity {number} has 0 invoices, not 1",
        f"opportunity {unnamed} was neither invoiced nor named",
    )
