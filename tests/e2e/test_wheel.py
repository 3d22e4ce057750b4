"""The wheel holds all that an Airflow without this checkout needs."""

import configparser
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.e2e.world import ROOT, SLOW, clean_environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel of this checkout, built as a release would build it."""
    folder = tmp_path_factory.mktemp("wheel")
    # Without isolation no network is needed: the build backend is among the dev extras.
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    done = subprocess.run(
        [*build, "--outdir", str(folder), str(ROOT)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=SLOW,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("sfxero-*.whl")
    return zipfile.Path(path)


def members(wheel: zipfile.Path) -> set[str]:
    """Return the files of the wheel."""
    return set(wheel.root.namelist())


def test_the_wheel_holds_the_library_and_nothing_else(wheel: zipfile.Path) -> None:
    here = ROOT / "plugins"
    ours = {str(one.relative_to(here)) for one in (here / "sfxero").rglob("*.py")}
    assert ours <= members(wheel)
    assert {name.split("/")[0] for name in members(wheel)} == {"sfxero", info(wheel).name}
    assert "sfxero/py.typed" in members(wheel)


def test_the_wheel_carries_routes_suites_fields_and_the_reports_page(wheel: zipfile.Path) -> None:
    declared = {
        f"sfxero/include/{one.relative_to(ROOT / 'include')}"
        for one in (ROOT / "include").rglob("*")
        if one.is_file()
    }
    fields = "sfxero/include/salesforce/force-app/main/default/objects/Opportunity/fields"
    assert f"{fields}/Xero_Invoice_Id__c.field-meta.xml" in declared
    assert "sfxero/include/mappings/demo.yaml" in declared
    assert declared | {"sfxero/proof/templates/report.html.j2"} <= members(wheel)


def test_the_wheel_registers_a_provider_and_a_command(wheel: zipfile.Path) -> None:
    entry_points = configparser.ConfigParser()
    entry_points.read_string((info(wheel) / "entry_points.txt").read_text(encoding="utf-8"))
    assert dict(entry_points["apache_airflow_provider"]) == {
        "provider_info": "sfxero.orchestration.provider:get_provider_info"
    }
    assert dict(entry_points["airflow.plugins"]) == {
        "sfxero_run_notes": "sfxero.orchestration.run_notes:RunNotesPlugin"
    }
    assert entry_points["console_scripts"]["sfxero"] == "sfxero.cli.main:app"


def test_the_wheel_alone_finds_its_routes(wheel: zipfile.Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(str(wheel.root.filename)) as archive:
        archive.extractall(tmp_path)
    code = (
        "import json, sfxero; from sfxero.cli.pools import needed_pools;"
        " print(json.dumps([sfxero.__file__, needed_pools()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(PYTHONPATH=str(tmp_path), AIRFLOW_HOME=str(tmp_path / "home")),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    origin, pools = json.loads(done.stdout)
    assert Path(origin).is_relative_to(tmp_path)
    assert set(pools) == {"xero_xero_demo"}


def info(wheel: zipfile.Path) -> zipfile.Path:
    """Return the folder of the wheel's metadata."""
    (found,) = [one for one in wheel.iterdir() if one.name.endswith(".dist-info")]
    return found
