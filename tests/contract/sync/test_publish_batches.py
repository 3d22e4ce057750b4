"""Batches: one bad element, replies out of order, leases, and lanes side by side."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.contract.sync.kit import Forward, World, account_ids, contact_wish, invoice_wish

from sfxero.clock import SystemClock, SystemSleeper
from sfxero.errors import PermissionDenied, RequestRejected
from sfxero.ledger import Ledger
from sfxero.model.states import Entity
from sfxero.sync.renaming import Renaming

pytestmark = pytest.mark.contract

BAD = "001000000000003AAA"


def wishes(count: int) -> list[Any]:
    return [contact_wish(one, name=f"Firm {one[9:15]}") for one in account_ids(count)]


def refusing(bad: str, *, commits: bool) -> Callable[[httpx.Request, Forward], httpx.Response]:
    """Refuse each body that holds `bad` as a whole; perhaps carry out the rest of it."""

    def answer(request: httpx.Request, forward: Forward) -> httpx.Response:
        elements = json.loads(request.content)["Contacts"]
        if all(one["ContactNumber"] != bad for one in elements):
            return forward(request)
        good = [one for one in elements if one["ContactNumber"] != bad]
        if commits and good:
            body = json.dumps({"Contacts": good}).encode()
            headers = {**request.headers, "content-length": str(len(body))}
            del headers["idempotency-key"]
            url = request.url.copy_set_param("summarizeErrors", "false")
            forward(httpx.Request(request.method, url, headers=headers, content=body)).close()
        refusal = {"ErrorNumber": 14, "Type": "PostDataInvalidException", "Message": "unreadable"}
        return httpx.Response(400, json=refusal, request=request)

    return answer


@pytest.mark.parametrize("commits", [False, True])
def test_a_batch_refused_as_a_whole_is_halved_until_the_bad_element_stands_alone(
    world: World, commits: bool
) -> None:
    world.seam.plans = [refusing(BAD, commits=commits)] * 20
    world.plan(*wishes(9))

    report = world.publish()

    assert Counter(world.states()) == {"settled": 8, "dead": 1}
    assert len(world.contacts) == 8
    assert report.refused == 1
    assert "unreadable" in world.letters()[0]
    assert report.batches <= 9


@pytest.mark.parametrize(
    ("calls", "states"), [(1, ["pending"] * 4), (2, ["settled"] * 2 + ["pending"] * 2)]
)
def test_a_quota_that_ends_while_a_batch_is_halved_leaves_nothing_claimed(
    world: World, calls: int, states: list[str]
) -> None:
    def refuse_and_spend(request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = refusing(BAD, commits=False)(request, forward)
        world.switch(day_limit=calls)  # the look-up, and perhaps the first half
        return answer

    world.seam.plans = [refuse_and_spend]
    world.plan(*wishes(4))

    report = world.publish()

    assert report.is_deferred
    assert world.states() == states


@pytest.mark.parametrize(
    ("status", "error"), [(404, RequestRejected), (412, RequestRejected), (403, PermissionDenied)]
)
def test_a_refusal_that_is_not_about_elements_buries_none_of_them(
    world: World, status: int, error: type[Exception]
) -> None:
    world.seam.plans = [lambda request, _: httpx.Response(status, request=request)]
    world.plan(*wishes(3))

    with pytest.raises(error):
        world.publish()

    assert set(world.states()) == {"pending"}


def test_a_short_limit_puts_the_batch_back_and_the_next_call_waits(world: World) -> None:
    world.fail("force_429", "/Contacts", method="PUT", retry_after_s=7)
    world.plan(*wishes(2))
    before = world.clock.now()

    world.publish(target=world.new_accounting(is_limited=True))

    assert set(world.states()) == {"settled"}
    assert 7 <= (world.clock.now() - before).total_seconds() <= 30


def edited_reply(edit: Callable[[list[Any]], list[Any]]) -> Any:
    """Let a write through, and change the list in its reply."""

    def answer(request: httpx.Request, forward: Forward) -> httpx.Response:
        reply = forward(request)
        body = json.loads(reply.read())
        plural = next(name for name in ("Contacts", "Invoices") if name in body)
        body[plural] = edit(body[plural])
        return httpx.Response(reply.status_code, json=body, request=request)

    return answer


def test_elements_in_another_order_settle_their_own_entries(world: World) -> None:
    world.seam.plans = [edited_reply(lambda rows: rows[::-1])]
    world.plan(*wishes(3))

    report = world.publish()

    numbers = {one.contact_id: one.number for one in world.contacts}
    links = [world.link(one) for one in account_ids(3)]
    assert [numbers[link.target_id] for link in links] == [link.source_id for link in links]
    assert report.found == 0


def test_elements_missing_from_the_reply_are_looked_up(world: World) -> None:
    world.seam.plans = [edited_reply(lambda rows: rows[1:])]
    world.plan(*wishes(3))

    report = world.publish()

    assert (report.created, report.in_doubt, report.found) == (2, 1, 1)
    assert world.writes() == ["PUT Contacts"]


def test_one_bad_element_does_not_keep_its_neighbours(world: World) -> None:
    world.plan(*wishes(2), contact_wish(BAD, name="Bad", TaxNumber="1" * 51))

    report = world.publish()

    assert world.states() == ["settled", "settled", "dead"]
    assert report.batches == 1


def test_other_totals_than_predicted_are_reported(world: World) -> None:
    def dearer(rows: list[Any]) -> list[Any]:
        return [{**rows[0], "Total": 110.01}]

    world.plan(contact_wish(), invoice_wish())
    world.publish()
    world.seam.plans = [edited_reply(dearer)]

    report = world.publish(Entity.INVOICE)

    assert report.total_differences == ["006000000000001AAA Total: predicted 110.00, Xero 110.01"]


def test_a_worker_that_wakes_after_its_lease_sends_nothing(world: World) -> None:
    class Slow:
        """Claims, then sleeps through its lease."""

        def __getattr__(self, name: str) -> Any:
            return getattr(world.ledger.outbox, name)

        def claim(self, *args: Any, **kwargs: Any) -> Any:
            claimed = world.ledger.outbox.claim(*args, **kwargs)
            world.sleep(61)
            return claimed

    world.plan(*wishes(2))
    lane = world.lane(outbox=Slow())
    lane._publish_batch()

    assert lane.report.lost == 2
    assert world.calls() == []
    world.publish(owner="next")
    assert set(world.states()) == {"settled"}
    assert len(world.contacts) == 2


class Busy:
    """The target, but that the second permit takes its time."""

    def __init__(self, world: World, *, wait_s: float) -> None:
        self._world = world
        self._waits = [0, wait_s]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.accounting, name)

    def take_permit(self) -> None:
        self._world.sleep(self._waits.pop(0) if self._waits else 0)


def test_a_wait_that_outlasts_the_lease_ends_the_repeats(world: World) -> None:
    world.fail("lost_reply", "/Contacts", method="PUT")
    world.plan(*wishes(1))

    report = world.publish(target=Busy(world, wait_s=61))

    assert (report.lost, report.found) == (1, 1)
    assert world.writes() == ["PUT Contacts"]


def test_a_key_that_may_have_expired_is_not_used_again(world: World) -> None:
    world.fail("lost_reply", "/Contacts", method="PUT")
    world.plan(*wishes(1))

    report = world.publish(target=Busy(world, wait_s=301), lease_s=900)

    assert (report.lost, report.found) == (0, 1)
    assert world.writes() == ["PUT Contacts"]


def test_a_lane_stops_when_its_time_is_up(world: World) -> None:
    world.plan(*wishes(2))

    report = world.publish(ends_at=world.clock.now())

    assert report.batches == 0
    assert set(world.states()) == {"pending"}


def test_invoices_wait_for_their_contact(world: World) -> None:
    world.plan(contact_wish(), invoice_wish())

    assert world.publish(Entity.INVOICE).batches == 0

    world.publish()
    assert world.publish(Entity.INVOICE).created == 1
    assert world.invoices[0].contact_id == world.contacts[0].contact_id


def test_two_lanes_at_once_send_no_entry_twice(world: World) -> None:
    world.switch(write_latency_s=0.01)
    # Two machines share the database's file and nothing else; their clocks run.
    world.clock.advance(max(0.0, (datetime.now(UTC) - world.clock.now()).total_seconds()))
    world.plan(*wishes(60))
    reports: list[Any] = []

    def work(owner: str) -> None:
        with Ledger(world.url, clock=SystemClock()) as ledger:
            report = world.publish(
                owner=owner,
                batch_size=5,
                outbox=ledger.outbox,
                renamer=Renaming(ledger.names),
                target=world.new_accounting(),
                clock=SystemClock(),
                sleeper=SystemSleeper(),
            )
        reports.append(report)

    threads = [threading.Thread(target=work, args=(f"lane-{one}",)) for one in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(report.created for report in reports) == 60
    assert all(report.created for report in reports)
    assert world.writes() == ["PUT Contacts"] * 12
    assert len(world.contacts) == 60
