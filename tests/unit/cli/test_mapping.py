"""`sfxero mapping`: what it prints, and the status it ends with."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from sfxero.cli.main import app
from sfxero.cli.mapping import schema_text

INCLUDE = Path(__file__).parents[3] / "include"


@pytest.fixture
def include(tmp_path, monkeypatch):
    """A copy of the include folder that the commands read."""
    shutil.copytree(INCLUDE, tmp_path / "include")
    monkeypatch.setenv("SFXERO_INCLUDE", str(tmp_path / "include"))
    return tmp_path / "include"


def run(*words):
    return CliRunner().invoke(app, ["mapping", *words])


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_valid_routes_are_listed_with_their_mapping_version(include):
    done = run("validate")
    assert done.exit_code == 0
    assert "route demo, mapping version" in done.stdout


def test_a_mistake_is_named_with_its_line_and_fails(include):
    edit(include / "mappings/demo.yaml", "batch_size:", "batchsize:")
    done = run("validate")
    assert done.exit_code == 1
    assert "'publish.batchsize' is unknown. Did you mean 'batch_size'?" in done.output.replace(
        "\n", " "
    )


def test_no_route_files_is_no_success(include):
    (include / "mappings/demo.yaml").unlink()
    assert run("validate").exit_code == 1


def test_cases_that_hold_end_well_and_one_that_does_not_fails(include):
    assert run("test", "--route", "demo").exit_code == 0
    edit(include / "cases/demo/sales.yaml", 'Total: "209.00"', 'Total: "210.00"')
    done = run("test", "--route", "demo", "--json")
    assert done.exit_code == 1
    differences = [one["differences"] for one in json.loads(done.stdout) if one["differences"]]
    assert differences == [["invoice.Total: expected 210.00, found 209.00"]]


def test_no_cases_or_a_wrong_file_is_a_usage_error(include):
    (include / "cases/demo/sales.yaml").write_text("cases: []\n", encoding="utf-8")
    assert run("test", "--route", "demo").exit_code == 2
    (include / "cases/demo/sales.yaml").unlink()
    assert run("test", "--route", "demo").exit_code == 2


def test_the_published_schema_is_the_models():
    published = (INCLUDE / "mappings/route.schema.json").read_text(encoding="utf-8")
    assert published == schema_text() == run("schema").stdout


def test_the_schema_takes_the_demo_and_refuses_a_misspelt_key():
    schema = json.loads(schema_text())
    route = yaml.load((INCLUDE / "mappings/demo.yaml").read_text("utf-8"), Loader=yaml.SafeLoader)
    jsonschema.Draft202012Validator(schema).validate(route)
    with pytest.raises(jsonschema.ValidationError, match="batchsize"):
        jsonschema.validate(route | {"publish": {"batchsize": 50}}, schema)
