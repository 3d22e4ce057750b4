"""One seed's world: both services, the ledger and the clients, all in one process and one time."""

import gc
import io
import itertools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache, partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import IO, Any
from unittest.mock import patch

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection
from tests.simulation.faults import Weather
from tests.simulation.network import Network
from tests.simulation.scheduler import Scheduler

from sfxero.errors import ServiceUnavailable
from sfxero.ledger import Ledger
from sfxero.ledger.circuits import Circuits
from sfxero.ledger.engine import _our_errors
from sfxero.ledger.moments import clock_moment
from sfxero.ledger.permits import Permits
from sfxero.ledger.quota import Quota
from sfxero.mapping.loader import load_route
from sfxero.mapping.spec import RouteSpec
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import TenantId
from sfxero.ratelimit.circuit import Circuit, CircuitKey
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import Budget, LimitPolicy
from sfxero.salesforce.client import SalesforceClient
from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.salesforce.switches import Switches as OrgSwitches
from sfxero.sandbox.server import Sandbox, SandboxSettings, build_sandbox
from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID
from sfxero.sandbox.xero.switches import Switches
from sfxero.staging import reader, writer
from sfxero.sync import extract
from sfxero.xero.accounting import Accounting
from sfxero.xero.client import XeroClient
from sfxero.xero.watch import Watch

TENANT = TenantId(SANDBOX_TENANT_ID)
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
OVERLAP_S = 60
ADDRESS = "http://127.0.0.1:8099"
# New objects between two looks for garbage: a seed leaves a few cycles and much else.
_GARBAGE = 50_000
_INCLUDE = Path(__file__).parents[2] / "include"


class Clock:
    """The clock of whichever machine the running worker is on."""

    def __init__(self) -> None:
        self.scheduler: Scheduler | None = None

    def now(self) -> datetime:
        worker = self.scheduler.current if self.scheduler else None
        return self.true_now() + timedelta(seconds=worker.skew_s if worker else 0.0)

    def true_now(self) -> datetime:
        return self.scheduler.moment() if self.scheduler else START


class TrueClock:
    """The clock of the store, which all machines share."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.true_now()


class Stage:
    """What every seed of a process uses again, since it is slow to make: emptied between seeds."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sandbox: Sandbox = build_sandbox(
            SandboxSettings(clock_start_at=START, clock_speed=0.0)
        )
        self.ledger = Ledger("sqlite://", clock=self.clock)
        self.ledger.migrate()
        self._share_time()
        # Handing small work to threads costs more than doing it.
        pa.set_cpu_count(1)
        # The same addresses are asked for again and again, and taken apart several times a call.
        httpx._urls.urlparse = lru_cache(maxsize=4096)(httpx._urls.urlparse)
        # Threads would slip out of the scheduler's hands; the pages of a job are read in turn.
        extract.download_pages = partial(extract.download_pages, at_once=1)  # type: ignore[assignment]
        self._empty = sqlite3.connect(":memory:", check_same_thread=False)
        self.database = self._driver()
        self.database.backup(self._empty)
        database = self.ledger._database
        connection = database._engine.connect()
        self._doors = (_door(connection, "BEGIN"), _door(connection, "BEGIN IMMEDIATE"))
        # What is there by now stays: looking through it again and again costs a tenth of the time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)

    def clear(self, scheduler: Scheduler) -> None:
        """Empty everything and start time anew."""
        self.clock.scheduler = scheduler
        SandboxClock.__init__(self.sandbox.clock, START, ticks=scheduler.elapsed)
        self.sandbox.org.switches.change(OrgSwitches().model_dump())
        self.sandbox.reset()
        self.sandbox.xero.identity.revoke_tokens()
        self._empty.backup(self.database)
        self.ledger._database.read, self.ledger._database.write = self._doors

    def _share_time(self) -> None:
        """Limits, permits and circuits go by the store's clock, whatever a worker's own says."""
        database, now = self.ledger._database, clock_moment(TrueClock(self.clock))
        self.ledger.quota = Quota(database, now=now)
        self.ledger.permits = Permits(database, now=now)
        self.ledger.circuits = Circuits(database, now=now)

    def _driver(self) -> sqlite3.Connection:
        connection: Any = self.ledger._database._engine.raw_connection().driver_connection
        assert isinstance(connection, sqlite3.Connection)
        return connection


