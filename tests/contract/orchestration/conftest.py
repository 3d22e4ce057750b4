"""A deployment: its ledger, and both services, as Airflow's connections name them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sfxero.ledger import Ledger
from sfxero.orchestration import outages
from sfxero.sandbox.server import Sandbox, SandboxSettings, build_sandbox, serving
from sfxero.transport.wire import Wire

ROOT = Path(__file__).parents[3]


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """The ledger that Airflow's connection names."""
    path = tmp_path / "ledger.db"
    connection = {"conn_type": "sqlite", "host": str(path)}
    monkeypatch.setenv("AIRFLOW_CONN_SFXERO_LEDGER", json.dumps(connection))
    monkeypatch.setenv("SFXERO_INCLUDE", str(ROOT / "include"))
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.migrate()
        yield ledger


@contextmanager
def closed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A task leaves its connections to the end of its process, which here is the tests'."""
    opened: list[Wire] = []
    begin = Wire.__init__

    def note(self: Wire, **values: Any) -> None:
        begin(self, **values)
        opened.append(self)

    monkeypatch.setattr(Wire, "__init__", note)
    yield
    for wire in opened:
        wire.close()


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A deployment whose services are the sandbox's."""
    built = build_sandbox(SandboxSettings(accounts=3, opportunities=6))
    with serving(built) as address:
        org = {
            "consumer_key": "sandbox-sf-client",
            "consumer_secret": "sandbox-sf-secret",
            "instance_url": address,
        }
        books = {"login": "sandbox-xero-client", "password": "sandbox-xero-secret"}
        for name, connection in (
            ("SFXERO_LEDGER", {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}),
            ("XERO_DEMO", {"conn_type": "xero", "host": address, **books}),
            ("SALESFORCE_DEMO", {"conn_type": "salesforce", "extra": org}),
        ):
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
        monkeypatch.setenv("SFXERO_INCLUDE", str(ROOT / "include"))
        monkeypatch.setenv("SFXERO_STAGING", str(tmp_path / "staging"))
        monkeypatch.setattr(outages, "_is_last_try", lambda: False)
        with closed_in_the_end(monkeypatch):
            yield built
