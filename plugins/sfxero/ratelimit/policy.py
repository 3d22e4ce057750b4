"""A service's limits as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """What one tenant allows; Xero's figures by default (developer documentation, API limits).

    `headroom` calls of each minute are left unused, so that calls which arrive late, in the
    service's next fixed minute, never make it one too many.
    """

    minute: int = 60
    day: int = 5000
    headroom: int = 1

    @property
    def gap_s(self) -> float:
        """Seconds between two calls that fill a minute up to the headroom."""
        return 60.0 / (self.minute - self.headroom)


@dataclass(frozen=True, slots=True)
class Observed:
    """What a reply's headers said is left; None where a header was absent."""

    minute_remaining: int | None = None
    day_remaining: int | None = None
    app_minute_remaining: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A permit for one call that may leave after `delay_s`."""

    delay_s: float
