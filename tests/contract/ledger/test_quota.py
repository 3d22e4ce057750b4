from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.ledger.making import TENANT

from sfxero.clock import FakeClock
from sfxero.errors import QuotaExhausted
from sfxero.ledger import Ledger
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import TenantId
from sfxero.ratelimit.policy import Budget, Grant, LimitPolicy, Observed, Reserves

pytestmark = pytest.mark.contract

NONE_KEPT = Reserves(0, 0, 0)
POLICY = LimitPolicy(minute=61, day=5, headroom=1, reserves=NONE_KEPT)  # one call a second
SECOND = TenantId("tenant-2")


def _delay(ledger: Ledger, policy: LimitPolicy = POLICY) -> float:
    return ledger.quota.take(TENANT, policy).delay_s


def _standing(ledger: Ledger, ticket: int) -> Grant:
    return ledger.quota.standing(TENANT, ticket)


def _open_alerts(ledger: Ledger) -> list[tuple[AlertKind, str, int]]:
    return [(one.kind, one.subject, one.times_seen) for one in ledger.alerts.list()]


def _observe(ledger: Ledger, **left: int) -> None:
    ledger.quota.observe(TENANT, Observed(**left))


def test_calls_leave_one_gap_apart_and_never_in_a_burst_after_a_rest(
    ledger: Ledger, clock: FakeClock
) -> None:
    assert [_delay(ledger), _delay(ledger)] == [0, 1]
    clock.advance(1.5)
    assert _delay(ledger) == 0.5
    clock.advance(100)
    assert [_delay(ledger), _delay(ledger)] == [0, 1]


def test_tenants_do_not_share_a_gap(ledger: Ledger) -> None:
    _delay(ledger)
    assert ledger.quota.take(TenantId("another"), POLICY).delay_s == 0


def test_the_day_ends_the_calls_and_begins_again_after_24_hours(
    ledger: Ledger, clock: FakeClock
) -> None:
    started_at = clock.now()
    for _ in range(5):
        _delay(ledger)
    clock.advance(24 * 3600 - 1)
    with pytest.raises(QuotaExhausted) as caught:
        _delay(ledger)
    assert caught.value.resets_at == started_at + timedelta(days=1)
    clock.advance(1)
    assert _delay(ledger) == 0
    assert ledger.quota.usage(TENANT).day_used == 1


@pytest.mark.parametrize(("left", "more"), [(0, 0), (2, 2), (8, 8)])
def test_what_the_service_says_is_left_of_the_day_outranks_the_policy(
    ledger: Ledger, left: int, more: int
) -> None:
    _delay(ledger)
    _observe(ledger, day_remaining=left)
    for _ in range(more):
        _delay(ledger)
    with pytest.raises(QuotaExhausted):
        _delay(ledger)


def test_late_replies_do_not_give_calls_back_and_a_new_day_does(ledger: Ledger) -> None:
    _delay(ledger)
    _observe(ledger, day_remaining=2)
    _delay(ledger)
    _observe(ledger, day_remaining=3)
    assert ledger.quota.usage(TENANT).day_remaining == 1
    _observe(ledger, day_remaining=4999)
    assert ledger.quota.usage(TENANT).day_remaining == 4999


def test_a_refusal_by_the_day_lasts_as_long_as_the_service_says(
    ledger: Ledger, clock: FakeClock
) -> None:
    _delay(ledger)
    ledger.quota.block(TENANT, seconds=66_975, problem="Day")
    with pytest.raises(QuotaExhausted) as caught:
        _delay(ledger)
    assert caught.value.resets_at == clock.now() + timedelta(seconds=66_975)
    clock.advance(66_976)
    assert _delay(ledger) == 0


@pytest.mark.parametrize("problem", ["minute", "concurrent", "app-minute"])
def test_a_refusal_by_a_short_limit_slows_every_worker(
    ledger: Ledger, clock: FakeClock, problem: str
) -> None:
    _delay(ledger)
    clock.advance(2)
    ledger.quota.block(TENANT, seconds=30, problem=problem)
    ledger.quota.block(TENANT, seconds=5, problem=problem)
    assert [_delay(ledger), _delay(ledger)] == [30, 31]
    assert ledger.quota.usage(TENANT).refused == 2


