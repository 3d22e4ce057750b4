"""Changes of many invoices at once, at any rate of calls: all get through, by few calls."""

import heapq
import itertools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import greenlet
import httpx
import pytest
from tests.contract.sync.kit import (
    TENANT,
    Forward,
    World,
    account_ids,
    contact_wish,
    go_on,
    invoice_wish,
)

from sfxero.model.ids import TenantId
from sfxero.model.outbox import NUMBER, ON_CHANGE, ChangePolicy, PlannedEntry
from sfxero.model.states import Entity
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import LimitPolicy
from sfxero.sync.publish import LaneReport
from sfxero.xero.accounting import Accounting
from sfxero.xero.client import XeroClient

pytestmark = pytest.mark.contract

INVOICE = Entity.INVOICE
MANY = 55
"""More than one claim takes."""


class Turns:
    """Lanes side by side on the world's clock: who sleeps lets the others go on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._hub = greenlet.getcurrent()
        self._places = itertools.count()
        self._waking: list[tuple[datetime, int, greenlet.greenlet]] = []

    def sleep(self, seconds: float) -> None:
        self._wake(greenlet.getcurrent(), after_s=seconds)
        self._hub.switch()

    def run(self, lanes: list[Callable[[], object]]) -> None:
        for lane in lanes:
            self._wake(greenlet.greenlet(lane, self._hub), after_s=0)
        while self._waking:
            at, _, strand = heapq.heappop(self._waking)
            self._world.sleep((at - self._world.clock.now()).total_seconds())
            strand.switch()

    def _wake(self, strand: greenlet.greenlet, *, after_s: float) -> None:
        at = self._world.clock.now() + timedelta(seconds=max(after_s, 0.0))
        heapq.heappush(self._waking, (at, next(self._places), strand))


class Unlapsed:
    """The outbox, of which no lane may let a lease lapse."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._outbox = world.ledger.outbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    def expire_leases(self, tenant: TenantId) -> int:
        lapsed = self._outbox.expire_leases(tenant)
        assert lapsed == 0
        return lapsed

    def release(self, entry_ids: Sequence[int], *, owner: str) -> int:
        held = [row for row in self._world._rows() if row.entry_id in entry_ids]
        assert min(row.lease_until_at for row in held) > self._world.clock.now()
        return self._outbox.release(entry_ids, owner=owner)


class WithoutOr(httpx.BaseTransport):
    """A Xero that cannot read OR between numbers of credit notes."""

    def __init__(self, world: World) -> None:
        self._seam = world.seam

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if " OR " in request.url.params.get("where", ""):
            refusal = {"ErrorNumber": 16, "Type": "QueryParseException", "Message": "OR"}
            return httpx.Response(400, json=refusal, request=request)
        return self._seam.handle_request(request)


def limited(
    world: World, turns: Turns, minute: int, *, transport: httpx.BaseTransport
) -> Accounting:
    """The organisation by the ledger's own limiter."""
    limiter = Limiter(
        world.ledger.quota,
        LimitPolicy(minute=minute),
        tenant=TENANT,
        sleeper=turns,
        permits=world.ledger.permits,
    )
    client = XeroClient(
        api_url=world.address,
        token_url=f"{world.address}/connect/token",
        client_id="sandbox-xero-client",
        client_secret="sandbox-xero-secret",
        scopes=None,
        tenant_id=TENANT,
        limiter=limiter,
        circuit=None,
        clock=world.clock,
        sleeper=turns,
        transport=transport,
    )
    return Accounting(client)


def publish(
    world: World,
    *,
    minute: int,
    lanes: int = 1,
    transport: httpx.BaseTransport | None = None,
) -> list[LaneReport]:
    """Publish invoices by several lanes that share so many calls a minute."""
    turns = Turns(world)
    reports: list[LaneReport] = []

    def lane(name: str) -> Callable[[], None]:
        target = limited(world, turns, minute, transport=transport or world.seam)
        parts: dict[str, Any] = {"target": target, "sleeper": turns, "owner": name}
        parts["outbox"] = Unlapsed(world)
        return lambda: reports.append(world.publish(INVOICE, **parts))

    turns.run([lane(f"lane {place}") for place in range(lanes)])
    return reports


def wishes(
    policy: ChangePolicy = ChangePolicy.UPDATE, *, count: int = MANY, **values: Any
) -> list[PlannedEntry]:
    """Wishes of many opportunities of one account."""
    account = account_ids(1)[0]
    return [
        replace(
            invoice_wish(f"006{n:012d}AAA", number=f"SF-{n}", parent=account, **values),
            meta={ON_CHANGE: policy, NUMBER: f"SF-{n}"},
        )
        for n in range(count)
    ]


def invoiced(world: World, *, count: int = MANY) -> None:
    """Let the opportunities have been invoiced, at 100 each."""
    world.plan(contact_wish(account_ids(1)[0]), *wishes(count=count))
    world.publish()
    world.publish(INVOICE)
    assert {one.number for one in world.invoices} == {f"SF-{n}" for n in range(count)}
    world.forget_calls()


def leased(world: World) -> Callable[[httpx.Request, Forward], httpx.Response]:
    """Let a write through, if all that is claimed at that moment is so by a lease that lasts."""

    def answer(request: httpx.Request, forward: Forward) -> httpx.Response:
        ends = [row.lease_until_at for row in world._rows() if row.state == "claimed"]
        assert min(ends) > world.clock.now()
        return forward(request)

    return answer


