"""A real Airflow on PostgreSQL: scheduler and API server in processes of their own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from tests.e2e.world import (
    QUICK,
    SLOW,
    airflow_settings,
    clean_environment,
    connections_to,
    kill_group,
    wait_for,
)

POOL = "xero_own_xero"
CANDIDATES = (
    "postgresql://root@127.0.0.1:5432/postgres",
    "postgresql://postgres@127.0.0.1:5432/postgres",
)
# What a DAG file must not import is most of a short task's time; the forks of this process have it.
PRELOAD = """
import sys
if "scheduler" in sys.argv:
    import great_expectations, pandas, pyarrow.parquet, sqlalchemy
    import sfxero.ledger, sfxero.mapping.transform, sfxero.orchestration.steps
    import sfxero.orchestration.publishing, sfxero.quality.checks, sfxero.sync.prepare
    import sfxero.sync.extract, sfxero.sync.publish, sfxero.xero.accounting
"""
PREPARE = """
import sys
from airflow.cli.cli_parser import get_parser
for line in sys.argv[1:]:
    given = get_parser().parse_args(line.split())
    given.func(given)
"""


@contextmanager
def postgres_server() -> Iterator[str]:
    """Give the address of a server: the one that runs, or one of our own for this long."""
    given = os.environ.get("SFXERO_TEST_POSTGRES_URL")
    for url in (given.replace("+psycopg", ""),) if given else CANDIDATES:
        if _answers(url):
            yield url
            return
    if shutil.which("initdb") is None:
        message = "no PostgreSQL server answers and none is installed; set SFXERO_TEST_POSTGRES_URL"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    with _own_server() as url:
        yield url


@contextmanager
def _own_server() -> Iterator[str]:
    """Start a server; it refuses to be root's, so that it may be somebody else's."""
    told: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="sfxero-postgres-") as name:
        if told:
            shutil.chown(name, told["user"])
        home = f"{name}/server"
        created = ["initdb", "-D", home, "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N"]
        subprocess.run(created, check=True, capture_output=True, timeout=QUICK, cwd=name, **told)
        options = ["-c", "fsync=off", "-c", f"unix_socket_directories={name}", "-p", str(port)]
        server = subprocess.Popen(
            ["postgres", "-D", home, "-h", "127.0.0.1", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=name,
            **told,
        )
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        try:
            wait_for(lambda: _answers(url), limit_s=QUICK, what="a PostgreSQL server of our own")
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # does not wait for clients
            server.wait(QUICK)


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """Make a database that is gone afterwards; returns its address."""
    name = f"sfxero_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    try:
        yield server.rpartition("/")[0] + f"/{name}"
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class LiveAirflow:
    """An Airflow that schedules, with its own database and the ledger's on PostgreSQL."""

    home: Path
    database: str
    ledger_url: str
    environment: Mapping[str, str]
    parts: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def check(self) -> None:
        """Fail, with their last words, if a part has died."""
        assert all(part.poll() is None for part in self.parts), self.last_words()

    def command(self, *arguments: str) -> str:
        """Run an Airflow command to its end; it must succeed."""
        return self._run("-m", "airflow", *arguments)

    def prepare(self, *commands: str) -> str:
        """Run several Airflow commands in one process: each would load all of Airflow."""
        return self._run("-c", PREPARE, *commands)

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask Airflow's database."""
        return _rows(self.database, query, values)

    def ask_ledger(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the ledger, past the product's own code."""
        return _rows(self.ledger_url, query, values)

    def last_words(self) -> str:
        """Return the end of what each part said."""
        logs = [*self.home.glob("*.log"), *self.home.glob("logs/dag_id=*/**/*.log")]
        logs.sort(key=lambda log: log.stat().st_mtime)
        return "\n".join(
            f"--- {log}\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}"
            for log in logs[-12:]
        )

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=SLOW,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def running_airflow(
    home: Path,
    *commands: str,
    server: str,
    include: Path,
    sandbox_url: str,
    log_level: str = "WARNING",
) -> Iterator[LiveAirflow]:
    """Start an Airflow whose connections lead to a sandbox, after some commands; and end it."""
    with ExitStack() as stack:
        database, ledger = (stack.enter_context(new_database(server)) for _ in range(2))
        port, log_port = free_port(), free_port()
        airflow = LiveAirflow(
            home, database, ledger, _environment(home, database, ledger, port, log_port)
            | connections_to(sandbox_url)
            | {"SFXERO_INCLUDE": str(include), "AIRFLOW__LOGGING__LOGGING_LEVEL": log_level},
        )  # fmt: skip
        (home / "config").mkdir()
        (home / "config" / "airflow_local_settings.py").write_text(PRELOAD, encoding="utf-8")
        pool = {"slots": 5, "description": "calls of Xero", "include_deferred": True}
        (home / "pools.json").write_text(json.dumps({POOL: pool}), encoding="utf-8")
        airflow.prepare("db migrate", "pools import pools.json", "dags reserialize", *commands)
        named = (("scheduler",), ("api-server", "--port", str(port)))
        airflow.parts.extend(stack.enter_context(_part(airflow, *one)) for one in named)

        def is_up() -> bool:
            airflow.check()
            return _is_up(port)

        wait_for(is_up, limit_s=SLOW, what="an Airflow that is up", every_s=0.5)
        yield airflow


@contextmanager
def logged_in(airflow: LiveAirflow) -> Iterator[httpx.Client]:
    """Give a client of Airflow's REST API, for its administrator."""
    address = airflow.environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    stored = airflow.home / "simple_auth_manager_passwords.json.generated"
    password = json.loads(stored.read_text(encoding="utf-8"))["admin"]
    with httpx.Client(base_url=address.removesuffix("/execution/"), timeout=30) as client:
        reply = client.post("/auth/token", json={"username": "admin", "password": password})
        token = reply.raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _environment(
    home: Path, database: str, ledger: str, port: int, log_port: int
) -> dict[str, str]:
    address = database.replace("postgresql://", "postgresql+psycopg://")
    settings = {
        "DATABASE__SQL_ALCHEMY_CONN": address,
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": address,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "API__HOST": "127.0.0.1",
        "API__WORKERS": "1",
        "API__SECRET_KEY": "s" * 64,
        "API_AUTH__JWT_SECRET": "j" * 64,
        "LOGGING__WORKER_LOG_SERVER_PORT": str(log_port),
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    }
    named = {f"AIRFLOW__{name}": value for name, value in settings.items()}
    connection = {"AIRFLOW_CONN_SFXERO_LEDGER": ledger.replace("postgresql://", "postgres://")}
    return clean_environment(**airflow_settings(home), **named, **connection)


@contextmanager
def _part(airflow: LiveAirflow, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with (airflow.home / f"{arguments[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", *arguments],
            env=airflow.environment,
            cwd=airflow.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill_group(process)


def _is_up(port: int) -> bool:
    try:
        health = httpx.get(f"http://127.0.0.1:{port}/api/v2/monitor/health", timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return False
    return (health.get("scheduler") or {}).get("status") == "healthy"


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=3):
            return True
    except psycopg.OperationalError:
        return False


def _rows(url: str, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query, values).fetchall()  # type: ignore[call-overload]
