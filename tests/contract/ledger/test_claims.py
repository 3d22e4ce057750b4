from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.contract.ledger.making import (
    CONTACT,
    TENANT,
    claim,
    in_step,
    plan,
    settle,
    states,
    wish,
)

from sfxero.clock import FakeClock
from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.ledger.tables import entries
from sfxero.model.outbox import Attempt
from sfxero.model.states import Entity, EntryState, Operation

pytestmark = pytest.mark.contract


def _attempt(ledger: Ledger, clock: FakeClock, entry_ids: list[int], *, key: str = "k1") -> int:
    return ledger.outbox.store_attempt(
        entry_ids,
        owner="w1",
        operation=Operation.CREATE,
        body_hash="h1",
        idempotency_key=key,
        deadline_at=clock.now() + timedelta(minutes=5),
    )


def test_a_claim_takes_the_oldest_first_and_carries_all_that_sending_needs(
    ledger: Ledger, clock: FakeClock
) -> None:
    first, second, _ = plan(ledger, wish("s3"), wish("s1"), wish("s2"))
    taken = claim(ledger, limit=2)
    assert [entry.entry_id for entry in taken] == [first.entry_id, second.entry_id]
    assert taken[0].payload == '{"Name":"A"}'
    assert taken[0].meta == {"number": "s3"}
    assert taken[0].operation is Operation.CREATE
    assert taken[0].target_id is None
    assert taken[0].lease_until_at == clock.now() + timedelta(seconds=60)


def test_what_one_owner_claimed_no_other_gets(ledger: Ledger) -> None:
    plan(ledger, wish("s1"), wish("s2"))
    assert len(claim(ledger, owner="w1", limit=1)) == 1
    assert [entry.source_id for entry in claim(ledger, owner="w2")] == ["s2"]
    assert claim(ledger, owner="w3") == []