@pytest.mark.parametrize(
    ("minute", "lanes"), [(3, 1), (20, 1), (30, 1), (40, 1), (60, 1), (60, 3), (20, 3)]
)
def test_many_credit_notes_are_booked_at_any_rate_of_calls(
    world: World, minute: int, lanes: int
) -> None:
    count = 5 if minute == 3 else MANY
    invoiced(world, count=count)
    world.plan(*wishes(ChangePolicy.CREDIT_NOTE, count=count, amount="80.00", age=1))
    world.seam.plans = [leased(world)] * 1000

    reports = publish(world, minute=minute, lanes=lanes)

    assert set(world.states()) == {"settled"}
    assert {str(one.amount_credited) for one in world.invoices} == {"22.00"}
    assert len(world.books.credits) == count
    assert [report.lost for report in reports] == [0] * lanes
    assert not any(report.in_doubt for report in reports)
    calls = Counter(world.calls())
    assert calls["PUT Allocations"] == count
    # Where but two calls go by in half a lease, each allocation is read for alone.
    assert calls.total() <= (4 if minute == 3 else 2) * count


@pytest.mark.parametrize("minute", [20, 60])
def test_many_credit_notes_are_made_by_few_calls(world: World, minute: int) -> None:
    invoiced(world)
    world.plan(*wishes(ChangePolicy.CREDIT_NOTE, amount="80.00", age=1))

    publish(world, minute=minute)

    calls = Counter(world.calls())
    assert calls["PUT CreditNotes"] <= 3
    assert calls.total() <= 1.5 * MANY


@pytest.mark.parametrize("lanes", [1, 3])
def test_credit_notes_are_booked_if_xero_tells_them_but_one_by_one(
    world: World, lanes: int
) -> None:
    invoiced(world, count=12)
    world.plan(*wishes(ChangePolicy.CREDIT_NOTE, count=12, amount="80.00", age=1))

    reports = publish(world, minute=20, lanes=lanes, transport=WithoutOr(world))

    assert set(world.states()) == {"settled"}
    assert {str(one.amount_credited) for one in world.invoices} == {"22.00"}
    assert [report.lost for report in reports] == [0] * lanes
    assert len(world.calls()) <= 6 * 12


def test_many_allocated_credit_notes_are_booked_though_each_is_asked_for_alone(
    world: World,
) -> None:
    def late(request: httpx.Request, forward: Forward) -> httpx.Response:
        world.sleep(20)
        return forward(request)

    invoiced(world, count=20)
    world.plan(*wishes(ChangePolicy.CREDIT_NOTE, count=20, amount="80.00", age=1))
    world.seam.plans = [*[go_on] * 20, late]
    world.publish(INVOICE, ends_at=world.clock.now() + timedelta(seconds=10))
    assert world.states().count("pending") == 20
    world.forget_calls()

    # All that is to be looked up takes four leases.
    (report,) = publish(world, minute=6, transport=WithoutOr(world))

    assert set(world.states()) == {"settled"}
    assert (report.in_doubt, world.writes()) == (0, [])
    assert len(world.calls()) <= 2 * 20


def test_a_credit_note_that_is_refused_leaves_the_others_of_its_call_alone(world: World) -> None:
    invoiced(world, count=3)
    taken = {
        "Type": "ACCRECCREDIT",
        "CreditNoteNumber": "SF-1-C1",
        "Contact": {"Name": "Stranger"},
        "LineItems": [{"Description": "Own", "Quantity": 1, "UnitAmount": 5, "AccountCode": "200"}],
        "Status": "AUTHORISED",
        "Date": "2026-11-20",
    }
    world.put_in_xero("CreditNotes", json.dumps(taken))
    world.plan(*wishes(ChangePolicy.CREDIT_NOTE, count=3, amount="80.00", age=1))

    publish(world, minute=60)

    credited = {one.number: str(one.amount_credited) for one in world.invoices}
    assert credited.pop("SF-1") in {"0", "0.00"}
    assert credited == {"SF-0": "22.00", "SF-2": "22.00"}
    assert len(world.letters()) == 1


@pytest.mark.parametrize(
    ("kind", "status"),
    [("error_before", 400), ("error_before", 500), ("error_after", 500), ("lost_reply", 500)],
)
def test_credit_notes_of_a_call_that_failed_as_a_whole_are_made_once(
    world: World, kind: str, status: int
) -> None:
    invoiced(world, count=3)
    world.plan(*wishes(ChangePolicy.CREDIT_NOTE, count=3, amount="80.00", age=1))
    world.fail(kind, "/CreditNotes$", method="PUT", count=1, status=status)

    publish(world, minute=60)

    assert sorted(str(one.number) for one in world.books.credits.values()) == [
        "SF-0-C1", "SF-1-C1", "SF-2-C1",
    ]  # fmt: skip
    assert {str(one.amount_credited) for one in world.invoices} == {"22.00"}
    assert set(world.states()) == {"settled"}


@pytest.mark.parametrize(
    ("policy", "calls"),
    [
        (ChangePolicy.UPDATE, {"GET Invoices": 2, "POST Invoices": 2}),
        (ChangePolicy.REISSUE, {"GET Invoices": 2, "POST Invoices": 2, "PUT Invoices": 2}),
    ],
)
@pytest.mark.parametrize("minute", [3, 60])
def test_many_edits_and_voids_go_by_few_calls_at_any_rate(
    world: World, policy: ChangePolicy, calls: dict[str, int], minute: int
) -> None:
    invoiced(world)
    world.plan(*wishes(policy, amount="80.00", age=1))

    (report,) = publish(world, minute=minute)

    assert Counter(world.calls()) == calls
    assert report.lost == 0
    assert set(world.states()) == {"settled"}


def test_creates_go_fifty_to_a_call_at_the_lowest_rate(world: World) -> None:
    world.plan(contact_wish(account_ids(1)[0]), *wishes())
    world.publish()
    world.forget_calls()

    publish(world, minute=3)

    assert world.calls() == ["PUT Invoices"] * 2
    assert len(world.invoices) == MANY
