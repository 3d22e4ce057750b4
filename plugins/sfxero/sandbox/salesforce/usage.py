"""API calls counted over a rolling day."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Usage:
    """Calls of the last 24 hours, counted by the minute."""

    _minutes: deque[tuple[datetime, int]] = field(default_factory=deque)
    _total: int = 0

    def spent(self, now: datetime) -> int:
        """Return the calls of the last 24 hours."""
        while self._minutes and self._minutes[0][0] <= now - _DAY:
            self._total -= self._minutes.popleft()[1]
        return self._total

    def count(self, now: datetime, calls: int = 1) -> None:
        """Add calls."""
        self._total += calls
        if self._minutes and now - self._minutes[-1][0] < _MINUTE:
            first, before = self._minutes[-1]
            self._minutes[-1] = (first, before + calls)
        else:
            self._minutes.append((now, calls))
