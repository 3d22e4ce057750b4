"""The simulation can fail: each deliberate defect of our code is found, and by which promise."""

from collections.abc import Iterator
from itertools import chain

import pytest
from tests.simulation.defects import DEFECTS, Defect
from tests.simulation.history import simulate

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(1800)]

MOST_SEEDS = 200
LEAST_DEFECTS = 12


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name)
def test_the_defect_is_found_within_two_hundred_seeds(defect: Defect) -> None:
    for seed in _seeds(defect):
        with defect.switched_on():
            violations = simulate(seed).violations
        broken = {one.partition(":")[0] for one in violations}
        if broken & defect.found_by:
            print(f"seed {seed}: {sorted(broken & defect.found_by)}")  # noqa: T201 - the proof
            return
    pytest.fail(f"{MOST_SEEDS} seeds did not notice that {defect.name}")


def test_there_are_enough_defects_and_without_them_all_is_well() -> None:
    assert len(DEFECTS) >= LEAST_DEFECTS
    for seed in {one.seed for one in DEFECTS}:
        assert not simulate(seed).violations, seed


def _seeds(defect: Defect) -> Iterator[int]:
    """All two hundred, but first the one that found it last: it mostly does so again."""
    return iter(dict.fromkeys(chain([defect.seed], range(MOST_SEEDS))))
