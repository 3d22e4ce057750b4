"""A route file with a mistake is the trouble of that route alone, and in plain sight."""

import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DAG_FILES = sorted(path.stem for path in (ROOT / "dags").glob("*.py"))

pytestmark = [pytest.mark.dag, pytest.mark.timeout(180)]


ODD_NAMES = {"demo (copy).yaml": "demo--copy-", "x" * 240 + ".yaml": "x" * 40 + "-"}
"""Names that no DAG can have, and what is left of them in one."""


@pytest.fixture(scope="module")
def beside_files(probe: Any, two_routes: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a parse finds among files that no DAG can be named after."""
    include = tmp_path_factory.mktemp("odd") / "include"
    shutil.copytree(two_routes, include)
    second = include / "mappings" / "second.yaml"
    for name in ODD_NAMES:
        shutil.copy(second, second.with_name(name))
    # While a file is edited, Emacs keeps such a link beside it, which leads nowhere.
    second.with_name(".#demo.yaml").symlink_to("pat@desk.4711")
    return probe("parse", ROOT / "dags", settings_of_test={"SFXERO_INCLUDE": str(include)})


def test_no_name_of_a_file_takes_down_the_other_routes(parsed: Any, beside_files: Any) -> None:
    assert beside_files["import_errors"] == {}
    for file in DAG_FILES:
        assert beside_files["dags"][f"{file}__demo"] == parsed["dags"][f"{file}__demo"]


def test_a_file_whose_name_no_dag_can_have_is_refused_by_a_name_like_it(beside_files: Any) -> None:
    names = {name for name in beside_files["dags"] if name.startswith("sweep__")}
    odd = {f"sweep__{one}" for one in ODD_NAMES.values()}
    assert names == {"sweep__demo", "sweep__second"} | odd
    assert all("refused" in beside_files["dags"][one]["tags"] for one in odd)


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
