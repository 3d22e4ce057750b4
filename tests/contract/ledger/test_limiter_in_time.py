"""Many workers share one limiter in virtual time; a seed decides who is slow, and who dies."""

import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

import pytest
from tests.simulation.scheduler import Scheduler

from sfxero.clock import seeded_random
from sfxero.errors import OutcomeUnknown
from sfxero.ledger import Ledger
from sfxero.model.ids import TenantId
from sfxero.ratelimit.limiter import Limiter, Turn
from sfxero.ratelimit.policy import LimitPolicy, Observed

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]

TENANT = TenantId("tenant-1")
START = datetime(2026, 11, 1, tzinfo=UTC)
POLICY = LimitPolicy()
STORE_S = 0.04
"""The longest that a statement of the ledger takes here."""
TRANSIT_S = 0.35
"""The longest that a request is under way: with the ledger's part, less than half a gap."""
PATIENCE_S = 30.0
"""How long a worker waits for a reply; the service works on, and counts the call as under way."""


class SlowStore:
    """A part of the ledger whose every call takes a moment, before and after it counts."""

    def __init__(self, part: object, world: "World") -> None:
        self._part = part
        self._world = world

    def __getattr__(self, name: str) -> object:
        def slow(*arguments: object, **options: object) -> object:
            self._world.wait(STORE_S / 2)
            try:
                return getattr(self._part, name)(*arguments, **options)
            finally:
                self._world.wait(STORE_S / 2)

        return slow


@dataclass
class Service:
    """Counts what arrives; says of its minute what the real one would, or something else."""

    chance: Random
    noise: float
    refusals: float
    offset_s: float
    arrivals: list[float] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    def arrive(self, now_s: float) -> None:
        self.arrivals.append(now_s)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self) -> None:
        """Be done with a call, whether or not anybody still waits for it."""
        self.in_flight -= 1

    def remaining(self, now_s: float) -> int | None:
        if self.chance.random() < self.noise:
            return self.chance.choice((None, 0, 1, 59, 60, self.chance.randrange(61)))
        began_s = now_s - (now_s - self.offset_s) % 60
        return max(0, 60 - sum(one >= began_s for one in self.arrivals))


class World:
    """One seed: a ledger, a service, and workers on one clock."""

    def __init__(
        self,
        seed: int,
        *,
        noise: float = 0.0,
        refusals: float = 0.0,
        replies_s: Sequence[float] = (0.05, 0.2, 0.2, 1.0, 6.0),
    ) -> None:
        self.replies_s = replies_s
        self.given_up = 0
        self.chance = seeded_random(seed)
        self.scheduler = Scheduler(self.chance, start_at=START)
        self.service = Service(self.chance, noise, refusals, offset_s=self.chance.uniform(0, 60))
        self.departures: list[float] = []
        self.holds: list[tuple[float, float]] = []
        self.ledger = Ledger("sqlite://", clock=self)
        self.ledger.migrate()

    def now(self) -> datetime:
        return self.scheduler.moment()

    def sleep(self, seconds: float) -> None:
        self.scheduler.sleep(seconds)

    def wait(self, most_s: float) -> None:
        """Let a moment pass, if anybody is there to whom it could pass."""
        if self.scheduler.current is not None:
            self.scheduler.sleep(self.chance.uniform(0, most_s))

    def run(self, workers: int, *, seconds: float, is_idle: bool = False) -> None:
        for number in range(workers):
            self.scheduler.spawn(f"w{number}", lambda: self._work(seconds, is_idle=is_idle))
        self.scheduler.run()

    def _work(self, seconds: float, *, is_idle: bool) -> None:
        limiter = Limiter(
            SlowStore(self.ledger.quota, self),  # type: ignore[arg-type]
            POLICY,
            tenant=TENANT,
            sleeper=self,
            permits=SlowStore(self.ledger.permits, self),  # type: ignore[arg-type]
        )
        while self.scheduler.elapsed() < seconds:
            turn = None
            if is_idle and self.chance.random() < 0.5:
                # As a lane does, which claims and reads between its permit and its call.
                turn = limiter.acquire()
                self.sleep(self.chance.choice((0, 0.2, 2, 8)))
            if is_idle and self.chance.random() < 0.03:
                self.ledger.permits.take(TENANT, limit=5, lease_s=60)  # and dies with it
            self._call(limiter, turn)

    def _call(self, limiter: Limiter, turn: Turn | None) -> None:
        with suppress(OutcomeUnknown), limiter.flight(turn):
            self.departures.append(self.scheduler.elapsed())
            self.wait(TRANSIT_S)
            self.service.arrive(self.scheduler.elapsed())
            reply_s = self.chance.choice(self.replies_s)
            self.scheduler.at(self.scheduler.elapsed() + reply_s, self.service.end)
            if reply_s > PATIENCE_S:
                self.sleep(PATIENCE_S)
                self.given_up += 1
                raise OutcomeUnknown("no reply in time", is_given_up=True)
            self.sleep(reply_s)
            remaining = self.service.remaining(self.scheduler.elapsed())
            self.wait(TRANSIT_S)
            self._hear(limiter, remaining)

    def _hear(self, limiter: Limiter, remaining: int | None) -> None:
        if self.chance.random() >= self.service.refusals:
            limiter.observe(Observed(minute_remaining=remaining))
            return
        retry_after_s = float(self.chance.randrange(1, 40))
        limiter.refused(retry_after_s, "minute")
        until_s = (self.ledger.quota.usage(TENANT).next_at - START).total_seconds()
        now_s = self.scheduler.elapsed()
        self.holds.append((now_s, min(until_s, now_s + retry_after_s)))


