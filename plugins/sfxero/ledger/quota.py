"""Quota: one row per tenant says when the next call may leave, for all workers everywhere."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Update, select, update

from sfxero.errors import QuotaExhausted
from sfxero.ledger import quota_rules as rules
from sfxero.ledger.alerts import close_on, raise_on
from sfxero.ledger.engine import Database, put
from sfxero.ledger.moments import SECOND_US, Moment, as_datetime, store_moment
from sfxero.ledger.tables import quota
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import TenantId
from sfxero.ratelimit.line import Line
from sfxero.ratelimit.policy import Budget, Grant, LimitPolicy, Observed

_SERVICE: Final = "xero"
_USED_UP: Final = "the day's calls are used up"
_KEPT: Final = "the day's calls for {budget} are used up"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant has used, and what is left as far as the service has said."""

    calls: int
    refused: int
    day_used: int
    day_remaining: int | None
    day_resets_at: datetime
    next_at: datetime
    day_limit: int | None = None


class Quota:
    """The limiter's store, on the database's own clock unless given another."""

    def __init__(self, database: Database, *, now: Moment | None = None) -> None:
        """`now` is the moment as SQL, for tests and simulated time."""
        self._database = database
        self._now = store_moment(database) if now is None else now
        self._row = select(quota, self._now.label("now_us")).where(rules.MINE)

    def take(
        self,
        tenant: TenantId,
        policy: LimitPolicy,
        *,
        budget: Budget = Budget.SYNC,
        is_again: bool = False,
    ) -> Grant:
        """Claim the next start time in one statement; QuotaExhausted if the day is used up.

        With `is_again` the place of a ticket that came too late is taken, and no call counted.
        """
        now = self._now
        statement = (
            rules.queue_again(policy, now) if is_again else rules.queue_up(policy, now, budget)
        )
        with self._database.write() as conn:
            row = conn.execute(statement, {"whose": tenant}).first()
            if row is None:  # missing, or used up, or opened by another just now: look again
                _open_row(conn, tenant)
                row = conn.execute(statement, {"whose": tenant}).first()
            if row is not None and row.day_used == 1 and row.day_said is None:
                _end_alert(conn, self._database, tenant)
        if row is None:
            raise self._exhausted(tenant, budget)
        return Grant(delay_s=max(0, row.start_us - row.now_us) / SECOND_US, ticket=row.tickets)

    def standing(self, tenant: TenantId, ticket: int, *, budget: Budget = Budget.SYNC) -> Grant:
        """Return when a ticket may leave now; QuotaExhausted if the day ended meanwhile."""
        with self._database.read() as conn:
            row = conn.execute(self._row, {"whose": tenant}).one()
        if row.day_remaining == row.day_said == 0 and row.day_resets_us > row.now_us:
            raise self._exhausted(tenant, budget)
        return _line(row).standing(ticket, now_us=row.now_us)

    def observe(self, tenant: TenantId, observed: Observed) -> None:
        """Correct the row by what the service says is left."""
        now, minute, day = self._now, observed.minute_remaining, observed.day_remaining
        said = {"minute_left": minute, "day_left": day}
        said = {name: left for name, left in said.items() if left is not None}
        if said:
            correction = rules.what_is_left(
                now, of_minute=minute is not None, of_day=day is not None, day_is_over=day == 0
            )
            with self._database.write() as conn:
                new_day = {"whose": tenant, "day_left": day}
                if day and conn.execute(rules.new_day(now), new_day).rowcount:
                    _end_alert(conn, self._database, tenant)
                _change(conn, tenant, correction, {"whose": tenant, **said})
                if minute == 0:
                    self._hold(conn, quota.c.tenant == tenant, _end_of_minute)
        if observed.app_minute_remaining == 0:
            self._hold_app(tenant, pause_us=rules.MINUTE)

    def block(self, tenant: TenantId, *, seconds: float, problem: str) -> None:
        """Let no call leave for `seconds`; a day's limit ends the day until then."""
        pause_us = math.ceil(seconds * SECOND_US)
        # Both are spelled in more than one way (Xero API limits).
        is_day, is_app = "day" in problem.casefold(), "app" in problem.casefold()
        statement = rules.refused(
            tenant, self._now, pause_us=pause_us, problem=problem, ends_day=is_day
        )
        with self._database.write() as conn:
            _change(conn, tenant, statement)
            if is_day:
                _tell(conn, self._database, tenant, _USED_UP)
            if not is_app:
                self._hold(conn, quota.c.tenant == tenant, lambda row: row.now_us + pause_us)
        if is_app:
            self._hold_app(tenant, pause_us=pause_us)

    def usage(self, tenant: TenantId) -> Usage:
        """Return what the tenant has used; nothing if it never called."""
        with self._database.read() as conn:
            row = conn.execute(select(quota).where(quota.c.tenant == tenant)).first()
        if row is None:
            never = as_datetime(0)
            return Usage(0, 0, 0, day_remaining=None, day_resets_at=never, next_at=never)
        return Usage(
            calls=row.calls,
            refused=row.refused,
            day_used=row.day_used,
            day_remaining=row.day_remaining,
            day_resets_at=as_datetime(row.day_resets_us),
            next_at=as_datetime(row.next_us),
            day_limit=row.day_limit,
        )

    def _hold_app(self, tenant: TenantId, *, pause_us: int) -> None:
        """Hold all tenants of the app; alone in its transaction, so that none waits in a ring."""
        with self._database.write() as conn:
            _open_row(conn, tenant)
            self._hold(conn, rules.same_app(tenant), lambda row: row.now_us + pause_us)

    def _hold(
        self, conn: Connection, which: ColumnElement[bool], until_us: Callable[[Row[Any]], int]
    ) -> None:
        """Move the starts that are still to come behind a moment."""
        for row in conn.execute(rules.locked(which, self._now)).all():
            line = _line(row).held(until_us=until_us(row), now_us=row.now_us)
            conn.execute(
                update(quota)
                .where(quota.c.tenant == row.tenant)
                .values(next_us=line.next_us, blocked_until_us=line.blocked_until_us)
            )

    def _exhausted(self, tenant: TenantId, budget: Budget) -> QuotaExhausted:
        """Store the alert of a day that is used up, and return the error that ends the task."""
        usage = self.usage(tenant)
        text = _USED_UP if usage.day_remaining == 0 else _KEPT.format(budget=budget)
        if budget is not Budget.MIGRATION:  # it spends its part and goes on tomorrow, as planned
            with self._database.write() as conn:
                _tell(conn, self._database, tenant, text)
        return QuotaExhausted(
            f"{text}, of tenant {tenant}",
            service=_SERVICE,
            resets_at=usage.day_resets_at,
            budget=budget,
            hint=f"Calls go on at {usage.day_resets_at:%Y-%m-%d %H:%M} UTC at the latest.",
        )


