"""Permits: each tenant has a few places for calls under way, leased to whoever makes one."""

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from sfxero.ledger.engine import Database, put
from sfxero.ledger.limit_tables import permits
from sfxero.ledger.moments import SECOND_US, Moment, store_moment
from sfxero.model.ids import TenantId
from sfxero.ratelimit.ports import Permit


class Permits:
    """The limiter's store for concurrency, on the database's own clock unless given another."""

    def __init__(self, database: Database, *, now: Moment | None = None) -> None:
        """`now` is the moment as SQL, for tests and simulated time."""
        self._database = database
        self._now = store_moment(database) if now is None else now

    def take(self, tenant: TenantId, *, limit: int, lease_s: float) -> Permit | None:
        """Take one of `limit` places; None if all are taken. A lease that ran out frees its own."""
        statement = _take(self._now, limit=limit, lease_us=round(lease_s * SECOND_US))
        with self._database.write() as conn:
            row = conn.execute(statement, {"whose": tenant}).first()
            if row is None:
                rows = [_empty(tenant, place) for place in range(1, limit + 1)]
                put(conn, permits, rows)
                row = conn.execute(statement, {"whose": tenant}).first()
        return None if row is None else Permit(row.place, row.times_taken)

    def give_back(self, tenant: TenantId, permit: Permit) -> None:
        """Free a place, unless its lease ran out and another took it."""
        with self._database.write() as conn:
            conn.execute(_GIVE_BACK, {"whose": tenant, "here": permit.place, "no": permit.number})


_MINE: Final = permits.c.tenant == bindparam("whose")
_GIVE_BACK: Final = (
    update(permits)
    .where(
        _MINE,
        permits.c.place == bindparam("here"),
        permits.c.times_taken == bindparam("no"),
    )
    .values(leased_until_us=0)
)


@lru_cache
def _take(now: Moment, *, limit: int, lease_us: int) -> Any:
    is_free = permits.c.leased_until_us <= now
    free = (
        select(permits.c.place)
        .where(_MINE, permits.c.place <= limit, is_free)
        .order_by(permits.c.place)
        .limit(1)
        .with_for_update(skip_locked=True)  # of several at once, each finds another place
        .scalar_subquery()
    )
    return (
        update(permits)
        .where(_MINE, permits.c.place == free, is_free)
        .values(times_taken=permits.c.times_taken + 1, leased_until_us=now + lease_us)
        .returning(permits.c.place, permits.c.times_taken)
    )


def _empty(tenant: TenantId, place: int) -> dict[str, Any]:
    return {"tenant": tenant, "place": place, "times_taken": 0, "leased_until_us": 0}
