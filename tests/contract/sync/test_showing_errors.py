"""Why an opportunity is not in Xero stands on the opportunity, until it is cured."""

import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.showing import Showing

from sfxero.model.ids import RunId
from sfxero.model.states import Entity
from sfxero.sync.status_prepare import org_of
from sfxero.sync.sync_errors import plan_errors

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


@pytest.mark.parametrize("is_written", [True, False])
def test_a_route_leaves_what_another_has_told(showing: Showing, is_written: bool) -> None:
    world = showing.world
    opportunity = world.new(
        "Opportunity",
        AccountId=world.account(),
        Name="D",
        StageName="Closed Won",
        CloseDate="2026-11-20",
    )
    world.run()
    scope = showing.begin()
    assert plan_errors(scope, org_of(scope), read_at=world.clock.now()) == 1
    if is_written:
        showing.publish(Entity.OPPORTUNITY_ERROR)
    world.sleep(HOUR)
    world.spec = world.spec.model_copy(update={"route": "other"})
    other = showing.begin()

    assert plan_errors(other, org_of(other), read_at=world.clock.now()) == 0

    showing.publish(Entity.OPPORTUNITY_ERROR)
    assert "no_lines:" in str(showing.shown(opportunity)["Sync_Error"])


def test_an_invoice_that_waits_for_a_contact_given_up_tells_why(showing: Showing) -> None:
    world = showing.world
    opportunity = world.won(world.account())
    world.run(publishes=False)
    (contact,) = world.claim(Entity.CONTACT)
    world.ledger.outbox.bury(
        contact.entry_id,
        owner="dead worker",
        run_id=RunId("demo/run-1"),
        error_class="Refused",
        message="the Xero contact of this account is archived",
        hint="Restore it in Xero.",
    )

    showing.run()

    told = str(showing.shown(opportunity)["Sync_Error"])
    assert "contact of this account is archived Restore it in Xero." in told
