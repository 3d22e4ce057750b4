import itertools
from collections.abc import Iterator

import pytest
from tests.contract.ledger import workers
from tests.contract.ledger.limit_workers import take_and_give_back, take_places
from tests.contract.ledger.making import TENANT

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.ids import TenantId
from sfxero.ratelimit.ports import Permit

pytestmark = [pytest.mark.contract, pytest.mark.timeout(60)]


@pytest.fixture(scope="module")
def crew() -> Iterator[workers.Crew]:
    crew = workers.Crew()
    yield crew
    crew.dismiss()


def _take(ledger: Ledger, *, limit: int = 2, tenant: TenantId = TENANT) -> Permit | None:
    return ledger.permits.take(tenant, limit=limit, lease_s=60)


def _taken(ledger: Ledger, *, limit: int = 2) -> Permit:
    permit = _take(ledger, limit=limit)
    assert permit is not None
    return permit


def test_there_are_as_many_permits_as_the_limit_and_no_more(ledger: Ledger) -> None:
    assert [_taken(ledger).place for _ in range(2)] == [1, 2]
    assert _take(ledger) is None


def test_a_permit_given_back_is_there_for_the_next(ledger: Ledger) -> None:
    first = _taken(ledger)
    _taken(ledger)
    ledger.permits.give_back(TENANT, first)
    assert _taken(ledger).place == first.place
    assert _take(ledger) is None


def test_the_permit_of_a_dead_holder_runs_out(ledger: Ledger, clock: FakeClock) -> None:
    _taken(ledger)
    _taken(ledger)
    clock.advance(59.9)
    assert _take(ledger) is None
    clock.advance(0.1)
    assert [_taken(ledger).place for _ in range(2)] == [1, 2]


def test_who_comes_back_after_its_lease_frees_nothing(ledger: Ledger, clock: FakeClock) -> None:
    late = _taken(ledger, limit=1)
    clock.advance(60)
    _taken(ledger, limit=1)
    ledger.permits.give_back(TENANT, late)
    assert _take(ledger, limit=1) is None


def test_tenants_do_not_share_permits(ledger: Ledger) -> None:
    _taken(ledger, limit=1)
    assert _take(ledger, limit=1, tenant=TenantId("another")) is not None


def test_a_limit_that_is_lowered_or_raised_holds_from_then_on(ledger: Ledger) -> None:
    held = [_taken(ledger, limit=3) for _ in range(3)]
    ledger.permits.give_back(TENANT, held[2])
    assert _take(ledger, limit=2) is None
    assert [_taken(ledger, limit=4).place for _ in range(2)] == [3, 4]


def test_processes_at_once_share_out_the_permits_and_no_more(
    ledger: Ledger, url: str, crew: workers.Crew
) -> None:
    taken = crew.all_do(take_places, url, 5)
    # Whoever finds the free place locked goes without this time, and no place is given out twice.
    places = sorted(itertools.chain(*taken))
    assert places == sorted(set(places))
    assert set(places) <= {1, 2, 3, 4, 5}
    while _take(ledger, limit=5):
        pass
    assert ledger.permits.take(TENANT, limit=5, lease_s=60) is None


def test_no_permit_is_lost_or_held_twice_by_processes_that_take_and_give_back(
    ledger: Ledger, url: str, crew: workers.Crew
) -> None:
    holdings = list(itertools.chain(*crew.all_do(take_and_give_back, url, 2, 25)))
    assert len(holdings) == len(set(holdings)) == 100
    assert [_taken(ledger).place for _ in range(2)] == [1, 2]