def test_starts_that_are_still_to_come_move_behind_a_refusal_in_their_order(
    ledger: Ledger, clock: FakeClock
) -> None:
    tickets = [ledger.quota.take(TENANT, POLICY).ticket for _ in range(4)]
    clock.advance(0.5)
    ledger.quota.block(TENANT, seconds=20, problem="minute")
    assert [_standing(ledger, one).delay_s for one in tickets[1:]] == [20, 21, 22]
    assert _delay(ledger) == 23


def test_refusals_of_calls_under_way_hold_as_long_as_the_latest_and_no_longer(
    ledger: Ledger, clock: FakeClock
) -> None:
    _delay(ledger)
    clock.advance(3)
    for _ in range(5):
        ledger.quota.block(TENANT, seconds=20, problem="minute")
        clock.advance(0.25)
    assert _delay(ledger) == 20 - 0.25


def test_a_ticket_that_came_too_late_queues_up_again_and_is_not_counted_twice(
    ledger: Ledger, clock: FakeClock
) -> None:
    late = ledger.quota.take(TENANT, POLICY).ticket
    others = [_delay(ledger) for _ in range(2)]
    clock.advance(1)
    assert (_standing(ledger, late).delay_s, _standing(ledger, late).late_s) == (0, 1)
    again = ledger.quota.take(TENANT, POLICY, is_again=True)
    assert (others, again.delay_s) == ([1, 2], 2)
    usage = ledger.quota.usage(TENANT)
    assert (usage.calls, usage.day_used) == (3, 3)


def test_who_waits_while_the_day_ends_does_not_leave(ledger: Ledger, clock: FakeClock) -> None:
    _delay(ledger)
    waiting = ledger.quota.take(TENANT, POLICY).ticket
    ledger.quota.block(TENANT, seconds=5_000, problem="day")
    clock.advance(2)
    with pytest.raises(QuotaExhausted) as caught:
        _standing(ledger, waiting)
    assert caught.value.resets_at == clock.now() + timedelta(seconds=4_998)


def test_a_used_up_minute_holds_calls_until_60_seconds_after_it_began(
    ledger: Ledger, clock: FakeClock
) -> None:
    _observe(ledger, minute_remaining=3)
    clock.advance(20)
    _observe(ledger, minute_remaining=59)
    clock.advance(15)
    _observe(ledger, minute_remaining=0)
    assert _delay(ledger) == 45


def test_a_minute_begun_unseen_is_taken_to_begin_now(ledger: Ledger, clock: FakeClock) -> None:
    _observe(ledger, minute_remaining=3)
    clock.advance(100)
    _observe(ledger, minute_remaining=0)
    assert _delay(ledger) == 60


def test_a_used_up_app_minute_holds_calls_for_a_minute(ledger: Ledger) -> None:
    _observe(ledger, app_minute_remaining=0)
    assert _delay(ledger) == 60


def test_tenants_of_one_app_share_its_minute(ledger: Ledger, clock: FakeClock) -> None:
    ours, other = replace(POLICY, app="ours"), replace(POLICY, app="other")
    delays = [
        lambda: ledger.quota.take(TENANT, ours).delay_s,
        lambda: ledger.quota.take(SECOND, ours).delay_s,
        lambda: ledger.quota.take(TenantId("stranger"), other).delay_s,
    ]
    assert [delay() for delay in delays] == [0, 0, 0]
    clock.advance(2)
    _observe(ledger, app_minute_remaining=0)
    assert [delay() for delay in delays] == [60, 60, 0]
    ledger.quota.block(SECOND, seconds=90, problem="app-minute")
    assert ledger.quota.take(TENANT, ours).delay_s > 90
    assert ledger.quota.usage(TENANT).refused == 0


def test_headers_that_leave_room_change_nothing_but_what_is_known(ledger: Ledger) -> None:
    _delay(ledger)
    _observe(ledger, minute_remaining=40, day_remaining=900, app_minute_remaining=9000)
    _observe(ledger)
    assert _delay(ledger) == 1
    assert ledger.quota.usage(TENANT).day_remaining == 899


def test_usage_counts_calls_and_refusals(ledger: Ledger, clock: FakeClock) -> None:
    assert ledger.quota.usage(TENANT).calls == 0
    _delay(ledger)
    _delay(ledger)
    clock.advance(2)
    ledger.quota.block(TENANT, seconds=1, problem="minute")
    usage = ledger.quota.usage(TENANT)
    assert (usage.calls, usage.refused, usage.day_used) == (2, 1, 2)
    assert usage.next_at == clock.now() + timedelta(seconds=1)
    assert usage.day_resets_at == clock.now() + timedelta(days=1, seconds=-2)


