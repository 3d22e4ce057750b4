"""Whatever happens between runs, staging ends with every record's last version.

Each seed is a history of its own: `SFXERO_EXTRACT_SEEDS=5000` plays more of them, and
`SFXERO_EXTRACT_FIRST=<seed>` begins at a seed that failed.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.sync.extract_history import History

from sfxero.ledger import Ledger
from sfxero.sandbox.server import Sandbox, SandboxSettings, build_sandbox, serving

SEEDS = int(os.environ.get("SFXERO_EXTRACT_SEEDS", "60"))
FIRST = int(os.environ.get("SFXERO_EXTRACT_FIRST", "0"))
GROUP = 20
"""Histories of one test, which share a ledger."""

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def org() -> Iterator[tuple[Sandbox, str]]:
    sandbox = build_sandbox(SandboxSettings(clock_speed=0.0))
    with serving(sandbox) as address:
        yield sandbox, address


@pytest.fixture
def history(org: tuple[Sandbox, str]) -> Iterator[History]:
    # In memory, where there is such a folder: durability is not what is tested here.
    shared = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as name:
        ledger = Ledger(f"sqlite:///{name}/ledger.db", clock=org[0].clock)
        ledger.migrate()
        history = History(*org, ledger=ledger, root=Path(name) / "staging")
        yield history
        history.close()
        ledger.close()


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, GROUP))
def test_staging_ends_with_every_records_last_version(history: History, first: int) -> None:
    for seed in range(first, min(first + GROUP, FIRST + SEEDS)):
        history.play(seed)
        differences = history.differences()
        assert not differences, (
            f"seed {seed}: {differences[:3]}; again by SFXERO_EXTRACT_FIRST={seed} "
            f"SFXERO_EXTRACT_SEEDS=1 pytest {__file__}"
        )
