"""The database's own clock as SQL, so that machines whose clocks differ agree on who was first."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, cast, func, literal

from sfxero.ledger.engine import Database

SECOND_US: Final = 1_000_000
_DAY_US: Final = 24 * 3600 * SECOND_US
_UNIX_EPOCH_JULIAN: Final = 2440587.5

Moment = ColumnElement[int]
"""Microseconds since 1970, as SQL."""


def store_clock(database: Database) -> Callable[[], Moment]:
    """Return what tells the database's time."""
    return _sqlite_now if database.is_sqlite else _postgres_now


def as_datetime(moment_us: int) -> datetime:
    """Return a moment that was read."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=moment_us)


def fixed_moment(moment: datetime) -> Moment:
    """Return a given moment as SQL."""
    since = moment - datetime.fromtimestamp(0, UTC)
    return literal(since // timedelta(microseconds=1), BigInteger)


def _sqlite_now() -> Moment:
    return cast((func.julianday("now") - _UNIX_EPOCH_JULIAN) * (_DAY_US * 1.0), BigInteger)


def _postgres_now() -> Moment:
    """The moment of evaluation, not of the transaction: a lock may have been waited for."""
    return cast(func.extract("epoch", func.clock_timestamp()) * SECOND_US, BigInteger)