def test_without_a_given_clock_the_database_tells_the_time(ledger: Ledger, url: str) -> None:
    shared = Ledger(url)
    before = datetime.now(UTC)
    shared.quota.take(TENANT, POLICY)
    next_at = shared.quota.usage(TENANT).next_at
    shared.close()
    slack = timedelta(milliseconds=5)  # SQLite's clock counts milliseconds
    assert before - slack <= next_at - timedelta(seconds=1) <= datetime.now(UTC) + slack


KEEPING = LimitPolicy(minute=61, day=100, reserves=Reserves(interactive=5, payments=10, sync=20))
ROOM = {Budget.MIGRATION: 65, Budget.SYNC: 20, Budget.PAYMENTS: 10, Budget.INTERACTIVE: 5}


def _spend(ledger: Ledger, budget: Budget) -> int:
    """Make calls of one class until it may make no more."""
    for count in range(1000):
        try:
            ledger.quota.take(TENANT, KEEPING, budget=budget)
        except QuotaExhausted:
            return count
    raise AssertionError("it never ended")


def test_each_class_of_calls_leaves_their_reserves_to_those_before_it(ledger: Ledger) -> None:
    assert {budget: _spend(ledger, budget) for budget in ROOM} == ROOM


def test_a_class_may_spend_what_others_left(ledger: Ledger) -> None:
    assert _spend(ledger, Budget.INTERACTIVE) == 100
    assert _spend(ledger, Budget.SYNC) == 0


def test_reserves_are_parts_of_what_the_service_says_the_day_has(ledger: Ledger) -> None:
    ledger.quota.take(TENANT, KEEPING)
    _observe(ledger, day_remaining=999)
    assert ledger.quota.usage(TENANT).day_limit == 1000
    assert _spend(ledger, Budget.MIGRATION) == 649


def test_an_error_names_the_class_that_ran_out_and_when_it_goes_on(
    ledger: Ledger, clock: FakeClock
) -> None:
    _spend(ledger, Budget.MIGRATION)
    with pytest.raises(QuotaExhausted, match="calls for migration are used up") as caught:
        ledger.quota.take(TENANT, KEEPING, budget=Budget.MIGRATION)
    assert (caught.value.budget, caught.value.resets_at) == (
        "migration",
        clock.now() + timedelta(days=1),
    )


def test_a_migration_that_spent_its_part_is_no_cause_for_alarm(ledger: Ledger) -> None:
    _spend(ledger, Budget.MIGRATION)
    assert ledger.alerts.list() == []


DAY_LIMIT = AlertKind.DAY_LIMIT
SUBJECT = f"xero/{TENANT}"


def test_a_day_that_is_used_up_raises_one_alert_until_the_service_has_calls_again(
    ledger: Ledger, clock: FakeClock
) -> None:
    _delay(ledger)
    ledger.quota.block(TENANT, seconds=7_200, problem="day")
    for _ in range(3):
        with pytest.raises(QuotaExhausted):
            _delay(ledger)
    assert _open_alerts(ledger) == [(DAY_LIMIT, SUBJECT, 4)]
    clock.advance(7_201)
    _delay(ledger)
    assert len(_open_alerts(ledger)) == 1
    _observe(ledger, day_remaining=4_999)
    assert _open_alerts(ledger) == []


def test_a_call_that_asks_too_early_leaves_the_alert_open(ledger: Ledger, clock: FakeClock) -> None:
    _delay(ledger)
    _observe(ledger, day_remaining=0)
    with pytest.raises(QuotaExhausted):
        _delay(ledger)
    clock.advance(31 * 60)
    _delay(ledger)
    ledger.quota.block(TENANT, seconds=9_000, problem="day")
    (alert,) = ledger.alerts.list(with_closed=True)
    assert (alert.closed_at, alert.times_seen) == (None, 2)


def test_without_headers_the_next_day_ends_the_alert(ledger: Ledger, clock: FakeClock) -> None:
    for _ in range(5):
        _delay(ledger)
    with pytest.raises(QuotaExhausted):
        _delay(ledger)
    assert len(_open_alerts(ledger)) == 1
    clock.advance(24 * 3600)
    _delay(ledger)
    assert _open_alerts(ledger) == []
