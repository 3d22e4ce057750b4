"""A circuit: when a service cannot be reached, nobody asks it for a while, and then one does."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol, assert_never

from sfxero.errors import CircuitOpen, SyncError

_log = logging.getLogger(__name__)
_PROBE_LEASE_S: Final = 60.0
"""If whoever asks first is never heard of again, another may after this time."""


@dataclass(frozen=True, slots=True)
class CircuitKey:
    """What a circuit stands for: a service, as far as one tenant or connection reaches it."""

    service: str
    name: str

    def __str__(self) -> str:
        """Name it in alerts and messages."""
        return f"{self.service}/{self.name}"


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """After how many failures in a row a circuit opens, and for how long."""

    failures: int = 5
    first_s: float = 30.0
    longest_s: float = 600.0

    def pause_s(self, openings: int) -> float:
        """Return for how long the circuit stays open that has failed `openings` times in a row."""
        doublings = min(openings - 1, 30)
        return float(min(self.first_s * 2**doublings, self.longest_s))


@dataclass(frozen=True, slots=True)
class CircuitState:
    """What is stored of a circuit; it is closed while there are no `openings`.

    `probe` numbers those who asked first; `wait_s` is how long nobody asks, seen from now.
    """

    failures: int = 0
    openings: int = 0
    probe: int = 0
    wait_s: float = 0.0


class Gate(StrEnum):
    """Whether a call may be made."""

    PASS = "pass"  # noqa: S105 - a word, not a password
    PROBE = "probe"
    WAIT = "wait"


def judge(state: CircuitState, *, held_probe: int | None) -> Gate:
    """Tell whether a call may be made; `held_probe` is the caller's own, if it has one."""
    if state.openings == 0:
        return Gate.PASS
    if state.wait_s <= 0:
        return Gate.PROBE
    return Gate.PASS if held_probe == state.probe else Gate.WAIT


def after_failure(
    state: CircuitState, *, probe: int | None, policy: CircuitPolicy
) -> CircuitState | None:
    """Return what follows a failure; None if it says nothing new.

    While a circuit is open, only the one who asked first counts: other failures are of calls that
    were under way when it opened.
    """
    failures = state.failures + 1
    if state.openings:
        if probe != state.probe:
            return None
    elif failures < policy.failures:
        return replace(state, failures=failures)
    openings = state.openings + 1
    # A new number: the right to ask first is spent by asking.
    return CircuitState(failures, openings, state.probe + 1, policy.pause_s(openings))


@dataclass(frozen=True, slots=True)
class Admission:
    """The right to make one call; tells whether the call's success is news."""

    is_clean: bool = True
    probe: int | None = None


NO_ADMISSION: Final = Admission()


class CircuitStore(Protocol):
    """Keeps the circuits for all workers, on the store's own clock."""

    def look(self, key: CircuitKey) -> CircuitState:
        """Return how a circuit stands now."""
        ...

    def claim_probe(self, key: CircuitKey, *, lease_s: float) -> int | None:
        """Take the right to ask first, if it is time; of many callers one gets its number."""
        ...

    def failed(self, key: CircuitKey, *, probe: int | None, policy: CircuitPolicy) -> None:
        """Count a failure; opening the circuit raises one alert."""
        ...

    def succeeded(self, key: CircuitKey) -> None:
        """Close the circuit, and its alert."""
        ...


class Circuit:
    """One circuit, as callers use it: ask to be admitted, then say how the call went."""

    def __init__(
        self, store: CircuitStore, key: CircuitKey, *, policy: CircuitPolicy = CircuitPolicy()
    ) -> None:
        """Workers with the same key share the circuit through the store."""
        self._store = store
        self._key = key
        self._policy = policy

    def admit(self, held: Admission = NO_ADMISSION) -> Admission:
        """Return the right to make a call, or raise CircuitOpen.

        `held` is a right got earlier, which a wait may have outlasted.
        """
        state = self._store.look(self._key)
        match judge(state, held_probe=held.probe):
            case Gate.PASS:
                return Admission(state.failures == state.openings == 0, held.probe)
            case Gate.WAIT:
                raise self._open(state.wait_s)
            case Gate.PROBE:
                probe = self._store.claim_probe(self._key, lease_s=_PROBE_LEASE_S)
                if probe is None:
                    raise self._open(_PROBE_LEASE_S)
                return Admission(is_clean=False, probe=probe)
            case never:  # pragma: no cover - only the type checker comes here
                assert_never(never)

    def failed(self, admission: Admission) -> None:
        """Say that the service was not reached."""
        self._tell(
            lambda: self._store.failed(self._key, probe=admission.probe, policy=self._policy)
        )

    def succeeded(self, admission: Admission) -> None:
        """Say that the service answered."""
        if not admission.is_clean:
            self._tell(lambda: self._store.succeeded(self._key))

    def _open(self, wait_s: float) -> CircuitOpen:
        return CircuitOpen(
            f"{self._key} is not asked for {wait_s:.0f} s: it could not be reached",
            retry_after_s=wait_s,
            service=self._key.service,
            hint="What waits is sent when it is back; see its status page if that takes long.",
        )

    def _tell(self, write: Callable[[], None]) -> None:
        try:
            write()
        except SyncError as error:
            # What became of the call matters more, and the next one asks the store again.
            _log.warning("circuit_not_stored key=%s error=%s", self._key, type(error).__name__)
