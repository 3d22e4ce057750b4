"""Org usage: how much of an org's day is used or reserved, so that no run exceeds its share."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, func, select

from sfxero.errors import QuotaExhausted
from sfxero.ledger.alerts import close_on, raise_on
from sfxero.ledger.engine import Database, put
from sfxero.ledger.org_tables import org_reservations, org_usage
from sfxero.ledger.tables import RunState, runs
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import RunId
from sfxero.model.org_day import Allowance, Forecast, OrgDay

_SERVICE: Final = "salesforce"
_DAY: Final = timedelta(hours=24)
_HINT: Final = (
    "The next runs look again, and go on when the figure has fallen. If it happens often, raise "
    "the route's salesforce.daily_share, or let it run less often."
)


@dataclass(frozen=True, slots=True)
class SeenDay:
    """What an org last said of its day."""

    day: OrgDay
    read_at: datetime


class _Need(NamedTuple):
    """One allowance, and what a run and those under way need of it."""

    what: str
    allowance: Allowance | None
    reserved: int
    needed: int

    def shortage(self, share: Decimal) -> str | None:
        """Say what is missing, None if nothing is; what is unknown is not missed."""
        if self.allowance is None:
            return None
        used, most = self.allowance.used, int(self.allowance.allowed * share)
        if used + self.reserved + self.needed <= most:
            return None
        return (
            f"{used} of {self.allowance.allowed} {self.what} a day are used and {self.reserved} "
            f"reserved; the run may need {self.needed}, and the sync leaves off at {most}"
        )


class OrgUsage:
    """What each org said of its day, and what runs under way have reserved of it."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def note(self, org: str, day: OrgDay) -> None:
        """Store what the org says; what it does not say stays as it was."""
        with self._database.write() as conn:
            _note(conn, org, day, at=self._database.clock.now())

    def seen(self, org: str) -> SeenDay | None:
        """Return what the org last said, None if nobody asked yet."""
        with self._database.read() as conn:
            row = conn.execute(select(org_usage).where(org_usage.c.org == org)).first()
        if row is None:
            return None
        day = OrgDay(
            calls=_allowance(row.calls_used, row.calls_allowed),
            query_jobs=_allowance(row.query_jobs_used, row.query_jobs_allowed),
        )
        return SeenDay(day, row.read_at)

    def reserve(
        self, run_id: RunId, org: str, *, day: OrgDay, forecast: Forecast, share: Decimal
    ) -> None:
        """Store what the org says, and reserve what a run needs, or raise QuotaExhausted.

        Reservations of other runs count as long as they run. Of several runs that ask at once,
        each sees what the one before it has reserved.
        """
        now = self._database.clock.now()
        with self._database.write() as conn:
            _note(conn, org, day, at=now)  # holds the org's row until the end
            calls, query_jobs = _reserved(conn, org, other_than=run_id, since=now - _DAY)
            needs = (
                _Need("API calls", day.calls, calls, forecast.calls),
                _Need("bulk query jobs", day.query_jobs, query_jobs, forecast.query_jobs),
            )
            missing = [text for one in needs if (text := one.shortage(share))]
            conn.execute(delete(org_reservations).where(org_reservations.c.run_id == run_id))
            if missing:
                _tell(conn, org, "; ".join(missing), at=now)
            else:
                _keep(conn, run_id, org, forecast, at=now)
                close_on(conn, AlertKind.DAY_LIMIT, subject_of(org), at=now)
        if missing:
            raise QuotaExhausted(
                "; ".join(missing),
                service=_SERVICE,
                resets_at=now + _DAY,
                hint=f"The day is a rolling one: what is used now is free again by "
                f"{now + _DAY:%Y-%m-%d %H:%M} UTC. {_HINT}",
            )


def subject_of(org: str) -> str:
    """Name an org in alerts."""
    return f"{_SERVICE}/{org}"


def _note(conn: Connection, org: str, day: OrgDay, *, at: datetime) -> None:
    row: dict[str, Any] = {"org": org, "read_at": at}
    for name, one in (("calls", day.calls), ("query_jobs", day.query_jobs)):
        if one is not None:
            row |= {f"{name}_used": one.used, f"{name}_allowed": one.allowed}
    put(conn, org_usage, [row], update=[name for name in row if name != "org"])


def _reserved(conn: Connection, org: str, *, other_than: RunId, since: datetime) -> tuple[int, int]:
    """Return the calls and query jobs that other runs under way have reserved."""
    columns = (org_reservations.c.calls, org_reservations.c.query_jobs)
    statement = (
        select(*(func.coalesce(func.sum(column), 0) for column in columns))
        .join(runs, runs.c.run_id == org_reservations.c.run_id)
        .where(
            org_reservations.c.org == org,
            org_reservations.c.run_id != other_than,
            org_reservations.c.reserved_at > since,
            runs.c.state == RunState.RUNNING,
        )
    )
    calls, query_jobs = conn.execute(statement).one()
    return int(calls), int(query_jobs)


def _keep(conn: Connection, run_id: RunId, org: str, forecast: Forecast, *, at: datetime) -> None:
    values = {"calls": forecast.calls, "query_jobs": forecast.query_jobs, "reserved_at": at}
    put(conn, org_reservations, [{"run_id": run_id, "org": org, **values}])
    # Those of a day ago count no more.
    conn.execute(delete(org_reservations).where(org_reservations.c.reserved_at <= at - _DAY))


def _tell(conn: Connection, org: str, message: str, *, at: datetime) -> None:
    raise_on(conn, AlertKind.DAY_LIMIT, subject_of(org), message=message, hint=_HINT, at=at)


def _allowance(used: int | None, allowed: int | None) -> Allowance | None:
    return None if used is None or allowed is None else Allowance(used, allowed)
