"""What the processes of the concurrency tests do; started afresh, so importable by name."""

import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from typing import Any

from tests.contract.ledger.making import RUN, TENANT, claim, settle, wish

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.states import Entity
from sfxero.ratelimit.policy import LimitPolicy


class Crew:
    """Four processes, warm, that begin each piece of work at the same moment."""

    SIZE = 4

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(self.SIZE)
        self._pool = context.Pool(self.SIZE, initializer=_join, initargs=(barrier,))

    def all_do(self, work: Callable[..., Any], url: str, *arguments: Any) -> list[Any]:
        """Let each process do `work(url, number, …)`, and return the results."""
        tasks = [(work, url, number, *arguments) for number in range(self.SIZE)]
        return self._pool.starmap(_start_together, tasks, chunksize=1)

    def dismiss(self) -> None:
        self._pool.terminate()
        self._pool.join()


_barriers: list[Barrier] = []


def _join(barrier: Barrier) -> None:
    _barriers.append(barrier)


def _start_together(work: Callable[..., Any], *arguments: Any) -> Any:
    _barriers[0].wait(timeout=30)
    return work(*arguments)


def claim_all(url: str, number: int) -> list[int]:
    """Claim and settle until nothing is due; return the entries claimed."""
    ledger = Ledger(url)
    owner = f"w{number}"
    taken: list[int] = []
    while claimed := claim(ledger, owner=owner, limit=7):
        taken += [entry.entry_id for entry in claimed]
        assert settle(ledger, claimed, owner=owner) == len(claimed)
    ledger.close()
    return taken


def plan_same(url: str, age: int) -> list[str]:
    """Plan the same records as everybody else, with values of one's own."""
    ledger = Ledger(url)
    wishes = [wish(f"s{number}", f"content-{age}", age=age) for number in range(200)]
    outcomes = [planned.outcome.value for planned in ledger.outbox.plan(RUN, wishes)]
    ledger.close()
    return outcomes


def take_permits(url: str, _number: int, count: int) -> list[float]:
    """Take permits while the quota's clock stands still; return their delays."""
    ledger = Ledger(url, clock=FakeClock(datetime(2026, 11, 1, tzinfo=UTC)))
    delays = [ledger.quota.take(TENANT, LimitPolicy()).delay_s for _ in range(count)]
    ledger.close()
    return delays


def migrate(url: str, _number: int) -> bool:
    """Start as every task does."""
    ledger = Ledger(url)
    ledger.migrate()
    has_due = ledger.outbox.has_due(TENANT, Entity.CONTACT, now=datetime.now(UTC))
    ledger.close()
    return has_due
