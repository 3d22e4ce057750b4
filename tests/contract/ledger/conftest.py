"""Each test of the suite runs on a fresh SQLite file and in a fresh PostgreSQL schema."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger

_CANDIDATES = (
    "postgresql+psycopg://root@127.0.0.1:5432/test",
    "postgresql+psycopg://postgres@127.0.0.1:5432/postgres",
)


@pytest.fixture(scope="session")
def postgres_url() -> str:
    given = os.environ.get("SFXERO_TEST_POSTGRES_URL")
    for candidate in (given,) if given else _CANDIDATES:
        try:
            _execute(candidate, "SELECT 1")
        except sa.exc.OperationalError:
            continue
        return candidate
    message = "no PostgreSQL server answers; set SFXERO_TEST_POSTGRES_URL"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server: str = request.getfixturevalue("postgres_url")
    with _schema(server) as address:
        yield address


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: each migration takes longer than most tests."""
    path = tmp_path_factory.mktemp("ledger") / "empty.db"
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.migrate()
    return path


@pytest.fixture(scope="session")
def migration_script(postgres_url: str) -> str:
    """What migrating says to PostgreSQL, to be said again at once in another schema."""
    said: list[str] = []
    with _schema(postgres_url) as url, Ledger(url) as ledger:
        engine = ledger._database._engine
        sa.event.listen(engine, "before_cursor_execute", lambda *call: said.append(call[2]))
        ledger.migrate()
    return ";\n".join(one for one in said if not one.lstrip().startswith("SELECT"))


@pytest.fixture
def ledger(request: pytest.FixtureRequest, url: str, clock: FakeClock) -> Iterator[Ledger]:
    """A migrated ledger, with nothing in it."""
    if url.startswith("sqlite"):
        shutil.copy(request.getfixturevalue("migrated_file"), url.removeprefix("sqlite:///"))
    else:
        script = request.getfixturevalue("migration_script")
        with _connected(url) as conn:
            conn.connection.driver_connection.execute(script)
    ledger = Ledger(url, clock=clock)
    yield ledger
    ledger.close()


@contextmanager
def _schema(server: str) -> Iterator[str]:
    """Yield the address of a new schema, which is dropped in the end."""
    schema = f"sfxero_{uuid.uuid4().hex}"
    _execute(server, f"CREATE SCHEMA {schema}")
    yield f"{server}?options=-csearch_path%3D{schema}"
    _execute(server, f"DROP SCHEMA {schema} CASCADE")


@contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": 3})
    with engine.begin() as conn:
        yield conn
    engine.dispose()


def _execute(url: str, statement: str) -> None:
    with _connected(url) as conn:
        conn.execute(sa.text(statement))
