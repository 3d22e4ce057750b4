"""Real processes at once on one ledger."""

import itertools
from collections.abc import Iterator

import pytest
from tests.contract.ledger import workers
from tests.contract.ledger.making import TENANT, plan, wish

from sfxero.ledger import Ledger
from sfxero.model.states import Entity, EntryState
from sfxero.ratelimit.policy import LimitPolicy

pytestmark = [pytest.mark.contract, pytest.mark.timeout(60)]


@pytest.fixture(scope="module")
def crew() -> Iterator[workers.Crew]:
    crew = workers.Crew()
    yield crew
    crew.dismiss()


def test_four_processes_claim_each_of_500_entries_exactly_once(
    ledger: Ledger, url: str, crew: workers.Crew
) -> None:
    plan(ledger, *(wish(f"s{number}") for number in range(500)))
    taken = crew.all_do(workers.claim_all, url)
    assert sorted(itertools.chain(*taken)) == list(range(1, 501))
    assert ledger.outbox.counts(TENANT) == {(Entity.CONTACT, EntryState.SETTLED): 500}


def test_planners_of_the_same_records_leave_one_waiting_entry_each(
    ledger: Ledger, url: str, crew: workers.Crew
) -> None:
    answers = crew.all_do(workers.plan_same, url)
    waiting = ledger.outbox.counts(TENANT)[Entity.CONTACT, EntryState.PENDING]
    assert waiting == 200
    newest = ledger.outbox.claim(TENANT, Entity.CONTACT, owner="w", limit=200, lease_s=60)
    assert {entry.content_hash for entry in newest} == {"content-3"}
    assert all(set(answer) <= {"added", "stale"} for answer in answers)


def test_processes_never_get_two_starts_closer_than_the_gap(
    ledger: Ledger, url: str, crew: workers.Crew
) -> None:
    taken = crew.all_do(workers.take_permits, url, 25)
    delays = sorted(itertools.chain(*taken))
    gap_s = LimitPolicy().gap_s
    assert len(delays) == 100
    assert all(after - before >= gap_s for before, after in itertools.pairwise(delays))
    assert delays[-1] == pytest.approx(99 * gap_s, abs=0.001)


def test_processes_that_start_at_once_migrate_once(url: str, crew: workers.Crew) -> None:
    assert crew.all_do(workers.migrate, url) == [False] * 4
