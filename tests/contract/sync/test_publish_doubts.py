"""Whatever happens to a request or its reply, the target ends with exactly one record."""

from typing import Any

import httpx
import pytest
from tests.contract.sync.kit import (
    ACCOUNT,
    OPPORTUNITY,
    TENANT,
    Forward,
    World,
    contact_wish,
    invoice_wish,
)

from sfxero.errors import QuotaExhausted, ServiceUnavailable, TerminalError
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

INVOICE = Entity.INVOICE


@pytest.fixture
def linked(world: World) -> World:
    """A world whose contact is in step and whose invoice waits."""
    world.plan(contact_wish(), invoice_wish())
    world.publish()
    world.forget_calls()
    return world


@pytest.mark.parametrize("kind", ["lost_reply", "error_after", "error_before"])
@pytest.mark.parametrize("times", [1, 3, 5])
def test_an_unknown_outcome_ends_in_exactly_one_invoice(
    linked: World, kind: str, times: int
) -> None:
    linked.fail(kind, "/Invoices", method="PUT", count=times, status=500)

    linked.publish(INVOICE)

    assert [one.number for one in linked.invoices] == ["SF-1"]
    assert linked.link(OPPORTUNITY, INVOICE).target_id == linked.invoices[0].invoice_id
    assert set(linked.states()) == {"settled"}


def test_a_lost_reply_is_asked_for_again_under_the_same_key(linked: World) -> None:
    linked.fail("lost_reply", "/Invoices", method="PUT")

    report = linked.publish(INVOICE)

    keys = {one["idempotency_key"] for one in linked.journal()}
    assert linked.calls() == ["PUT Invoices", "PUT Invoices"]
    assert len(keys) == 1
    assert report.created == 1


def test_what_stays_unanswered_is_looked_up_and_not_sent_again(linked: World) -> None:
    linked.fail("lost_reply", "/Invoices", method="PUT", count=3)

    report = linked.publish(INVOICE)

    assert linked.calls() == ["PUT Invoices"] * 3 + ["GET Invoices"]
    assert (report.created, report.found, report.in_doubt) == (0, 1, 1)


def test_a_server_error_is_stored_under_its_key_so_the_next_try_has_another(
    linked: World,
) -> None:
    linked.fail("error_before", "/Invoices", method="PUT", status=500)

    linked.publish(INVOICE)

    keys = [one["idempotency_key"] for one in linked.journal() if one["method"] == "PUT"]
    assert linked.calls() == ["PUT Invoices", "GET Invoices", "GET Invoices", "PUT Invoices"]
    assert len(set(keys)) == 2


def test_a_time_out_after_the_commit_makes_no_second_contact(world: World) -> None:
    def commit_and_time_out(request: httpx.Request, forward: Forward) -> httpx.Response:
        forward(request).close()
        raise httpx.ReadTimeout("too late", request=request)

    world.seam.plans = [commit_and_time_out] * 3
    world.plan(contact_wish())

    report = world.publish()

    assert [one.name for one in world.contacts] == ["Acme"]
    assert report.found == 1


def test_an_update_that_lands_after_its_look_up_does_not_outlive_a_newer_one(world: World) -> None:
    world.plan(contact_wish())
    world.publish()
    late: list[tuple[httpx.Request, Forward]] = []

    def time_out(request: httpx.Request, forward: Forward) -> httpx.Response:
        late.append((request, forward))
        raise httpx.ReadTimeout("no reply in time", request=request)

    def conflict(request: httpx.Request, _forward: Forward) -> httpx.Response:
        return httpx.Response(409, json={"Detail": "in progress"}, request=request)

    world.plan(contact_wish(name="Late", age=1))
    world.seam.plans = [time_out, conflict]
    world.publish()
    world.plan(contact_wish(age=2))
    world.sleep(30)
    world.publish(owner="other")
    assert [one.name for one in world.contacts] == ["Acme"]
    for request, forward in late:
        forward(request)
    assert [one.name for one in world.contacts] == ["Late"]

    world.sleep(61)
    world.publish(owner="other")

    assert [one.name for one in world.contacts] == ["Acme"]
    assert set(world.states()) == {"settled"}


