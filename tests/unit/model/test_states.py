import itertools

import pytest

from sfxero.errors import LedgerError
from sfxero.model.states import (
    ACTIVE,
    DISPOSITION_OF,
    ENTRY_TRANSITIONS,
    WAITING,
    EntryState,
    check_transition,
)

FINAL = {EntryState.SETTLED, EntryState.SUPERSEDED, EntryState.STALE}
PAIRS = list(itertools.product(EntryState, EntryState))


def test_the_table_knows_every_state() -> None:
    assert set(ENTRY_TRANSITIONS) == set(DISPOSITION_OF) == set(EntryState)
    assert {state for state, after in ENTRY_TRANSITIONS.items() if not after} == FINAL


def test_each_state_belongs_to_one_stage() -> None:
    assert WAITING | ACTIVE | FINAL | {EntryState.DEAD} == set(EntryState)
    assert not WAITING & ACTIVE


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_move_is_allowed_only_by_the_table(before: EntryState, after: EntryState) -> None:
    if after in ENTRY_TRANSITIONS[before]:
        check_transition(before, after)
    else:
        with pytest.raises(LedgerError, match=f"from {before} to {after}"):
            check_transition(before, after)


@pytest.mark.parametrize("state", sorted(ACTIVE))
def test_what_is_under_way_is_never_superseded_or_forgotten(state: EntryState) -> None:
    assert not ENTRY_TRANSITIONS[state] & {EntryState.SUPERSEDED, EntryState.STALE}


def test_a_crashed_claim_may_become_a_doubt_and_a_doubt_never_a_claim() -> None:
    assert EntryState.IN_DOUBT in ENTRY_TRANSITIONS[EntryState.CLAIMED]
    assert EntryState.CLAIMED not in ENTRY_TRANSITIONS[EntryState.IN_DOUBT]


@pytest.mark.parametrize("state", sorted(EntryState))
def test_every_state_can_end(state: EntryState) -> None:
    seen, reached = set(), {state}
    while reached - seen:
        seen |= reached
        reached = seen.union(*(ENTRY_TRANSITIONS[one] for one in seen))
    assert EntryState.SETTLED in seen or state in FINAL
