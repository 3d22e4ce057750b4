"""What once broke a promise stays mended; `make test` lives through new seeds besides."""

import pytest
from tests.simulation.history import simulate
from tests.simulation.seeds import PAST

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]


@pytest.mark.parametrize("seed", PAST)
def test_what_once_failed_stays_mended(seed: int) -> None:
    violations = simulate(seed).violations
    assert not violations, f"make simulate SEED={seed}, once: {PAST[seed]}"
