"""E-mails of invoices: after the invoice, once, and never twice for want of an answer."""

from typing import Any

import httpx
import pytest
from tests.contract.sync.kit import World

from sfxero.model.states import Entity
from sfxero.sync.publish import LaneReport

pytestmark = pytest.mark.contract

HOUR = 3600
EMAIL = Entity.INVOICE_EMAIL


@pytest.fixture
def mailing(world: World) -> World:
    world.respec(
        invoices={"email": True},
        contacts={"email": {"value": "a@x.au"}},
    )
    return loaded(world)


def loaded(world: World) -> World:
    """The route once it has read its past."""
    world.run()
    world.sleep(HOUR)
    world.forget_calls()
    return world


def emails(world: World, **changes: Any) -> LaneReport:
    return world.publish(EMAIL, batch_size=1, **changes)


def mailed(world: World) -> list[bool]:
    return [one.sent_to_contact for one in world.invoices]


def lost(_request: httpx.Request, _forward: Any) -> httpx.Response:
    raise httpx.ReadTimeout("no answer")


def carried_out(request: httpx.Request, forward: Any) -> httpx.Response:
    forward(request)
    raise httpx.ReadTimeout("no answer")


def test_each_new_invoice_is_emailed_once_after_it_is_there(mailing: World) -> None:
    world = mailing
    world.won(world.account(), "100")
    world.won(world.account("Other"), "100")
    scope = world.begin()
    world.stage(scope)
    world.prepare(scope)
    assert emails(world).batches == 0

    world.publish(Entity.CONTACT)
    world.publish(Entity.INVOICE)
    assert mailed(world) == [False, False]
    assert emails(world).created == 2
    assert mailed(world) == [True, True]

    world.sleep(HOUR)
    world.forget_calls()
    world.run(full=True)
    emails(world)
    assert world.writes() == []
    assert world.letters() == []


def test_an_email_carries_the_body_that_the_specification_requires(mailing: World) -> None:
    world = mailing
    world.won(world.account(), "100")
    world.run()
    sent: list[tuple[bytes, str]] = []

    def seen(request: httpx.Request, forward: Any) -> Any:
        sent.append((request.read(), request.headers.get("content-type", "")))
        return forward(request)

    world.seam.plans = [seen]
    emails(world)

    assert sent == [(b"{}", "application/json")]
    assert mailed(world) == [True]


def test_an_invoice_that_changes_is_not_emailed_again(mailing: World) -> None:
    world = mailing
    opportunity = world.won(world.account(), "100")
    world.run()
    emails(world)
    world.sleep(HOUR)
    (row,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.edit("OpportunityLineItem", row["Id"], UnitPrice=150)
    world.forget_calls()

    world.run()
    emails(world)

    assert world.writes() == ["POST Invoices"]


def test_what_was_invoiced_before_the_route_said_so_is_not_emailed(world: World) -> None:
    world.won(world.account(), "100")
    world.run()
    world.respec(invoices={"email": True})
    world.sleep(HOUR)

    world.run(full=True)

    assert emails(world).batches == 0
    assert mailed(world) == [False]


def test_a_first_load_emails_nobody_though_its_invoices_go_later(world: World) -> None:
    world.respec(invoices={"email": True}, contacts={"email": {"value": "a@x.au"}})
    world.won(world.account(), "100")
    world.run(publishes=False)
    fresh = world.won(world.account("Other"), "200")
    world.sleep(HOUR)

    world.run(full=True)
    emails(world)

    assert sorted(mailed(world)) == [False, True]
    (sent,) = (one for one in world.invoices if one.sent_to_contact)
    assert fresh in str(sent.url)


def test_a_refused_change_does_not_cost_an_invoice_its_email(mailing: World) -> None:
    world = mailing
    opportunity = world.won(world.account(), "100")
    world.run()
    world.sleep(HOUR)
    world.edit("Opportunity", opportunity, AccountId=None)
    world.run()
    assert world.quarantined() == {opportunity: ["no_account"]}

    emails(world)

    assert mailed(world) == [True]


def test_an_email_goes_with_the_invoice_that_is_refused_before_it_went(mailing: World) -> None:
    world = mailing
    account = world.account()
    opportunity = world.won(account, "100")
    world.run(publishes=False)
    world.sleep(HOUR)
    world.edit("Opportunity", opportunity, AccountId=None)

    world.run()

    assert world.states().count("superseded") == 2


def test_an_email_whose_answer_was_lost_is_found_by_the_mark_that_xero_sets(
    mailing: World,
) -> None:
    world = mailing
    world.won(world.account(), "100")
    world.run()
    world.seam.plans = [carried_out, lost, lost]

    emails(world)

    assert mailed(world) == [True]
    assert world.letters() == []
    assert set(world.states()) == {"settled"}


def test_an_email_that_goes_after_its_look_up_is_found(mailing: World) -> None:
    world = mailing
    world.won(world.account(), "100")
    world.run()
    late: list[tuple[httpx.Request, Any]] = []

    def times_out(request: httpx.Request, forward: Any) -> httpx.Response:
        late.append((request, forward))
        raise httpx.ReadTimeout("no reply in time", request=request)

    world.seam.plans = [times_out, times_out, times_out]
    emails(world)
    assert mailed(world) == [False]
    request, forward = late[0]
    forward(request)
    world.sleep(61)

    emails(world)

    assert mailed(world) == [True]
    assert world.letters() == []
    assert set(world.states()) == {"settled"}


def test_an_email_that_may_have_gone_is_left_to_a_person(mailing: World) -> None:
    world = mailing
    world.won(world.account(), "100")
    world.run()
    world.seam.plans = [lost] * 3
    world.forget_calls()

    emails(world)
    # A call without an answer may take a while yet to be carried out.
    assert world.letters() == []
    world.sleep(61)
    emails(world)

    (letter,) = world.letters()
    assert "nobody can say whether Xero e-mailed this invoice" in letter
    assert "replay sends it, discard leaves it" in letter
    assert mailed(world) == [False]
    assert emails(world).batches == 0


def test_a_worker_that_died_before_it_sent_leaves_the_email_to_the_next(mailing: World) -> None:
    world = mailing
    world.won(world.account(), "100")
    world.run()
    assert len(world.claim(EMAIL)) == 1
    world.sleep(120)

    emails(world)

    assert mailed(world) == [True]
    assert world.letters() == []


def test_a_contact_without_an_address_is_a_named_dead_letter(world: World) -> None:
    world.respec(invoices={"email": True})
    loaded(world).won(world.account(), "100")
    world.run()

    emails(world)

    (letter,) = world.letters()
    assert "no email address" in letter


def test_an_opportunity_that_is_reopened_before_the_email_went_takes_it_back(
    mailing: World,
) -> None:
    world = mailing
    opportunity = world.won(world.account(), "100")
    world.run()
    world.sleep(HOUR)
    world.edit("Opportunity", opportunity, StageName="Prospecting")
    world.run()

    assert emails(world).batches == 0
    assert mailed(world) == [False]


def test_an_email_of_an_invoice_that_is_gone_is_a_dead_letter_and_stops_no_other(
    mailing: World,
) -> None:
    world = mailing
    world.won(world.account(), "100")
    world.won(world.account("Other"), "100")
    world.run()
    gone = next(iter(world.books.invoices))
    world.fail("error_before", f"/Invoices/{gone}/Email", status=404)

    emails(world)

    assert len(world.letters()) == 1
    assert sorted(mailed(world)) == [False, True]
