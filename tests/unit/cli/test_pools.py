import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sfxero.cli.main import app
from sfxero.cli.pools import needed_pools

DEMO = Path(__file__).parents[3] / "include" / "mappings" / "demo.yaml"


@pytest.fixture
def mappings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "mappings"
    folder.mkdir()
    monkeypatch.setenv("SFXERO_INCLUDE", str(tmp_path))
    (folder / "demo.yaml").write_text(DEMO.read_text())
    return folder


def add_route(folder: Path, name: str, connection: str) -> None:
    text = DEMO.read_text().replace("route: demo", f"route: {name}")
    (folder / f"{name}.yaml").write_text(text.replace("xero_demo", connection))


def test_each_xero_connection_has_one_pool_as_wide_as_xero_allows(mappings: Path) -> None:
    add_route(mappings, "other", "xero_other")
    add_route(mappings, "twin", "xero_other")

    pools = needed_pools()

    assert set(pools) == {"xero_xero_demo", "xero_xero_other"}
    assert all(one["slots"] == 5 and one["include_deferred"] for one in pools.values())


def test_the_command_prints_what_airflow_imports(mappings: Path) -> None:
    printed = CliRunner().invoke(app, ["pools"])

    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == needed_pools()
