"""The ledger of a deployment, as Airflow's connection names it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfxero.ledger import Ledger

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