class World:
    """One seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.scheduler = Scheduler(self.chance("schedule"), start_at=START)
        self.stage = stage()
        self.stage.clear(self.scheduler)
        self.sandbox = self.stage.sandbox
        self.ledger = self.stage.ledger
        self.clock = self.stage.clock
        self.weather = Weather(self.scheduler, self.sandbox, self.chance("weather"))
        self.network = Network(self.sandbox.app, self.scheduler, self.weather)
        self.violations: list[str] = []
        self.causes: dict[str, set[str]] = {}
        # Ids of what people have made in Xero: none of ours to touch.
        self.strangers: set[str] = set()
        self.spec = demo_spec(1, 1)
        self._keys = itertools.count(1)
        self._jitter = self.chance("jitter")
        self._folder = Path(tempfile.mkdtemp(prefix="sfxero-", dir=_fast_folder()))
        self._hook_ledger()

    def chance(self, stream: str) -> Random:
        """A source of chance of its own, so that one part's draws do not move another's."""
        return self.chance_of(self.seed, stream)

    @staticmethod
    def chance_of(seed: int, stream: str) -> Random:
        return Random(f"sfxero simulation {seed} {stream}")  # noqa: S311 - repeatable, no secret

    def blame(self, source_id: str, cause: str) -> None:
        """Remember why a record need not end in step."""
        self.causes.setdefault(source_id, set()).add(cause)
        self.scheduler.note(f"{cause}: {source_id}")

    def violate(self, invariant: str, what: str) -> None:
        """Note a broken promise."""
        self.violations.append(f"{invariant}: {what}")

    @property
    def root(self) -> Path:
        """The staging area."""
        return self._folder

    def sleep(self, seconds: float) -> None:
        """Wait as every part of the sync does: others go on meanwhile."""
        self.scheduler.sleep(seconds)

    def new_key(self) -> str:
        return f"key-{next(self._keys)}"

    def new_accounting(self, budget: Budget) -> Accounting:
        """A client as each task builds its own."""
        limiter = Limiter(
            self.ledger.quota,
            LimitPolicy(
                minute=self.weather.minute_limit,
                day=self.spec.xero.daily_limit,
                app=self.spec.xero.connection,
            ),
            tenant=TENANT,
            sleeper=self,
            permits=self.ledger.permits,
            budget=budget,
        )
        client = XeroClient(
            api_url=ADDRESS,
            token_url=f"{ADDRESS}/connect/token",
            client_id="sandbox-xero-client",
            client_secret="sandbox-xero-secret",
            scopes=None,
            tenant_id=TENANT,
            limiter=limiter,
            circuit=Circuit(self.ledger.circuits, CircuitKey("xero", TENANT)),
            watch=Watch(self.ledger.alerts, AlertKind.TENANT_DISCONNECTED, TENANT),
            clock=self.clock,
            sleeper=self,
            transport=self.network,
            random=self._jitter,
        )
        return Accounting(client)

    def new_salesforce(self) -> SalesforceClient:
        return SalesforceClient(
            login_url=ADDRESS,
            client_id="sandbox-sf-client",
            client_secret="sandbox-sf-secret",
            api_version="62.0",
            circuit=Circuit(
                self.ledger.circuits, CircuitKey("salesforce", self.spec.salesforce.connection)
            ),
            clock=self.clock,
            sleeper=self,
            transport=self.network,
            random=self._jitter,
        )

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the ledger's tables past all that is simulated."""
        return self.stage.database.execute(statement, values).fetchall()

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _hook_ledger(self) -> None:
        database = self.ledger._database
        database.read = self._hooked(database.read, "reads")  # type: ignore[method-assign]
        database.write = self._hooked(database.write, "writes")  # type: ignore[method-assign]

    def _hooked(self, door: Any, what: str) -> Any:
        """Before and after a transaction others may go on; within one nobody may."""
        scheduler, weather = self.scheduler, self.weather

        @contextmanager
        def transaction() -> Iterator[Any]:
            scheduler.point(what)
            is_lost = weather.is_ledger_down() or (what == "writes" and weather.fails_write())
            if scheduler.current is not None and is_lost:
                raise _ledger_failed(scheduler)
            inner: AbstractContextManager[Any] = door()
            with inner as conn:
                scheduler.is_atomic = True
                try:
                    yield conn
                finally:
                    scheduler.is_atomic = False
            if what == "writes":
                scheduler.point("has written")
                if scheduler.current is not None and weather.loses_commit():
                    raise _ledger_failed(scheduler)

        return transaction