def subject_of(tenant: TenantId) -> str:
    """Name a tenant in alerts."""
    return f"{_SERVICE}/{tenant}"


def _line(row: Row[Any]) -> Line:
    return Line(row.next_us, row.gap_us, row.tickets, row.blocked_until_us)


def _end_of_minute(row: Row[Any]) -> int:
    end_us: int = row.minute_started_us + rules.MINUTE
    return end_us


def _change(
    conn: Connection, tenant: TenantId, statement: Update, values: Mapping[str, Any] | None = None
) -> None:
    if conn.execute(statement, values).rowcount == 0:
        _open_row(conn, tenant)
        conn.execute(statement, values)


def _open_row(conn: Connection, tenant: TenantId) -> None:
    """Add the tenant's row if it has none."""
    zeros = ("next_us", "minute_started_us", "day_resets_us", "day_used", "calls", "refused")
    put(conn, quota, [{"tenant": tenant, **dict.fromkeys(zeros, 0)}])


def _tell(conn: Connection, database: Database, tenant: TenantId, text: str) -> None:
    raise_on(
        conn,
        AlertKind.DAY_LIMIT,
        subject_of(tenant),
        message=text,
        hint="What waits is sent when the next day begins. If it happens often, read less often, "
        "or take a tier of Xero with more calls.",
        at=database.clock.now(),
    )


def _end_alert(conn: Connection, database: Database, tenant: TenantId) -> None:
    close_on(conn, AlertKind.DAY_LIMIT, subject_of(tenant), at=database.clock.now())
