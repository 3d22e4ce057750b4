import pytest
from tests.contract.ledger.making import (
    CONTACT,
    TENANT,
    bury,
    claim,
    in_step,
    plan,
    settle,
    states,
    version,
    wish,
)

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.ledger.links import Link
from sfxero.model.ids import RunId, TargetId
from sfxero.model.outbox import Settlement
from sfxero.model.states import EntryState, Operation

pytestmark = pytest.mark.contract


def test_settling_links_the_record_with_both_sides_values(ledger: Ledger, clock: FakeClock) -> None:
    in_step(ledger, wish(age=3))
    assert ledger.links.get_many(TENANT, CONTACT, ["s1", "s2"]) == {
        "s1": Link(
            source_id="s1",
            target_id="T-s1",
            target_number="N1",
            content_hash="A",
            version=version(3),
            mapping_version="m1",
            source_snapshot='{"Name":"A"}',
            target_snapshot='{"reply":1}',
            settled_at=clock.now(),
        )
    }


def test_settling_again_updates_the_link(ledger: Ledger) -> None:
    in_step(ledger, wish())
    in_step(ledger, wish(content="B", age=1))
    assert [link.content_hash for link in ledger.links.all(TENANT, CONTACT)] == ["B"]


def test_only_the_holder_settles(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish("s1"), wish("s2"))
    taken = claim(ledger)
    clock.advance(60)
    ledger.outbox.expire_leases(TENANT)
    ledger.outbox.claim_in_doubt(TENANT, owner="w2", limit=1, lease_s=60)
    assert settle(ledger, taken, owner="w1") == 0
    assert settle(ledger, taken, owner="w2") == 1
    assert [link.source_id for link in ledger.links.all(TENANT, CONTACT)] == ["s1"]


def test_a_reply_that_comes_after_the_lease_counts_if_nobody_took_over(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, wish())
    taken = claim(ledger)
    clock.advance(3600)
    assert settle(ledger, taken) == 1


def test_links_are_found_by_target_and_stream_in_order(ledger: Ledger) -> None:
    wishes = [wish(f"s{number:04}") for number in range(1200)]
    plan(ledger, *wishes)
    settle(ledger, claim(ledger, limit=2000))
    found = [link.source_id for link in ledger.links.all(TENANT, CONTACT)]
    assert found == [new.source_id for new in wishes]
    (link,) = ledger.links.by_target(TENANT, CONTACT, "T-s0007")
    assert link.source_id == "s0007"
    assert len(ledger.links.get_many(TENANT, CONTACT, found)) == 1200
    assert ledger.links.count(TENANT, CONTACT) == 1200


def test_a_buried_entry_is_dead_with_its_reason(ledger: Ledger) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    assert bury(ledger, taken.entry_id) == 1
    (letter,) = ledger.runs.settle("run-1").dead_letters
    assert (letter.entry_id, letter.entity, letter.source_id) == (taken.entry_id, CONTACT, "s1")
    assert letter[3:] == ("RequestRejected", "no such account", "fix the mapping")


@pytest.mark.parametrize("end", ["bury", "retry_later", "release", "amend"])
def test_where_a_newer_entry_waits_it_succeeds_the_one_that_comes_back(
    ledger: Ledger, clock: FakeClock, end: str
) -> None:
    plan(ledger, wish())
    (older,) = claim(ledger)
    (newer,) = plan(ledger, wish(content="B", age=1))
    box = ledger.outbox
    ends = {
        "bury": lambda: bury(ledger, older.entry_id),
        "release": lambda: box.release([older.entry_id], owner="w1"),
        "retry_later": lambda: box.retry_later(
            [older.entry_id], owner="w1", not_before_at=clock.now(), reason="503"
        ),
        "amend": lambda: box.amend(older.entry_id, owner="w1", payload="{}", content_hash="X"),
    }
    assert ends[end]() == 1
    assert states(ledger) == {
        older.entry_id: EntryState.SUPERSEDED,
        newer.entry_id: EntryState.PENDING,
    }


@pytest.mark.parametrize("is_planned_first", [True, False])
def test_former_values_go_again_after_others_that_may_have_been_carried_out(
    ledger: Ledger, clock: FakeClock, is_planned_first: bool
) -> None:
    in_step(ledger, wish(content="Unpaid"))
    plan(ledger, wish(content="Paid", age=1))
    (lost,) = claim(ledger)

    def take_back() -> None:
        ledger.outbox.retry_later(
            [lost.entry_id], owner="w1", not_before_at=clock.now(), reason="lost", forget=True
        )

    if not is_planned_first:
        take_back()
    (back,) = plan(ledger, wish(content="Unpaid", age=2))
    if is_planned_first:
        take_back()

    (sent,) = claim(ledger)
    assert (sent.entry_id, sent.content_hash) == (back.entry_id, "Unpaid")
    assert sent.operation is Operation.UPDATE


def test_an_amended_entry_goes_again_with_its_new_values(ledger: Ledger) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    ledger.outbox.amend(
        taken.entry_id, owner="w1", payload='{"Name":"A (2)"}', content_hash="A (2)"
    )
    settle(ledger, claim(ledger))
    link = ledger.links.get_many(TENANT, CONTACT, ["s1"])["s1"]
    assert (link.content_hash, link.source_snapshot) == ("A (2)", '{"Name":"A (2)"}')


def test_an_adopted_record_is_linked_and_its_entry_goes_as_an_update(ledger: Ledger) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    found = Settlement(taken.entry_id, TargetId("T-9"), "N9", '{"Name":"other"}')
    assert ledger.outbox.adopt(found, owner="w2") == 0
    assert ledger.outbox.adopt(found, owner="w1") == 1
    (again,) = claim(ledger)
    assert (again.entry_id, again.operation, again.target_id) == (
        taken.entry_id,
        Operation.UPDATE,
        "T-9",
    )


def test_an_adopted_record_whose_newer_wish_waits_goes_with_that(ledger: Ledger) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    (newer,) = plan(ledger, wish(content="B", age=1))
    ledger.outbox.adopt(Settlement(taken.entry_id, TargetId("T-9"), None, "{}"), owner="w1")
    (again,) = claim(ledger)
    assert (again.entry_id, again.target_id) == (newer.entry_id, "T-9")


def test_a_replayed_dead_letter_goes_again_from_its_first_try(ledger: Ledger) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    bury(ledger, taken.entry_id)
    assert ledger.outbox.replay([taken.entry_id]) == 1
    assert ledger.runs.settle(RunId("run-1")).dead_letters == ()
    (again,) = claim(ledger)
    assert (again.entry_id, again.tries) == (taken.entry_id, 0)


def test_replay_touches_no_letter_that_has_been_succeeded(ledger: Ledger) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    bury(ledger, taken.entry_id)
    plan(ledger, wish(content="B", age=1))
    assert ledger.outbox.replay([taken.entry_id]) == 0
