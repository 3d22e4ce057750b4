"""The world around a real run: a sandbox process, an Airflow home, and looks into both."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).parents[2]
ROUTE = "own_books"
DAG_ID = f"salesforce_to_xero__{ROUTE}"
SHOW_ID = f"xero_to_salesforce__{ROUTE}"
DRAIN_ID = f"outbox_drain__{ROUTE}"
OWN_ROUTE = {
    "route: demo": f"route: {ROUTE}",
    "connection: salesforce_demo": "connection: own_crm\n  rows_per_reader: 100",
    "connection: xero_demo": "connection: own_xero",
    "lanes: 3": "lanes: 2",
    "batch_size: 50 ": "batch_size: 10 ",
    "days: 14": "days: 30",
    '"SF-{Opportunity_Number__c}"': '"WON-{Opportunity_Number__c}"',
}
"""How the route of these tests differs from the demo's."""
DUE_DAYS = 30
QUICK = 60.0
SLOW = 240.0
WRITES = frozenset({"PUT", "POST", "PATCH", "DELETE"})

Row = Mapping[str, Any]


def clean_environment(**settings: str) -> dict[str, str]:
    """Return the caller's environment without anything that could decide for the product."""
    dropped = ("AIRFLOW", "SFXERO", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, **settings}


def wait_for(
    is_so: Callable[[], bool], *, limit_s: float, what: str, every_s: float = 0.05
) -> None:
    """Return as soon as something holds; an AssertionError names it if it never does."""
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not come true within {limit_s:.0f} s"
        time.sleep(every_s)


