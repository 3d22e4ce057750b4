"""Ledgers for benches: a fresh SQLite file, or a fresh schema of a PostgreSQL server."""

import json
import os
import platform
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from sfxero.ledger import Ledger

RESULTS = Path(__file__).parent / "results"
SERVERS = (
    "postgresql+psycopg://root@127.0.0.1:5432/test",
    "postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
)


def postgres() -> str | None:
    """The address of a server that answers, if there is one; the environment's comes first."""
    given = os.environ.get("SFXERO_TEST_POSTGRES_URL")
    for address in (given,) if given else SERVERS:
        try:
            _connect(address).close()
        except psycopg.OperationalError:
            continue
        return address
    return None


@contextmanager
def fresh(server: str | None, folder: Path) -> Iterator[str]:
    """Yield the address of a migrated, empty ledger: in `folder` without a server."""
    if server is None:
        path = folder / f"{uuid.uuid4().hex}.db"
        yield _migrated(f"sqlite:///{path}")
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        return
    schema = f"bench_{uuid.uuid4().hex}"
    _execute(server, f"CREATE SCHEMA {schema}")
    try:
        yield _migrated(f"{server}?options=-csearch_path%3D{schema}")
    finally:
        _execute(server, f"DROP SCHEMA {schema} CASCADE")


def raw(url: str) -> Any:
    """A connection of the driver itself to a ledger."""
    return sqlite3.connect(url.removeprefix("sqlite:///")) if is_sqlite(url) else _connect(url)


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite:")


def surroundings(server: str | None) -> dict[str, Any]:
    """What figures depend on, beside the code."""
    found: dict[str, Any] = {
        "cores": os.cpu_count(),
        "load_1_5_15_min": [round(one, 2) for one in os.getloadavg()],
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    if server is not None:
        with _connect(server) as connection:
            found["postgres"] = connection.execute("SHOW server_version").fetchone()[0]
    return found


def keep(name: str, figures: Mapping[str, Any]) -> str:
    """Store figures beside the benches; returns them as one line."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(figures, indent=1)
    (RESULTS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    return json.dumps(figures)


def _migrated(url: str) -> str:
    with Ledger(url) as ledger:
        ledger.migrate()
    return url


def _connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url.replace("+psycopg", ""), connect_timeout=3)


def _execute(url: str, statement: str) -> None:
    with _connect(url) as connection:
        connection.execute(statement)
