"""Invoice and credit notes are one sale: what Xero holds of both is looked at before any step."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, update
from tests.contract.sync.crediting import (
    HOUR,
    INVOICE,
    approve,
    asked,
    booked,
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
    told,
    void_note,
    writes,
)
from tests.contract.sync.kit import Forward, World, die, die_before, go_on

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
    assert compared(world) == ["dead_letter"]


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


def test_an_invoice_with_a_credit_note_of_a_lost_ledger_is_not_settled_at_its_full_amount(
    world: World, sold: str
) -> None:
    reprice(world, sold, "80")
    world.run()
    with world.ledger._database.write() as conn:
        conn.execute(delete(credit_notes))
        conn.execute(delete(links).where(links.c.entity == INVOICE))
    world.sleep(HOUR)
    reprice(world, sold, "100", of="80")
    world.run(full=True)
    assert "the ledger does not know of it" in world.letters()[-1]
    take_off(world)
    void_note(world)

    replay(world)

    assert credited(world) == []
    assert world.states()[-1] == "settled"


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


def test_a_void_that_was_wished_for_while_a_credit_was_under_way_is_told_once(
    world: World, ending: str
) -> None:
    lowered(world, ending, "80", die)
    world.edit("Opportunity", ending, StageName="Closed Lost")
    world.run()
    (letter,), states = world.letters(), world.states()
    assert "stands beside the Xero invoice" in letter
    world.sleep(HOUR)

    world.run(full=True)

    assert (world.letters(), world.states()) == ([letter], states)
    take_off(world)
    void_note(world)
    replay(world)
    assert invoice(world).status == "VOIDED"
    states = world.states()
    world.sleep(HOUR)
    world.run(full=True)
    assert world.states() == states


def test_no_invoice_is_edited_beside_a_credit_note_that_stands(world: World, sold: str) -> None:
    bounced(world, sold)
    world.edit("Opportunity", sold, CloseDate="2026-11-25")
    world.run()
    approve(world)
    assert "this changed: Date" in world.letters()[0]
    assert "stands beside the Xero invoice" in world.letters()[0]
    void_note(world)

    replay(world)

    approve(world)
    assert str(invoice(world).totals.sub_total) == "130.00"
    assert set(world.states()) <= {"settled", "superseded"}
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

    approve(world)
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


def test_a_credit_note_that_a_person_voided_is_made_again_under_the_next_number(
    world: World, sold: str
) -> None:
    lowered(world, sold, "80", die)
    one = note(world)
    lower = replace(one.totals, sub_total=Decimal(5))
    world.books.put_credit(replace(one, totals=lower))
    world.publish(INVOICE)
    assert "then replay: the difference is then credited" in world.letters()[0]
    void_note(world)

    replay(world)

    number = invoice(world).number
    assert [one for one, _ in told(world)] == [f"{number}-C1", f"{number}-C2"]
    assert credited(world) == ["20.00"]
    assert booked(world) == [(f"{number}-C1", True, "0"), (f"{number}-C2", True, "20.00")]
    assert set(world.states()) == {"settled"}
    assert compared(world) == []


def test_a_credit_note_that_a_person_voided_is_no_reason_against_the_former_price(
    world: World, sold: str
) -> None:
    lowered(world, sold, "80", die)
    void_note(world)
    reprice(world, sold, "100", of="80")
    world.sleep(HOUR)

    world.run()

    assert credited(world) == []
    assert set(world.states()) <= {"settled", "superseded"}


def test_an_invoice_that_a_person_voided_goes_on_once_its_credit_note_is_void_too(
    world: World, sold: str
) -> None:
    lowered(world, sold, "80", die)
    first = invoice(world)
    world.sandbox.xero.hands.void(first.invoice_id)
    world.publish(INVOICE)
    number = note(world).number
    assert f"VOIDED, and its credit note is not: {number} of 22.00" in world.letters()[0]
    assert f"Void {number} in Xero, too, then replay" in world.letters()[0]
    world.respec(reconcile={"repair": {"invoice_voided": "reissue"}})
    compared(world)
    world.run(full=True)
    assert len(world.invoices) == 1
    void_note(world)

    replay(world)

    assert [(one.status, str(one.totals.sub_total)) for one in world.invoices] == [
        ("VOIDED", "150.00"),
        ("AUTHORISED", "130.00"),
    ]
    assert set(world.states()) <= {"settled", "superseded"}
    world.sleep(HOUR)
    reprice(world, sold, "70", of="80")
    world.run()
    assert credited(world) == ["10.00"]


@pytest.mark.parametrize("plans", [[die], [go_on, die_before]], ids=["id unknown", "id known"])
def test_an_invoice_that_a_person_renumbers_keeps_its_credit_note(
    world: World, sold: str, plans: list[Any]
) -> None:
    lowered(world, sold, "80", *plans)
    world.change_invoice(invoice(world), number="OTHER-1")

    world.publish(INVOICE)

    assert credited(world) == ["20.00"]
    assert str(invoice(world).amount_credited) == "22.00"
    assert set(world.states()) == {"settled"}


def test_a_credit_note_that_a_person_renumbered_is_not_made_a_second_time(
    world: World, sold: str
) -> None:
    lowered(world, sold, "80", go_on, die_before)
    one = note(world)
    world.books.put_credit(replace(one, number="OTHER-1"))
    world.publish(INVOICE)
    assert f"Xero has no credit note {one.number} any more" in world.letters()[0]
    world.books.put_credit(replace(one, number=one.number))

    replay(world)

    assert credited(world) == ["20.00"]
    assert set(world.states()) == {"settled"}


def test_a_credit_note_that_arrived_late_is_gone_on_with_if_it_is_what_is_wished(
    world: World, sold: str
) -> None:
    hold_up, let_by = on_its_way()
    lowered(world, sold, "80", hold_up)
    world.seam.plans = [let_by]

    world.publish(INVOICE)

    assert credited(world) == ["20.00"]
    assert str(invoice(world).amount_credited) == "22.00"
    assert set(world.states()) == {"settled"}


@pytest.mark.parametrize(("paid", "left"), [("165.00", "22.00"), ("150.00", "7.00")])
def test_a_payment_between_look_and_allocation_leaves_the_rest_to_the_customer(
    world: World, sold: str, paid: str, left: str
) -> None:
    def pay_first(request: httpx.Request, forward: Forward) -> httpx.Response:
        world.sandbox.xero.hands.pay(invoice(world).invoice_id, Decimal(paid))
        return forward(request)

    reprice(world, sold, "80")
    world.run(publishes=False)
    world.seam.plans = [go_on, pay_first]

    world.publish(INVOICE)

    assert str(note(world).remaining) == left
    assert set(world.states()) == {"settled"}


def test_an_allocation_that_is_refused_time_and_again_is_a_dead_letter(
    world: World, sold: str
) -> None:
    world.fail("error_before", "/Allocations$", method="PUT", count=20, status=400)
    reprice(world, sold, "80")

    world.run()

    assert world.states()[-1] == "dead"
    assert writes(world).count("PUT CreditNotes") == 4
    assert credited(world) == ["20.00"]


def test_lines_of_one_kind_that_are_gone_take_back_their_tax_line_by_line(world: World) -> None:
    world.respec(invoices={"on_change": "credit_note"})
    opportunity = world.won(world.account(), "1.04", "1.04", "1.04", "50")
    world.run()
    world.sleep(HOUR)
    for line in world.rows("OpportunityLineItem", OpportunityId=opportunity):
        if Decimal(str(line["UnitPrice"])) != 50:
            world.delete("OpportunityLineItem", line["Id"])

    world.run()

    taxed = invoice(world).totals.total_tax - note(world).totals.total_tax
    assert (str(note(world).totals.sub_total), str(taxed)) == ("3.12", "5.00")


def test_lines_that_changed_without_their_amount_go_to_a_person(world: World, sold: str) -> None:
    (line,) = [
        one
        for one in world.rows("OpportunityLineItem", OpportunityId=sold)
        if Decimal(str(one["UnitPrice"])) == 100
    ]
    world.edit("OpportunityLineItem", line["Id"], Quantity=2, UnitPrice="50")

    world.run()

    assert asked(world).endswith("its lines changed, and not its amount")


def test_a_credit_note_that_is_left_over_is_named(world: World, sold: str) -> None:
    bounced(world, sold)

    assert compared(world) == ["credit_note_open"]


def test_a_credit_note_beside_a_void_invoice_is_named_though_nothing_is_won(
    world: World, ending: str
) -> None:
    bounced(world, ending)
    world.sandbox.xero.hands.void(invoice(world).invoice_id)
    world.edit("Opportunity", ending, StageName="Closed Lost")
    world.run()
    assert "Void" in world.letters()[0]
    assert compared(world) == ["dead_letter"]
    scope = world.scope("any")
    letters = world.ledger.outbox.open_letters(scope.route)
    world.ledger.outbox.discard(letters, actor="kim")
    assert compared(world) == ["discarded"]


def test_a_credit_note_that_was_begun_and_never_booked_is_named(world: World, sold: str) -> None:
    lowered(world, sold, "80", die)
    world.publish(INVOICE)
    assert compared(world) == []
    with world.ledger._database.write() as conn:
        conn.execute(update(credit_notes).values(ended_at=None))

    assert "credit_note_open" in compared(world)