@pytest.mark.parametrize(("status", "times"), [(408, 3), (504, 1)])
def test_a_gateway_that_waited_in_vain_says_nothing_of_what_the_service_does(
    linked: World, status: int, times: int
) -> None:
    def give_up(request: httpx.Request, _forward: Forward) -> httpx.Response:
        return httpx.Response(status, request=request)

    linked.seam.plans = [give_up] * times
    linked.publish(INVOICE)
    assert linked.states() == ["settled", "in_doubt"]
    calls = linked.calls()

    linked.sleep(30)
    linked.publish(INVOICE, owner="early")
    assert linked.calls() == calls

    linked.sleep(31)
    linked.publish(INVOICE, owner="next")

    assert set(linked.states()) == {"settled"}
    assert [one.number for one in linked.invoices] == ["SF-1"]


def test_after_an_error_that_nobody_thought_of_the_outcome_is_looked_up(linked: World) -> None:
    def break_off(request: httpx.Request, forward: Forward) -> httpx.Response:
        forward(request).close()
        raise TerminalError("who knows")

    linked.seam.plans = [break_off]
    with pytest.raises(TerminalError, match="who knows"):
        linked.publish(INVOICE)
    assert linked.states()[-1] == "in_doubt"

    report = linked.publish(INVOICE, owner="next")

    assert (report.found, report.created) == (1, 0)
    assert len(linked.invoices) == 1


def test_without_a_connection_entries_rest_for_a_minute_and_then_go(world: World) -> None:
    def refuse(request: httpx.Request, _forward: Forward) -> httpx.Response:
        raise httpx.ConnectError("nobody there", request=request)

    world.seam.plans = [refuse] * 3
    world.plan(contact_wish())
    world.publish()
    assert world.states() == ["retry_later"]

    world.sleep(61)
    world.publish()
    assert world.states() == ["settled"]
    assert world.writes() == ["PUT Contacts"]


@pytest.mark.parametrize("is_committed", [True, False])
def test_what_a_dead_worker_left_is_settled_by_the_next_lane(
    linked: World, is_committed: bool
) -> None:
    def die(request: httpx.Request, forward: Forward) -> httpx.Response:
        if is_committed:
            forward(request).close()
        raise KeyboardInterrupt

    linked.seam.plans = [die]
    with pytest.raises(KeyboardInterrupt):
        linked.publish(INVOICE, owner="dead")
    assert linked.states()[-1] == "claimed"

    linked.publish(INVOICE, owner="next")
    assert linked.states()[-1] == "claimed"  # its lease still holds
    linked.sleep(61)
    report = linked.publish(INVOICE, owner="next")

    assert len(linked.invoices) == 1
    assert (report.found, report.created) == ((1, 0) if is_committed else (0, 1))
    assert linked.states()[-1] == "settled"


def test_the_invoice_of_a_lost_reply_is_found_though_a_person_renumbered_it(linked: World) -> None:
    linked.fail("lost_reply", "/Invoices", method="PUT", count=3)
    linked.fail("error_before", "/Invoices", method="GET", count=3)
    with pytest.raises(Exception, match="503"):
        linked.publish(INVOICE)
    linked.sleep(120)
    linked.change_invoice(linked.invoices[0], number="PERSON-7")

    linked.publish(INVOICE)

    # Ours is brought back to the number by which it is known.
    assert [one.number for one in linked.invoices] == ["SF-1"]
    assert linked.states()[-1] == "settled"


def test_each_of_several_renumbered_invoices_is_found(world: World) -> None:
    other = "006000000000002AAA"
    world.plan(contact_wish(), invoice_wish(), invoice_wish(other, number="SF-2"))
    world.publish()
    for _ in range(2):
        world.fail("lost_reply", "/Invoices", method="PUT", count=3)
        world.fail("error_before", "/Invoices", method="GET", count=3)
        with pytest.raises(Exception, match="503"):
            world.publish(INVOICE, batch_size=1)
        newest = world.invoices[-1]
        world.change_invoice(newest, number=f"PERSON-{len(world.invoices)}")
        world.sleep(3600)
        # The first stays in doubt while nobody looks: another worker holds it.
        world.ledger.outbox.claim_in_doubt(TENANT, owner="slow", limit=1, lease_s=3700)

    world.sleep(3700)
    world.publish(INVOICE)

    assert sorted(str(one.number) for one in world.invoices) == ["SF-1", "SF-2"]


