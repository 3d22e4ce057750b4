"""What the benchmark of prepare measures still runs, at a size that measures nothing."""

import importlib
from pathlib import Path

import pytest

from sfxero.mapping.loader import load_route

LINES = 400


@pytest.mark.parametrize("way", ["bound", "build", "prepare"])
def test_each_way_takes_all_rows(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    names = ("prepare_ways", "prepare_rows", "stores")
    ways, rows, stores = (importlib.import_module(name) for name in names)
    rows.stage(tmp_path / "staging", load_route(ways.DEMO), lines=LINES)

    with stores.fresh(None, tmp_path) as ledger:
        done = ways.WAYS[way](tmp_path, ledger)(ways.Watch())

    assert done == LINES
