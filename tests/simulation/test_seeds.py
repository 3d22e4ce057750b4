"""No promise is broken: in seeds that are always the same, and in those that once failed."""

import pytest
from tests.simulation.history import Outcome, simulate
from tests.simulation.seeds import FIXED, PAST

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

FIRST = FIXED
SEEDS = 60
CHUNK = 20


@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, CHUNK))
def test_seeds_keep_every_promise(first: int) -> None:
    print(f"seeds {first} to {first + CHUNK - 1}")  # noqa: T201 - whoever reads a failure wants them
    told = [_told(simulate(seed)) for seed in range(first, first + CHUNK)]
    assert not any(told), "\n".join(filter(None, told))


@pytest.mark.parametrize("seed", PAST)
def test_what_once_failed_stays_mended(seed: int) -> None:
    told = _told(simulate(seed))
    assert not told, f"{told}\nonce: {PAST[seed]}"


def _told(outcome: Outcome) -> str:
    """Empty if all is well."""
    if not outcome.violations:
        return ""
    return "\n  ".join((f"make simulate SEED={outcome.seed}", *outcome.violations[:5]))
