"""The limiter waits as the store says, and passes on what the service says."""

import pytest

from sfxero.clock import FakeClock
from sfxero.errors import QuotaExhausted
from sfxero.model.ids import TenantId
from sfxero.ratelimit.limiter import Limiter, LimitKind, limit_kind
from sfxero.ratelimit.policy import Grant, LimitPolicy, Observed

TENANT = TenantId("t-1")


class Store:
    """Remembers what it was told."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.tenants: list[TenantId] = []
        self.taken: list[LimitPolicy] = []
        self.observed: list[Observed] = []
        self.blocks: list[tuple[float, str]] = []

    def take(self, tenant: TenantId, policy: LimitPolicy) -> Grant:
        self.tenants.append(tenant)
        self.taken.append(policy)
        return Grant(self.delay_s)

    def observe(self, tenant: TenantId, observed: Observed) -> None:
        self.tenants.append(tenant)
        self.observed.append(observed)

    def block(self, tenant: TenantId, *, seconds: float, problem: str) -> None:
        self.tenants.append(tenant)
        self.blocks.append((seconds, problem))


def limiter_over(store: Store, clock: FakeClock | None = None) -> Limiter:
    return Limiter(store, LimitPolicy(), tenant=TENANT, sleeper=clock or FakeClock())


def test_a_permit_is_waited_for_as_long_as_the_store_says() -> None:
    clock, store = FakeClock(), Store(delay_s=1.5)
    started = clock.now()

    limiter_over(store, clock).acquire()

    assert (clock.now() - started).total_seconds() == 1.5
    assert (store.taken, store.tenants) == ([LimitPolicy()], [TENANT])


def test_nobody_sleeps_on_a_wait_of_hours() -> None:
    clock = FakeClock()
    started = clock.now()

    with pytest.raises(QuotaExhausted):
        limiter_over(Store(delay_s=66_975), clock).acquire()

    assert clock.now() == started


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
