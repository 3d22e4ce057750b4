"""Opportunities that change after they were invoiced: each policy, with every fault between."""

import json
from typing import Any

import httpx
import pytest
from tests.contract.sync.kit import RUN, TENANT, Forward, World, die, die_before, go_on

from sfxero.errors import ConfigurationError
from sfxero.ledger.approvals import Question
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity
from sfxero.sandbox.xero.models import Invoice
from sfxero.sync.replay import replay

pytestmark = pytest.mark.contract

INVOICE = Entity.INVOICE
HOUR = 3_600


def invoiced(world: World, policy: str, **invoices: Any) -> str:
    """A won opportunity whose invoice is in step, in a route of this policy."""
    world.respec(invoices={"on_change": policy, **invoices})
    opportunity = world.won(world.account(), "100")
    world.run()
    world.sleep(HOUR)
    world.forget_calls()
    return opportunity


def reprice(world: World, opportunity: str, price: str) -> None:
    (line,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.edit("OpportunityLineItem", line["Id"], UnitPrice=price)


def held(world: World) -> dict[str, tuple[str, str]]:
    """By number, the state and subtotal of what Xero holds."""
    return {
        str(one.number): (one.status, str(one.totals.sub_total))
        for one in sorted(world.invoices, key=lambda one: str(one.number))
    }


def live(world: World) -> Invoice:
    (one,) = [one for one in world.invoices if one.status not in {"VOIDED", "DELETED"}]
    return one


ABOVE_100 = {"when": {"field": "Amount", "above": "100"}}


def questions(world: World) -> list[Question]:
    """What people are to be asked now."""
    scope, outbox = world.scope("any"), world.ledger.outbox
    asked = outbox.take_questions(scope.route, scope.run_id, for_s=60)
    found = [outbox.question(one) for one in asked]
    return [one for one in found if one is not None]


def approve_all(world: World) -> None:
    asked = world.ledger.outbox.take_questions(
        world.scope("any").route, world.scope("any").run_id, for_s=60
    )
    assert world.ledger.outbox.approve(asked, actor="kim") == len(asked)


def told(world: World) -> list[tuple[str, str]]:
    """The log's kinds and rules of invoices, in order."""
    return [
        (str(one.fields["kind"]), str(one.fields["rule"]))
        for one in world.ledger.audit.export(world.scope("any").route)
        if one.fields["entity"] == INVOICE
    ]


def number(world: World, opportunity: str) -> str:
    (row,) = world.rows("Opportunity", Id=opportunity)
    return f"SF-{row['Opportunity_Number__c']}"


# Void and re-issue.


def test_an_approved_invoice_is_voided_and_goes_again_under_the_next_number(world: World) -> None:
    opportunity = invoiced(world, "reissue")
    first = number(world, opportunity)
    reprice(world, opportunity, "120")

    world.run()

    assert held(world) == {first: ("VOIDED", "100.00"), f"{first}-R2": ("AUTHORISED", "120.00")}
    link = world.link(opportunity, INVOICE)
    assert (link.target_id, link.target_number) == (live(world).invoice_id, f"{first}-R2")
    assert world.writes() == ["POST Invoices", "PUT Invoices"]


def test_the_log_tells_the_void_and_the_new_invoice_with_before_and_after(world: World) -> None:
    opportunity = invoiced(world, "reissue")
    reprice(world, opportunity, "120")
    world.run()

    assert told(world)[-4:] == [
        ("sent", "invoice_void"),
        ("voided", "invoice_void"),
        ("sent", "invoice_create"),
        ("settled", "invoice_create"),
    ]
    events = list(world.ledger.audit.export(world.scope("any").route))
    void, sent = events[-3], events[-2]
    assert void.values is not None
    assert sent.values is not None
    before, after = (json.loads(str(one)) for one in (void.values.before, void.values.after))
    assert (before["Status"], after["Status"]) == ("AUTHORISED", "VOIDED")
    assert json.loads(str(sent.values.after))["InvoiceNumber"].endswith("-R2")


def test_each_change_takes_a_number_of_its_own(world: World) -> None:
    opportunity = invoiced(world, "reissue")
    first = number(world, opportunity)
    for price in ("120", "130"):
        reprice(world, opportunity, price)
        world.run()
        world.sleep(HOUR)

    assert held(world) == {
        first: ("VOIDED", "100.00"),
        f"{first}-R2": ("VOIDED", "120.00"),
        f"{first}-R3": ("AUTHORISED", "130.00"),
    }


def test_a_quiet_run_after_a_new_issue_writes_nothing(world: World) -> None:
    opportunity = invoiced(world, "reissue")
    reprice(world, opportunity, "120")
    world.run()
    world.sleep(HOUR)
    world.forget_calls()

    world.run(full=True)

    assert world.writes() == []


def test_a_draft_is_edited_since_nobody_has_seen_it(world: World) -> None:
    opportunity = invoiced(world, "reissue", status="DRAFT")
    reprice(world, opportunity, "120")

    world.run()

    assert held(world) == {number(world, opportunity): ("DRAFT", "120.00")}


def test_an_invoice_with_a_payment_is_a_dead_letter_and_stays_as_it_is(world: World) -> None:
    opportunity = invoiced(world, "reissue")
    body = {"amount": "10"}
    world.control("POST", f"/xero/invoices/{live(world).invoice_id}/pay", body)
    world.forget_calls()
    reprice(world, opportunity, "120")

    world.run()

    assert world.writes() == []
    assert "payment or credit" in world.letters()[0]
    assert live(world).status == "AUTHORISED"


def test_a_payment_between_look_and_void_is_refused_by_xero_and_named(world: World) -> None:
    opportunity = invoiced(world, "reissue")
    first = live(world)

    def pay_first(request: httpx.Request, forward: Forward) -> httpx.Response:
        world.sandbox.xero.hands.pay(first.invoice_id, first.amount_due)
        return forward(request)

    reprice(world, opportunity, "120")
    world.seam.plans = [pay_first]
    world.run()

    assert [one.status for one in world.invoices] == ["PAID"]
    assert "Refused" in world.letters()[0]
    assert world.link(opportunity, INVOICE).target_id == first.invoice_id


def test_what_a_person_voided_is_not_issued_again_by_itself(world: World) -> None:
    opportunity = invoiced(world, "reissue")
    world.control("POST", f"/xero/invoices/{live(world).invoice_id}/void")
    reprice(world, opportunity, "120")

    world.run()

    assert "VOIDED" in world.letters()[0]
    assert len(world.invoices) == 1


def test_xeros_own_numbers_go_on_in_their_sequence(world: World) -> None:
    opportunity = invoiced(world, "reissue", numbering="xero", number=None)
    reprice(world, opportunity, "120")

    world.run()

    assert [one.status for one in world.invoices] == ["VOIDED", "AUTHORISED"]
    assert str(live(world).totals.sub_total) == "120.00"


@pytest.mark.parametrize(
    "plans",
    [[die], [die_before], [go_on, die], [go_on, die_before]],
    ids=["after the void", "before the void", "after the create", "before the create"],
)
def test_a_worker_that_dies_anywhere_leaves_one_live_invoice(
    world: World, plans: list[Any]
) -> None:
    opportunity = invoiced(world, "reissue")
    reprice(world, opportunity, "120")
    scope = world.begin()
    world.stage(scope)
    world.prepare(scope)
    world.seam.plans = list(plans)
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    assert sum(one.status == "AUTHORISED" for one in world.invoices) <= 1
    world.sleep(61)

    world.publish(INVOICE, owner="next")

    first = number(world, opportunity)
    assert held(world) == {first: ("VOIDED", "100.00"), f"{first}-R2": ("AUTHORISED", "120.00")}
    assert world.link(opportunity, INVOICE).target_id == live(world).invoice_id


@pytest.mark.parametrize("kind", ["lost_reply", "error_after", "error_before"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("times", [1, 3])
def test_an_unknown_outcome_is_looked_up_before_anything_goes_again(
    world: World, kind: str, method: str, times: int
) -> None:
    opportunity = invoiced(world, "reissue")
    reprice(world, opportunity, "120")
    world.fail(kind, "/Invoices", method=method, count=times, status=500)

    world.run()
    # A call without an answer may take a while yet to be carried out.
    world.sleep(61)
    world.publish(INVOICE, owner="next")

    first = number(world, opportunity)
    assert held(world) == {first: ("VOIDED", "100.00"), f"{first}-R2": ("AUTHORISED", "120.00")}
    assert world.link(opportunity, INVOICE).target_id == live(world).invoice_id
    assert "dead" not in world.states()


@pytest.mark.parametrize("plan", [die, die_before], ids=["voided", "not voided"])
def test_there_and_back_again_while_a_void_is_under_way_ends_with_one_invoice(
    world: World, plan: Any
) -> None:
    opportunity = invoiced(world, "reissue")
    first = number(world, opportunity)
    reprice(world, opportunity, "120")
    scope = world.begin()
    world.stage(scope)
    world.prepare(scope)
    world.seam.plans = [plan]
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    reprice(world, opportunity, "100")
    world.sleep(HOUR)

    world.run()

    kept = {first: ("AUTHORISED", "100.00")}
    again = {first: ("VOIDED", "100.00"), f"{first}-R2": ("AUTHORISED", "100.00")}
    assert held(world) == (again if plan is die else kept)
    assert world.link(opportunity, INVOICE).target_id == live(world).invoice_id
    world.sleep(HOUR)
    world.forget_calls()
    world.run(full=True)
    assert world.writes() == []


def test_there_and_back_again_before_anything_is_sent_needs_no_write(world: World) -> None:
    opportunity = invoiced(world, "reissue")
    reprice(world, opportunity, "120")
    world.run(publishes=False)
    reprice(world, opportunity, "100")
    world.sleep(HOUR)

    world.run()

    assert world.writes() == []


def test_a_change_of_the_route_alone_voids_nothing_unasked(world: World) -> None:
    opportunity = invoiced(world, "reissue")
    world.respec(invoices={"reference": {"value": "another"}})

    world.run(full=True)

    assert world.writes() == []
    assert world.states()[-1] == "awaiting_approval"
    approve_all(world)
    world.publish(INVOICE)
    assert live(world).number == f"{number(world, opportunity)}-R2"


# Asking.


@pytest.mark.parametrize(
    ("policy", "status", "is_asked"),
    [
        ("ask", "DRAFT", True),
        ("ask", "AUTHORISED", True),
        ("update_while_draft", "DRAFT", False),
        ("update_while_draft", "SUBMITTED", False),
        ("update_while_draft", "AUTHORISED", True),
        ("update", "AUTHORISED", False),
    ],
)
def test_a_person_is_asked_where_the_route_says_so(
    world: World, policy: str, status: str, is_asked: bool
) -> None:
    opportunity = invoiced(world, policy, status=status)
    reprice(world, opportunity, "120")

    world.run()

    assert str(live(world).totals.sub_total) == ("100.00" if is_asked else "120.00")
    assert (world.states()[-1] == "awaiting_approval") is is_asked
    approve_all(world)
    world.publish(INVOICE)
    assert held(world) == {number(world, opportunity): (status, "120.00")}


def test_what_is_asked_is_asked_once(world: World) -> None:
    opportunity = invoiced(world, "ask")
    reprice(world, opportunity, "120")
    world.run()
    before = world.states()
    world.sleep(HOUR)

    world.run(full=True)

    assert world.states() == before


def test_a_draft_that_was_approved_in_xero_meanwhile_is_asked_about_once(world: World) -> None:
    opportunity = invoiced(world, "update_while_draft", status="DRAFT")
    world.change_invoice(live(world), status="AUTHORISED")
    world.forget_calls()
    reprice(world, opportunity, "120")
    world.run()
    assert world.writes() == []
    before = world.states()
    assert before[-1] == "awaiting_approval"
    world.sleep(HOUR)

    world.run(full=True)

    assert world.states() == before
    (asked,) = world.ledger.outbox.take_questions(
        world.scope("any").route, world.scope("any").run_id, for_s=60
    )
    question = world.ledger.outbox.question(asked)
    assert question is not None
    so_far = "the opportunity changed after it was invoiced: so far AUD 110.00, AUTHORISED"
    assert (question.why, str(question.total)) == (so_far, "132.00")


@pytest.mark.parametrize(
    "edit",
    [{"status": "AUTHORISED"}, {"reference": "by hand"}],
    ids=["authorised", "edited"],
)
@pytest.mark.parametrize("policy", ["ask", "reissue"])
def test_an_approval_is_of_the_invoice_as_it_was_looked_at(
    world: World, policy: str, edit: dict[str, str]
) -> None:
    opportunity = invoiced(world, policy, status="DRAFT")
    world.respec(invoices={"reference": {"value": "another"}, "approval": ABOVE_100})
    reprice(world, opportunity, "120")
    world.run()
    (looked_at,) = questions(world)
    approve_all(world)
    world.change_invoice(live(world), **edit)

    world.publish(INVOICE)

    assert world.writes() == []
    assert str(live(world).totals.sub_total) == "100.00"
    world.sleep(HOUR)
    world.run(full=True)
    (again,) = questions(world)
    assert again.why.startswith(looked_at.why)
    state = edit.get("status", "DRAFT")
    assert again.why.endswith(f"since somebody was asked: it is now AUD 110.00, {state}")
    # An answer to the former question is none to this one.
    assert world.ledger.outbox.approve([looked_at.entry_id], actor="lee") == 0
    approve_all(world)
    world.publish(INVOICE)
    assert str(live(world).totals.sub_total) == "120.00"


def test_a_void_is_approved_of_the_invoice_as_it_was_looked_at(world: World) -> None:
    opportunity = invoiced(world, "update", on_reopen="ask", status="DRAFT")
    reopen(world, opportunity)
    world.run()
    approve_all(world)
    world.change_invoice(live(world), status="AUTHORISED")

    world.publish(INVOICE)

    assert world.writes() == []
    (again,) = questions(world)
    assert again.why.endswith("it is now AUD 110.00, AUTHORISED")
    world.sleep(HOUR)
    before = world.states()
    world.run(full=True)
    assert world.states() == before
    approve_all(world)
    world.publish(INVOICE)
    assert [one.status for one in world.invoices] == ["VOIDED"]


def test_an_invoice_that_nobody_looked_at_is_asked_about_whatever_was_approved(
    world: World,
) -> None:
    """The approval was of a new invoice; then one is found that is there already."""
    world.respec(invoices={"on_change": "ask", "approval": ABOVE_100})
    opportunity = world.won(world.account(), "120")
    world.run()
    approve_all(world)
    world.seam.plans = [die]
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    (made,) = world.invoices
    world.change_invoice(made, reference="by hand")
    world.sleep(HOUR)
    world.forget_calls()

    world.publish(INVOICE)

    assert world.writes() == []
    (asked,) = questions(world)
    assert asked.source_id == opportunity


def test_a_change_while_the_invoice_is_under_way_is_asked_about_too(world: World) -> None:
    world.respec(invoices={"on_change": "ask"})
    opportunity = world.won(world.account(), "100")
    world.run(publishes=False)
    world.publish()
    world.seam.plans = [die]
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    reprice(world, opportunity, "120")
    world.sleep(HOUR)

    world.run()

    assert str(live(world).totals.sub_total) == "100.00"
    assert world.states()[-1] == "awaiting_approval"


def test_a_change_that_is_refused_is_kept_from_xero(world: World) -> None:
    opportunity = invoiced(world, "ask")
    reprice(world, opportunity, "120")
    world.run()
    (asked,) = world.ledger.outbox.take_questions(
        world.scope("any").route, world.scope("any").run_id, for_s=60
    )
    world.ledger.outbox.refuse([asked], actor="kim", reason="not agreed")
    world.sleep(HOUR)

    world.run(full=True)

    assert world.writes() == []


@pytest.mark.parametrize("is_new", [True, False])
def test_a_refusal_stands_until_the_wish_changes(world: World, is_new: bool) -> None:
    if is_new:
        world.respec(invoices={"approval": ABOVE_100})
        opportunity = world.won(world.account(), "120")
    else:
        opportunity = invoiced(world, "ask")
        reprice(world, opportunity, "120")
    world.run()
    entry_id = questions(world)[0].entry_id
    outbox = world.ledger.outbox
    outbox.refuse([entry_id], actor="kim", reason="not agreed")
    world.forget_calls()

    with pytest.raises(ConfigurationError, match="refused by kim: not agreed"):
        replay(outbox, [entry_id], route=world.scope("any").route, run_id=None, actor="lee")
    assert outbox.replay([entry_id], actor="lee") == 0
    world.publish(INVOICE)

    assert world.writes() == []
    assert world.states()[-1] == "dead"
    reprice(world, opportunity, "130")
    world.sleep(HOUR)
    world.run()
    assert world.states()[-2:] == ["superseded", "awaiting_approval"]


def test_a_refusal_that_is_taken_back_by_name_is_an_approval(world: World) -> None:
    opportunity = invoiced(world, "ask")
    reprice(world, opportunity, "120")
    world.run()
    entry_id = questions(world)[0].entry_id
    world.ledger.outbox.refuse([entry_id], actor="kim", reason="not agreed")
    assert world.ledger.outbox.approve([entry_id], actor="lee") == 0

    assert world.ledger.outbox.approve([entry_id], actor="lee", after_all=True) == 1
    world.publish(INVOICE)

    assert held(world) == {number(world, opportunity): ("AUTHORISED", "120.00")}
    assert world.letters() == []


# What is not won any more.


def test_a_dead_letter_of_what_is_not_won_any_more_is_not_sent_by_a_replay(world: World) -> None:
    opportunity = world.won(world.account(), "100")
    world.run(publishes=False)
    world.publish()
    (entry,) = world.claim(INVOICE)
    world.ledger.outbox.bury(
        entry.entry_id, owner="dead worker", run_id=RUN, error_class="Refused", message="", hint=""
    )
    reopen(world, opportunity)
    world.sleep(HOUR)
    world.run()

    assert world.ledger.outbox.replay([entry.entry_id], actor="kim") == 0
    world.publish(INVOICE)
    assert world.invoices == []

    win(world, opportunity)
    world.sleep(HOUR)
    world.run()
    assert world.ledger.outbox.replay([entry.entry_id], actor="kim") == 1
    world.publish(INVOICE)
    assert [str(one.totals.sub_total) for one in world.invoices] == ["100.00"]


def reopen(world: World, opportunity: str) -> None:
    world.edit("Opportunity", opportunity, StageName="Prospecting")


def win(world: World, opportunity: str) -> None:
    world.edit("Opportunity", opportunity, StageName="Closed Won")


@pytest.mark.parametrize(("status", "ending"), [("AUTHORISED", "VOIDED"), ("DRAFT", "DELETED")])
def test_the_invoice_of_a_reopened_opportunity_is_voided(
    world: World, status: str, ending: str
) -> None:
    opportunity = invoiced(world, "update", on_reopen="void", status=status)
    reopen(world, opportunity)

    report = world.run()

    assert held(world) == {number(world, opportunity): (ending, "100.00")}
    assert world.quarantined() == {}
    assert report.missing_count == 0
    assert world.ledger.outbox.former_ids(TENANT, INVOICE, [SourceId(opportunity)]) == {}


def test_a_void_is_sent_once(world: World) -> None:
    opportunity = invoiced(world, "update", on_reopen="void")
    reopen(world, opportunity)
    world.run()
    world.sleep(HOUR)
    world.forget_calls()

    world.run(full=True)

    assert world.writes() == []


def test_a_person_is_asked_once_before_a_void(world: World) -> None:
    opportunity = invoiced(world, "update", on_reopen="ask")
    reopen(world, opportunity)
    world.run()
    before = world.states()
    assert before[-1] == "awaiting_approval"
    world.sleep(HOUR)
    world.run(full=True)
    assert world.states() == before

    approve_all(world)
    world.publish(INVOICE)

    assert held(world) == {number(world, opportunity): ("VOIDED", "100.00")}


@pytest.mark.parametrize("policy", ["update", "reissue"])
def test_what_is_won_again_after_its_void_is_invoiced_again(world: World, policy: str) -> None:
    opportunity = invoiced(world, policy, on_reopen="void")
    first = number(world, opportunity)
    reopen(world, opportunity)
    world.run()
    world.sleep(HOUR)
    win(world, opportunity)

    world.run()

    assert held(world) == {first: ("VOIDED", "100.00"), f"{first}-R2": ("AUTHORISED", "100.00")}


def test_what_is_won_again_before_its_void_keeps_its_invoice(world: World) -> None:
    opportunity = invoiced(world, "update", on_reopen="void")
    reopen(world, opportunity)
    world.run(publishes=False)
    win(world, opportunity)
    world.sleep(HOUR)

    world.run()

    assert world.writes() == []
    assert live(world).status == "AUTHORISED"


@pytest.mark.parametrize("plan", [die, die_before], ids=["voided", "not voided"])
def test_what_is_won_again_while_its_void_is_under_way_has_one_live_invoice(
    world: World, plan: Any
) -> None:
    opportunity = invoiced(world, "update", on_reopen="void")
    reopen(world, opportunity)
    world.run(publishes=False)
    world.seam.plans = [plan]
    with pytest.raises(KeyboardInterrupt):
        world.publish(INVOICE)
    win(world, opportunity)
    world.sleep(HOUR)

    world.run()

    assert live(world).status == "AUTHORISED"
    assert world.link(opportunity, INVOICE).target_id == live(world).invoice_id
    world.sleep(HOUR)
    world.forget_calls()
    world.run(full=True)
    assert world.writes() == []


def test_a_paid_invoice_of_a_reopened_opportunity_is_a_dead_letter(world: World) -> None:
    opportunity = invoiced(world, "update", on_reopen="void")
    world.pay(live(world))
    reopen(world, opportunity)

    world.run()

    assert "PAID" in world.letters()[0]


def test_by_default_what_is_reopened_is_only_named(world: World) -> None:
    opportunity = invoiced(world, "update")
    reopen(world, opportunity)

    world.run()

    assert world.writes() == []
    assert world.quarantined() == {opportunity: ["invoiced_but_not_won"]}
