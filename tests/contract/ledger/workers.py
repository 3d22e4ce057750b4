"""What the processes of the concurrency tests do; started afresh, so importable by name."""

import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.contract.ledger.making import RUN, TENANT, claim, settle, wish

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.states import Entity
from sfxero.ratelimit.policy import LimitPolicy


def at_once(work: Callable[..., Any], *argument_lists: tuple[Any, ...]) -> list[Any]:
    """Run `work` in one new process per argument list, and return the results."""
    with multiprocessing.get_context("spawn").Pool(len(argument_lists)) as pool:
        return pool.starmap(work, argument_lists, chunksize=1)


def claim_all(url: str, owner: str) -> list[int]:
    """Claim and settle until nothing is due; return the entries claimed."""
    ledger = Ledger(url)
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


def take_permits(url: str, count: int) -> list[float]:
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
