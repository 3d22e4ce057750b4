"""Decides when a call may leave, and tells all other workers about a refusal."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sfxero.clock import Sleeper
from sfxero.errors import QuotaExhausted, RateLimited, SyncError
from sfxero.model.ids import TenantId
from sfxero.ratelimit.policy import Budget, Grant, LimitPolicy, Observed
from sfxero.ratelimit.ports import Permit, PermitStore, QuotaStore

_log = logging.getLogger(__name__)

_DAY_S: Final = 24 * 3600.0
LONGEST_WAIT_S: Final = 300.0
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 60.0
_HOLD_S: Final = 10.0
"""How long a permit may be held before its call; longer waits would starve the others."""
_LEASE_S: Final = 60.0
"""Above a hold and the wire's deadline together, so that no call outlives its permit.

A call that was given up keeps its permit until then: the service may still be at work on it, and
counts it among the calls at once.
"""
_FIRST_POLL_S: Final = 0.05
_LONGEST_POLL_S: Final = 1.0


class LimitKind(StrEnum):
    """The limits a service knows, in our spelling."""

    MINUTE = "minute"
    DAY = "day"
    CONCURRENT = "concurrent"
    APP_MINUTE = "appminute"
    UNKNOWN = "unknown"


def limit_kind(problem: str | None, retry_after_s: float | None) -> LimitKind:
    """Name the limit that was met; a wait too long to sleep on counts as the day's."""
    if retry_after_s is not None and retry_after_s > LONGEST_WAIT_S:
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


@dataclass(slots=True)
class Turn:
    """One call's way to its start: where its ticket stood when it was last looked at."""

    grant: Grant


class Limiter:
    """One tenant's limiter; workers share what they know through the stores."""

    def __init__(
        self,
        store: QuotaStore,
        policy: LimitPolicy,
        *,
        tenant: TenantId,
        sleeper: Sleeper,
        permits: PermitStore | None = None,
        budget: Budget = Budget.SYNC,
        patience_s: float = LONGEST_WAIT_S,
    ) -> None:
        """`policy` is the configured start; the store keeps what replies said since.

        Without `permits`, nothing but the callers' own number caps the calls under way. Nobody
        waits longer than `patience_s` for one call.
        """
        self._store = store
        self._policy = policy
        self._tenant = tenant
        self._sleeper = sleeper
        self._permits = permits
        self._budget = budget
        self._patience_s = patience_s
        self._refusals = 0

    def acquire(self, *, within_s: float | None = None, unused: Turn | None = None) -> Turn:
        """Take a turn for one call and wait until it may leave; QuotaExhausted passes.

        `unused` is one of the caller's that no call went by: it serves now, if its time is not
        over.
        """
        turn = self._still_good(unused) or Turn(self._take())
        self._await(turn, within_s=self._patience_s if within_s is None else within_s)
        return turn

    @contextmanager
    def flight(self, turn: Turn | None = None, *, within_s: float | None = None) -> Iterator[None]:
        """Hold one of the tenant's permits while a call is under way, and begin it in turn.

        `turn` was waited for before; whatever moved it since is waited for here. The permit of a
        call that was given up is free again when its lease ends.
        """
        within_s = self._patience_s if within_s is None else within_s
        turn = turn or self.acquire(within_s=within_s)
        while True:
            with self._permit(within_s=within_s):
                turn.grant = self._standing(turn)
                if self._has_come(turn, within_s=min(_HOLD_S, within_s)):
                    yield
                    return
            self._await(turn, within_s=within_s)

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

    def _still_good(self, turn: Turn | None) -> Turn | None:
        if turn is not None:
            turn.grant = self._standing(turn)
            if turn.grant.late_s <= self._policy.slack_s:
                return turn
        return None

    def _take(self, *, is_again: bool = False) -> Grant:
        return self._store.take(self._tenant, self._policy, budget=self._budget, is_again=is_again)

    def _standing(self, turn: Turn) -> Grant:
        return self._store.standing(self._tenant, turn.grant.ticket, budget=self._budget)

    def _has_come(self, turn: Turn, *, within_s: float) -> bool:
        """Wait for a turn; False, without waiting for the rest, if that takes longer.

        Who slept looks again: a refusal may have moved the start. Who comes too late queues up
        again: leaving now would put two calls closer together than the gap.
        """
        left_s = within_s
        while True:
            delay_s = turn.grant.delay_s
            if delay_s > left_s:
                return False
            if delay_s > 0:
                left_s -= delay_s
                self._sleeper.sleep(delay_s)
                turn.grant = self._standing(turn)
            elif turn.grant.late_s > self._policy.slack_s:
                turn.grant = self._take(is_again=True)
            else:
                return True

    def _await(self, turn: Turn, *, within_s: float) -> None:
        if self._has_come(turn, within_s=within_s):
            return
        wait_s = turn.grant.delay_s
        text = f"no call of tenant {self._tenant} may leave for {wait_s:.0f} s"
        if wait_s > LONGEST_WAIT_S:
            raise QuotaExhausted(text, budget=self._budget)
        raise RateLimited(text, retry_after_s=wait_s)

    @contextmanager
    def _permit(self, *, within_s: float) -> Iterator[None]:
        """Hold one of the places for calls under way."""
        if self._permits is None:
            yield
            return
        permit = self._place(self._permits, within_s=within_s)
        try:
            yield
        except BaseException as failure:
            if not _is_given_up(failure):
                self._give_back(self._permits, permit)
            raise
        self._give_back(self._permits, permit)

    def _give_back(self, permits: PermitStore, permit: Permit) -> None:
        try:
            permits.give_back(self._tenant, permit)
        except SyncError as error:
            # What the call brought matters more; the lease frees the place by itself.
            _log.warning("permit_not_given_back error=%s", type(error).__name__)

    def _place(self, permits: PermitStore, *, within_s: float) -> Permit:
        pause_s, left_s = _FIRST_POLL_S, within_s
        while True:
            permit = permits.take(self._tenant, limit=self._policy.concurrent, lease_s=_LEASE_S)
            if permit is not None:
                return permit
            if left_s <= 0:
                raise RateLimited(
                    f"all {self._policy.concurrent} calls of tenant {self._tenant} at once are"
                    f" under way, for {within_s:.0f} s now",
                    retry_after_s=_LONGEST_PAUSE_S,
                    problem=LimitKind.CONCURRENT,
                )
            self._sleeper.sleep(pause_s)
            left_s -= pause_s
            pause_s = min(2 * pause_s, _LONGEST_POLL_S)

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


def _is_given_up(failure: BaseException) -> bool:
    """Say whether the service may still be at work on a call that failed so for us."""
    if isinstance(failure, SyncError):
        return failure.is_given_up
    # Whoever is told to stop (a task that takes too long, an interrupt) leaves its call behind.
    return not isinstance(failure, Exception)
