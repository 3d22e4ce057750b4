"""One door to the database: transactions, upserts and chunks alike on SQLite and PostgreSQL."""

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy import (
    URL,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    StaticPool,
    Table,
    Text,
    any_,
    cast,
    create_engine,
    event,
    func,
    literal,
    make_url,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    IntegrityError,
    OperationalError,
)

from sfxero.clock import Clock
from sfxero.errors import ConfigurationError, LedgerError, ServiceUnavailable

CHUNK: Final = 1000
"""Rows per transaction: keeps each under 200 ms, so that planning never blocks a call."""

_NEVER: Final = 1_000_000_000
BUSY_TIMEOUT_S: Final = 30.0
_TURN_S: Final = 0.002
_NO_DATABASE: Final = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
_T = TypeVar("_T")


def chunked(rows: Iterable[_T], size: int = CHUNK) -> Iterator[list[_T]]:
    """Cut `rows` into lists of at most `size`."""
    iterator = iter(rows)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


class Database:
    """An engine that reads in snapshots and writes in short transactions."""

    def __init__(self, url: str, *, clock: Clock) -> None:
        """Open nothing yet; the first transaction connects."""
        self.clock = clock
        self.url = _url_of(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = _sqlite_engine(self) if self.is_sqlite else _postgres_engine(self)

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
        self._engine.dispose()

    def read(self) -> AbstractContextManager[Connection]:
        """Open a transaction that only reads."""
        return _transaction(self._engine, _begin_reading if self.is_sqlite else None)

    def write(self) -> AbstractContextManager[Connection]:
        """Open a transaction that holds SQLite's write lock from its start."""
        return _transaction(self._engine, _begin_writing if self.is_sqlite else None)

    def write_snapshot(self) -> AbstractContextManager[Connection]:
        """Open a write transaction whose statements all see one moment."""
        if self.is_sqlite:
            return self.write()
        snapshot = self._engine.execution_options(isolation_level="REPEATABLE READ")
        return _transaction(snapshot, None)


def _url_of(text: str) -> URL:
    """Read an address; what is wrong with it is told without its password."""
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            "the ledger's address cannot be read",
            service="ledger",
            hint="It is sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE; signs "
            "such as @, : or / in a password are written as %40, %3A or %2F.",
        ) from None


def among(
    conn: Connection, column: ColumnElement[Any], values: Iterable[str | int]
) -> ColumnElement[bool]:
    """Return `column IN values` with one parameter, however many values there are.

    PostgreSQL takes an array whose length it cannot see for a short one, and uses the index.
    """
    value = _listed(conn, values)
    if conn.dialect.name == "sqlite":
        return column.in_(select(value))
    return column == any_(func.array(select(cast(value, column.type)).scalar_subquery()))


def _listed(conn: Connection, values: Iterable[str | int]) -> ColumnElement[Any]:
    """Return the values as a column to select: one parameter, which the database takes apart."""
    text = orjson.dumps(list(values)).decode()
    if conn.dialect.name == "sqlite":
        return func.json_each(text).table_valued("value").c.value
    return func.json_array_elements_text(cast(literal(text, Text), postgresql.JSON), type_=Text)


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
    conn.execute(_upsert(conn.dialect.name, table, tuple(update), only_if_same), rows)


@lru_cache
def _upsert(dialect: str, table: Table, update: tuple[str, ...], only_if_same: str | None) -> Any:
    """Build a statement of `put`, which takes longer than carrying it out for a row."""
    key = list(table.primary_key.columns)
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    columns = {name: statement.excluded[name] for name in update}
    if not columns:
        return statement.on_conflict_do_nothing(index_elements=key)
    agree = None
    if only_if_same is not None:
        agree = table.c[only_if_same] == statement.excluded[only_if_same]
    return statement.on_conflict_do_update(index_elements=key, set_=columns, where=agree)


def put_keys(
    conn: Connection, table: Table, values: Iterable[str], *, column: str, **same: str
) -> None:
    """Insert a row for each value of `column`, alike in all else; what is there already stays.

    Several times as fast as `put`, since the rows are made by the database.
    """
    names = [*same, column]
    rows = select(*(literal(value) for value in same.values()), _listed(conn, values))
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    # Without a condition, SQLite takes ON CONFLICT for a part of the query.
    statement = insert(table).from_select(names, rows.where(true()))
    conn.execute(statement.on_conflict_do_nothing())