@pytest.fixture(params=range(6))
def seed(request: pytest.FixtureRequest) -> int:
    """The seed is the test's parameter, so a failure names it."""
    return int(request.param)


def test_no_minute_ever_sees_more_calls_than_the_limit(seed: int) -> None:
    noise = (0.0, 0.03, 0.3)[seed % 3]
    world = World(seed, noise=noise, refusals=0.02 * (seed % 2))
    world.run(world.chance.randrange(4, 13), seconds=240, is_idle=bool(seed % 2))

    # A window that slides contains every fixed one, wherever it begins.
    arrivals = sorted(world.service.arrivals)
    later = arrivals[POLICY.minute :]
    assert len(arrivals) > 30
    assert all(after - before >= 60 for before, after in zip(arrivals, later, strict=False))


def test_no_more_calls_are_under_way_at_once_than_the_limit(seed: int) -> None:
    world = World(seed, replies_s=(2.0, 8.0, 14.0))
    world.run(10, seconds=120)
    assert world.service.most_in_flight == POLICY.concurrent


def test_calls_given_up_count_among_those_at_once_until_the_service_ends_them(seed: int) -> None:
    world = World(seed, replies_s=(0.2, 2.0, 45.0))
    world.run(10, seconds=600)
    assert world.given_up > 10
    assert world.service.most_in_flight == POLICY.concurrent


def test_permits_of_calls_given_up_are_all_free_once_their_leases_have_ended(seed: int) -> None:
    world = World(seed, replies_s=(45.0,))
    world.run(8, seconds=60)
    free: list[object] = []

    def look() -> None:
        world.sleep(60)
        free.extend(world.ledger.permits.take(TENANT, limit=5, lease_s=60) for _ in range(5))

    world.scheduler.spawn("later", look)
    world.scheduler.run()
    assert all(free)


def test_calls_leave_apart_from_one_another_also_when_a_hold_ends(seed: int) -> None:
    world = World(seed, refusals=0.05)
    world.run(8, seconds=240, is_idle=True)

    departures = sorted(world.departures)
    nearest = min(after - before for before, after in itertools.pairwise(departures))
    assert nearest >= 0.4


def test_after_a_refusal_nobody_leaves_before_it_is_over(seed: int) -> None:
    world = World(seed, refusals=0.05)
    world.run(8, seconds=240, is_idle=True)

    assert world.holds
    for began_s, until_s in world.holds:
        early = [one for one in world.departures if began_s + 2 * STORE_S < one < until_s]
        assert early == []


def test_four_workers_use_97_percent_of_the_limit(seed: int) -> None:
    world = World(seed, replies_s=(0.05, 0.2, 0.2, 1.0))
    world.run(4, seconds=300)
    assert sum(one < 300 for one in world.service.arrivals) >= 0.97 * 300
