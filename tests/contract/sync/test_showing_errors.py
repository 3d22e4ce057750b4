"""Why an opportunity is not in Xero stands on the opportunity, until it is cured."""

import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.showing import Showing

pytestmark = pytest.mark.contract

HOUR = 3600


@pytest.fixture
def showing(world: World) -> Showing:
    return Showing(world)


def test_a_refusal_stands_on_the_opportunity_until_it_is_cured(showing: Showing) -> None:
    world = showing.world
    account = world.account()
    opportunity = world.new(
        "Opportunity", AccountId=account, Name="D", StageName="Closed Won", CloseDate="2026-11-20"
    )
    world.run()
    showing.run()
    told = str(showing.shown(opportunity)["Sync_Error"])
    assert "no_lines:" in told
    assert showing.shown(opportunity)["Last_Synced_At"]
    world.sleep(HOUR)
    world.line(opportunity, "100")
    world.run()

    showing.run()

    assert showing.shown(opportunity)["Sync_Error"] is None
    assert showing.amounts(opportunity)[2] == "110.00"


def test_what_xero_refuses_stands_there_too(showing: Showing) -> None:
    world = showing.world
    world.switch(approval_cap=1)
    world.won(world.account("One"))
    world.run()
    second = world.won(world.account("Two"))
    world.sleep(HOUR)
    world.run()
    world.switch(approval_cap=0)

    showing.run()

    assert str(showing.shown(second)["Sync_Error"]).startswith("Xero: ")


def test_an_error_is_told_once(showing: Showing) -> None:
    world = showing.world
    account = world.account()
    world.new(
        "Opportunity", AccountId=account, Name="D", StageName="Closed Won", CloseDate="2026-11-20"
    )
    world.run()
    showing.run()
    world.sleep(HOUR)
    world.run()
    world.forget_calls()

    showing.run()

    assert showing.org_writes() == []


def test_a_route_may_keep_errors_to_itself(showing: Showing) -> None:
    world = showing.world
    world.respec(salesforce_fields={"sync_error": None})
    opportunity = world.new(
        "Opportunity",
        AccountId=world.account(),
        Name="D",
        StageName="Closed Won",
        CloseDate="2026-11-20",
    )
    world.run()

    showing.run()

    assert showing.shown(opportunity)["Sync_Error"] is None
