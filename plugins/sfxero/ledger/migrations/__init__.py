"""Migrations: takes any older ledger, or an empty database, to the present tables."""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import func, inspect, select, text

from sfxero.errors import LedgerError
from sfxero.ledger.engine import BUSY_TIMEOUT_S, Database

HEAD: Final = "0019"
VERSION_TABLE: Final = "sfxero_version"
_LOCK_KEY: Final = 7_375_786_572  # any number, the same in every process


def migrate(database: Database) -> None:
    """Upgrade to HEAD; whoever comes second waits and finds it done."""
    if is_up_to_date(database):
        return
    # Here and not above: most tasks find the ledger up to date and need no alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with _alone(database), database.write() as conn:
        if not database.is_sqlite:
            conn.execute(select(func.pg_advisory_xact_lock(_LOCK_KEY)))
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def is_there(database: Database) -> bool:
    """Say whether a ledger of any age is there; an SQLite file is not made for the answer."""
    path = database.sqlite_path
    if path is not None and not Path(path).exists():
        return False
    with database.read() as conn:
        return inspect(conn).has_table(VERSION_TABLE)


def is_up_to_date(database: Database) -> bool:
    """Say whether all tables are there as this version needs them.

    LedgerError if a later version has made others of them: this one must not write there.
    """
    with database.read() as conn:
        if not inspect(conn).has_table(VERSION_TABLE):
            return False
        found = conn.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
    if found is not None and found > HEAD:
        raise LedgerError(
            f"the ledger's tables are of a later version, {found}, and this program knows {HEAD}",
            service="ledger",
            hint="Install the version of sfxero that it was last used with, or a later one.",
        )
    return bool(found == HEAD)


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """Hold a file's lock while SQLite changes to its write-ahead log, which waits for nobody."""
    path = database.sqlite_path
    if path is None:
        yield
        return
    with Path(f"{path}.migrate.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as raw:
            raw.execute("PRAGMA journal_mode = WAL")
        yield
