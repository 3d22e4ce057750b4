"""Each test of the suite runs on a fresh SQLite file and in a fresh PostgreSQL schema."""

import os
import uuid
from collections.abc import Iterator
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
    schema = f"sfxero_{uuid.uuid4().hex}"
    _execute(server, f"CREATE SCHEMA {schema}")
    yield f"{server}?options=-csearch_path%3D{schema}"
    _execute(server, f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(url: str, clock: FakeClock) -> Iterator[Ledger]:
    ledger = Ledger(url, clock=clock)
    ledger.migrate()
    yield ledger
    ledger.close()


def _execute(url: str, statement: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": 3})
    with engine.begin() as conn:
        conn.execute(sa.text(statement))
    engine.dispose()
