"""The simulation can fail: each deliberate defect of our code is found, and by which promise."""

from collections.abc import Callable

import pytest
from tests.simulation.defects import DEFECTS, Defect
from tests.simulation.history import simulate

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(1800)]

MOST_SEEDS = 200
LEAST_DEFECTS = 12


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name)
def test_the_defect_is_found_within_two_hundred_seeds(
    defect: Defect, record_property: Callable[[str, object], None]
) -> None:
    """One seed after the other from 0 on, whatever found it before."""
    for seed in range(MOST_SEEDS):
        with defect.switched_on():
            violations = simulate(seed).violations
        broken = sorted({one.partition(":")[0] for one in violations} & defect.found_by)
        if broken:
            record_property("found", [defect.name, seed + 1, ", ".join(broken)])
            assert not simulate(seed).violations, "the seed fails without the defect, too"
            return
    pytest.fail(f"{MOST_SEEDS} seeds did not notice that {defect.name}")


def test_there_are_enough_defects() -> None:
    assert len(DEFECTS) >= LEAST_DEFECTS
