"""Publishers as real processes, made of the lanes' own parts; each may be killed at any moment."""

import multiprocessing
import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from multiprocessing.process import BaseProcess
from typing import Any

from tests.e2e.world import QUICK, SLOW, SandboxProcess, wait_for

from sfxero.clock import SystemClock, SystemSleeper, seeded_random
from sfxero.ledger import Ledger
from sfxero.model.ids import RunId, SourceId, TenantId
from sfxero.model.owners import owner_name
from sfxero.model.states import ACTIVE, WAITING, Entity, EntryState
from sfxero.ratelimit.policy import LimitPolicy

RUN = RunId("demo/publishers")
_FAR = 10**7
NO_LIMITS: Mapping[str, Any] = {
    "minute_limit": _FAR, "day_limit": _FAR, "app_minute_limit": _FAR, "concurrent_limit": 1000,
}  # fmt: skip
"""The sandbox's switches for runs that are not about limits."""
UNLIMITED = LimitPolicy(minute=1_000_000, day=_FAR, concurrent=1000)


@dataclass(frozen=True, slots=True)
class Job:
    """What each publisher is told."""

    sandbox_url: str
    ledger_url: str
    tenant: TenantId
    batch_size: int = 50
    lease_s: float = 60.0
    policy: LimitPolicy = field(default_factory=LimitPolicy)


def publish(job: Job, number: int) -> None:
    """Publish contacts and invoices, lane after lane, until the outbox is empty."""
    from sfxero.orchestration.limits import xero_circuit, xero_limiter
    from sfxero.ratelimit.policy import Budget
    from sfxero.sync.publish import Lane, LaneSpec
    from sfxero.sync.renaming import Renaming
    from sfxero.xero.accounting import Accounting
    from sfxero.xero.client import XeroClient

    clock, sleeper = SystemClock(), SystemSleeper()
    with Ledger(job.ledger_url) as ledger:
        client = XeroClient(
            api_url=job.sandbox_url,
            token_url=f"{job.sandbox_url}/connect/token",
            client_id="sandbox-xero-client",
            client_secret="sandbox-xero-secret",
            scopes=None,
            tenant_id=job.tenant,
            limiter=xero_limiter(ledger, job.tenant, policy=job.policy, budget=Budget.SYNC),
            circuit=xero_circuit(ledger, job.tenant),
            clock=clock,
            sleeper=sleeper,
        )
        while outstanding(ledger, job.tenant):
            for entity in (Entity.CONTACT, Entity.INVOICE):
                spec = LaneSpec(
                    tenant=job.tenant,
                    entity=entity,
                    run_id=RUN,
                    owner=owner_name(RUN, entity, number, token=uuid.uuid4().hex[:8]),
                    ends_at=clock.now() + timedelta(minutes=25),
                    batch_size=job.batch_size,
                    lease_s=job.lease_s,
                )
                Lane(
                    spec,
                    outbox=ledger.outbox,
                    target=Accounting(client),
                    renamer=Renaming(ledger.names),
                    clock=clock,
                    sleeper=sleeper,
                    new_key=lambda: uuid.uuid4().hex,
                ).run()
            sleeper.sleep(0.1)  # what is left is under way with others, or in doubt after a death
        client.close()


def outstanding(ledger: Ledger, tenant: TenantId) -> int:
    """Count the entries that are not done yet."""
    counts = ledger.outbox.counts(tenant)
    return sum(n for (_, state), n in counts.items() if state in WAITING | ACTIVE)


