"""What an opportunity shows once its invoice was voided, issued anew or credited by the sync."""

import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.showing import Showing
from tests.contract.sync.test_on_change import HOUR, reopen, reprice, win

pytestmark = pytest.mark.contract


@pytest.fixture
def showing(world: World) -> Showing:
    return Showing(world)


def changed(showing: Showing, opportunity: str) -> None:
    """Let both directions run once more."""
    showing.world.sleep(HOUR)
    showing.world.run()
    showing.world.sleep(HOUR)
    showing.run()


def test_a_new_issue_takes_the_place_of_the_void_one(showing: Showing) -> None:
    showing.world.respec(invoices={"on_change": "reissue"})
    opportunity, first = showing.invoiced("100")
    showing.run()
    reprice(showing.world, opportunity, "120")

    changed(showing, opportunity)

    shown = showing.shown(opportunity)
    assert shown["Invoice_Number"] == f"{first.number}-R2"
    assert shown["Invoice_Status"] == "AUTHORISED"
    assert showing.amounts(opportunity) == ("Unpaid", "0.00", "132.00", "0.00")


def test_a_void_is_shown_until_another_takes_its_place(showing: Showing) -> None:
    showing.world.respec(invoices={"on_reopen": "void"})
    opportunity, first = showing.invoiced("100")
    showing.run()
    reopen(showing.world, opportunity)
    changed(showing, opportunity)
    shown = showing.shown(opportunity)
    assert (shown["Invoice_Number"], shown["Invoice_Status"]) == (first.number, "VOIDED")

    win(showing.world, opportunity)
    changed(showing, opportunity)

    shown = showing.shown(opportunity)
    again = (f"{first.number}-R2", "AUTHORISED")
    assert (shown["Invoice_Number"], shown["Invoice_Status"]) == again


def test_what_was_credited_is_shown(showing: Showing) -> None:
    showing.world.respec(invoices={"on_change": "credit_note"})
    opportunity, _ = showing.invoiced("100")
    showing.run()
    reprice(showing.world, opportunity, "80")

    changed(showing, opportunity)

    assert showing.amounts(opportunity) == ("Unpaid", "0.00", "88.00", "22.00")
