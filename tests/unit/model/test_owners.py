import pytest

from sfxero.model.ids import RunId
from sfxero.model.owners import owner_name, run_of


@pytest.mark.parametrize("run_id", ["demo/manual__2026-11-01T00:00:00+00:00", "r", "a/b/c"])
def test_a_worker_is_named_so_that_its_run_can_be_told(run_id: str) -> None:
    assert run_of(owner_name(RunId(run_id), "contact", 3, token="ab12")) == run_id


@pytest.mark.parametrize("owner", [None, "", "w1", "a/b/c", "/contact/0/ab"])
def test_another_name_tells_no_run(owner: str | None) -> None:
    assert run_of(owner) is None
