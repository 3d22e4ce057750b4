from datetime import UTC, datetime, timedelta

import pytest

from sfxero.clock import FakeClock, SystemClock, SystemSleeper, seeded_random


def test_the_fake_clock_moves_only_when_told_or_slept_on() -> None:
    clock = FakeClock(datetime(2026, 11, 1, tzinfo=UTC))
    assert clock.now() == clock.now()

    clock.advance(60)
    clock.sleep(0.5)
    clock.sleep(-5)

    assert clock.now() == datetime(2026, 11, 1, 0, 1, 0, 500_000, tzinfo=UTC)


def test_the_machines_time_is_aware_and_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(("seconds", "waits"), [(1.5, [1.5]), (0, []), (-1, [])])
def test_only_a_positive_time_is_waited_for(monkeypatch, seconds: float, waits: list) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)

    SystemSleeper().sleep(seconds)

    assert slept == waits


def test_the_same_seed_gives_the_same_chances() -> None:
    assert seeded_random(7).random() == seeded_random(7).random()
    assert seeded_random(7).random() != seeded_random(8).random()
