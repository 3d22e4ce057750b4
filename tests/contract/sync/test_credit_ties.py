"""Invoice and credit notes are one sale: what Xero holds of both is looked at before any step."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete
from tests.contract.sync.crediting import (
    HOUR,
    INVOICE,
    approve,
    asked,
    bounced,
    compared,
    credited,
    dies,
    edit_in_xero,
    invoice,
    lowered,
    note,
    notes,
    on_its_way,
    replay,
    reprice,
    take_off,
    void_note,
)
from tests.contract.sync.kit import World, die, die_before

from sfxero.ledger.tables import credit_notes, links

pytestmark = pytest.mark.contract


def allocation_of_unknown_outcome(world: World) -> None:
    world.fail("error_after", "/Allocations$", method="PUT", count=1, status=500)
    world.publish(INVOICE)


def allocation_refused(world: World) -> None:
    world.fail("error_before", "/Allocations$", method="PUT", count=1, status=400)
    world.publish(INVOICE)


def death_before_allocation(world: World) -> None:
    dies(world, die_before)
    world.publish(INVOICE, owner="next")


@pytest.mark.parametrize(
    "trouble",
    [allocation_of_unknown_outcome, allocation_refused, death_before_allocation],
)
def test_a_price_that_is_back_while_its_credit_note_stands_is_not_settled_by_a_look_up(
    world: World, sold: str, trouble: Any
) -> None:
    lowered(world, sold, "80", die)
    reprice(world, sold, "100", of="80")
    world.sleep(HOUR)
    world.run(publishes=False)

    trouble(world)

    # The invoice holds what is wished, and its customer has a credit of 22 besides.
    assert world.states()[-1] == "dead"
    assert str(note(world).totals.total) == "22.00"


def test_an_edit_by_hand_to_the_new_price_is_not_credited_again(world: World, sold: str) -> None:
    edit_in_xero(world, "100", "80")
    world.sleep(HOUR)
    reprice(world, sold, "80")

    world.run()

    assert notes(world) == []
    assert set(world.states()) == {"settled"}


def test_an_edit_by_hand_to_another_price_goes_to_a_person(world: World, sold: str) -> None:
    edit_in_xero(world, "100", "90")
    world.sleep(HOUR)
    reprice(world, sold, "80")

    world.run()

    assert asked(world).endswith("Xero holds 140.00, and not 150.00 as was written")
    approve(world)
    assert notes(world) == []
    assert str(invoice(world).totals.sub_total) == "130.00"


def test_a_credit_by_hand_goes_to_a_person_who_may_want_the_difference_besides(
    world: World, sold: str
) -> None:
    world.sandbox.xero.hands.credit(invoice(world).invoice_id, Decimal(11))
    world.sleep(HOUR)
    reprice(world, sold, "80")

    world.run()

    assert str(invoice(world).amount_credited) == "11.00"
    assert f"{note(world).number} was allocated to it in Xero" in asked(world)
    approve(world)
    assert str(invoice(world).amount_credited) == "33.00"
    assert set(world.states()) == {"settled"}


def test_a_credit_note_that_a_person_voided_after_it_was_booked_is_not_counted(
    world: World, sold: str
) -> None:
    reprice(world, sold, "80")
    world.run()
    world.sleep(HOUR)
    take_off(world)
    void_note(world)
    reprice(world, sold, "70", of="80")

    world.run()

    assert credited(world) == []
    assert asked(world).endswith("Xero holds 150.00, and not 130.00 as was written")
    approve(world)
    assert str(invoice(world).totals.sub_total) == "120.00"
    assert set(world.states()) == {"settled"}


def test_an_invoice_that_arrived_late_under_a_former_amount_goes_to_a_person(world: World) -> None:
    world.respec(invoices={"on_change": "credit_note"})
    opportunity = world.won(world.account(), "100", "50")
    world.run(publishes=False)
    world.publish()
    hold_up, let_by = on_its_way()
    dies(world, hold_up)
    reprice(world, opportunity, "80")
    world.sleep(60)
    world.run(publishes=False)
    world.seam.plans = [let_by]

    world.publish(INVOICE)

    assert asked(world).endswith("Xero holds 150.00, and not 130.00 as was written")


@pytest.mark.parametrize("price", ["80", "180"])
def test_an_invoice_whose_link_was_lost_is_not_taken_for_what_is_wished(
    world: World, sold: str, price: str
) -> None:
    with world.ledger._database.write() as conn:
        conn.execute(delete(links).where(links.c.entity == INVOICE))
    reprice(world, sold, price)

    world.run()

    assert notes(world) == []
    assert "Xero holds 150.00" in asked(world)


def test_a_lost_ledger_does_not_book_a_credit_note_a_second_time(world: World, sold: str) -> None:
    reprice(world, sold, "80")
    world.run()
    with world.ledger._database.write() as conn:
        conn.execute(delete(credit_notes))
        conn.execute(delete(links).where(links.c.entity == INVOICE))
    world.sleep(HOUR)
    world.run(full=True)
    world.sleep(HOUR)
    reprice(world, sold, "60", of="80")
    world.run()

    replay(world)

    assert credited(world) == ["20.00"]
    assert world.states()[-1] == "dead"


@pytest.mark.parametrize("price", ["70", "60"])
def test_a_credit_note_that_arrived_late_counts_as_what_it_is(
    world: World, sold: str, price: str
) -> None:
    hold_up, let_by = on_its_way()
    lowered(world, sold, "80", hold_up)
    reprice(world, sold, "70", of="80")
    world.sleep(60)
    world.run(publishes=False)
    world.seam.plans = [let_by]
    world.publish(INVOICE)
    if price != "70":
        world.sleep(HOUR)
        reprice(world, sold, price, of="70")
        world.run()

    replay(world)

    assert "comes to 20.00, and not to 30.00" in world.letters()[-1]
    assert str(invoice(world).amount_credited) in {"0", "0.00"}


def test_a_credit_note_that_a_person_lowered_is_not_booked_as_if_it_were_whole(
    world: World, sold: str
) -> None:
    lowered(world, sold, "80", die)
    one = note(world)
    less = replace(
        one.totals, sub_total=Decimal(5), total_tax=Decimal("0.50"), total=Decimal("5.50")
    )
    world.books.put_credit(replace(one, totals=less))

    world.publish(INVOICE)

    assert "comes to 5.00, and not to 20.00" in world.letters()[0]
    assert "Void that credit note in Xero, then replay" in world.letters()[0]


@pytest.fixture
def ending(world: World) -> str:
    """An invoiced opportunity on a route that voids the invoice of what is not won any more."""
    world.respec(invoices={"on_change": "credit_note", "on_reopen": "void"})
    opportunity = world.won(world.account(), "100", "50")
    world.run()
    world.sleep(HOUR)
    return opportunity


def test_no_invoice_is_voided_beside_a_credit_note_that_stands(world: World, ending: str) -> None:
    bounced(world, ending)
    world.edit("Opportunity", ending, StageName="Closed Lost")

    world.run()

    assert invoice(world).status == "AUTHORISED"
    number = note(world).number
    assert f"{number} of 22.00 stands beside the Xero invoice" in world.letters()[0]
    assert f"Take {number} off the invoice in Xero and void it there" in world.letters()[0]
    assert "then replay: the invoice is then voided" in world.letters()[0]
    void_note(world)
    replay(world)
    assert invoice(world).status == "VOIDED"
    assert set(world.states()) == {"settled"}
    assert compared(world) == []


def test_a_credit_note_that_was_only_taken_off_still_keeps_its_invoice_from_a_void(
    world: World, ending: str
) -> None:
    reprice(world, ending, "80")
    world.run()
    world.sleep(HOUR)
    world.edit("Opportunity", ending, StageName="Closed Lost")
    world.run()
    take_off(world)

    replay(world)

    assert invoice(world).status == "AUTHORISED"
    assert world.states()[-1] == "dead"
    void_note(world)
    replay(world)
    assert invoice(world).status == "VOIDED"


def test_no_invoice_is_edited_beside_a_credit_note_that_stands(world: World, sold: str) -> None:
    bounced(world, sold)
    world.edit("Opportunity", sold, CloseDate="2026-11-25")
    world.run()
    approve(world)
    assert "this changed: Date" in world.letters()[0]
    assert "stands beside the Xero invoice" in world.letters()[0]
    void_note(world)

    replay(world)

    assert str(invoice(world).totals.sub_total) == "130.00"
    assert set(world.states()) == {"settled"}
    assert compared(world) == []


def test_a_rise_after_a_credit_note_is_made_good_once_that_is_void(world: World, sold: str) -> None:
    reprice(world, sold, "80")
    world.run()
    world.sleep(HOUR)
    reprice(world, sold, "90", of="80")
    world.run()
    approve(world)
    take_off(world)
    replay(world)
    assert str(invoice(world).totals.sub_total) == "150.00"
    void_note(world)

    replay(world)

    assert str(invoice(world).totals.sub_total) == "140.00"
    assert compared(world) == []


def test_a_route_that_edits_from_now_on_leaves_credited_invoices_to_a_person(
    world: World, sold: str
) -> None:
    bounced(world, sold)
    world.respec(invoices={"on_change": "update"})
    reprice(world, sold, "70", of="80")

    world.run()

    assert str(invoice(world).totals.sub_total) == "150.00"
    assert "then replay: the invoice is then edited" in world.letters()[0]
