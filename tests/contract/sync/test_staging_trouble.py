"""A disk that is full, or a place where nobody may write: a clear error, and nothing lost."""

from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest
from tests.contract.sync.kit import World

from sfxero.errors import StagingError
from sfxero.model.states import Entity, WindowState
from sfxero.sync import preflight

FULL = Path("/dev/full")
FORBIDDEN = Path("/sys/staging")
"""Not even root makes files among the kernel's."""

pytestmark = pytest.mark.contract


class FullDisk(type(Path())):  # type: ignore[misc]
    """A folder on a disk without room: its files can be made, and nothing can be written."""

    def open(self, mode: str = "r", *args: Any, **kwargs: Any) -> IO[Any]:
        if "w" not in mode:
            return super().open(mode, *args, **kwargs)
        super().open(mode).close()
        return FULL.open(mode, *args, **kwargs)


@pytest.fixture
def deal(world: World) -> str:
    """A won opportunity that no run has read yet."""
    world.run("first")
    deal = world.won(world.account("Late"), "100")
    world.sleep(60)
    return deal


def places(tmp_path: Path) -> dict[str, Path]:
    return {"full": FullDisk(tmp_path / "full"), "forbidden": FORBIDDEN}


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("place", "words"), [("full", "No space left on device"), ("forbidden", "/sys/")]
)
def test_a_run_that_cannot_stage_ends_with_a_clear_error_and_the_next_one_sends_all(
    world: World, deal: str, tmp_path: Path, place: str, words: str
) -> None:
    scope = replace(world.begin("no room"), root=places(tmp_path)[place])

    with pytest.raises(StagingError, match=words) as caught:
        world.stage(scope)

    assert "nothing is lost" in (caught.value.hint or "")
    windows = world.ledger.windows.of_run(scope.run_id)
    assert {one.state for one in windows} == {WindowState.OPEN}
    report = world.run("next")
    assert report.missing_count == 0
    assert world.link(deal, Entity.INVOICE) is not None
    assert len(world.invoices) == 1


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("place", ["full", "forbidden"])
def test_facts_of_the_organisation_that_cannot_be_kept_are_told_of(
    world: World, tmp_path: Path, place: str
) -> None:
    scope = replace(world.scope("no room"), root=places(tmp_path)[place])

    with pytest.raises(StagingError, match="cannot be written"):
        preflight.read_organisation(scope, world.accounting)
