"""The statements of the quota: a tenant's row is read and changed in one step, as SQL."""

import math
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Update,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)

from sfxero.ledger.moments import SECOND_US, Moment
from sfxero.ledger.tables import quota
from sfxero.model.ids import TenantId
from sfxero.ratelimit.policy import Budget, LimitPolicy

MINUTE: Final = 60 * SECOND_US
_DAY: Final = 24 * 60 * MINUTE
_PROBE: Final = 30 * MINUTE

# A statement that each call needs is built once, which takes longer than carrying it out.
MINE: Final = quota.c.tenant == bindparam("whose")
_MINUTE_LEFT: Final = bindparam("minute_left", type_=BigInteger)
_DAY_LEFT: Final = bindparam("day_left", type_=BigInteger)

_LATE_REPLIES: Final = 10
"""Replies overtake one another: only a rise by more than these means a new day at the service."""


@lru_cache
def queue_up(policy: LimitPolicy, now: Moment, budget: Budget) -> Any:
    """Count a call and give it the next start; no row if its class may not spend what is left.

    The first call after a day's end opens the next day; a header outranks our own count.
    """
    day_over = now >= quota.c.day_resets_us
    left = func.coalesce(quota.c.day_remaining, policy.day - quota.c.day_used)
    of_day = func.coalesce(quota.c.day_limit, policy.day)
    kept = of_day * policy.reserves.kept_from(budget) // 100
    return (
        _next_start(policy, now)
        .where(MINE, or_(day_over, left > kept))
        .values(
            app=policy.app,
            day_resets_us=case((day_over, now + _DAY), else_=quota.c.day_resets_us),
            day_used=case((day_over, 1), else_=quota.c.day_used + 1),
            day_remaining=case((day_over, None), else_=quota.c.day_remaining - 1),
            calls=quota.c.calls + 1,
        )
    )


@lru_cache
def queue_again(policy: LimitPolicy, now: Moment) -> Any:
    """Give the next start to a call that is counted already."""
    return _next_start(policy, now).where(MINE)


def _next_start(policy: LimitPolicy, now: Moment) -> Any:
    gap = math.ceil(policy.gap_s * SECOND_US)
    return (
        update(quota)
        .values(next_us=_later(quota.c.next_us, now) + gap, gap_us=gap, tickets=quota.c.tickets + 1)
        .returning(
            (quota.c.next_us - gap).label("start_us"),
            now.label("now_us"),
            quota.c.tickets,
            quota.c.day_used,
            quota.c.day_said,
        )
    )


@lru_cache
def what_is_left(now: Moment, *, of_minute: bool, of_day: bool, day_is_over: bool) -> Update:
    """Correct minute and day by what the service says is left."""
    values: dict[str, Any] = {}
    if of_minute:
        values |= {"minute_started_us": _minute_started(now), "minute_remaining": _MINUTE_LEFT}
    if of_day:
        values |= _day_left(now, is_over=day_is_over)
    return update(quota).where(MINE).values(values)


@lru_cache
def new_day(now: Moment) -> Update:
    """Begin a day if the service has more calls left than it said last."""
    return (
        update(quota)
        .where(MINE, quota.c.day_said + _LATE_REPLIES < _DAY_LEFT)
        .values(
            day_resets_us=now + _DAY,
            day_used=1,
            day_remaining=_DAY_LEFT,
            day_said=_DAY_LEFT,
            day_limit=_DAY_LEFT + 1,
        )
    )


def refused(
    tenant: TenantId, now: Moment, *, pause_us: int, problem: str, ends_day: bool
) -> Update:
    """Count a refusal; a day's refusal ends the day until the pause is over."""
    values: dict[str, Any] = {"refused": quota.c.refused + 1, "last_problem": problem}
    if ends_day:
        values |= {"day_remaining": 0, "day_said": 0, "day_resets_us": now + pause_us}
    return update(quota).where(quota.c.tenant == tenant).values(values)


def same_app(tenant: TenantId) -> ColumnElement[bool]:
    """Tell the tenants that share the app's minute with this one."""
    app = select(quota.c.app).where(quota.c.tenant == tenant, quota.c.app != "").scalar_subquery()
    return or_(quota.c.tenant == tenant, quota.c.app == app)


def locked(condition: ColumnElement[bool], now: Moment) -> Select[Any]:
    """Read rows to change them, always in one order, so that two workers cannot deadlock."""
    return (
        select(quota, now.label("now_us"))
        .where(condition)
        .order_by(quota.c.tenant)
        .with_for_update()
    )


def _minute_started(now: Moment) -> ColumnElement[int]:
    """The service's minute began, at the latest, when its remainder last rose."""
    anew = or_(
        quota.c.minute_remaining.is_(None),
        quota.c.minute_remaining < _MINUTE_LEFT,
        quota.c.minute_started_us <= now - MINUTE,
    )
    return case((anew, now), else_=quota.c.minute_started_us)


def _day_left(now: Moment, *, is_over: bool) -> dict[str, Any]:
    """Permits still on their way make our own figure the smaller one for a while."""
    ours = and_(
        quota.c.day_remaining <= _DAY_LEFT, quota.c.day_remaining + _LATE_REPLIES >= _DAY_LEFT
    )
    resets: Any = quota.c.day_resets_us
    if is_over:
        # When the service's day began is a guess, so one call asks again before ours is over.
        probe = now + _PROBE
        resets = case((quota.c.day_resets_us > probe, probe), else_=quota.c.day_resets_us)
    return {
        "day_remaining": case((ours, quota.c.day_remaining), else_=_DAY_LEFT),
        "day_said": _DAY_LEFT,
        "day_limit": func.coalesce(quota.c.day_limit, _DAY_LEFT + quota.c.day_used),
        "day_resets_us": resets,
    }


def _later(one: Any, other: Any) -> ColumnElement[int]:
    return case((one >= other, one), else_=other)
