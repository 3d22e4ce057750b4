from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.ledger.making import TENANT

from sfxero.clock import FakeClock
from sfxero.errors import QuotaExhausted
from sfxero.ledger import Ledger
from sfxero.model.ids import TenantId
from sfxero.ratelimit.policy import LimitPolicy, Observed

pytestmark = pytest.mark.contract

POLICY = LimitPolicy(minute=61, day=5, headroom=1)  # one call a second


def _delay(ledger: Ledger, policy: LimitPolicy = POLICY) -> float:
    return ledger.quota.take(TENANT, policy).delay_s


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
    clock.advance(66_975)
    assert _delay(ledger) == 0


@pytest.mark.parametrize("problem", ["minute", "concurrent", "app-minute"])
def test_a_refusal_by_a_short_limit_slows_every_worker(ledger: Ledger, problem: str) -> None:
    _delay(ledger)
    ledger.quota.block(TENANT, seconds=30, problem=problem)
    ledger.quota.block(TENANT, seconds=5, problem=problem)
    assert [_delay(ledger), _delay(ledger)] == [30, 31]
    assert ledger.quota.usage(TENANT).refused == 2


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
    ledger.quota.block(TENANT, seconds=1, problem="minute")
    usage = ledger.quota.usage(TENANT)
    assert (usage.calls, usage.refused, usage.day_used) == (2, 1, 2)
    assert usage.next_at == clock.now() + timedelta(seconds=2)
    assert usage.day_resets_at == clock.now() + timedelta(days=1)


def test_without_a_given_clock_the_database_tells_the_time(ledger: Ledger, url: str) -> None:
    shared = Ledger(url)
    before = datetime.now(UTC)
    shared.quota.take(TENANT, POLICY)
    next_at = shared.quota.usage(TENANT).next_at
    shared.close()
    slack = timedelta(milliseconds=5)  # SQLite's clock counts milliseconds
    assert before - slack <= next_at - timedelta(seconds=1) <= datetime.now(UTC) + slack
