"""The sandbox's virtual clock: real time by default, can be moved and sped up."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sfxero.clock import SystemClock


class SandboxClock:
    """A UTC clock that starts at `start` and runs `speed` times as fast as the machine's."""

    def __init__(
        self,
        start: datetime | None = None,
        *,
        speed: float = 1.0,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start at an aware moment, by default the machine's present one."""
        self._ticks = ticks
        self._base = start or SystemClock().now()
        self._mark = ticks()
        self._speed = speed

    @property
    def speed(self) -> float:
        """How many virtual seconds pass in one real second."""
        return self._speed

    def now(self) -> datetime:
        """Return the virtual moment as an aware UTC datetime."""
        elapsed = (self._ticks() - self._mark) * self._speed
        return (self._base + timedelta(seconds=elapsed)).astimezone(UTC)

    def advance(self, seconds: float) -> None:
        """Jump forward; the clock never goes back, as real ones rarely do."""
        if seconds < 0:
            raise ValueError("The sandbox clock only moves forward.")
        self._base += timedelta(seconds=seconds)

    def set_speed(self, speed: float) -> None:
        """Run `speed` times as fast from now on; 0 stops the clock."""
        if speed < 0:
            raise ValueError("The sandbox clock only moves forward.")
        self._base = self.now()
        self._mark = self._ticks()
        self._speed = speed