def _door(conn: Connection, begin: str) -> Callable[[], AbstractContextManager[Connection]]:
    """Open each transaction on the one connection, which has no other's writing to wait for."""
    driver: Any = conn.connection.driver_connection

    @contextmanager
    def transaction() -> Iterator[Connection]:
        with _our_errors(), conn.begin():
            driver.execute(begin)
            yield conn

    return transaction


def _ledger_failed(scheduler: Scheduler) -> ServiceUnavailable:
    if scheduler.current is not None:
        scheduler.current.ledger_failed_at_s = scheduler.elapsed()
    return ServiceUnavailable("the ledger's database failed", service="ledger")


class _Part:
    """A Parquet file; one that was read before is not parsed again, since its bytes are the same.

    That they are those of its manifest is for the sync to prove, each time.
    """

    def __init__(self, handle: IO[bytes]) -> None:
        self._table = _parsed(handle.read())

    @property
    def schema_arrow(self) -> pa.Schema:
        return self._table.schema

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        return self._table if columns is None else self._table.select(columns)


@lru_cache(maxsize=64)
def _parsed(content: bytes) -> pa.Table:
    return pq.ParquetFile(io.BytesIO(content)).read(use_threads=False)


@contextmanager
def quick_files() -> Iterator[None]:
    """Neither pack nor read twice the few rows of a seed: both take longer than all else there."""
    parquet = SimpleNamespace(ParquetFile=_Part)
    with patch.object(writer, "_COMPRESSION", "none"), patch.object(reader, "pq", parquet):
        yield


@contextmanager
def repeatable_ids(chance: Random) -> Iterator[None]:
    """Let the sandbox draw its ids from the seed."""
    before = os.urandom
    os.urandom = chance.randbytes
    try:
        yield
    finally:
        os.urandom = before


@cache
def stage() -> Stage:
    """The process's one stage."""
    return Stage()


@cache
def demo_spec(
    lanes: int,
    batch_size: int,
    *,
    overlap_s: int = OVERLAP_S,
    on_change: str = "update",
    on_reopen: str = "list",
) -> RouteSpec:
    """The demo's route with smaller batches, and without a threshold that would fail runs."""
    content = load_route(_INCLUDE / "mappings" / "demo.yaml").model_dump(mode="json", by_alias=True)
    content["publish"] |= {"lanes": lanes, "batch_size": batch_size}
    content["salesforce"] |= {"overlap_s": overlap_s}
    content["quarantine"] |= {"max_share": "1"}
    content["invoices"] |= {"on_change": on_change, "on_reopen": on_reopen}
    return RouteSpec.model_validate(content)


@cache
def _fast_folder() -> str | None:
    memory = Path("/dev/shm")  # noqa: S108 - in memory where there is such a place
    return str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None


__all__ = [
    "START",
    "TENANT",
    "Switches",
    "World",
    "demo_spec",
    "quick_files",
    "repeatable_ids",
    "stage",
]
