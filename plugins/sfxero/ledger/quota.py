"""Quota: one row per tenant says when the next call may leave, for all workers everywhere."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)

from sfxero.errors import QuotaExhausted
from sfxero.ledger.engine import Database, put
from sfxero.ledger.tables import quota
from sfxero.model.ids import TenantId
from sfxero.ratelimit.policy import Grant, LimitPolicy, Observed

_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_DAY: Final = 24 * 60 * _MINUTE
_PROBE: Final = 30 * _MINUTE
_UNIX_EPOCH_JULIAN: Final = 2440587.5

_LATE_REPLIES: Final = 10
"""Replies overtake one another: only a rise by more than these means a new day at the service."""

Moment = ColumnElement[int]
"""Microseconds since 1970, as SQL."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant has used, and what is left as far as the service has said."""

    calls: int
    refused: int
    day_used: int
    day_remaining: int | None
    day_resets_at: datetime
    next_at: datetime


class Quota:
    """The limiter's store, on the database's own clock unless given another."""

    def __init__(self, database: Database, *, now: Callable[[], Moment] | None = None) -> None:
        """`now` returns the moment as SQL, for tests and simulated time."""
        self._database = database
        self._now = now or (_sqlite_now if database.is_sqlite else _postgres_now)

    def take(self, tenant: TenantId, policy: LimitPolicy) -> Grant:
        """Claim the next start time in one statement; QuotaExhausted if the day is used up."""
        statement = _take(tenant, policy, self._now())
        with self._database.write() as conn:
            row = conn.execute(statement).first()
            if row is None:  # missing, or used up, or opened by another just now: look again
                _open_row(conn, tenant)
                row = conn.execute(statement).first()
            if row is None:
                resets = select(quota.c.day_resets_us).where(quota.c.tenant == tenant)
                resets_at = _as_datetime(conn.execute(resets).scalar_one())
                raise QuotaExhausted(
                    f"the day's calls of {tenant} are used up", resets_at=resets_at
                )
        return Grant(delay_s=max(0, row.start_us - row.now_us) / _SECOND)

    def observe(self, tenant: TenantId, observed: Observed) -> None:
        """Correct the row by what the service says is left."""
        now = self._now()
        values: dict[str, Any] = {}
        next_us: ColumnElement[int] = quota.c.next_us
        if observed.minute_remaining is not None:
            started = _minute_started(observed.minute_remaining, now)
            values |= {"minute_started_us": started, "minute_remaining": observed.minute_remaining}
            if observed.minute_remaining <= 0:
                next_us = _later(next_us, started + _MINUTE)
        if observed.app_minute_remaining is not None and observed.app_minute_remaining <= 0:
            next_us = _later(next_us, now + _MINUTE)
        if observed.day_remaining is not None:
            values |= _day_left(observed.day_remaining, now)
        if values or next_us is not quota.c.next_us:
            self._change(tenant, {**values, "next_us": next_us})

    def block(self, tenant: TenantId, *, seconds: float, problem: str) -> None:
        """Let no call leave for `seconds`; a day's limit ends the day until then."""
        until = self._now() + math.ceil(seconds * _SECOND)
        values: dict[str, Any] = {"refused": quota.c.refused + 1, "last_problem": problem}
        if "day" in problem.casefold():  # spelled in more than one way (Xero API limits)
            values |= {"day_remaining": 0, "day_resets_us": until}
        else:
            values |= {"next_us": _later(quota.c.next_us, until)}
        self._change(tenant, values)

    def usage(self, tenant: TenantId) -> Usage:
        """Return what the tenant has used; nothing if it never called."""
        with self._database.read() as conn:
            row = conn.execute(select(quota).where(quota.c.tenant == tenant)).first()
        if row is None:
            never = _as_datetime(0)
            return Usage(0, 0, 0, day_remaining=None, day_resets_at=never, next_at=never)
        return Usage(
            calls=row.calls,
            refused=row.refused,
            day_used=row.day_used,
            day_remaining=row.day_remaining,
            day_resets_at=_as_datetime(row.day_resets_us),
            next_at=_as_datetime(row.next_us),
        )

    def _change(self, tenant: TenantId, values: dict[str, Any]) -> None:
        statement = update(quota).where(quota.c.tenant == tenant).values(values)
        with self._database.write() as conn:
            if conn.execute(statement).rowcount == 0:
                _open_row(conn, tenant)
                conn.execute(statement)


def _take(tenant: TenantId, policy: LimitPolicy, now: Moment) -> Any:
    """The first call after a day's end opens the next day; a header outranks our own count."""
    gap = math.ceil(policy.gap_s * _SECOND)
    day_over = now >= quota.c.day_resets_us
    by_count = quota.c.day_used < policy.day
    may_go = case((quota.c.day_remaining.is_(None), by_count), else_=quota.c.day_remaining > 0)
    return (
        update(quota)
        .where(quota.c.tenant == tenant, or_(day_over, may_go))
        .values(
            next_us=_later(quota.c.next_us, now) + gap,
            day_resets_us=case((day_over, now + _DAY), else_=quota.c.day_resets_us),
            day_used=case((day_over, 1), else_=quota.c.day_used + 1),
            day_remaining=case((day_over, None), else_=quota.c.day_remaining - 1),
            calls=quota.c.calls + 1,
        )
        .returning((quota.c.next_us - gap).label("start_us"), now.label("now_us"))
    )


def _minute_started(remaining: int, now: Moment) -> ColumnElement[int]:
    """The service's minute began, at the latest, when its remainder last rose."""
    anew = or_(
        quota.c.minute_remaining.is_(None),
        quota.c.minute_remaining < remaining,
        quota.c.minute_started_us <= now - _MINUTE,
    )
    return case((anew, now), else_=quota.c.minute_started_us)


def _day_left(remaining: int, now: Moment) -> dict[str, Any]:
    """Permits still on their way make our own figure the smaller one for a while."""
    new_day = quota.c.day_remaining + _LATE_REPLIES < remaining
    ours = and_(
        quota.c.day_remaining <= remaining, quota.c.day_remaining + _LATE_REPLIES >= remaining
    )
    resets: Any = quota.c.day_resets_us
    if remaining == 0:
        # When the service's day began is a guess, so one call asks again before ours is over.
        probe = now + _PROBE
        resets = case((quota.c.day_resets_us > probe, probe), else_=quota.c.day_resets_us)
    return {
        "day_remaining": case((ours, quota.c.day_remaining), else_=remaining),
        "day_resets_us": case((new_day, now + _DAY), else_=resets),
        "day_used": case((new_day, 1), else_=quota.c.day_used),
    }


def _later(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one >= other, one), else_=other)


def _open_row(conn: Connection, tenant: TenantId) -> None:
    """Add the tenant's row if it has none."""
    zeros = ("next_us", "minute_started_us", "day_resets_us", "day_used", "calls", "refused")
    put(conn, quota, [{"tenant": tenant, **dict.fromkeys(zeros, 0)}])


def _as_datetime(moment_us: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=moment_us)


def _sqlite_now() -> Moment:
    return cast((func.julianday("now") - _UNIX_EPOCH_JULIAN) * (_DAY * 1.0), BigInteger)


def _postgres_now() -> Moment:
    """The moment of evaluation, not of the transaction: a lock may have been waited for."""
    return cast(func.extract("epoch", func.clock_timestamp()) * _SECOND, BigInteger)


def fixed_moment(moment: datetime) -> Moment:
    """Return a given moment as SQL."""
    since = moment - datetime.fromtimestamp(0, UTC)
    return literal(since // timedelta(microseconds=1), BigInteger)
