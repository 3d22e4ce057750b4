"""One served sandbox for all tests, emptied for each, with its clock standing still."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.sync.crediting import HOUR
from tests.contract.sync.kit import World, empty, standing_still

from sfxero.ledger import Ledger
from sfxero.model.ids import RouteName
from sfxero.sandbox.server import Sandbox


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Sandbox, str]]:
    with standing_still() as served:
        yield served


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("ledger") / "empty.db"
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.migrate()
    return path


@pytest.fixture
def world(served: tuple[Sandbox, str], empty_ledger: Path, tmp_path: Path) -> Iterator[World]:
    sandbox, address = served
    empty(sandbox)
    path = tmp_path / "ledger.db"
    shutil.copy(empty_ledger, path)
    world = World(sandbox, address, tmp_path, f"sqlite:///{path}")
    world.org_switch(job_delay_s=0, line_edit_touches_opportunity=True)
    yield world
    # Whatever a test lets happen, the log tells all of it.
    report = world.ledger.audit.verify(RouteName("demo"))
    world.close()
    assert report.is_valid, report


@pytest.fixture
def sold(world: World) -> str:
    """An opportunity of two lines, 100 and 50, with an approved invoice to be credited."""
    world.respec(invoices={"on_change": "credit_note"})
    opportunity = world.won(world.account(), "100", "50")
    world.run()
    world.sleep(HOUR)
    world.forget_calls()
    return opportunity
