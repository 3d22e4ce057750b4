"""The README's recipes, typed as they stand."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tests.docs.pages import ROOT, blocks, read

from sfxero.sandbox.server import SandboxSettings, run_in_thread

ADDRESS = "127.0.0.1:8099"
TOOLS = Path(sys.executable).parent


def recipes() -> tuple[str, str]:
    """Return the ten lines for the sandbox, and the recipe for any server."""
    ten_lines, own_route = (one for one in blocks("README.md", "sh") if "airflow dags test" in one)
    return ten_lines, own_route


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout after `make install`."""
    for name in ("dags", "include"):
        (tmp_path / name).symlink_to(ROOT / name)
    tools = tmp_path / ".venv/bin"
    tools.parent.mkdir()
    tools.symlink_to(TOOLS)
    return tmp_path


def type_in(recipe: str, checkout: Path, url: str) -> str:
    """Type a recipe into a fresh shell, with another address; returns what it prints."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "SFXERO", "PYTHON"))
    }
    script = recipe.replace(ADDRESS, urlsplit(url).netloc)
    assert script != recipe
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=checkout,
        env=kept,
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    assert "gate verdict=passed" in done.stdout + done.stderr
    return done.stdout


@contextmanager
def started() -> Iterator[str]:
    """Run `sfxero sandbox start`, as the README says, but on a free port; yields its address."""
    command = [str(TOOLS / "sfxero"), "sandbox", "start", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found
            yield found[0]
        finally:
            server.terminate()


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_ten_lines_end_in_invoices_of_the_sandbox(checkout: Path) -> None:
    with started() as url:
        # Its own commands know the sandbox's usual port only.
        recipe = re.sub(
            r"^(sfxero sandbox \w+)", rf"\1 --url {url}", recipes()[0], flags=re.MULTILINE
        )
        printed = type_in(recipe, checkout, url)
        state = httpx.get(f"{url}/_sandbox/state").json()
    assert state["salesforce"]["Opportunity"] == 120
    assert state["xero"]["contacts"] > 0
    assert f'"invoices": {state["xero"]["invoices"]}' in printed
    assert state["xero"]["invoices"] > 0


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_a_route_of_ones_own_runs_against_any_other_server(checkout: Path) -> None:
    with run_in_thread(SandboxSettings(accounts=4, opportunities=12)) as url:
        type_in(recipes()[1], checkout, url)
        state = httpx.get(f"{url}/_sandbox/state").json()["xero"]
    assert state["invoices"] > 0


def test_the_recipes_server_is_the_sandbox_at_its_default_port() -> None:
    for recipe in recipes():
        assert recipe.count(ADDRESS) == 2
    assert "`sfxero sandbox start`" in read("README.md")


def test_the_sandboxs_recipe_has_ten_lines() -> None:
    assert len(recipes()[0].splitlines()) == 10
