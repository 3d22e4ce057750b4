"""The limiter waits as the store says, and passes on what the service says."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sfxero.clock import FakeClock
from sfxero.errors import (
    NotSent,
    OutcomeUnknown,
    QuotaExhausted,
    RateLimited,
    ServiceUnavailable,
    SyncError,
)
from sfxero.model.ids import TenantId
from sfxero.ratelimit.limiter import Limiter, LimitKind, limit_kind
from sfxero.ratelimit.policy import Budget, Grant, LimitPolicy, Observed
from sfxero.ratelimit.ports import Permit

TENANT = TenantId("t-1")
GO = Grant(0.0)


class Ticking(FakeClock):
    """A clock that does something each time somebody sleeps on it."""

    def __init__(self, tick: Callable[[], None]) -> None:
        super().__init__()
        self._tick = tick

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._tick()


class Store:
    """Grants what a test has planned, first for takes, then for looks; remembers all it heard."""

    def __init__(self, *takes: Grant, looks: Sequence[Grant] = ()) -> None:
        self.takes = list(takes) or [GO]
        self.looks = list(looks)
        self.tenants: list[TenantId] = []
        self.taken: list[tuple[Budget, bool]] = []
        self.observed: list[Observed] = []
        self.blocks: list[tuple[float, str]] = []

    def take(self, tenant: TenantId, *_: object, budget: Budget, is_again: bool) -> Grant:
        self.tenants.append(tenant)
        self.taken.append((budget, is_again))
        return self.takes.pop(0) if len(self.takes) > 1 else self.takes[0]

    def standing(self, *_: object, **__: object) -> Grant:
        return self.looks.pop(0) if self.looks else GO

    def observe(self, tenant: TenantId, observed: Observed) -> None:
        self.tenants.append(tenant)
        self.observed.append(observed)

    def block(self, tenant: TenantId, *, seconds: float, problem: str) -> None:
        self.tenants.append(tenant)
        self.blocks.append((seconds, problem))


class Places:
    """Places for calls under way, of which a test says how many are free when."""

    def __init__(self, free: int = 5) -> None:
        self.free = free
        self.taken: list[float] = []
        self.asked = 0
        self.is_down = False

    def take(self, *_: object, lease_s: float, **__: object) -> Permit | None:
        self.asked += 1
        if self.free <= 0:
            return None
        self.free -= 1
        self.taken.append(lease_s)
        return Permit(place=1, number=len(self.taken))

    def give_back(self, *_: object) -> None:
        if self.is_down:
            raise ServiceUnavailable("the ledger's database failed", service="ledger")
        self.free += 1


def limiter_over(
    store: Store, clock: FakeClock | None = None, permits: Places | None = None, **values: Any
) -> Limiter:
    return Limiter(
        store,
        LimitPolicy(),
        tenant=TENANT,
        sleeper=clock or FakeClock(),
        permits=permits,
        **values,
    )


def waited_s(clock: FakeClock) -> float:
    return (clock.now() - FakeClock().now()).total_seconds()


def test_a_turn_is_waited_for_as_long_as_the_store_says() -> None:
    clock, store = FakeClock(), Store(Grant(1.5))

    limiter_over(store, clock, budget=Budget.PAYMENTS).acquire()

    assert waited_s(clock) == 1.5
    assert (store.taken, store.tenants) == ([(Budget.PAYMENTS, False)], [TENANT])


def test_who_slept_looks_again_and_waits_for_what_came_meanwhile() -> None:
    clock, store = FakeClock(), Store(Grant(1.5), looks=[Grant(20.0), Grant(3.0), GO])

    limiter_over(store, clock).acquire()

    assert waited_s(clock) == 24.5


def test_who_comes_too_late_queues_up_again() -> None:
    clock = FakeClock()
    store = Store(Grant(1.0), Grant(4.0), looks=[Grant(0.0, late_s=0.6), Grant(0.0, late_s=0.1)])

    limiter_over(store, clock).acquire()

    assert [is_again for _, is_again in store.taken] == [False, True]
    assert waited_s(clock) == 5.0


def test_nobody_sleeps_on_a_wait_of_hours() -> None:
    clock = FakeClock()

    with pytest.raises(QuotaExhausted) as caught:
        limiter_over(Store(Grant(66_975)), clock, budget=Budget.SYNC).acquire()

    assert (waited_s(clock), caught.value.budget) == (0, "sync")


def test_waits_that_add_up_end_in_a_refusal_that_says_how_long() -> None:
    clock, store = FakeClock(), Store(Grant(8.0), looks=[Grant(8.0)])

    with pytest.raises(RateLimited) as caught:
        limiter_over(store, clock).acquire(within_s=10)

    assert (waited_s(clock), caught.value.retry_after_s) == (8.0, 8.0)


def test_a_permit_is_held_while_the_call_is_under_way_and_no_longer() -> None:
    places = Places(free=1)

    with limiter_over(Store(), permits=places).flight():
        assert (places.free, places.taken) == (0, [60.0])

    assert places.free == 1


def test_a_call_that_fails_gives_its_permit_back() -> None:
    places = Places(free=1)

    with pytest.raises(KeyError), limiter_over(Store(), permits=places).flight():
        raise KeyError

    assert places.free == 1


@pytest.mark.parametrize(
    "failure",
    [
        OutcomeUnknown("PUT Invoices: no reply in time", is_given_up=True),
        ServiceUnavailable("GET Invoices: no reply in time", is_given_up=True),
        KeyboardInterrupt(),
    ],
)
def test_a_call_given_up_keeps_its_permit_since_the_service_may_still_work_at_it(
    failure: BaseException,
) -> None:
    places = Places(free=1)

    with pytest.raises(type(failure)), limiter_over(Store(), permits=places).flight():
        raise failure

    assert places.free == 0


@pytest.mark.parametrize(
    "failure",
    [NotSent("PUT Invoices: no connection"), OutcomeUnknown("PUT Invoices: the reply broke off")],
)
def test_a_call_that_never_arrived_or_has_ended_gives_its_permit_back(failure: SyncError) -> None:
    places = Places(free=1)

    with pytest.raises(type(failure)), limiter_over(Store(), permits=places).flight():
        raise failure

    assert places.free == 1


def test_a_permit_that_cannot_be_given_back_does_not_hide_what_the_call_brought() -> None:
    places = Places()
    places.is_down = True

    with limiter_over(Store(), permits=places).flight():
        brought = "a reply"

    assert brought == "a reply"


def test_who_finds_all_permits_taken_asks_again_until_one_is_free() -> None:
    places = Places(free=0)
    clock = Ticking(lambda: setattr(places, "free", int(places.asked >= 6)))

    with limiter_over(Store(), clock, places).flight():
        pass

    assert places.asked == 7
    assert waited_s(clock) == pytest.approx(0.05 + 0.1 + 0.2 + 0.4 + 0.8 + 1.0)


def test_the_wait_for_a_permit_has_an_end() -> None:
    clock, places = FakeClock(), Places(free=0)

    with pytest.raises(RateLimited) as caught, limiter_over(Store(), clock, places).flight():
        pytest.fail("it must not leave")

    assert caught.value.problem == "concurrent"
    assert 300 <= waited_s(clock) < 302


def test_a_call_looks_again_once_it_has_its_permit() -> None:
    clock, store = FakeClock(), Store(looks=[Grant(4.0), GO])

    with limiter_over(store, clock, Places()).flight():
        assert waited_s(clock) == 4.0


def test_no_permit_is_held_through_a_long_wait() -> None:
    places, seen = Places(free=1), []
    clock = Ticking(lambda: seen.append(places.free))
    store = Store(looks=[Grant(60.0), GO, GO])

    with limiter_over(store, clock, places).flight():
        pass

    assert (seen, waited_s(clock), len(places.taken)) == ([1], 60.0, 2)


def test_a_turn_taken_before_is_used_and_not_taken_again() -> None:
    store = Store()
    limiter = limiter_over(store, permits=Places())
    turn = limiter.acquire()

    with limiter.flight(turn):
        pass

    assert len(store.taken) == 1


def test_a_turn_that_no_call_went_by_serves_the_next() -> None:
    clock, store = FakeClock(), Store(looks=[Grant(2.0, late_s=0.0), GO])
    limiter = limiter_over(store, clock)
    unused = limiter.acquire()

    assert limiter.acquire(unused=unused) is unused
    assert (len(store.taken), waited_s(clock)) == (1, 2.0)


def test_a_turn_whose_time_is_over_is_taken_anew_and_counted() -> None:
    store = Store(looks=[Grant(0.0, late_s=0.6)])
    limiter = limiter_over(store)
    unused = limiter.acquire()

    assert limiter.acquire(unused=unused) is not unused
    assert [is_again for _, is_again in store.taken] == [False, False]


def test_only_headers_that_say_something_reach_the_store() -> None:
    store = Store()
    limiter = limiter_over(store)

    limiter.observe(Observed())
    limiter.observe(Observed(minute_remaining=12))

    assert store.observed == [Observed(minute_remaining=12)]


@pytest.mark.parametrize(
    ("retry_after_s", "problem", "block"),
    [
        (21.0, "minute", (22.0, "minute")),
        (None, "minute", (60.0, "minute")),
        (66_975.0, "day", (66_976.0, "day")),
        (None, "day", (86_400.0, "day")),
        (10_000_000.0, "day", (86_401.0, "day")),
        (None, "concurrent", (2.0, "concurrent")),
        (None, "app-minute", (2.0, "appminute")),
        (None, None, (2.0, "unknown")),
    ],
)
def test_a_refusal_holds_every_worker_back(
    retry_after_s: float | None, problem: str | None, block: tuple[float, str]
) -> None:
    store = Store()

    limiter_over(store).refused(retry_after_s, problem)

    assert (store.blocks, store.tenants) == ([block], [TENANT])


def test_the_pause_grows_with_each_refusal_until_a_call_is_let_through() -> None:
    store = Store()
    limiter = limiter_over(store)

    for _ in range(7):
        limiter.refused(None, "concurrent")
    limiter.observe(Observed())
    limiter.refused(None, "concurrent")

    assert [seconds for seconds, _ in store.blocks] == [2, 4, 8, 16, 32, 60, 60, 2]


@pytest.mark.parametrize(
    ("problem", "retry_after_s", "kind"),
    [
        ("Minute", 30.0, LimitKind.MINUTE),
        ("day", 5.0, LimitKind.DAY),
        ("daily", None, LimitKind.DAY),
        ("AppMinute", None, LimitKind.APP_MINUTE),
        ("app_minute", None, LimitKind.APP_MINUTE),
        ("Concurrent Limit", None, LimitKind.CONCURRENT),
        ("concurrency", None, LimitKind.CONCURRENT),
        (None, 73_451.0, LimitKind.DAY),
        ("minute", 73_451.0, LimitKind.DAY),
        ("solar", 3.0, LimitKind.UNKNOWN),
    ],
)
def test_limits_are_told_apart_leniently(
    problem: str | None, retry_after_s: float | None, kind: LimitKind
) -> None:
    assert limit_kind(problem, retry_after_s) is kind
