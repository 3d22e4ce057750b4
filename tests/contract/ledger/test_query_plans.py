"""No call of the outbox goes through a whole table, also where no statistics were ever made."""

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.contract.ledger.making import (
    CONTACT,
    TENANT,
    bury,
    claim,
    plan,
    settle,
    wish,
    withdraw,
)

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.ledger.tables import entries
from sfxero.model.states import EntryState, Operation

pytestmark = pytest.mark.contract

MANY = 12_000
SETTLED = 10_000
LINK = (
    "INSERT INTO links SELECT tenant, entity, source_id, 'T-' || source_id, NULL, content_hash,"
    " stamp_at, read_at, mapping_version, payload, payload, changed_at, NULL FROM entries"
    " WHERE state = 'settled'"
)


class Explainer:
    """Asks the database how it will run each statement, before it does."""

    def __init__(self, ledger: Ledger) -> None:
        self.asked = 0
        self.whole_reads: list[str] = []
        engine = ledger._database._engine
        sa.event.listen(engine, "before_cursor_execute", self._explain)

    def _explain(
        self, conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if not statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE")):
            return
        explain = "EXPLAIN QUERY PLAN" if conn.dialect.name == "sqlite" else "EXPLAIN"
        one = parameters[0] if many else parameters
        steps = conn.connection.driver_connection.execute(f"{explain} {statement}", one).fetchall()
        self.asked += 1
        text = "\n".join(str(step[-1]) for step in steps)
        if goes_through_all(text):
            self.whole_reads.append(f"{statement}\n{text}")


def goes_through_all(text: str) -> bool:
    """Say whether a plan reads all of a large table; the index of active entries is a small one."""
    large = r"(entries|links)\b"
    if re.search(rf"^SCAN {large}(?! USING INDEX uq_entries_active)", text, re.MULTILINE):
        return True
    if re.search(rf"Seq Scan on {large}", text):
        return True
    # An index that only gives the order.
    return bool(
        re.search(
            rf"Index Scan using (?!uq_entries_active)\w+ on {large}.*\n(?!\s+Index Cond)", text
        )
    )


@pytest.fixture
def large(ledger: Ledger) -> Ledger:
    """A ledger in which most is settled, and that no ANALYZE has seen."""
    with ledger._database.write() as conn:
        if conn.dialect.name == "postgresql":
            for table in ("entries", "links"):
                conn.exec_driver_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    plan(ledger, *(wish(f"s{number:06}") for number in range(MANY)))
    with ledger._database.write() as conn:
        old = entries.c.entry_id <= SETTLED
        conn.execute(sa.update(entries).where(old).values(state=EntryState.SETTLED))
        conn.exec_driver_sql(LINK)
    return ledger


def test_no_call_of_the_outbox_goes_through_a_whole_table(large: Ledger, clock: FakeClock) -> None:
    explainer = Explainer(large)
    walk_through(large, clock)
    assert explainer.whole_reads == []
    assert explainer.asked > 40


def walk_through(ledger: Ledger, clock: FakeClock) -> None:
    """Make every call that a prepare or a lane makes."""
    outbox = ledger.outbox
    numbers = range(0, MANY + 200, 20)
    plan(ledger, *(wish(f"s{number:06}", age=1) for number in numbers))
    plan(ledger, *(wish(f"s{number:06}", "B", age=2) for number in numbers))
    withdraw(ledger, *(f"s{number:06}" for number in numbers))
    plan(ledger, *(wish(f"s{number:06}", "C", age=3) for number in numbers))
    assert outbox.has_due(TENANT, CONTACT, now=clock.now())
    settle(ledger, send(ledger, clock))
    outbox.release([entry.entry_id for entry in claim(ledger)], owner="w1")
    first, second, *rest = send(ledger, clock)
    bury(ledger, first.entry_id)
    outbox.replay([first.entry_id])
    outbox.amend(second.entry_id, owner="w1", payload='{"Name":"D"}', content_hash="D")
    later = clock.now() + timedelta(hours=1)
    ids = [entry.entry_id for entry in rest]
    outbox.retry_later(ids[:10], owner="w1", not_before_at=later, reason="503")
    outbox.doubt(ids[10:20], owner="w1")
    clock.advance(61)
    assert outbox.expire_leases(TENANT) == len(ids[20:])
    doubtful = outbox.claim_in_doubt(TENANT, owner="w2", limit=50, lease_s=60)
    assert len(doubtful) == len(ids[10:])
    settle(ledger, doubtful, owner="w2")


def send(ledger: Ledger, clock: FakeClock) -> list[Any]:
    """Claim a batch and store an attempt that was answered."""
    claimed = claim(ledger)
    ids = [entry.entry_id for entry in claimed]
    assert ledger.outbox.renew(ids, owner="w1", lease_s=60)
    attempt_id = ledger.outbox.store_attempt(
        ids,
        owner="w1",
        operation=Operation.UPDATE,
        body_hash="h",
        idempotency_key=f"k{ids[0]}",
        deadline_at=clock.now() + timedelta(minutes=1),
    )
    assert ledger.outbox.last_attempt(ids[0]) is not None
    ledger.outbox.finish_attempt(attempt_id, outcome="answered", status=200)
    return claimed


@pytest.mark.parametrize(
    "plan_text",
    [
        "SCAN entries",
        "SEARCH links USING INDEX pk (source_id=?)\nSCAN entries USING INDEX ix_entries_live",
        "  ->  Seq Scan on entries  (cost=0.00..1.00)",
        "Limit\n  ->  Index Scan using pk_entries on entries  (cost=1)\n        Filter: (x)",
    ],
)
def test_a_plan_that_reads_a_whole_table_is_known_as_one(plan_text: str) -> None:
    assert goes_through_all(plan_text)