@dataclass(slots=True)
class Crew:
    """Some publishers at once, of which one can be killed and replaced."""

    job: Job
    size: int
    killed: int = 0
    _alive: dict[int, BaseProcess] = field(default_factory=dict)

    def start(self) -> None:
        for number in range(self.size):
            self._alive[number] = self._started(number)

    def kill_one(self, chance: random.Random) -> None:
        """Kill a publisher without a warning (SIGKILL), and start another in its place."""
        number = chance.choice(sorted(self._alive))
        victim = self._alive[number]
        victim.kill()
        victim.join(QUICK)
        assert victim.exitcode == -9, f"publisher {number} had ended with {victim.exitcode}"
        self.killed += 1
        self._alive[number] = self._started(number)

    def wait_for_invoices(self, sandbox: SandboxProcess, count: int) -> None:
        """Return when so many invoices are there, and all publishers still at work."""

        def are_there() -> bool:
            codes = [process.exitcode for process in self._alive.values()]
            assert codes == [None] * self.size, f"publishers ended early, with {codes}"
            return bool(sandbox.get("/state")["xero"]["invoices"] >= count)

        wait_for(are_there, limit_s=SLOW, what=f"an outbox of which {count} invoices are sent")

    def wait(self, limit_s: float) -> None:
        """Return when all publishers have ended by themselves, without an error."""
        deadline = time.monotonic() + limit_s
        for process in self._alive.values():
            process.join(max(0.0, deadline - time.monotonic()))
        codes = [process.exitcode for process in self._alive.values()]
        assert codes == [0] * self.size, f"publishers ended with {codes} within {limit_s:.0f} s"

    def dismiss(self) -> None:
        for process in self._alive.values():
            process.kill()
            process.join(QUICK)

    def _started(self, number: int) -> BaseProcess:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["sfxero.sync.publish", "sfxero.xero.accounting"])
        process = context.Process(target=publish, args=(self.job, number), daemon=True)
        process.start()
        return process


@contextmanager
def crew(job: Job, size: int) -> Iterator[Crew]:
    """Some publishers that do not outlive the block."""
    members = Crew(job, size)
    members.start()
    try:
        yield members
    finally:
        members.dismiss()


def fill(
    ledger: Ledger, tenant: TenantId, *, contacts: int, invoices: int, chance: random.Random
) -> dict[SourceId, Decimal]:
    """Put contacts and their invoices into the outbox; returns each invoice's total."""
    from tests.contract.sync.kit import account_ids, contact_wish, invoice_wish

    accounts = list(account_ids(contacts))
    for _ in ledger.outbox.plan(RUN, (contact_wish(one, name=f"Firm {one}") for one in accounts)):
        pass
    wanted: dict[SourceId, Decimal] = {}
    wishes = []
    for number in range(invoices):
        source = f"006{number:012d}AAA"
        net = Decimal(chance.randrange(10, 9_999_999) * 10) / 100  # its tax needs no rounding
        parent = accounts[number % contacts]
        amount = f"{net:.2f}"
        wishes.append(invoice_wish(source, number=f"SF-{number}", parent=parent, amount=amount))
        wanted[SourceId(source)] = net + net / 10
    for _ in ledger.outbox.plan(RUN, wishes):
        pass
    return wanted


def run_with_kills(
    job: Job, sandbox: SandboxProcess, *, size: int, kills: int, invoices: int, seed: int
) -> int:
    """Publish everything, and kill random publishers spread over the run; returns the kills."""
    chance = seeded_random(seed)
    with crew(job, size) as members:
        for turn in range(1, kills + 1):
            members.wait_for_invoices(sandbox, turn * invoices // (kills + 2))
            time.sleep(chance.uniform(0.0, 0.3))  # anywhere within a call or between two
            members.kill_one(chance)
        members.wait(240.0 + 0.1 * invoices)
        return members.killed


def assert_exactly_once(
    sandbox: SandboxProcess, ledger: Ledger, tenant: TenantId, wanted: Mapping[SourceId, Decimal]
) -> None:
    """Each wanted invoice is there once, over its total, and the ledger knows it; nothing else."""
    xero = sandbox.get("/state", full=1)["xero"]
    found = {str(one["url"]).split("/")[-2]: Decimal(one["total"]) for one in xero["invoice_rows"]}
    assert len(xero["invoice_rows"]) == len(wanted)
    assert found == wanted
    assert sum(found.values()) == sum(wanted.values())
    numbers = Counter(one["texts"]["ContactNumber"] for one in xero["contact_rows"])
    assert set(numbers.values()) == {1}
    links = {one.source_id: one.target_id for one in ledger.links.all(tenant, Entity.INVOICE)}
    assert links == {
        str(one["url"]).split("/")[-2]: one["invoice_id"] for one in xero["invoice_rows"]
    }
    states = {state for (_, state), n in ledger.outbox.counts(tenant).items() if n}
    assert states <= {EntryState.SETTLED, EntryState.SUPERSEDED}
    for route in ledger.audit.routes():
        report = ledger.audit.verify(route)
        assert report.is_valid, f"the audit chain of {route}: {report}"
