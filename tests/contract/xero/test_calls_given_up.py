"""The service works on at calls that nobody waits for, and is asked no more than it allows.

Real clients and the sandbox's own application, in virtual time: a write takes longer than a client
waits, without anybody waiting for it here.
"""

from datetime import UTC, datetime
from random import Random

import pytest
from tests.simulation.faults import Weather
from tests.simulation.network import Network
from tests.simulation.scheduler import Scheduler

from sfxero.errors import OutcomeUnknown
from sfxero.ledger import Ledger
from sfxero.model.ids import TenantId
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import LimitPolicy
from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.server import SandboxSettings, build_sandbox
from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID
from sfxero.sandbox.xero.limits import TenantMeter
from sfxero.xero.client import XeroClient

pytestmark = pytest.mark.contract

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ADDRESS = "http://127.0.0.1:8099"
APP, TENANT = "sandbox-xero-client", TenantId(SANDBOX_TENANT_ID)
WORKERS, WRITES_EACH = 8, 5


class World:
    """Workers that write to one organisation, each with a client of its own."""

    def __init__(self, *, write_latency_s: float) -> None:
        self.scheduler = Scheduler(Random(7), start_at=START)  # noqa: S311 - repeatable, no secret
        self._sandbox = build_sandbox(SandboxSettings(clock_start_at=START, clock_speed=0.0))
        SandboxClock.__init__(self._sandbox.clock, START, ticks=self.scheduler.elapsed)
        self._sandbox.xero.set_switches({"write_latency_s": write_latency_s})
        weather = Weather(self.scheduler, self._sandbox, Random(7))  # noqa: S311 - as above
        self._network = Network(self._sandbox.app, self.scheduler, weather)
        self._ledger = Ledger("sqlite://", clock=self)
        self._ledger.migrate()
        self.answered, self.given_up = 0, 0

    def now(self) -> datetime:
        return self.scheduler.moment()

    def sleep(self, seconds: float) -> None:
        self.scheduler.sleep(seconds)

    def run(self) -> TenantMeter:
        """Let all workers write; returns what the service has counted."""
        for number in range(WORKERS):
            self.scheduler.spawn(f"w{number}", lambda number=number: self._work(number))  # type: ignore[misc]
        self.scheduler.run()
        return self._sandbox.xero.limits.meter(APP, TENANT)

    def _work(self, number: int) -> None:
        client = self._client()
        for serial in range(WRITES_EACH):
            name = f"Contact {number}-{serial}"
            try:
                client.call(
                    "PUT",
                    "Contacts",
                    content=f'{{"Contacts": [{{"Name": "{name}"}}]}}'.encode(),
                    idempotency_key=name,
                    is_write=True,
                )
            except OutcomeUnknown:
                self.given_up += 1
            else:
                self.answered += 1

    def _client(self) -> XeroClient:
        return XeroClient(
            api_url=ADDRESS,
            token_url=f"{ADDRESS}/connect/token",
            client_id=APP,
            client_secret="sandbox-xero-secret",
            scopes=None,
            tenant_id=TENANT,
            limiter=Limiter(
                self._ledger.quota,
                LimitPolicy(),
                tenant=TENANT,
                sleeper=self,
                permits=self._ledger.permits,
            ),
            clock=self,
            sleeper=self,
            transport=self._network,
        )


def test_writes_that_outlast_the_clients_patience_are_never_refused_as_too_many_at_once() -> None:
    world = World(write_latency_s=40.0)

    meter = world.run()

    assert world.given_up == WORKERS * WRITES_EACH
    assert (meter.refused, meter.peak_in_flight) == ({}, 5)


def test_slow_writes_that_are_answered_use_all_five_places_all_the_time() -> None:
    world = World(write_latency_s=20.0)

    meter = world.run()

    assert world.answered == WORKERS * WRITES_EACH
    assert (meter.refused, meter.peak_in_flight) == ({}, 5)
    # Five at once take 160 s and the way there and back; kept permits would make it 480.
    assert world.scheduler.elapsed() < 240
