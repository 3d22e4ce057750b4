"""A seed is the whole story: the same one lives through the same events, in any process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulation.history import simulate

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
FIRST, COUNT = 40, 4


def test_a_seed_repeats_itself_whatever_was_lived_through_before() -> None:
    before = simulate(FIRST)
    simulate(FIRST + 1)

    again = simulate(FIRST)

    assert again.log == before.log
    assert again.digest == before.digest


def test_different_seeds_differ() -> None:
    assert simulate(FIRST).digest != simulate(FIRST + 1).digest


def test_a_seed_does_not_depend_on_how_python_hashes() -> None:
    first, second = (_digests(hash_seed) for hash_seed in ("1", "2"))

    assert len(first) == COUNT
    assert first == second
    assert first[str(FIRST)] == simulate(FIRST).digest


def _digests(hash_seed: str) -> dict[str, str]:
    command = [sys.executable, "-m", "tests.simulation", "--digests", "--processes", "1"]
    done = subprocess.run(
        [*command, "--first", str(FIRST), "--seeds", str(COUNT)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(re.findall(r"^(\d+) ([0-9a-f]{64})$", done.stdout, re.MULTILINE))
