"""Airflow's plugin manager leaves the library alone, mounted or installed.

It imports every file below the plugins folder under its bare name, unless an ignore file says no:
a `queue.py` of ours would then replace the standard library's in every Airflow process.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
LOADED_BY_ENTRY_POINTS = {
    "sfxero",
    "sfxero.orchestration",
    "sfxero.orchestration.provider",
    "sfxero.orchestration.run_notes",
}

pytestmark = [pytest.mark.dag, pytest.mark.timeout(180)]


def scanned(probe: Any, plugins: Path, *, ours: Path = PLUGINS, **settings: str) -> Any:
    """Start the plugin manager on a folder."""
    airflow = {"AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins), **settings}
    return probe("plugins", ours, settings_of_test=airflow)


@pytest.fixture(scope="module")
def installed(probe: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What was loaded where the package is installed, and the plugins folder is empty."""
    return scanned(probe, tmp_path_factory.mktemp("plugins"))


@pytest.mark.parametrize("syntax", ["glob", "regexp"])
def test_a_mounted_library_is_not_scanned(probe: Any, syntax: str) -> None:
    seen = scanned(probe, PLUGINS, AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX=syntax)
    assert seen["import_errors"] == {}
    assert set(seen["modules"]) <= LOADED_BY_ENTRY_POINTS
    assert len(set(seen["modules"].values())) == len(seen["modules"])
    assert not seen["queue_is_ours"]


def test_an_installed_library_registers_itself_once(installed: Any) -> None:
    assert installed["import_errors"] == {}
    assert set(installed["modules"]) <= LOADED_BY_ENTRY_POINTS
    assert len(set(installed["modules"].values())) == len(installed["modules"])
    assert not installed["queue_is_ours"]


def test_without_its_ignore_file_the_library_would_be_scanned(probe: Any, tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    for name in ("errors.py", "model", "sync/lookup.py"):
        source, copy = PLUGINS / "sfxero" / name, plugins / "sfxero" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            shutil.copy(source, copy)
    (plugins / "sfxero" / "queue.py").write_text("MINE = True\n")
    seen = scanned(probe, plugins, ours=plugins)
    assert {"errors", "states", "lookup", "queue"} <= set(seen["modules"])
    assert seen["queue_is_ours"]
    shutil.copy(PLUGINS / ".airflowignore", plugins)
    assert scanned(probe, plugins, ours=plugins)["modules"] == {}


def test_no_module_of_ours_is_named_like_one_of_the_standard_library() -> None:
    names = {path.stem for path in PLUGINS.rglob("*.py")} | {
        path.parent.name for path in PLUGINS.rglob("__init__.py")
    }
    assert {"errors", "sandbox"} <= names
    assert names & sys.stdlib_module_names == set()


def test_the_connection_form_knows_the_type_xero(installed: Any) -> None:
    form = installed["xero"]
    assert (form["name"], form["package"]) == ("Xero", "sfxero")
    assert form["fields"] == {
        "flow": "Flow",
        "authorize_url": "Consent address",
        "ledger_conn_id": "Ledger connection",
        "token_url": "Token address",
        "tenant_id": "Tenant ID",
        "scopes": "Scopes",
    }
    assert form["behaviour"]["relabeling"]["login"] == "Client ID"
    assert set(form["behaviour"]["hidden_fields"]) == {"port", "schema", "extra"}


def test_the_hook_of_the_connection_type_can_be_imported_and_tested(installed: Any) -> None:
    assert installed["xero"]["hook_class"] == "sfxero.orchestration.hooks.xero.XeroHook"
    assert installed["xero"]["is_testable"]
