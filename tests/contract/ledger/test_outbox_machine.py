"""Random walks through the outbox: whatever happens, no wish is lost and no record is doubled."""

from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
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
from sfxero.model.outbox import Entry, PlanOutcome
from sfxero.model.states import ACTIVE, WAITING, EntryState

SOURCES = st.sampled_from(["s1", "s2", "s3"])
CONTENTS = st.sampled_from(["A", "B", "C"])
OWNERS = st.sampled_from(["w1", "w2"])


class OutboxMachine(RuleBasedStateMachine):
    """Two workers, three records, three values; the model knows the last accepted wish."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.ledger = Ledger("sqlite://", clock=self.clock)
        self.ledger.migrate()
        self.age = 10
        self.wished: dict[str, str] = {}
        self.settled: dict[str, str] = {}
        self.held: list[tuple[str, Entry]] = []
        self.seen: set[int] = set()

    def teardown(self) -> None:
        self.ledger.close()

    @rule(source=SOURCES, content=CONTENTS, is_old=st.booleans())
    def plan(self, source: str, content: str, is_old: bool) -> None:
        self.age += 0 if is_old else 1
        (answer,) = plan(self.ledger, wish(source, content, age=self.age - 5 * is_old))
        if answer.outcome is not PlanOutcome.STALE:
            self.wished[source] = content
        if answer.entry_id is not None:
            self.seen.add(answer.entry_id)

    @rule(source=SOURCES)
    def withdraw(self, source: str) -> None:
        live = {row.source_id for row in self._rows() if row.state in WAITING | ACTIVE}
        withdraw(self.ledger, source)
        if source in live:
            self.wished.pop(source, None)

    @rule(owner=OWNERS, limit=st.integers(1, 3))
    def claim(self, owner: str, limit: int) -> None:
        self.held += [(owner, entry) for entry in claim(self.ledger, owner=owner, limit=limit)]

    @rule(owner=OWNERS)
    def claim_in_doubt(self, owner: str) -> None:
        found = self.ledger.outbox.claim_in_doubt(TENANT, owner=owner, limit=2, lease_s=60)
        self.held += [(owner, entry) for entry in found]

    @rule(seconds=st.sampled_from([1, 59, 61]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.ledger.outbox.expire_leases(TENANT)

    @precondition(lambda self: self.held)
    @rule(choice=st.data(), end=st.sampled_from(["settle", "bury", "retry", "release", "doubt"]))
    def end(self, choice: Any, end: str) -> None:
        owner, entry = self._pick(choice)
        box = self.ledger.outbox
        if end == "settle" and settle(self.ledger, [entry], owner=owner):
            self.settled[entry.source_id] = entry.content_hash
        elif end == "bury":
            bury(self.ledger, entry.entry_id, owner=owner)
        elif end == "retry":
            now = self.clock.now()
            box.retry_later([entry.entry_id], owner=owner, not_before_at=now, reason="503")
        elif end == "release":
            box.release([entry.entry_id], owner=owner)
        elif end == "doubt":
            box.doubt([entry.entry_id], owner=owner)

    @precondition(lambda self: self.held)
    @rule(choice=st.data())
    def amend(self, choice: Any) -> None:
        owner, entry = self._pick(choice)
        self.ledger.outbox.amend(entry.entry_id, owner=owner, payload="{}", content_hash="X")
        if self._newest(entry.source_id) == "X":
            self.wished[entry.source_id] = "X"

    @precondition(lambda self: self.seen)
    @rule(choice=st.data())
    def replay(self, choice: Any) -> None:
        self.ledger.outbox.replay([choice.draw(st.sampled_from(sorted(self.seen)))])

    @invariant()
    def no_record_is_doubled(self) -> None:
        live = Counter(
            (row.source_id, row.state in ACTIVE)
            for row in self._rows()
            if row.state in WAITING | ACTIVE
        )
        assert all(count == 1 for count in live.values())

    @invariant()
    def nothing_disappears(self) -> None:
        assert self.seen <= {row.entry_id for row in self._rows()}

    @invariant()
    def the_last_wish_is_in_step_or_on_its_way_or_dead(self) -> None:
        for source, content in self.wished.items():
            assert self._newest(source) == content

    @invariant()
    def a_link_holds_what_settled_last(self) -> None:
        links = {
            link.source_id: link.content_hash for link in self.ledger.links.all(TENANT, CONTACT)
        }
        assert links == self.settled

    @invariant()
    def a_dead_letter_stands_alone(self) -> None:
        live = Counter(
            row.source_id for row in self._rows() if row.state in WAITING | {EntryState.DEAD}
        )
        assert all(count == 1 for count in live.values())

    def _pick(self, choice: Any) -> tuple[str, Entry]:
        """Take any claim ever made, so that late answers of workers come too."""
        picked: tuple[str, Entry] = choice.draw(st.sampled_from(self.held))
        return picked

    def _newest(self, source: str) -> str | None:
        """The newest intended values: waiting, else active, dead, or the link's."""
        live = [row for row in self._rows() if row.source_id == source]
        for states in (WAITING, ACTIVE, {EntryState.DEAD}):
            for row in live:
                if row.state in states:
                    return str(row.content_hash)
        return self.settled.get(source)

    def _rows(self) -> list[sa.Row[Any]]:
        with self.ledger._database.read() as conn:
            return list(conn.execute(sa.select(entries)))


OutboxMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
test_outbox_keeps_its_promises = pytest.mark.contract(
    pytest.mark.timeout(300)(OutboxMachine.TestCase)
)
