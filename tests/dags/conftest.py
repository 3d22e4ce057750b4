"""Airflow in processes of their own: what a test asks of it was never imported before."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROBES = Path(__file__).parent / "probes"
SECOND_ROUTE = {
    "route: demo": "route: second",
    '"@hourly"': '"15 4 * * *"\ntimezone: Australia/Sydney',
    "connection: xero_demo": "connection: xero_books",
    "lanes: 3": "lanes: 2",
    "status: AUTHORISED": "status: AUTHORISED\n  email: true",
}
"""How a second route differs from the demo's."""

Probe = Callable[..., Any]


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Probe:
    """Run a script of `probes/` in a fresh Airflow home, and return what it wrote down."""
    home = tmp_path_factory.mktemp("airflow")
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }
    # What the caller's shell has set must not decide; its PATH and locale may stay.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "SFXERO", "PYTHON"))
    }

    def run(name: str, *arguments: Path, settings_of_test: Mapping[str, str] | None = None) -> Any:
        answer = tmp_path_factory.mktemp("answer") / f"{name}.json"
        done = subprocess.run(
            [sys.executable, str(PROBES / f"{name}.py"), str(answer), *map(str, arguments)],
            env={**kept, **settings, **(settings_of_test or {})},
            cwd=home,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, f"{name} failed:\n{done.stdout}\n{done.stderr}"
        return json.loads(answer.read_text(encoding="utf-8"))

    return run


@pytest.fixture(scope="session")
def two_routes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An include folder with the demo's route and a second one."""
    mappings = tmp_path_factory.mktemp("include") / "mappings"
    mappings.mkdir()
    text = (ROOT / "include" / "mappings" / "demo.yaml").read_text(encoding="utf-8")
    (mappings / "demo.yaml").write_text(text, encoding="utf-8")
    for old, new in SECOND_ROUTE.items():
        assert old in text, f"the demo's route has no longer {old}"
        text = text.replace(old, new)
    (mappings / "second.yaml").write_text(text, encoding="utf-8")
    return mappings.parent


@pytest.fixture(scope="session")
def parsed(probe: Probe, two_routes: Path) -> Any:
    """What a parse of all our DAG files found and touched, with two routes."""
    return probe("parse", ROOT / "dags", settings_of_test={"SFXERO_INCLUDE": str(two_routes)})
