"""Time, sleep and chance as arguments, with fakes for tests."""

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment as an aware UTC datetime."""
        ...


class Sleeper(Protocol):
    """Waits."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment as an aware UTC datetime."""
        return datetime.now(UTC)


class SystemSleeper:
    """Really waits."""

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`."""
        if seconds > 0:
            time.sleep(seconds)


class FakeClock:
    """A clock and sleeper in one that only moves when told or slept on."""

    def __init__(self, start: datetime = datetime(2026, 11, 1, tzinfo=UTC)) -> None:
        """Start at an aware moment."""
        self._now = start

    def now(self) -> datetime:
        """Return the moment the clock stands at."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self._now += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Move forward instead of waiting."""
        self.advance(max(seconds, 0.0))


def seeded_random(seed: int) -> random.Random:
    """Return a source of chance that repeats itself for the same seed."""
    return random.Random(seed)  # noqa: S311 - jitter and simulation, not secrets
