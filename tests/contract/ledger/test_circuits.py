from collections.abc import Iterator

import pytest
from tests.contract.ledger import workers
from tests.contract.ledger.limit_workers import KEY, claim_probe, fail_to_reach

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.alerts import AlertKind
from sfxero.ratelimit.circuit import CircuitKey, CircuitPolicy, CircuitState

pytestmark = [pytest.mark.contract, pytest.mark.timeout(60)]

POLICY = CircuitPolicy()
OTHER = CircuitKey("xero", "tenant-2")


@pytest.fixture(scope="module")
def crew() -> Iterator[workers.Crew]:
    crew = workers.Crew()
    yield crew
    crew.dismiss()


def _fail(ledger: Ledger, times: int = 1, *, probe: int | None = None) -> CircuitState:
    for _ in range(times):
        ledger.circuits.failed(KEY, probe=probe, policy=POLICY)
    return ledger.circuits.look(KEY)


def _claim(ledger: Ledger) -> int:
    probe = ledger.circuits.claim_probe(KEY, lease_s=60)
    assert probe is not None
    return probe


def _alerts(ledger: Ledger, *, with_closed: bool = False) -> list[tuple[AlertKind, str]]:
    return [(one.kind, one.subject) for one in ledger.alerts.list(with_closed=with_closed)]


def test_a_circuit_that_never_failed_is_closed(ledger: Ledger) -> None:
    assert ledger.circuits.look(KEY) == CircuitState()
    assert ledger.circuits.claim_probe(KEY, lease_s=60) is None
    ledger.circuits.succeeded(KEY)


def test_the_fifth_failure_in_a_row_opens_it_for_half_a_minute_and_raises_an_alert(
    ledger: Ledger, clock: FakeClock
) -> None:
    assert _fail(ledger, 4).openings == 0
    assert _alerts(ledger) == []
    state = _fail(ledger)
    assert (state.openings, state.wait_s) == (1, 30)
    assert _alerts(ledger) == [(AlertKind.OUTAGE, "xero/tenant-1")]
    clock.advance(12.5)
    assert ledger.circuits.look(KEY).wait_s == 17.5


def test_a_success_between_begins_the_row_anew(ledger: Ledger) -> None:
    _fail(ledger, 4)
    ledger.circuits.succeeded(KEY)
    assert _fail(ledger, 4).openings == 0


def test_other_circuits_stay_closed(ledger: Ledger) -> None:
    _fail(ledger, 5)
    assert ledger.circuits.look(OTHER) == CircuitState()


def test_failures_of_calls_that_were_under_way_do_not_prolong_the_pause(ledger: Ledger) -> None:
    assert _fail(ledger, 8) == CircuitState(failures=5, openings=1, probe=1, wait_s=30)


def test_nobody_asks_before_it_is_time_and_then_one_does(ledger: Ledger, clock: FakeClock) -> None:
    _fail(ledger, 5)
    clock.advance(29)
    assert ledger.circuits.claim_probe(KEY, lease_s=60) is None
    clock.advance(1)
    assert _claim(ledger) == 2
    assert ledger.circuits.claim_probe(KEY, lease_s=60) is None


def test_each_probe_that_fails_doubles_the_pause_up_to_ten_minutes(
    ledger: Ledger, clock: FakeClock
) -> None:
    pauses = [_fail(ledger, 5).wait_s]
    for _ in range(6):
        clock.advance(pauses[-1])
        pauses.append(_fail(ledger, probe=_claim(ledger)).wait_s)
    assert pauses == [30, 60, 120, 240, 480, 600, 600]
    (alert,) = ledger.alerts.list(with_closed=True)
    assert alert.times_seen == 7


def test_a_probe_that_is_never_heard_of_again_passes_to_another(
    ledger: Ledger, clock: FakeClock
) -> None:
    _fail(ledger, 5)
    clock.advance(30)
    lost = _claim(ledger)
    clock.advance(60)
    assert _claim(ledger) == lost + 1
    assert _fail(ledger, probe=lost).openings == 1


def test_an_answer_closes_the_circuit_and_its_alert(ledger: Ledger, clock: FakeClock) -> None:
    _fail(ledger, 5)
    clock.advance(30)
    _claim(ledger)
    ledger.circuits.succeeded(KEY)
    state = ledger.circuits.look(KEY)
    assert (state.failures, state.openings, state.wait_s) == (0, 0, 0)
    assert _alerts(ledger) == []
    assert len(_alerts(ledger, with_closed=True)) == 1


def test_of_processes_that_ask_at_once_exactly_one_gets_the_probe(
    ledger: Ledger, url: str, clock: FakeClock, crew: workers.Crew
) -> None:
    # The processes go by the database's clock, for which this opening is long over.
    clock.advance(-365 * 24 * 3600)
    _fail(ledger, 5)
    assert sorted(map(str, crew.all_do(claim_probe, url))) == ["2", "None", "None", "None"]


def test_failures_of_all_processes_count_and_raise_one_alert(
    ledger: Ledger, url: str, crew: workers.Crew
) -> None:
    crew.all_do(fail_to_reach, url, 2)
    assert ledger.circuits.look(KEY).openings == 1
    (alert,) = ledger.alerts.list(with_closed=True)
    assert alert.times_seen == 1
