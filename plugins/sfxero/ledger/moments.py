"""The database's own clock as SQL, so that machines whose clocks differ agree on who was first."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, bindparam, cast, func

from sfxero.clock import Clock
from sfxero.ledger.engine import Database

SECOND_US: Final = 1_000_000
_DAY_US: Final = 24 * 3600 * SECOND_US
_UNIX_EPOCH_JULIAN: Final = 2440587.5

Moment = ColumnElement[int]
"""Microseconds since 1970, as SQL."""


def store_moment(database: Database) -> Moment:
    """Return the database's own time, told whenever a statement is carried out."""
    return _sqlite_now() if database.is_sqlite else _postgres_now()


def as_datetime(moment_us: int) -> datetime:
    """Return a moment that was read."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=moment_us)


def clock_moment(clock: Clock) -> Moment:
    """Return the time of a clock of ours, told whenever a statement is carried out."""

    def now_us() -> int:
        return (clock.now() - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)

    return bindparam("now_us", callable_=now_us, type_=BigInteger, unique=True)


def _sqlite_now() -> Moment:
    return cast((func.julianday("now") - _UNIX_EPOCH_JULIAN) * (_DAY_US * 1.0), BigInteger)


def _postgres_now() -> Moment:
    """The moment of evaluation, not of the transaction: a lock may have been waited for."""
    return cast(func.extract("epoch", func.clock_timestamp()) * SECOND_US, BigInteger)
