"""One door to the database: transactions, upserts and chunks alike on SQLite and PostgreSQL."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    StaticPool,
    Table,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, OperationalError

from sfxero.clock import Clock
from sfxero.errors import LedgerError, ServiceUnavailable

CHUNK: Final = 1000
"""Rows per transaction: keeps each under 200 ms, so that planning never blocks a call."""

_WRITES: Final = "sfxero_writes"
BUSY_TIMEOUT_S: Final = 30.0
_T = TypeVar("_T")


def chunked(rows: Iterable[_T]) -> Iterator[list[_T]]:
    """Cut `rows` into lists of at most CHUNK."""
    iterator = iter(rows)
    while chunk := list(itertools.islice(iterator, CHUNK)):
        yield chunk


class Database:
    """An engine that reads in snapshots and writes in short transactions."""

    def __init__(self, url: str, *, clock: Clock) -> None:
        """Open nothing yet; the first transaction connects."""
        self.clock = clock
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._reader = _sqlite_engine(self) if self.is_sqlite else _postgres_engine(self)
        self._writer = self._reader.execution_options(**{_WRITES: True})

    def __repr__(self) -> str:
        """Show where, without the password."""
        return f"Database({self.url.render_as_string(hide_password=True)!r})"

    @property
    def sqlite_path(self) -> str | None:
        """The database's file; None on PostgreSQL and in memory."""
        name = self.url.database if self.is_sqlite else None
        return None if name in {None, "", ":memory:"} else name

    def close(self) -> None:
        """Close all connections."""
        self._reader.dispose()

    def read(self) -> AbstractContextManager[Connection]:
        """Open a transaction that only reads."""
        return _transaction(self._reader)

    def write(self) -> AbstractContextManager[Connection]:
        """Open a transaction that holds SQLite's write lock from its start."""
        return _transaction(self._writer)

    def write_snapshot(self) -> AbstractContextManager[Connection]:
        """Open a write transaction whose statements all see one moment."""
        if self.is_sqlite:
            return self.write()
        return _transaction(self._writer.execution_options(isolation_level="REPEATABLE READ"))


def put(
    conn: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    update: Iterable[str] = (),
    only_if_same: str | None = None,
) -> None:
    """Insert rows by primary key; on a clash set the `update` columns, or keep what is there.

    With `only_if_same`, a clash updates only rows that agree in that column.
    """
    if not rows:
        return
    key = list(table.primary_key.columns)
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table)
    columns = {name: statement.excluded[name] for name in update}
    if not columns:
        conn.execute(statement.on_conflict_do_nothing(index_elements=key), rows)
        return
    agree = None
    if only_if_same is not None:
        agree = table.c[only_if_same] == statement.excluded[only_if_same]
    conn.execute(
        statement.on_conflict_do_update(index_elements=key, set_=columns, where=agree), rows
    )


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    with _our_errors(), engine.begin() as conn:
        yield conn


@contextmanager
def _our_errors() -> Iterator[None]:
    """Speak the error tree, so that callers need not know the database library."""
    try:
        yield
    except OperationalError as error:
        raise ServiceUnavailable(
            f"the ledger's database failed: {str(error.orig).strip().splitlines()[0]}",
            service="ledger",
            hint="See that it runs, is reachable, migrated and has room on its disk.",
        ) from error
    except IntegrityError as error:
        raise LedgerError(
            f"the ledger's database refused a row: {type(error.orig).__name__}", service="ledger"
        ) from error


def _postgres_engine(database: Database) -> Engine:
    # Parameters hold names and amounts of customers: they stay out of error texts.
    return create_engine(database.url, pool_pre_ping=True, hide_parameters=True)


def _sqlite_engine(database: Database) -> Engine:
    pool: dict[str, Any] = {} if database.sqlite_path else {"poolclass": StaticPool}
    engine = create_engine(
        database.url,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        **pool,
    )

    @event.listens_for(engine, "connect")
    def _configure(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None  # the driver must not begin by itself
        dbapi_connection.execute("PRAGMA synchronous = FULL")
        dbapi_connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        # A deferred transaction that writes late can fail at once without waiting for the lock.
        writes = conn.get_execution_options().get(_WRITES)
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
