"""A route file with a mistake is the trouble of that route alone, and in plain sight."""

import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DAG_FILES = sorted(path.stem for path in (ROOT / "dags").glob("*.py"))

pytestmark = [pytest.mark.dag, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def beside_a_mistake(probe: Any, two_routes: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a parse finds when one of two route files has a misspelt key."""
    include = tmp_path_factory.mktemp("broken") / "include"
    shutil.copytree(two_routes, include)
    second = include / "mappings" / "second.yaml"
    text = second.read_text(encoding="utf-8")
    second.write_text(text.replace("schedule:", "schedul:"), encoding="utf-8")
    return probe("parse", ROOT / "dags", settings_of_test={"SFXERO_INCLUDE": str(include)})


def test_the_other_routes_keep_their_dags(parsed: Any, beside_a_mistake: Any) -> None:
    assert beside_a_mistake["import_errors"] == {}
    for file in DAG_FILES:
        assert beside_a_mistake["dags"][f"{file}__demo"] == parsed["dags"][f"{file}__demo"]


@pytest.mark.parametrize("file", DAG_FILES)
def test_the_refused_route_has_dags_that_say_what_is_wrong(
    beside_a_mistake: Any, file: str
) -> None:
    dag = beside_a_mistake["dags"][f"{file}__second"]
    assert "refused" in dag["tags"]
    for text in ("second.yaml", "'schedul' is unknown", "Did you mean 'schedule'?"):
        assert text in dag["doc_md"]


@pytest.mark.parametrize("file", DAG_FILES)
def test_the_refused_route_has_nothing_to_run_but_its_failure(
    beside_a_mistake: Any, file: str
) -> None:
    tasks = beside_a_mistake["dags"][f"{file}__second"]["tasks"]
    assert {task_id: task["retries"] for task_id, task in tasks.items()} == {"refused": 0}