def test_an_invoice_paid_before_its_look_up_is_in_step(linked: World) -> None:
    linked.claim(INVOICE)
    linked.ledger.outbox.store_attempt(
        [2], owner="dead worker", operation="create", body_hash="", idempotency_key="dead",
        deadline_at=linked.clock.now(),
    )  # fmt: skip
    contact_id = linked.contacts[0].contact_id
    body = invoice_wish().payload.replace("{", f'{{"Contact":{{"ContactID":"{contact_id}"}},', 1)
    linked.put_in_xero("Invoices", body)
    linked.pay(linked.invoices[0])
    linked.sleep(61)

    report = linked.publish(INVOICE)

    assert report.found == 1
    assert linked.writes() == []
    assert linked.states()[-1] == "settled"


def test_a_look_up_that_fails_leaves_the_entries_in_doubt_for_the_next_lane(linked: World) -> None:
    linked.fail("lost_reply", "/Invoices", method="PUT", count=3)
    linked.fail("error_before", "/Invoices", method="GET", count=3)
    with pytest.raises(Exception, match="503"):
        linked.publish(INVOICE)
    assert linked.states()[-1] == "in_doubt"

    report = linked.publish(INVOICE, owner="next")  # at once: no lease is left behind
    assert report.found == 1


def test_a_spent_quota_after_an_unknown_outcome_leaves_it_in_doubt(linked: World) -> None:
    def lose(request: httpx.Request, forward: Forward) -> httpx.Response:
        forward(request).close()
        linked.switch(day_limit=1)  # from now on every call is refused for the day
        raise httpx.ReadTimeout("too late", request=request)

    linked.seam.plans = [lose]

    report = linked.publish(INVOICE)

    assert report.is_deferred
    assert linked.states()[-1] == "in_doubt"
    linked.switch(day_limit=100_000)
    assert linked.publish(INVOICE, owner="next").found == 1
    assert len(linked.invoices) == 1


def test_a_spent_quota_leaves_entries_pending_and_the_report_deferred(world: World) -> None:
    world.switch(day_limit=1)
    world.plan(contact_wish(), contact_wish("001000000000002AAA", name="Beta"))
    first = world.publish(batch_size=1)

    assert first.is_deferred
    assert first.created == 1
    assert world.states() == ["settled", "pending"]


def test_a_spent_budget_of_ours_defers_without_a_call(world: World) -> None:
    class Spent:
        def __getattr__(self, name: str) -> object:
            return getattr(world.accounting, name)

        def take_permit(self) -> None:
            raise QuotaExhausted("nothing is left")

    world.plan(contact_wish())

    report = world.publish(target=Spent())

    assert report.is_deferred
    assert world.calls() == []
    assert world.states() == ["pending"]


def test_an_entry_that_is_never_answered_rests_after_several_tries(world: World) -> None:
    world.fail("error_before", "/Contacts", method="PUT", count=None, status=500)
    world.plan(contact_wish())

    report = world.publish()

    assert world.states() == ["retry_later"]
    assert report.batches == 6
    assert world.link(ACCOUNT) is None


class _Failing:
    """The ledger's outbox, but the database is away when the end of a request is to be stored."""

    def __init__(self, outbox: Any) -> None:
        self._outbox = outbox
        self.failures = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    def finish_attempt(self, *given: Any, **named: Any) -> None:
        if self.failures:
            self.failures -= 1
            raise ServiceUnavailable("the ledger's database failed", service="ledger")
        self._outbox.finish_attempt(*given, **named)


@pytest.mark.parametrize("refuses", [False, True])
def test_what_the_ledger_could_not_take_in_is_looked_up_before_it_goes_again(
    world: World, refuses: bool
) -> None:
    world.plan(contact_wish())
    if refuses:
        world.fail("partial_batch", "/Contacts", method="PUT")
    with pytest.raises(ServiceUnavailable, match="ledger"):
        world.publish(outbox=_Failing(world.ledger.outbox))
    assert world.states() == ["in_doubt"]
    world.forget_calls()

    world.publish()

    assert world.states() == ["settled"]
    assert world.calls()[0] == "GET Contacts"
    assert len(world.contacts) == 1
