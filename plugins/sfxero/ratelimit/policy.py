"""A service's limits as values."""

from dataclasses import dataclass
from enum import StrEnum


class Budget(StrEnum):
    """Classes of calls; each leaves a part of the day to those that stand before it here."""

    INTERACTIVE = "interactive"
    PAYMENTS = "payments"
    SYNC = "sync"
    MIGRATION = "migration"


@dataclass(frozen=True, slots=True)
class Reserves:
    """Percent of the day's calls that are kept for a class against all classes after it."""

    interactive: int = 2
    payments: int = 10
    sync: int = 30

    def kept_from(self, budget: Budget) -> int:
        """Return how many percent of the day a class must leave untouched."""
        before = list(Budget)[: list(Budget).index(budget)]
        return sum(int(getattr(self, one)) for one in before)


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """What one tenant allows; Xero's figures by default (developer documentation, API limits).

    `headroom` calls of each minute are left unused, so that calls which arrive late, in the
    service's next fixed minute, never make it one too many. Tenants of one `app` share the
    limit that the service sets per app.
    """

    minute: int = 60
    day: int = 5000
    headroom: int = 1
    concurrent: int = 5
    reserves: Reserves = Reserves()
    app: str = ""

    @property
    def gap_s(self) -> float:
        """Seconds between two calls that fill a minute up to the headroom."""
        return 60.0 / (self.minute - self.headroom)

    @property
    def slack_s(self) -> float:
        """How late a call may leave: half a gap, so that the other half is the network's."""
        return self.gap_s / 2


@dataclass(frozen=True, slots=True)
class Observed:
    """What a reply's headers said is left; None where a header was absent."""

    minute_remaining: int | None = None
    day_remaining: int | None = None
    app_minute_remaining: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A permit for one call that may leave after `delay_s`, or could have `late_s` ago.

    `ticket` is its place in the tenant's queue: starts are a gap apart in the order of tickets,
    and a refusal moves all that have not left.
    """

    delay_s: float
    ticket: int = 0
    late_s: float = 0.0
