"""Every outbox operation, tried on entries in every state."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.contract.ledger.making import (
    TENANT,
    bury,
    claim,
    plan,
    states,
    wish,
    withdraw,
)

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.ledger.tables import entries
from sfxero.model.ids import TargetId
from sfxero.model.outbox import Settlement
from sfxero.model.states import ENTRY_TRANSITIONS, EntryState

pytestmark = pytest.mark.contract

S = EntryState
WAITING = (S.AWAITING_APPROVAL, S.PENDING, S.RETRY_LATER)
ACTIVE = (S.CLAIMED, S.IN_DOUBT)
ALL = list(EntryState)

Do = Callable[[Ledger, list[int]], object]


def _settle(ledger: Ledger, ids: list[int]) -> None:
    ledger.outbox.settle([Settlement(i, TargetId("T"), None, "{}") for i in ids], owner="w1")


def _bury(ledger: Ledger, ids: list[int]) -> None:
    for entry_id in ids:
        bury(ledger, entry_id)


def _amend(ledger: Ledger, ids: list[int]) -> None:
    for entry_id in ids:
        ledger.outbox.amend(entry_id, owner="w1", payload="{}", content_hash="X")


def _retry(ledger: Ledger, ids: list[int]) -> None:
    now = ledger._database.clock.now()
    ledger.outbox.retry_later(ids, owner="w1", not_before_at=now, reason="503")


def _withdraw(ledger: Ledger, _ids: list[int]) -> None:
    withdraw(ledger, *(f"s{n}" for n in range(len(ALL))))


def _plan(ledger: Ledger, _ids: list[int]) -> None:
    plan(ledger, *(wish(f"s{n}", "B", age=1) for n in range(len(ALL))))


OPERATIONS: dict[str, tuple[Do, dict[S, S]]] = {
    "claim": (
        lambda ledger, _: claim(ledger),
        dict.fromkeys((S.PENDING, S.RETRY_LATER), S.CLAIMED),
    ),
    "settle": (_settle, dict.fromkeys(ACTIVE, S.SETTLED)),
    "bury": (_bury, dict.fromkeys(ACTIVE, S.DEAD)),
    "retry_later": (_retry, dict.fromkeys(ACTIVE, S.RETRY_LATER)),
    "release": (
        lambda ledger, ids: ledger.outbox.release(ids, owner="w1"),
        dict.fromkeys(ACTIVE, S.PENDING),
    ),
    "amend": (_amend, dict.fromkeys(ACTIVE, S.PENDING)),
    "doubt": (lambda ledger, ids: ledger.outbox.doubt(ids, owner="w1"), {S.CLAIMED: S.IN_DOUBT}),
    "expire": (lambda ledger, _: ledger.outbox.expire_leases(TENANT), {S.CLAIMED: S.IN_DOUBT}),
    "replay": (lambda ledger, ids: ledger.outbox.replay(ids), {S.DEAD: S.PENDING}),
    "withdraw": (_withdraw, dict.fromkeys(WAITING, S.SUPERSEDED)),
    "plan": (_plan, dict.fromkeys((*WAITING, S.DEAD), S.SUPERSEDED)),
}


def _one_in_each_state(ledger: Ledger, clock: FakeClock) -> dict[int, EntryState]:
    planned = plan(ledger, *(wish(f"s{number}") for number in range(len(ALL))))
    lapsed = clock.now() - timedelta(seconds=1)
    with ledger._database.write() as conn:
        for answer, state in zip(planned, ALL, strict=True):
            held = {"owner": "w1", "lease_until_at": lapsed} if state in ACTIVE else {}
            one = entries.c.entry_id == answer.entry_id
            conn.execute(sa.update(entries).where(one).values(state=state, **held))
    return states(ledger)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_moves_exactly_the_states_it_may(
    ledger: Ledger, clock: FakeClock, name: str
) -> None:
    do, moves = OPERATIONS[name]
    before = _one_in_each_state(ledger, clock)
    do(ledger, list(before))
    after = states(ledger)
    assert {state: after[i] for i, state in before.items()} == {s: moves.get(s, s) for s in ALL}
    assert all(moved in ENTRY_TRANSITIONS[state] for state, moved in moves.items())


@pytest.mark.parametrize("name", ["settle", "bury", "retry_later", "release", "amend", "doubt"])
def test_what_another_owner_holds_stays_untouched(
    ledger: Ledger, clock: FakeClock, name: str
) -> None:
    before = _one_in_each_state(ledger, clock)
    with ledger._database.write() as conn:
        conn.execute(sa.update(entries).values(owner="w2"))
    OPERATIONS[name][0](ledger, list(before))
    assert states(ledger) == before
