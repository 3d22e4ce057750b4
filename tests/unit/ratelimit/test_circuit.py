"""A circuit opens after failures in a row, and closes when one who asked got an answer."""

import pytest

from sfxero.errors import CircuitOpen, ServiceUnavailable
from sfxero.ratelimit.circuit import (
    NO_ADMISSION,
    Circuit,
    CircuitKey,
    CircuitPolicy,
    CircuitState,
    Gate,
    after_failure,
    judge,
)

KEY = CircuitKey("xero", "t-1")
POLICY = CircuitPolicy(failures=3, first_s=30, longest_s=600)
OPEN = CircuitState(failures=3, openings=1, probe=7, wait_s=12)
DUE = CircuitState(failures=3, openings=1, probe=7, wait_s=0)


@pytest.mark.parametrize(
    ("state", "held", "gate"),
    [
        (CircuitState(), None, Gate.PASS),
        (CircuitState(failures=2), None, Gate.PASS),
        (CircuitState(probe=7), 7, Gate.PASS),
        (OPEN, None, Gate.WAIT),
        (OPEN, 6, Gate.WAIT),
        (OPEN, 7, Gate.PASS),
        (DUE, None, Gate.PROBE),
        (DUE, 7, Gate.PROBE),
    ],
)
def test_who_may_make_a_call(state: CircuitState, held: int | None, gate: Gate) -> None:
    assert judge(state, held_probe=held) is gate


@pytest.mark.parametrize(
    ("state", "probe", "after"),
    [
        (CircuitState(), None, CircuitState(failures=1)),
        (CircuitState(failures=1, probe=7), None, CircuitState(failures=2, probe=7)),
        (CircuitState(failures=2, probe=7), None, CircuitState(3, 1, 8, 30)),
        (OPEN, None, None),
        (OPEN, 6, None),
        (OPEN, 7, CircuitState(4, 2, 8, 60)),
        (CircuitState(9, 5, 7, 0), 7, CircuitState(10, 6, 8, 600)),
        (CircuitState(99, 95, 7, 0), 7, CircuitState(100, 96, 8, 600)),
    ],
)
def test_what_follows_a_failure(
    state: CircuitState, probe: int | None, after: CircuitState | None
) -> None:
    assert after_failure(state, probe=probe, policy=POLICY) == after


def test_pauses_double_from_half_a_minute_to_ten() -> None:
    pauses = [CircuitPolicy().pause_s(openings) for openings in range(1, 8)]
    assert pauses == [30, 60, 120, 240, 480, 600, 600]


class Store:
    """Holds one state."""

    def __init__(self, state: CircuitState | None = None, probe: int | None = 8) -> None:
        self.state = state or CircuitState()
        self.probe = probe
        self.heard: list[tuple[str, int | None]] = []
        self.is_down = False

    def look(self, *_: object) -> CircuitState:
        return self.state

    def claim_probe(self, *_: object, **__: object) -> int | None:
        return self.probe

    def failed(self, *_: object, probe: int | None, **__: object) -> None:
        self._hear("failed", probe)

    def succeeded(self, *_: object) -> None:
        self._hear("succeeded", None)

    def _hear(self, word: str, probe: int | None) -> None:
        if self.is_down:
            raise ServiceUnavailable("the ledger's database failed", service="ledger")
        self.heard.append((word, probe))


def test_while_it_is_open_calls_are_refused_with_what_they_have_to_wait() -> None:
    with pytest.raises(CircuitOpen, match="xero/t-1 is not asked for 12 s") as caught:
        Circuit(Store(OPEN), KEY).admit()
    assert (caught.value.retry_after_s, caught.value.service) == (12, "xero")


def test_who_gets_the_probe_is_admitted_and_says_which_it_was() -> None:
    store = Store(DUE)
    circuit = Circuit(store, KEY)
    circuit.failed(circuit.admit())
    assert store.heard == [("failed", 8)]


def test_who_comes_second_to_the_probe_waits() -> None:
    with pytest.raises(CircuitOpen):
        Circuit(Store(DUE, probe=None), KEY).admit()


def test_the_holder_of_the_probe_is_admitted_again() -> None:
    circuit = Circuit(Store(DUE), KEY)
    held = circuit.admit()
    assert Circuit(Store(CircuitState(3, 1, 8, 50)), KEY).admit(held).probe == 8


def test_a_success_is_told_only_where_it_is_news() -> None:
    store = Store()
    circuit = Circuit(store, KEY)
    circuit.succeeded(circuit.admit())
    assert store.heard == []
    store.state = CircuitState(failures=1)
    circuit.succeeded(circuit.admit())
    assert store.heard == [("succeeded", None)]


def test_a_store_that_fails_does_not_hide_what_became_of_the_call() -> None:
    store = Store()
    store.is_down = True
    circuit = Circuit(store, KEY)
    circuit.failed(NO_ADMISSION)
    store.state = CircuitState(failures=1)
    circuit.succeeded(circuit.admit())
    assert store.heard == []
