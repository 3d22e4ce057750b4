"""Transactions: how long they are, who waits for whom, and rows that go in many at a time."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.contract.ledger.making import RUN, plan, states, wish

from sfxero.clock import FakeClock
from sfxero.errors import LedgerError, ServiceUnavailable
from sfxero.ledger import Ledger, engine
from sfxero.ledger.engine import CHUNK, load
from sfxero.ledger.tables import attempts
from sfxero.model.states import EntryState

pytestmark = pytest.mark.contract

MOMENT = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=10)))


class SlowClock(FakeClock):
    """Each look at it takes a while."""

    step_s = 0.2

    def now(self) -> datetime:
        self.advance(self.step_s)
        return super().now()


def sizes(ledger: Ledger, count: int) -> list[int]:
    """How many records each transaction of a plan took."""
    commits = 0

    def count_commit(_conn: object) -> None:
        nonlocal commits
        commits += 1

    sa.event.listen(ledger._database._engine, "commit", count_commit)
    wishes = (wish(f"s{number}") for number in range(count))
    found = Counter(commits for _ in ledger.outbox.plan(RUN, wishes))
    sa.event.remove(ledger._database._engine, "commit", count_commit)
    return list(found.values())


def test_planning_goes_in_transactions_of_a_bounded_number_of_records(ledger: Ledger) -> None:
    assert sizes(ledger, 2 * CHUNK + 1) == [CHUNK, CHUNK, 1]


def test_transactions_shrink_where_they_take_long(url: str) -> None:
    with Ledger(url, clock=SlowClock()) as ledger:
        ledger.migrate()
        assert sizes(ledger, 2000) == [1000, 500, 250, 125, 62, 50, 13]


def test_transactions_grow_again_once_they_take_less(url: str) -> None:
    clock = SlowClock()
    with Ledger(url, clock=clock) as ledger:
        ledger.migrate()
        wishes = (wish(f"s{number}") for number in range(1700))
        answers = ledger.outbox.plan(RUN, wishes)
        for _ in range(1000 + 500):
            next(answers)
        clock.step_s = 0.0
        assert len(list(answers)) == 200
        assert sizes(ledger, 1000) == [1000]


def test_transactions_keep_their_size_while_they_take_neither_long_nor_little(url: str) -> None:
    clock = SlowClock()
    clock.step_s = 0.04
    with Ledger(url, clock=clock) as ledger:
        ledger.migrate()
        assert sizes(ledger, 3000) == [1000, 1000, 1000]


@pytest.fixture
def writing(tmp_path: Path, ledger: Ledger) -> Iterator[sqlite3.Connection]:
    """Another program that holds SQLite's write lock."""
    path = ledger._database.sqlite_path
    assert path
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@on_sqlite
def test_a_writer_waits_until_another_one_has_ended(
    ledger: Ledger, writing: sqlite3.Connection
) -> None:
    writer = threading.Thread(target=plan, args=(ledger, wish()))
    writer.start()
    writer.join(0.1)
    assert writer.is_alive()
    assert states(ledger) == {}
    writing.execute("COMMIT")
    writer.join(10)
    assert states(ledger) == {1: EntryState.PENDING}


@on_sqlite
def test_a_writer_that_waited_too_long_says_that_the_ledger_is_locked(
    ledger: Ledger, writing: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.05)
    with pytest.raises(ServiceUnavailable, match="locked"):
        plan(ledger, wish())
    writing.execute("COMMIT")
    assert len(plan(ledger, wish())) == 1


@on_sqlite
def test_a_ledger_that_cannot_be_written_says_so_at_once(ledger: Ledger) -> None:
    path = ledger._database.sqlite_path
    with (
        Ledger(f"sqlite:///file:{path}?mode=ro&uri=true") as read_only,
        pytest.raises(ServiceUnavailable, match="readonly"),
    ):
        plan(read_only, wish())


def columns(*keys: str, sent_at: datetime = MOMENT) -> dict[str, list[object]]:
    same = {"operation": "create", "body_hash": "h", "owner": "w", "sent_at": sent_at}
    named = {"idempotency_key": list(keys), "deadline_at": [sent_at] * len(keys)}
    return {name: [value] * len(keys) for name, value in same.items()} | named


def test_rows_that_go_in_together_get_ids_in_their_order_and_keep_their_moments(
    ledger: Ledger,
) -> None:
    with ledger._database.write() as conn:
        ids = load(conn, attempts, columns("k2", "k1"))
        rows = conn.execute(sa.select(attempts).order_by(attempts.c.attempt_id)).all()
    assert [(row.attempt_id, row.idempotency_key) for row in rows] == list(
        zip(ids, ["k2", "k1"], strict=True)
    )
    assert {row.sent_at for row in rows} == {MOMENT}


def test_an_id_is_never_given_twice_whichever_way_rows_go_in(ledger: Ledger) -> None:
    one = {name: values[0] for name, values in columns("k").items()}
    seen: list[int] = []
    for _ in range(2):
        with ledger._database.write() as conn:
            seen += load(conn, attempts, columns("k"))
            plain = sa.insert(attempts).values(one).returning(attempts.c.attempt_id)
            seen.append(conn.execute(plain).scalar_one())
            conn.execute(sa.delete(attempts))
    assert seen == sorted(set(seen))


def test_one_refused_row_leaves_none_of_those_that_came_with_it(ledger: Ledger) -> None:
    given = columns("k1", "k2") | {"owner": ["w", None]}
    with pytest.raises(LedgerError), ledger._database.write() as conn:
        load(conn, attempts, given)
    with ledger._database.read() as conn:
        assert conn.execute(sa.select(attempts)).all() == []


def test_a_moment_without_a_zone_is_refused(ledger: Ledger) -> None:
    naive = MOMENT.replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"), ledger._database.write() as conn:
        load(conn, attempts, columns("k", sent_at=naive))