def load(conn: Connection, table: Table, columns: Mapping[str, Iterable[Any]]) -> Sequence[int]:
    """Insert rows, given by column, in the fastest way; return their ids, in the same order.

    The ids are drawn beforehand: COPY returns none, and inserts that do are many times slower.
    """
    rows = list(_rows(conn, table, columns))
    ids = _new_ids(conn, table, len(rows))
    names = [*table.primary_key.columns.keys(), *columns]
    _insert(conn, table, names, [(row_id, *row) for row_id, row in zip(ids, rows, strict=True)])
    return ids


def load_keyed(conn: Connection, table: Table, columns: Mapping[str, Iterable[Any]]) -> None:
    """Insert rows that bring their key, given by column, in the fastest way."""
    _insert(conn, table, list(columns), list(_rows(conn, table, columns)))


def _rows(
    conn: Connection, table: Table, columns: Mapping[str, Iterable[Any]]
) -> Iterable[tuple[Any, ...]]:
    values = [_as_stored(table.c[name], conn.dialect, column) for name, column in columns.items()]
    return zip(*values, strict=False)  # a column that repeats one value has no end


def _insert(
    conn: Connection, table: Table, names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    if conn.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        insert = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
        conn.exec_driver_sql(insert, list(rows))
    else:
        _copy(conn, table, names, rows)


def _as_stored(column: Column[Any], dialect: Dialect, values: Iterable[Any]) -> Iterable[Any]:
    processor = column.type.dialect_impl(dialect).bind_processor(dialect)
    return values if processor is None else map(processor, values)


def _new_ids(conn: Connection, table: Table, count: int) -> Sequence[int]:
    """Draw ids; on SQLite nobody else can, since the transaction holds the write lock."""
    (key,) = table.primary_key.columns
    if conn.dialect.name == "sqlite":
        drawn = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?"
        last = conn.exec_driver_sql(drawn, (table.name,)).scalar_one()
        return range(last + 1, last + 1 + count)
    name = func.pg_get_serial_sequence(table.name, key.name)
    sequence = select(cast(name, postgresql.REGCLASS)).scalar_subquery()
    numbers = func.generate_series(1, count).table_valued("number")
    return conn.execute(select(func.nextval(sequence)).select_from(numbers)).scalars().all()


def _copy(
    conn: Connection, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    import psycopg

    statement = f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
    # The same connection and transaction, past SQLAlchemy, which knows no COPY.
    driver: Any = conn.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([table.c[name].type.compile(conn.dialect).lower() for name in names])
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True, dialect=conn.dialect
        ) from error


@contextmanager
def _transaction(
    engine: Engine, begin: Callable[[Connection], None] | None
) -> Iterator[Connection]:
    """Yield a connection in a transaction, which `begin` opens where the driver does not.

    Listeners of the engine could do it, too, but would slow each statement by a sixth.
    """
    with _our_errors(), engine.begin() as conn:
        if begin is not None:
            begin(conn)
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
    except DatabaseError as error:
        if getattr(error.orig, "sqlite_errorcode", None) not in _NO_DATABASE:
            raise
        raise LedgerError(
            f"the ledger's file cannot be used: {error.orig}",
            service="ledger",
            hint="See that its address is right; else restore it from its backup.",
        ) from error


def _postgres_engine(database: Database) -> Engine:
    return create_engine(
        database.url,
        pool_pre_ping=True,
        # Parameters hold names and amounts of customers: they stay out of error texts.
        hide_parameters=True,
        # A plan kept from when a table was empty would serve it, on this connection, for ever.
        connect_args={"prepare_threshold": _NEVER},
    )


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

    return engine


def _begin_reading(conn: Connection) -> None:
    _driver_of(conn).execute("BEGIN")


def _begin_writing(conn: Connection) -> None:
    """Wait for the write lock by asking every few milliseconds.

    A deferred transaction that writes late can fail at once without waiting. SQLite itself asks
    ever more seldom: who writes in a row would keep others out for seconds.
    """
    driver = _driver_of(conn)
    gives_up_at = time.monotonic() + BUSY_TIMEOUT_S
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while _is_another_writing(driver) and time.monotonic() < gives_up_at:
            time.sleep(_TURN_S)
        if not driver.in_transaction:
            conn.exec_driver_sql("BEGIN IMMEDIATE")  # fails again, now with SQLAlchemy's error
    finally:
        driver.execute(f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT_S * 1000)}")


def _driver_of(conn: Connection) -> Any:
    return conn.connection.driver_connection


def _is_another_writing(driver: Any) -> bool:
    """Try to begin, and say whether another one's writing is all that is in the way."""
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return False