class SandboxProcess:
    """A sandbox in a process of its own, seen through its control plane."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=f"{url}/_sandbox", timeout=30)

    def get(self, path: str, /, **query: str | int) -> Any:
        return self._answer(self._http.get(path, params=query))

    def post(self, path: str, /, **body: Any) -> Any:
        return self._answer(self._http.post(path, json=body))

    def delete(self, path: str) -> Any:
        return self._answer(self._http.delete(path))

    def rows(self, object_name: str) -> list[Row]:
        """Return the live rows of a Salesforce object."""
        every = self.get(f"/salesforce/{object_name}")
        return [row for row in every if not row["IsDeleted"]]

    def last_number(self) -> int:
        """Return the number of the newest request, to look behind it later."""
        return max((one["number"] for one in self.get("/journal")), default=0)

    def writes(self, *, after: int = 0) -> list[Row]:
        """Return the requests that changed, or tried to change, a record of either service."""
        return [one for one in self.get("/journal", after=after) if is_write(one)]

    def close(self) -> None:
        self._http.close()

    def _answer(self, reply: httpx.Response) -> Any:
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None


def is_write(request: Row) -> bool:
    """Say whether a request writes records; token requests and query jobs do not."""
    path = str(request["path"])
    is_read = "/oauth2/" in path or "/jobs/query" in path or path == "/connect/token"
    return request["method"] in WRITES and not is_read


@contextmanager
def running_sandbox(folder: Path, *, accounts: int, opportunities: int) -> Iterator[SandboxProcess]:
    """Start a seeded sandbox on a free port, over a real socket, and end it."""
    log = folder / "sandbox.log"
    size = ["--accounts", str(accounts), "--opportunities", str(opportunities), "--seed", "7"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "sfxero.cli.main", "sandbox", "start", "--port", "0", *size],
            env=clean_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        ready = re.compile(r"ready at (http://\S+)")
        wait_for(
            lambda: bool(ready.search(log.read_text())) or process.poll() is not None,
            limit_s=QUICK,
            what="a ready sandbox",
        )
        found = ready.search(log.read_text())
        assert found, log.read_text()
        with closing(SandboxProcess(found.group(1))) as sandbox:
            yield sandbox
    finally:
        process.terminate()
        process.wait(QUICK)


@dataclass(frozen=True, slots=True)
class Deployment:
    """An Airflow home with a route of its own, joined to a sandbox by connections alone."""

    home: Path
    environment: Mapping[str, str]

    @classmethod
    def create(cls, home: Path, *, database: Path, sandbox_url: str) -> "Deployment":
        """Lay out a home around a copy of a migrated database."""
        shutil.copy(database, home / "airflow.db")
        shutil.copytree(ROOT / "include", home / "own")
        own_route(home / "own" / "mappings")
        settings = airflow_settings(home)
        named = connections_to(sandbox_url)
        return cls(home, clean_environment(**settings, **named, SFXERO_INCLUDE=str(home / "own")))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start an Airflow command in a process group of its own."""
        with (self.home / "output.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_run(
        self, dag_id: str = DAG_ID, *, params: Row | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a run of one of the route's DAGs."""
        told = ["--conf", json.dumps(params)] if params else []
        return self.start("dags", "test", dag_id, *told)

    def run(self, dag_id: str = DAG_ID, *, params: Row | None = None) -> None:
        """Run one of the route's DAGs to its end; it must succeed."""
        self.finish(self.start_run(dag_id, params=params))

    def finish(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a run, which must succeed."""
        try:
            code = process.wait(SLOW)
        finally:
            kill_group(process)
        assert code == 0, self.last_words()

    def last_words(self) -> str:
        """Return the end of what Airflow said."""
        return (self.home / "output.log").read_text(encoding="utf-8", errors="replace")[-6000:]

    def ledger(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """Ask the route's ledger, past the product's own code."""
        path = self.home / "sfxero" / "ledger.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(query, values).fetchall()

    def task_states(self, dag_id: str) -> dict[str, str]:
        """Return how the tasks of the newest run of a DAG ended, as Airflow itself has it."""
        path = self.home / "airflow.db"
        states = (
            "SELECT task_id || '/' || map_index, state FROM task_instance"
            " WHERE dag_id = ?1 AND run_id ="
            " (SELECT run_id FROM dag_run WHERE dag_id = ?1 ORDER BY id DESC LIMIT 1)"
        )
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            return dict(connection.execute(states, (dag_id,)).fetchall())

    def last_run(self) -> str:
        """Return the id of the newest run."""
        ((run_id,),) = self.ledger("SELECT run_id FROM runs ORDER BY started_at DESC LIMIT 1")
        return str(run_id)

    def dispositions(self, run_id: str) -> list[tuple[Any, ...]]:
        """Return entity, id and end of every record of a run."""
        return self.ledger(
            "SELECT entity, source_id, disposition FROM dispositions WHERE run_id = ?", run_id
        )

    def lost_records(self, run_id: str) -> list[tuple[Any, ...]]:
        """Return what a run read and did not end."""
        return self.ledger(
            "SELECT entity, source_id FROM run_records WHERE run_id = ?"
            " EXCEPT SELECT entity, source_id FROM dispositions WHERE run_id = ?",
            run_id,
            run_id,
        )

    def quarantined(self) -> dict[str, set[str]]:
        """Return the rules that hold opportunities back, by opportunity."""
        found: dict[str, set[str]] = {}
        for source_id, rule in self.ledger(
            "SELECT source_id, rule FROM quarantine"
            " WHERE cleared_at IS NULL AND entity = 'opportunity'"
        ):
            found.setdefault(source_id, set()).add(rule)
        return found


def connections_to(sandbox_url: str) -> dict[str, str]:
    """Return the route's connections, which lead to a sandbox."""
    salesforce = {"consumer_key": "sandbox-sf-client", "consumer_secret": "sandbox-sf-secret"}
    connections: dict[str, Row] = {
        "OWN_CRM": {
            "conn_type": "salesforce",
            "extra": {**salesforce, "instance_url": sandbox_url},
        },
        "OWN_XERO": {
            "conn_type": "xero",
            "host": sandbox_url,
            "login": "sandbox-xero-client",
            "password": "sandbox-xero-secret",
        },
    }
    return {f"AIRFLOW_CONN_{name}": json.dumps(one) for name, one in connections.items()}


def airflow_settings(home: Path) -> dict[str, str]:
    """Return what every Airflow of these tests is told."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }


def own_route(mappings: Path) -> None:
    """Replace the demo's route in a folder by one that differs wherever it may."""
    demo = mappings / "demo.yaml"
    text = demo.read_text(encoding="utf-8")
    for old, new in OWN_ROUTE.items():
        assert old in text, f"the demo's route has no longer {old}"
        text = text.replace(old, new)
    demo.unlink()
    (mappings / f"{ROUTE}.yaml").write_text(text, encoding="utf-8")


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a process and all of its group, without a warning."""
    members = [psutil.Process(process.pid)] if process.poll() is None else []
    members += members[0].children(recursive=True) if members else []
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(QUICK)
    _, alive = psutil.wait_procs(members, timeout=QUICK)
    assert not alive, f"these outlived their group: {alive}"


@dataclass(frozen=True, slots=True)
class Books:
    """What Xero and Salesforce hold, as the sandbox itself knows it."""

    contacts: list[Row]
    invoices: list[Row]
    won: Mapping[str, Row]
    """Each won opportunity, by id, with the sandbox's own judgement of it."""
    opportunities: Mapping[str, Row]
    lines: list[Row]
    families: Mapping[str, str | None]
    refused_by_limit: Mapping[str, int]

    @classmethod
    def read(cls, sandbox: SandboxProcess) -> "Books":
        """Read both sides."""
        xero = sandbox.get("/state", full=1)["xero"]
        return cls(
            contacts=xero["contact_rows"],
            invoices=xero["invoice_rows"],
            won=sandbox.get("/salesforce/truth"),
            opportunities={row["Id"]: row for row in sandbox.rows("Opportunity")},
            lines=sandbox.rows("OpportunityLineItem"),
            families={row["Id"]: row["Family"] for row in sandbox.rows("Product2")},
            refused_by_limit=xero["refused_by_limit"],
        )

    @property
    def good(self) -> set[str]:
        """The opportunities that must have an invoice."""
        return {one for one, facts in self.won.items() if facts["good"]}

    def invoices_by_opportunity(self) -> dict[str, list[Row]]:
        """Return the invoices under the opportunity that their address names."""
        found: dict[str, list[Row]] = {}
        for invoice in self.invoices:
            found.setdefault(str(invoice["url"]).split("/")[-2], []).append(invoice)
        return found

    def contact_numbers(self) -> list[str | None]:
        """Return each contact's external id: the account's."""
        return [one["texts"].get("ContactNumber") for one in self.contacts]


def assert_once_each(books: Books) -> None:
    """Each good opportunity has one invoice over its amount, no other has any, no contact twice."""
    by_opportunity = books.invoices_by_opportunity()
    assert set(by_opportunity) == books.good
    assert [one for one, found in by_opportunity.items() if len(found) != 1] == []
    for source_id, (invoice,) in by_opportunity.items():
        assert Decimal(invoice["sub_total"]) == Decimal(books.won[source_id]["amount"])
    numbers = books.contact_numbers()
    assert None not in numbers
    assert len(set(numbers)) == len(numbers)
