"""Real processes at once on one ledger."""

import itertools

import pytest
from tests.contract.ledger import workers
from tests.contract.ledger.making import TENANT, plan, wish

from sfxero.ledger import Ledger
from sfxero.model.states import Entity, EntryState
from sfxero.ratelimit.policy import LimitPolicy

pytestmark = [pytest.mark.contract, pytest.mark.timeout(90)]


def test_four_processes_claim_each_of_500_entries_exactly_once(ledger: Ledger, url: str) -> None:
    plan(ledger, *(wish(f"s{number}") for number in range(500)))
    taken = workers.at_once(workers.claim_all, *((url, f"w{number}") for number in range(4)))
    assert sorted(itertools.chain(*taken)) == list(range(1, 501))
    assert ledger.outbox.counts(TENANT) == {(Entity.CONTACT, EntryState.SETTLED): 500}


def test_planners_of_the_same_records_leave_one_waiting_entry_each(
    ledger: Ledger, url: str
) -> None:
    answers = workers.at_once(workers.plan_same, *((url, age) for age in range(4)))
    waiting = ledger.outbox.counts(TENANT)[Entity.CONTACT, EntryState.PENDING]
    assert waiting == 200
    newest = ledger.outbox.claim(TENANT, Entity.CONTACT, owner="w", limit=200, lease_s=60)
    assert {entry.content_hash for entry in newest} == {"content-3"}
    assert all(set(answer) <= {"added", "stale"} for answer in answers)


def test_processes_never_get_two_starts_closer_than_the_gap(ledger: Ledger, url: str) -> None:
    taken = workers.at_once(workers.take_permits, *((url, 25) for _ in range(4)))
    delays = sorted(itertools.chain(*taken))
    gap_s = LimitPolicy().gap_s
    assert len(delays) == 100
    assert all(after - before >= gap_s for before, after in itertools.pairwise(delays))
    assert delays[-1] == pytest.approx(99 * gap_s, abs=0.001)


def test_processes_that_start_at_once_migrate_once(url: str) -> None:
    assert workers.at_once(workers.migrate, *((url, number) for number in range(4))) == [False] * 4