@pytest.mark.parametrize(
    "url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
def test_a_claim_passes_over_what_another_is_claiming_at_this_moment(ledger: Ledger) -> None:
    first, second = plan(ledger, wish("s1"), wish("s2"))
    one = sa.select(entries.c.entry_id).where(entries.c.entry_id == first.entry_id)
    with ledger._database.write() as conn:
        conn.execute(one.with_for_update())
        assert [entry.entry_id for entry in claim(ledger)] == [second.entry_id]


def test_a_record_with_an_active_entry_is_not_claimed_again(ledger: Ledger) -> None:
    plan(ledger, wish())
    claim(ledger)
    plan(ledger, wish(content="B", age=1))
    assert claim(ledger) == []


def test_one_claim_holds_one_operation_that_of_the_oldest(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    plan(ledger, wish("s1", "B", age=1), wish("s2"), wish("s3"))
    assert [(e.operation, e.target_id) for e in claim(ledger)] == [(Operation.UPDATE, "T-s1")]
    assert [(e.operation, e.source_id) for e in claim(ledger)] == [
        (Operation.CREATE, "s2"),
        (Operation.CREATE, "s3"),
    ]


def test_a_wanted_operation_passes_over_older_entries_of_the_other(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    plan(ledger, wish("s1", "B", age=1), wish("s2"))
    taken = ledger.outbox.claim(
        TENANT, CONTACT, owner="w1", limit=9, lease_s=60, operation=Operation.CREATE
    )
    assert [entry.source_id for entry in taken] == ["s2"]


def test_a_child_waits_until_its_parent_is_linked(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish("acc"), wish("opp", entity=Entity.INVOICE, parent="acc"))
    assert claim(ledger, entity=Entity.INVOICE) == []
    assert not ledger.outbox.has_due(TENANT, Entity.INVOICE, now=clock.now())
    settle(ledger, claim(ledger))
    assert ledger.outbox.has_due(TENANT, Entity.INVOICE, now=clock.now())
    (child,) = claim(ledger, entity=Entity.INVOICE)
    assert child.parent_target_id == "T-acc"


def test_an_entry_that_rests_is_due_at_its_time_and_not_before(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    later = clock.now() + timedelta(minutes=10)
    ledger.outbox.retry_later([taken.entry_id], owner="w1", not_before_at=later, reason="503")
    clock.advance(599)
    assert claim(ledger) == []
    clock.advance(1)
    assert len(claim(ledger)) == 1


def test_values_that_the_target_holds_already_are_settled_without_a_call(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"), wish("s2"))
    plan(ledger, wish("s1", "B", age=1))
    in_flight = claim(ledger)
    (back, other) = plan(ledger, wish("s1", age=2), wish("s2", "B", age=2))
    ledger.outbox.doubt([in_flight[0].entry_id], owner="w1")
    (doubtful,) = ledger.outbox.claim_in_doubt(TENANT, owner="w2", limit=9, lease_s=60)
    ledger.outbox.release([doubtful.entry_id], owner="w2")
    taken = claim(ledger, limit=1)
    assert [entry.entry_id for entry in taken] == [other.entry_id]
    assert states(ledger)[back.entry_id] is EntryState.SETTLED
    assert plan(ledger, wish("s1", "C", age=1))[0].outcome == "stale"


def test_lapsed_claims_become_doubtful_and_live_ones_do_not(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, wish("s1"), wish("s2"))
    (old,) = claim(ledger, limit=1)
    clock.advance(30)
    (young,) = claim(ledger, limit=1)
    clock.advance(30)
    assert ledger.outbox.expire_leases(TENANT) == 1
    assert states(ledger) == {
        old.entry_id: EntryState.IN_DOUBT,
        young.entry_id: EntryState.CLAIMED,
    }


def test_a_doubtful_entry_is_looked_up_by_one_owner_at_a_time(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    ledger.outbox.doubt([taken.entry_id], owner="w1")

    def look_up(owner: str) -> int:
        return len(ledger.outbox.claim_in_doubt(TENANT, owner=owner, limit=5, lease_s=60))

    assert (look_up("w2"), look_up("w3")) == (1, 0)
    clock.advance(60)
    assert look_up("w3") == 1
    assert states(ledger)[taken.entry_id] is EntryState.IN_DOUBT


def test_a_renewed_lease_outlives_its_first_end(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    clock.advance(59)
    assert ledger.outbox.renew([taken.entry_id], owner="w1", lease_s=60)
    clock.advance(59)
    assert ledger.outbox.expire_leases(TENANT) == 0


def test_a_worker_that_wakes_after_its_lease_can_neither_renew_nor_send(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, wish("s1"), wish("s2"))
    ids = [entry.entry_id for entry in claim(ledger)]
    clock.advance(60)
    assert not ledger.outbox.renew(ids, owner="w1", lease_s=60)
    with pytest.raises(LedgerError, match="lost the lease"):
        _attempt(ledger, clock, ids)
    assert ledger.outbox.last_attempt(ids[0]) is None


def test_one_lost_entry_stops_the_whole_attempt(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish("s1"), wish("s2"))
    ids = [entry.entry_id for entry in claim(ledger)]
    ledger.outbox.release(ids[:1], owner="w1")
    with pytest.raises(LedgerError):
        _attempt(ledger, clock, ids)
    assert ledger.outbox.last_attempt(ids[1]) is None


def test_the_last_attempt_tells_order_key_and_times(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish("s1"), wish("s2"))
    ids = [entry.entry_id for entry in claim(ledger)]
    _attempt(ledger, clock, ids, key="k0")
    clock.advance(1)
    attempt_id = _attempt(ledger, clock, ids[::-1])
    assert ledger.outbox.last_attempt(ids[0]) == Attempt(
        attempt_id=attempt_id,
        entry_ids=tuple(ids[::-1]),
        operation=Operation.CREATE,
        body_hash="h1",
        idempotency_key="k1",
        sent_at=clock.now(),
        deadline_at=clock.now() + timedelta(minutes=5),
    )


def test_tries_count_attempts_and_not_claims(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    ledger.outbox.release([taken.entry_id], owner="w1")
    (taken,) = claim(ledger)
    assert taken.tries == 0
    _attempt(ledger, clock, [taken.entry_id])
    ledger.outbox.release([taken.entry_id], owner="w1")
    assert claim(ledger)[0].tries == 1


def test_an_attempt_ends_with_its_outcome(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish())
    attempt_id = _attempt(ledger, clock, [claim(ledger)[0].entry_id])
    ledger.outbox.finish_attempt(attempt_id, outcome="settled", status=200)
    with pytest.raises(LedgerError):
        ledger.outbox.finish_attempt(attempt_id + 1, outcome="settled", status=200)


def test_a_migration_and_all_else_do_not_take_each_others_entries(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, replace(wish("past"), is_migration=True), wish("present"))

    def taken(*, is_migration: bool) -> list[str]:
        found = ledger.outbox.claim(
            TENANT, CONTACT, owner="w1", limit=9, lease_s=60, is_migration=is_migration
        )
        return [entry.source_id for entry in found]

    assert taken(is_migration=False) == ["present"]
    assert not ledger.outbox.has_due(TENANT, CONTACT, now=clock.now())
    assert ledger.outbox.has_due(TENANT, CONTACT, now=clock.now(), is_migration=True)
    assert taken(is_migration=True) == ["past"]


def test_what_a_sync_wishes_for_again_is_no_migration_any_more(ledger: Ledger) -> None:
    plan(ledger, replace(wish("s1"), is_migration=True))
    plan(ledger, replace(wish("s1", age=1), is_migration=True))
    assert claim(ledger) == []
    plan(ledger, wish("s1", age=2))
    assert [entry.source_id for entry in claim(ledger)] == ["s1"]
