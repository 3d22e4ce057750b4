"""Decides when a call may leave, and tells all other workers about a refusal."""

from enum import StrEnum
from typing import Final

from sfxero.clock import Sleeper
from sfxero.errors import QuotaExhausted
from sfxero.model.ids import TenantId
from sfxero.ratelimit.policy import LimitPolicy, Observed
from sfxero.ratelimit.ports import QuotaStore

_DAY_S: Final = 24 * 3600.0
_LONGEST_WAIT_S: Final = 300.0
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 60.0


class LimitKind(StrEnum):
    """The limits a service knows, in our spelling."""

    MINUTE = "minute"
    DAY = "day"
    CONCURRENT = "concurrent"
    APP_MINUTE = "appminute"
    UNKNOWN = "unknown"


def limit_kind(problem: str | None, retry_after_s: float | None) -> LimitKind:
    """Name the limit that was met; a wait too long to sleep on counts as the day's."""
    if retry_after_s is not None and retry_after_s > _LONGEST_WAIT_S:
        return LimitKind.DAY
    letters = "".join(letter for letter in (problem or "").lower() if letter.isalpha())
    # Only `minute` and `day` are confirmed spellings (Xero API limits): the rest by likeness.
    if "app" in letters:
        return LimitKind.APP_MINUTE
    if "concurren" in letters:
        return LimitKind.CONCURRENT
    if "minute" in letters:
        return LimitKind.MINUTE
    return LimitKind.DAY if "day" in letters or "daily" in letters else LimitKind.UNKNOWN


class Limiter:
    """One tenant's limiter; workers share what they know through the store."""

    def __init__(
        self, store: QuotaStore, policy: LimitPolicy, *, tenant: TenantId, sleeper: Sleeper
    ) -> None:
        """`policy` is the configured start; the store keeps what replies said since."""
        self._store = store
        self._policy = policy
        self._tenant = tenant
        self._sleeper = sleeper
        self._refusals = 0

    def acquire(self) -> None:
        """Take a permit for one call and wait until it may leave; QuotaExhausted passes."""
        grant = self._store.take(self._tenant, self._policy)
        if grant.delay_s > _LONGEST_WAIT_S:
            raise QuotaExhausted(
                f"no call of tenant {self._tenant} may leave for {grant.delay_s:.0f} s"
            )
        if grant.delay_s > 0:
            self._sleeper.sleep(grant.delay_s)

    def observe(self, observed: Observed) -> None:
        """Hand on what a reply's headers said; a reply let through ends a growing pause."""
        self._refusals = 0
        if observed != Observed():
            self._store.observe(self._tenant, observed)

    def refused(self, retry_after_s: float | None, problem: str | None) -> LimitKind:
        """Hold back all workers of the tenant after a 429 and return which limit was met."""
        kind = limit_kind(problem, retry_after_s)
        self._refusals += 1
        self._store.block(self._tenant, seconds=self._pause_s(kind, retry_after_s), problem=kind)
        return kind

    def _pause_s(self, kind: LimitKind, retry_after_s: float | None) -> float:
        """Believe the service; else a minute, a day, or a few seconds that grow."""
        if retry_after_s is not None:
            # Retry-After counts whole seconds, so the window may end a little after it.
            return min(retry_after_s, _DAY_S) + 1.0
        if kind is LimitKind.MINUTE:
            return 60.0
        if kind is LimitKind.DAY:
            return _DAY_S
        doublings = min(self._refusals - 1, 8)
        return float(min(_FIRST_PAUSE_S * 2**doublings, _LONGEST_PAUSE_S))
