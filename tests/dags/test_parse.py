"""Parsing our DAG files is cheap, and touches nothing but them and the route files."""

import sys
import zoneinfo
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = frozenset({"pandas", "pyarrow", "numpy", "scipy", "great_expectations", "alembic"})
FOR_TASKS_ONLY = (
    "sfxero.cli",
    "sfxero.ledger",
    "sfxero.quality",
    "sfxero.ratelimit",
    "sfxero.salesforce",
    "sfxero.sandbox",
    "sfxero.staging",
    "sfxero.sync",
    "sfxero.transport",
    "sfxero.xero",
    "sfxero.orchestration.hooks",
)
NAUGHTY = """
import socket
from pathlib import Path

import pandas
from airflow.sdk import DAG

import sfxero.ledger.ledger

text = Path(r"{secret}").read_text()
with socket.socket() as one:
    one.connect_ex(("127.0.0.1", 9))
DAG("naughty", schedule=None)
"""

pytestmark = [pytest.mark.dag, pytest.mark.timeout(180)]


def test_every_dag_file_parses_without_an_import_error(parsed: Any) -> None:
    assert parsed["import_errors"] == {}
    assert parsed["files"] == sorted(one.name for one in (ROOT / "dags").glob("*.py"))


def test_parsing_all_files_takes_less_than_a_second(parsed: Any) -> None:
    # Time of the processor and not of the clock: another process must not make this fail.
    assert parsed["cpu_s"] < 1.0


def test_parsing_imports_no_heavy_library(parsed: Any) -> None:
    assert roots(parsed["loaded"]) & HEAVY == set()


def test_parsing_imports_no_client_and_no_ledger(parsed: Any) -> None:
    assert tasks_only(parsed["loaded"]) == []


def test_parsing_reaches_no_network_database_or_process(parsed: Any) -> None:
    assert parsed["reached"] == []


def test_parsing_reads_the_dag_files_and_the_route_files_only(
    parsed: Any, two_routes: Path
) -> None:
    routes = set(map(str, (two_routes / "mappings").glob("*.yaml")))
    assert routes <= set(parsed["opened"])
    assert read_by_us(parsed["opened"]) - routes == set()


def test_the_probe_would_see_a_dag_file_that_does_all_of_that(probe: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a file that is no route")
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "naughty.py").write_text(NAUGHTY.format(secret=secret))
    (dags / "broken.py").write_text("from airflow.sdk import DAG\nraise OSError\n")
    seen = probe("parse", dags)
    assert [Path(one).name for one in seen["import_errors"]] == ["broken.py"]
    assert {"pandas", "numpy"} <= roots(seen["loaded"]) & HEAVY
    assert "sfxero.ledger.ledger" in tasks_only(seen["loaded"])
    assert str(secret) in read_by_us(seen["opened"])
    assert [one for one in seen["reached"] if one.startswith("socket.connect")]


def roots(modules: Iterable[str]) -> set[str]:
    """Return the top-level names of modules."""
    return {one.split(".")[0] for one in modules}


def tasks_only(modules: Iterable[str]) -> list[str]:
    """Return the modules of ours that only a running task may import."""
    return [one for one in modules if f"{one}.".startswith(tuple(f"{a}." for a in FOR_TASKS_ONLY))]


def read_by_us(opened: Iterable[str]) -> set[str]:
    """Return what was opened besides code, the interpreter's own files and the DAG folder."""
    installed = (sys.prefix, sys.base_prefix, str(ROOT / "dags"), *zoneinfo.TZPATH)
    return {
        one
        for one in opened
        if "__pycache__" not in one
        and not one.endswith((".py", ".pyc", ".so"))
        and not one.startswith(installed)
    }
