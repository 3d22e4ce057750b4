"""The README's recipe, typed as it stands."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tests.docs.pages import ROOT, blocks, read

from sfxero.sandbox.server import SandboxSettings, run_in_thread

ADDRESS = "127.0.0.1:8099"


def recipe() -> str:
    found = [one for one in blocks("README.md", "sh") if "airflow dags test" in one]
    assert len(found) == 1
    return found[0]


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_a_route_of_ones_own_runs_against_any_other_server(tmp_path: Path) -> None:
    for name in ("dags", "include"):
        (tmp_path / name).symlink_to(ROOT / name)
    tools = tmp_path / ".venv/bin"
    tools.parent.mkdir()
    tools.symlink_to(Path(sys.executable).parent)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "SFXERO", "PYTHON"))
    }
    with run_in_thread(SandboxSettings(accounts=4, opportunities=12)) as url:
        script = recipe().replace(ADDRESS, urlsplit(url).netloc)
        assert script != recipe()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=kept,
            capture_output=True,
            text=True,
            timeout=560,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        state = httpx.get(f"{url}/_sandbox/state").json()["xero"]
    assert state["invoices"] > 0
    assert "gate verdict=passed" in done.stdout + done.stderr


def test_the_recipes_server_is_the_sandbox_at_its_default_port() -> None:
    assert recipe().count(ADDRESS) == 2
    assert "`sfxero sandbox start`" in read("README.md")
