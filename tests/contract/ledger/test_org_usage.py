"""An org's day: what is stored of it, and that no two runs reserve the same calls."""

from collections.abc import Callable
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from tests.contract.ledger.making import ROUTE, START

from sfxero.clock import FakeClock
from sfxero.errors import QuotaExhausted
from sfxero.ledger import Ledger
from sfxero.ledger.tables import RunState
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import RunId
from sfxero.model.org_day import Allowance, Forecast, OrgDay

ORG = "crm"
HALF = Decimal("0.5")
HOUR_S = 3600.0

pytestmark = pytest.mark.contract


def day(calls: int = 0, query_jobs: int = 0) -> OrgDay:
    """A day of 1,000 calls and 100 query jobs, with some used."""
    return OrgDay(Allowance(calls, 1000), Allowance(query_jobs, 100))


def begin(ledger: Ledger, run_id: str) -> RunId:
    values = {"kind": "changes", "mapping_version": "m1", "actor": "a", "params": "{}"}
    ledger.runs.start(RunId(run_id), ROUTE, **values)
    return RunId(run_id)


def ask(
    ledger: Ledger, run_id: str, calls: int, *, jobs: int = 0, seen: OrgDay | None = None
) -> bool:
    """Reserve for a run under way; False if it is refused."""
    try:
        ledger.org_usage.reserve(
            begin(ledger, run_id),
            ORG,
            day=seen or day(),
            forecast=Forecast(calls, jobs),
            share=HALF,
        )
    except QuotaExhausted:
        return False
    return True


def test_what_an_org_says_is_kept_and_what_it_does_not_say_stays(
    ledger: Ledger, clock: FakeClock
) -> None:
    assert ledger.org_usage.seen(ORG) is None
    ledger.org_usage.note(ORG, day(10, 1))
    clock.advance(60)
    ledger.org_usage.note(ORG, OrgDay(Allowance(25, 1000), None))

    seen = ledger.org_usage.seen(ORG)
    assert seen is not None
    assert seen.day == day(25, 1)
    assert seen.read_at == clock.now()


@pytest.mark.parametrize(
    ("used", "needed", "is_taken"),
    [(0, 500, True), (0, 501, False), (499, 1, True), (500, 1, False)],
)
def test_a_run_starts_if_its_share_of_the_day_holds_all_it_needs(
    ledger: Ledger, used: int, needed: int, *, is_taken: bool
) -> None:
    assert ask(ledger, "r", needed, seen=day(used)) is is_taken
    seen = ledger.org_usage.seen(ORG)
    assert seen is not None
    assert seen.day == day(used)


@pytest.mark.parametrize(("used", "is_taken"), [(48, True), (49, False)])
def test_query_jobs_have_a_day_of_their_own(ledger: Ledger, used: int, *, is_taken: bool) -> None:
    assert ask(ledger, "r", 15, jobs=2, seen=day(0, used)) is is_taken


def test_what_an_org_does_not_say_is_not_held_against_a_run(ledger: Ledger) -> None:
    assert ask(ledger, "r", 10_000, jobs=10_000, seen=OrgDay(None, None))


def test_a_refusal_has_the_figures_and_when_it_may_go_on(ledger: Ledger) -> None:
    assert ask(ledger, "other", 100)
    run_id = begin(ledger, "r")
    with pytest.raises(QuotaExhausted) as caught:
        ledger.org_usage.reserve(run_id, ORG, day=day(390), forecast=Forecast(15, 6), share=HALF)
    said = str(caught.value)
    assert "390 of 1000 API calls a day are used and 100 reserved" in said
    assert "may need 15" in said
    assert "leaves off at 500" in said
    assert "2026-11-02 00:00 UTC" in said
    assert "salesforce.daily_share" in said
    assert "query jobs" not in said
    assert caught.value.resets_at is not None
    assert (caught.value.resets_at - START).days == 1


def test_runs_under_way_count_and_ended_ones_do_not(ledger: Ledger) -> None:
    assert ask(ledger, "first", 300)
    assert not ask(ledger, "second", 300)
    ledger.runs.finish(RunId("first"), state=RunState.SUCCEEDED, verdict="{}")
    assert ask(ledger, "second", 300)


def test_a_run_that_was_refused_reserves_nothing(ledger: Ledger) -> None:
    assert not ask(ledger, "first", 501)
    assert ask(ledger, "second", 500)


def test_a_run_that_starts_again_reserves_once(ledger: Ledger) -> None:
    assert ask(ledger, "r", 300)
    assert ask(ledger, "r", 300)
    assert ask(ledger, "other", 200)


def test_a_run_that_never_ended_holds_its_calls_for_a_day(ledger: Ledger, clock: FakeClock) -> None:
    assert ask(ledger, "killed", 400)
    clock.advance(23 * HOUR_S)
    assert not ask(ledger, "next", 200)
    clock.advance(2 * HOUR_S)
    assert ask(ledger, "next", 200)


def test_orgs_do_not_share_a_day(ledger: Ledger) -> None:
    assert ask(ledger, "r", 500)
    ledger.org_usage.reserve(
        begin(ledger, "other"), "crm-2", day=day(), forecast=Forecast(500, 0), share=HALF
    )


def test_a_spent_day_is_one_alert_until_a_run_gets_through(ledger: Ledger) -> None:
    for _ in range(3):
        assert not ask(ledger, "r", 15, seen=day(500))
    (alert,) = ledger.alerts.list()
    assert (alert.kind, alert.subject) == (AlertKind.DAY_LIMIT, "salesforce/crm")
    assert alert.times_seen == 3

    assert ask(ledger, "r", 15, seen=day(400))
    assert ledger.alerts.list() == []


def test_of_runs_that_start_at_once_only_as_many_as_fit_start(ledger: Ledger) -> None:
    names = [f"r{number}" for number in range(6)]
    for name in names:
        begin(ledger, name)
    barrier, taken = Barrier(len(names)), list[str]()

    def work(name: str) -> Callable[[], None]:
        def run() -> None:
            barrier.wait()
            try:
                ledger.org_usage.reserve(
                    RunId(name), ORG, day=day(), forecast=Forecast(200, 0), share=HALF
                )
            except QuotaExhausted:
                return
            taken.append(name)

        return run

    threads = [Thread(target=work(name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(taken) == 2
