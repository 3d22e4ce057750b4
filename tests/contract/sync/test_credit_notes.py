"""An opportunity that shrinks after invoicing: the difference is credited, once, to the cent."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.contract.sync.comparing import Comparer
from tests.contract.sync.crediting import (
    HOUR,
    INVOICE,
    invoice,
    note,
    notes,
    replay,
    reprice,
    told,
    writes,
)
from tests.contract.sync.kit import World, die, die_before, go_on

from sfxero.sandbox.xero.credits import remove_allocation

pytestmark = pytest.mark.contract


def test_the_difference_is_credited_and_allocated(world: World, sold: str) -> None:
    reprice(world, sold, "80")

    world.run()

    number = f"{invoice(world).number}-C1"
    assert told(world) == [(number, "20.00")]
    assert str(invoice(world).totals.sub_total) == "150.00"
    assert (str(invoice(world).amount_credited), str(invoice(world).amount_due)) == (
        "22.00",
        "143.00",
    )
    assert writes(world) == ["PUT CreditNotes", "PUT CreditNotes"]
    assert set(world.states()) == {"settled"}


def test_the_log_tells_each_step(world: World, sold: str) -> None:
    reprice(world, sold, "80")
    world.run()

    events = [
        (str(one.fields["kind"]), str(one.fields["rule"]))
        for one in world.ledger.audit.export(world.scope("any").route)
        if one.fields["entity"] == INVOICE
    ]
    assert events[-6:] == [
        ("sent", "invoice_credit"),
        ("credited", "invoice_credit"),
        ("sent", "invoice_allocate"),
        ("credited", "invoice_allocate"),
        ("credited", "invoice_update"),
        ("held_already", "invoice_update"),
    ]


def test_a_quiet_run_writes_nothing_and_the_sums_tie_out(world: World, sold: str) -> None:
    reprice(world, sold, "80")
    world.run()
    world.sleep(HOUR)
    world.forget_calls()

    world.run(full=True)

    assert writes(world) == []
    world.sleep(HOUR)
    outcome = Comparer(world).compare()
    assert outcome.stored == []
    assert outcome.verdict == "in step: 1 links, AUD 130.00 won, 130.00 invoiced; 0 explained"


def test_an_allocation_that_a_person_takes_back_is_named(world: World, sold: str) -> None:
    reprice(world, sold, "80")
    world.run()
    world.sleep(HOUR)
    (allocation,) = notes(world)[0].allocations
    remove_allocation(world.books, allocation, user="Kim")

    (found,) = Comparer(world).compare().open

    assert (found.difference.kind, found.difference.field) == ("edited_in_xero", "AmountCredited")
    assert str(found.difference.amount) == "-22.0000"


def test_a_second_decrease_is_credited_from_where_the_first_left_it(
    world: World, sold: str
) -> None:
    reprice(world, sold, "80")
    world.run()
    world.sleep(HOUR)
    reprice(world, sold, "70", of="80")

    world.run()

    number = invoice(world).number
    assert told(world) == [(f"{number}-C1", "20.00"), (f"{number}-C2", "10.00")]
    assert str(invoice(world).amount_credited) == "33.00"


def test_a_line_that_is_gone_is_credited_whole(world: World, sold: str) -> None:
    (line,) = [
        one
        for one in world.rows("OpportunityLineItem", OpportunityId=sold)
        if Decimal(str(one["UnitPrice"])) == 50
    ]
    world.delete("OpportunityLineItem", line["Id"])

    world.run()

    assert [amount for _, amount in told(world)] == ["50.00"]


def test_a_draft_is_edited(world: World) -> None:
    world.respec(invoices={"on_change": "credit_note", "status": "DRAFT"})
    opportunity = world.won(world.account(), "100")
    world.run()
    world.sleep(HOUR)
    reprice(world, opportunity, "80")

    world.run()

    assert notes(world) == []
    assert str(invoice(world).totals.sub_total) == "80.00"


@pytest.mark.parametrize(("part", "due"), [("all", "0.00"), ("10", "133.00")])
def test_a_paid_invoice_is_credited_too(world: World, sold: str, part: str, due: str) -> None:
    amount = str(invoice(world).amount_due) if part == "all" else part
    world.control("POST", f"/xero/invoices/{invoice(world).invoice_id}/pay", {"amount": amount})
    reprice(world, sold, "80")

    world.run()

    assert [one for _, one in told(world)] == ["20.00"]
    assert str(invoice(world).amount_due) == due
    # What nothing is due of any more stays with the customer.
    assert str(notes(world)[0].remaining) == ("22.00" if part == "all" else "0.00")
    assert set(world.states()) == {"settled"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"UnitPrice": "120"}, "its amount rose, which no credit note can make good"),
        ({"Description": "Other words"}, "its lines changed, and not its amount"),
    ],
)
def test_what_no_credit_note_can_make_good_goes_to_a_person(
    world: World, sold: str, change: dict[str, str], why: str
) -> None:
    lines = world.rows("OpportunityLineItem", OpportunityId=sold)
    (line,) = [one for one in lines if Decimal(str(one["UnitPrice"])) == 100]
    world.edit("OpportunityLineItem", line["Id"], **change)
    world.run()
    before = world.states()
    assert before[-1] == "awaiting_approval"
    world.sleep(HOUR)
    world.run(full=True)
    assert world.states() == before
    assert writes(world) == []

    route, run_id = world.scope("any").route, world.scope("any").run_id
    asked = world.ledger.outbox.take_questions(route, run_id, for_s=60)
    question = world.ledger.outbox.question(asked[0])
    assert question is not None
    assert question.why.endswith(why)
    world.ledger.outbox.approve(asked, actor="kim")
    world.publish(INVOICE)
    assert writes(world) == ["POST Invoices"]


def test_an_invoice_that_was_moved_to_another_contact_is_asked_about_once(
    world: World, sold: str
) -> None:
    world.account("Birch")
    world.run()
    (other,) = [one for one in world.contacts if one.name == "Birch"]
    world.change_invoice(invoice(world), contact_id=other.contact_id)
    world.sleep(HOUR)
    world.forget_calls()
    reprice(world, sold, "80")
    world.run()
    before = world.states()
    assert before[-1] == "awaiting_approval"
    world.sleep(HOUR)

    world.run(full=True)

    assert world.states() == before
    assert writes(world) == []


def test_a_change_of_the_date_beside_the_amount_goes_to_a_person(world: World, sold: str) -> None:
    reprice(world, sold, "80")
    world.edit("Opportunity", sold, CloseDate="2026-11-25")

    world.run()

    assert notes(world) == []
    assert world.states()[-1] == "awaiting_approval"


def test_a_decrease_that_is_taken_back_after_it_was_credited_goes_to_a_person(
    world: World, sold: str
) -> None:
    reprice(world, sold, "80")
    world.run()
    world.sleep(HOUR)
    reprice(world, sold, "100", of="80")

    world.run()

    assert len(notes(world)) == 1
    assert "dead" in world.states() or "awaiting_approval" in world.states()


@pytest.mark.parametrize(
    "plans",
    [[die], [die_before], [go_on, die], [go_on, die_before]],
    ids=["after the note", "before the note", "after the allocation", "before the allocation"],
)
def test_a_worker_that_dies_anywhere_leaves_one_credit_note_allocated_once(
    world: World, sold: str, plans: list[Any]
) -> None:
    reprice(world, sold, "80")
    world.run(publishes=False)
    world.seam.plans = list(plans)
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    world.sleep(61)

    world.publish(INVOICE, owner="next")

    assert [one for _, one in told(world)] == ["20.00"]
    assert str(invoice(world).amount_credited) == "22.00"
    assert set(world.states()) == {"settled"}


@pytest.mark.parametrize("kind", ["lost_reply", "error_after", "error_before"])
@pytest.mark.parametrize("where", ["/CreditNotes$", "/Allocations$"])
@pytest.mark.parametrize("times", [1, 3])
def test_an_unknown_outcome_is_looked_up_before_anything_goes_again(
    world: World, sold: str, kind: str, where: str, times: int
) -> None:
    reprice(world, sold, "80")
    world.fail(kind, where, method="PUT", count=times, status=500)

    world.run()
    # A call without an answer may take a while yet to be carried out.
    world.sleep(61)
    world.publish(INVOICE, owner="next")

    assert [one for _, one in told(world)] == ["20.00"]
    assert str(invoice(world).amount_credited) == "22.00"
    assert set(world.states()) == {"settled"}


@pytest.mark.parametrize("plan", [die, die_before], ids=["made", "not made"])
def test_a_further_decrease_while_a_credit_note_is_under_way_is_credited_to_the_cent(
    world: World, sold: str, plan: Any
) -> None:
    reprice(world, sold, "80")
    world.run(publishes=False)
    world.seam.plans = [plan]
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    reprice(world, sold, "70", of="80")
    world.sleep(HOUR)

    world.run()

    assert [one for _, one in told(world)] == (["20.00", "10.00"] if plan is die else ["30.00"])
    assert str(invoice(world).amount_credited) == "33.00"


def test_there_and_back_again_before_the_credit_note_is_made_needs_none(
    world: World, sold: str
) -> None:
    reprice(world, sold, "80")
    world.run(publishes=False)
    world.seam.plans = [die_before]
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    reprice(world, sold, "100", of="80")
    world.sleep(HOUR)

    world.run()

    assert notes(world) == []
    assert set(world.states()) <= {"settled", "superseded"}


def test_a_strangers_credit_note_under_our_number_is_a_dead_letter(world: World, sold: str) -> None:
    taken = {
        "Type": "ACCRECCREDIT",
        "CreditNoteNumber": f"{invoice(world).number}-C1",
        "Contact": {"Name": "Stranger"},
        "LineItems": [{"Description": "Own", "Quantity": 1, "UnitAmount": 5, "AccountCode": "200"}],
        "Status": "AUTHORISED",
        "Date": "2026-11-20",
    }
    world.put_in_xero("CreditNotes", json.dumps(taken))
    reprice(world, sold, "80")

    world.run()

    assert "another credit note has the number" in world.letters()[0]
    assert str(invoice(world).amount_credited) in {"0", "0.00"}
    stranger = note(world)
    world.books.put_credit(replace(stranger, number="OTHER-1"))

    replay(world)

    assert str(invoice(world).amount_credited) == "22.00"
    assert set(world.states()) == {"settled"}
