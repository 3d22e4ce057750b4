"""A status is the bookkeeper's once an invoice exists: no edit moves it backwards."""

import httpx
import pytest
from tests.contract.sync.kit import OPPORTUNITY, Forward, World, contact_wish, invoice_wish

from sfxero.model.outbox import PlannedEntry
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

INVOICE = Entity.INVOICE


def wish(status: str, *, amount: str = "100.00", age: int = 0) -> PlannedEntry:
    return invoice_wish(amount=amount, age=age, Status=status)


def synced(world: World, status: str) -> World:
    """A world with one contact and one invoice in step, in a route of this status."""
    world.plan(contact_wish(), wish(status))
    world.publish()
    world.publish(INVOICE)
    world.forget_calls()
    return world


def move(world: World, status: str) -> None:
    """Do what a bookkeeper does to the invoice."""
    (invoice,) = world.invoices
    world.change_invoice(invoice, status=status)


def held(world: World) -> list[tuple[str, str]]:
    return [(one.status, str(one.totals.sub_total)) for one in world.invoices]


@pytest.mark.parametrize(
    ("route", "moved_to"),
    [
        ("DRAFT", "DRAFT"),
        ("DRAFT", "SUBMITTED"),
        ("DRAFT", "AUTHORISED"),
        ("SUBMITTED", "AUTHORISED"),
    ],
)
def test_an_edit_leaves_the_status_that_a_bookkeeper_gave(
    world: World, route: str, moved_to: str
) -> None:
    synced(world, route)
    move(world, moved_to)
    world.plan(wish(route, amount="120.00", age=1))

    report = world.publish(INVOICE)

    assert (report.updated, world.letters()) == (1, [])
    assert held(world) == [(moved_to, "120.00")]


@pytest.mark.parametrize(
    ("before", "now"),
    [("DRAFT", "SUBMITTED"), ("DRAFT", "AUTHORISED"), ("SUBMITTED", "AUTHORISED")],
)
def test_a_route_that_goes_further_moves_its_invoices_forward(
    world: World, before: str, now: str
) -> None:
    synced(world, before)
    world.plan(wish(now, age=1))

    world.publish(INVOICE)

    assert held(world) == [(now, "100.00")]
    assert world.states()[-1] == "settled"


def test_an_invoice_that_is_approved_between_reading_and_edit_is_edited(world: World) -> None:
    synced(world, "DRAFT")

    def approved_meanwhile(request: httpx.Request, forward: Forward) -> httpx.Response:
        move(world, "AUTHORISED")
        return forward(request)

    world.seam.plans = [approved_meanwhile]
    world.plan(wish("DRAFT", amount="120.00", age=1))
    world.publish(INVOICE)

    assert world.letters() == []
    assert held(world) == [("AUTHORISED", "120.00")]


@pytest.mark.parametrize("moved_to", ["SUBMITTED", "AUTHORISED"])
def test_a_create_whose_reply_was_lost_is_found_though_it_was_approved(
    world: World, moved_to: str
) -> None:
    def die(request: httpx.Request, forward: Forward) -> httpx.Response:
        forward(request).close()
        raise KeyboardInterrupt

    world.plan(contact_wish(), wish("DRAFT"))
    world.publish()
    world.seam.plans = [die]
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    move(world, moved_to)
    world.sleep(61)
    world.forget_calls()

    report = world.publish(INVOICE, owner="next")

    assert (report.found, world.writes()) == (1, [])
    assert held(world) == [(moved_to, "100.00")]


def test_an_edit_whose_reply_was_lost_is_found_though_it_was_approved(world: World) -> None:
    synced(world, "DRAFT")
    world.fail("lost_reply", "/Invoices", method="POST", count=3)
    world.plan(wish("DRAFT", amount="120.00", age=1))
    move(world, "SUBMITTED")

    report = world.publish(INVOICE)

    assert report.found == 1
    assert held(world) == [("SUBMITTED", "120.00")]
    assert (
        world.link(OPPORTUNITY, INVOICE).content_hash == wish("DRAFT", amount="120.00").content_hash
    )
