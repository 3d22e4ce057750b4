"""Numbers of Xero's own sequence: once all the same, by the link that each invoice carries."""

from typing import Any

import httpx
import pytest
from tests.contract.sync.comparing import Comparer
from tests.contract.sync.kit import World

from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

HOUR = 3600


@pytest.fixture
def unnumbered(world: World) -> World:
    world.respec(invoices={"numbering": "xero", "number": None})
    return world


def sell(world: World, count: int) -> list[str]:
    account = world.account()
    return [world.won(account, str(100 + place)) for place in range(count)]


def numbers(world: World) -> list[str]:
    return [one.number for one in world.invoices]


@pytest.mark.shows("Invoice.InvoiceNumber", "Invoice.Url")
def test_xero_numbers_invoices_and_each_reply_is_matched_without_a_look_up(
    unnumbered: World,
) -> None:
    world = unnumbered
    sold = sell(world, 3)
    world.forget_calls()

    world.run(with_suites=True)

    assert len(set(numbers(world))) == 3
    assert all(one.startswith("INV-") for one in numbers(world))
    links = [world.link(one, Entity.INVOICE) for one in sold]
    by_id = {one.invoice_id: one for one in world.invoices}
    assert all(one.source_id in by_id[one.target_id].url for one in links)
    assert [one.target_number for one in links] == [by_id[one.target_id].number for one in links]
    assert "GET Invoices" not in world.calls()
    world.sleep(HOUR)
    world.forget_calls()
    world.run(full=True)
    assert world.writes() == []
    world.sleep(HOUR)
    assert Comparer(world).kinds() == []


def test_an_invoice_whose_reply_was_lost_is_found_by_its_link(unnumbered: World) -> None:
    world = unnumbered
    sold = sell(world, 2)
    scope = world.begin()
    world.stage(scope)
    world.prepare(scope)
    world.publish(Entity.CONTACT)

    def carried_out(request: httpx.Request, forward: Any) -> httpx.Response:
        forward(request)
        raise httpx.ReadTimeout("no answer")

    def lost(_request: httpx.Request, _forward: Any) -> httpx.Response:
        raise httpx.ReadTimeout("no answer")

    world.seam.plans = [carried_out, lost, lost]
    world.publish(Entity.INVOICE)

    assert len(world.invoices) == 2
    assert world.states().count("settled") == 3
    assert {world.link(one, Entity.INVOICE).target_id for one in sold} == set(world.books.invoices)


def test_a_request_that_never_arrived_is_sent_again_after_the_look_up(unnumbered: World) -> None:
    world = unnumbered
    sell(world, 2)

    def lost(_request: httpx.Request, _forward: Any) -> httpx.Response:
        raise httpx.ReadTimeout("no answer")

    scope = world.begin()
    world.stage(scope)
    world.prepare(scope)
    world.publish(Entity.CONTACT)
    world.seam.plans = [lost] * 3
    world.publish(Entity.INVOICE)
    # It may yet arrive, and nothing but time tells: without a number Xero would take both.
    assert world.invoices == []
    world.sleep(61)
    world.publish(Entity.INVOICE, owner="next")

    assert len(world.invoices) == 2
    assert world.letters() == []


def test_one_bad_invoice_of_a_batch_is_named_and_the_others_go(unnumbered: World) -> None:
    world = unnumbered
    sold = sell(world, 3)
    scope = world.begin()
    world.stage(scope)
    world.prepare(scope)
    world.publish(Entity.CONTACT)
    world.switch(approval_cap=2)

    world.publish(Entity.INVOICE)

    assert len(world.invoices) == 2
    (letter,) = world.letters()
    assert "approve" in letter
    assert sum(world.link(one, Entity.INVOICE) is not None for one in sold) == 2
