"""The story of docs/customising.md, done as it says."""

import shutil
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, blocks
from typer.testing import CliRunner

from sfxero.cli.main import app

PAGE = "docs/customising.md"


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "include", tmp_path / "include")
    monkeypatch.setenv("SFXERO_INCLUDE", str(tmp_path / "include"))
    return tmp_path / "include"


def test_a_field_a_condition_and_a_function_are_added_without_touching_the_library(
    include: Path,
) -> None:
    (function,) = blocks(PAGE, "python")
    route, cases = blocks(PAGE, "yaml")
    (include / "functions").mkdir()
    (include / "functions/cost_centre.py").write_text(function, encoding="utf-8")
    (include / "cases/demo/own.yaml").write_text(cases, encoding="utf-8")
    (include / "cases/demo/sales.yaml").unlink()
    demo = include / "mappings/demo.yaml"
    text = demo.read_text(encoding="utf-8")
    (old,) = [line for line in text.splitlines() if line.startswith("  reference:")]
    demo.write_text(text.replace(f"{old}\n", route), encoding="utf-8")
    runner = CliRunner()

    (told,) = [one for one in blocks(PAGE, "") if "mapping validate" in one]
    for command in told.splitlines():
        done = runner.invoke(app, command.split()[1:])
        assert done.exit_code == 0, done.output


def test_the_demos_own_cases_do_not_hold_any_more_as_the_page_says(include: Path) -> None:
    route, _ = blocks(PAGE, "yaml")
    demo = include / "mappings/demo.yaml"
    text = demo.read_text(encoding="utf-8")
    (old,) = [line for line in text.splitlines() if line.startswith("  reference:")]
    changed = route.replace(", with: cost_centre", "")
    demo.write_text(text.replace(f"{old}\n", changed), encoding="utf-8")
    assert CliRunner().invoke(app, ["mapping", "test", "--route", "demo"]).exit_code == 1
