"""What stands for records is read of one moment, whatever other workers do meanwhile."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from tests.contract.ledger.making import CONTACT, TENANT, bury, claim, plan, wish

from sfxero.ledger import Ledger

pytestmark = pytest.mark.contract

# SQLite lets nobody write while another one reads.
on_postgres = pytest.mark.parametrize(
    "url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def standing(ledger: Ledger) -> list[tuple[str, str]]:
    return [(one, state) for one, state, _ in ledger.outbox.standing(TENANT, CONTACT)]


def test_the_waiting_entry_of_a_record_comes_after_its_active_one(ledger: Ledger) -> None:
    plan(ledger, wish("s1", "A"))
    claim(ledger)
    plan(ledger, wish("s1", "B", age=1), wish("s2"))
    assert standing(ledger)[0] == ("s1", "claimed")
    assert dict(standing(ledger)) == {"s1": "pending", "s2": "pending"}


def test_dead_letters_are_told_with_their_message_and_discarded_ones_as_such(
    ledger: Ledger,
) -> None:
    plan(ledger, wish("s1"), wish("s2"))
    for entry in claim(ledger):
        bury(ledger, entry.entry_id)
    ledger.outbox.discard([1], actor="Kim")
    assert sorted(ledger.outbox.standing(TENANT, CONTACT)) == [
        ("s1", "discarded", "no such account"),
        ("s2", "dead", "no such account"),
    ]


@contextmanager
def between_statements(ledger: Ledger, act: Callable[[], object]) -> Iterator[None]:
    """Let something happen in the database after each statement of this ledger."""

    def acted(*_: Any) -> None:
        act()

    engine = ledger._database._engine
    sa.event.listen(engine, "after_cursor_execute", acted)
    yield
    sa.event.remove(engine, "after_cursor_execute", acted)


@on_postgres
def test_an_entry_that_is_claimed_meanwhile_is_not_missed(ledger: Ledger, url: str) -> None:
    plan(ledger, wish("s1"))
    with Ledger(url) as worker, between_statements(ledger, lambda: claim(worker)):
        assert standing(ledger) == [("s1", "pending")]
    assert standing(ledger) == [("s1", "claimed")]


@on_postgres
def test_an_entry_that_is_released_meanwhile_is_told_once(ledger: Ledger, url: str) -> None:
    plan(ledger, wish("s1"))
    (entry,) = claim(ledger)
    with Ledger(url) as worker:
        released = lambda: worker.outbox.release([entry.entry_id], owner="w1")  # noqa: E731 - one line
        with between_statements(ledger, released):
            assert standing(ledger) == [("s1", "claimed")]
    assert standing(ledger) == [("s1", "pending")]


class Busy(threading.Thread):
    """A worker that claims and releases without pause."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.turns = 0
        self.must_end = threading.Event()

    def run(self) -> None:
        with Ledger(self._url) as worker:
            while not self.must_end.is_set():
                taken = [one.entry_id for one in claim(worker)]
                worker.outbox.release(taken, owner="w1")
                self.turns += 1


@on_postgres
def test_beside_a_worker_that_never_rests_each_record_is_told_exactly_once(
    ledger: Ledger, url: str
) -> None:
    sources = [f"s{number}" for number in range(5)]
    plan(ledger, *map(wish, sources))
    busy = Busy(url)
    busy.start()
    told, states = [], set()
    while busy.is_alive() and busy.turns < 50:
        found = standing(ledger)
        told.append(sorted(one for one, _ in found))
        states |= {state for _, state in found}
    busy.must_end.set()
    busy.join(10)
    assert busy.turns >= 50
    assert states == {"claimed", "pending"}
    assert told == [sources] * len(told)
