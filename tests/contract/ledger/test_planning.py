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
    withdraw,
)

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.ledger.outbox_reading import EntryFilter
from sfxero.model.outbox import PlanOutcome
from sfxero.model.states import Entity, EntryState

pytestmark = pytest.mark.contract

ADDED, UNCHANGED, STALE = PlanOutcome.ADDED, PlanOutcome.UNCHANGED, PlanOutcome.STALE
PENDING, SUPERSEDED = EntryState.PENDING, EntryState.SUPERSEDED


def test_a_new_record_is_added_and_waits(ledger: Ledger) -> None:
    (planned,) = plan(ledger, wish())
    assert (planned.outcome, planned.state) == (ADDED, PENDING)
    assert states(ledger) == {planned.entry_id: PENDING}


def test_no_wishes_have_no_answers(ledger: Ledger) -> None:
    assert plan(ledger) == []
    assert states(ledger) == {}


def test_answers_come_in_the_order_of_the_wishes_across_chunks(ledger: Ledger) -> None:
    wishes = [wish(f"s{number:04}") for number in range(2500, 0, -1)]
    planned = plan(ledger, *wishes)
    assert [answer.source_id for answer in planned] == [new.source_id for new in wishes]
    assert len({answer.entry_id for answer in planned}) == 2500


def test_a_listing_leaves_nothing_out_unless_it_is_asked_to(ledger: Ledger) -> None:
    plan(ledger, *(wish(f"s{number}") for number in range(10_001)))
    wanted = EntryFilter(tenant=TENANT, entity=CONTACT)
    assert len(ledger.outbox.listing(wanted)) == 10_001
    assert len(ledger.outbox.listing(wanted, limit=2)) == 2


def test_the_same_values_again_are_unchanged_and_name_the_waiting_entry(ledger: Ledger) -> None:
    (first,) = plan(ledger, wish())
    (again,) = plan(ledger, wish(age=1))
    assert (again.outcome, again.entry_id, again.state) == (UNCHANGED, first.entry_id, PENDING)


def test_the_values_of_the_link_are_unchanged_and_name_no_entry(ledger: Ledger) -> None:
    in_step(ledger, wish())
    (again,) = plan(ledger, wish(age=1))
    assert (again.outcome, again.entry_id, again.state) == (UNCHANGED, None, None)


def test_a_newer_version_supersedes_the_waiting_one(ledger: Ledger) -> None:
    first, second = plan(ledger, wish(), wish(content="B", age=1))
    assert second.outcome is ADDED
    assert states(ledger) == {first.entry_id: SUPERSEDED, second.entry_id: PENDING}


def test_new_values_of_an_equal_version_replace_the_old(ledger: Ledger) -> None:
    plan(ledger, wish())
    assert plan(ledger, wish(content="B", mapping_version="m2"))[0].outcome is ADDED


@pytest.mark.parametrize("progress", ["waiting", "active", "settled"])
def test_an_older_version_is_stale_whatever_became_of_the_newer(
    ledger: Ledger, progress: str
) -> None:
    plan(ledger, wish(age=5))
    if progress != "waiting":
        claimed = claim(ledger)
    if progress == "settled":
        settle(ledger, claimed)
    before = states(ledger)
    assert plan(ledger, wish(content="B", age=4))[0].outcome is STALE
    assert states(ledger) == before


@pytest.mark.parametrize("progress", ["waiting", "active", "settled"])
def test_unchanged_values_read_later_make_what_lies_between_stale(
    ledger: Ledger, progress: str
) -> None:
    plan(ledger, wish(age=1))
    if progress != "waiting":
        claimed = claim(ledger)
    if progress == "settled":
        settle(ledger, claimed)
    plan(ledger, wish(age=9))
    assert plan(ledger, wish(content="B", age=8))[0].outcome is STALE


def test_a_version_refreshed_in_flight_reaches_the_link(ledger: Ledger) -> None:
    plan(ledger, wish(age=1))
    claimed = claim(ledger)
    plan(ledger, wish(age=9))
    settle(ledger, claimed)
    assert ledger.links.get_many(TENANT, CONTACT, ["s1"])["s1"].version == version(9)


def test_back_to_what_the_target_holds_withdraws_the_waiting_change(ledger: Ledger) -> None:
    in_step(ledger, wish())
    (changed,) = plan(ledger, wish(content="B", age=1))
    (back,) = plan(ledger, wish(age=2))
    assert (back.outcome, back.entry_id) == (UNCHANGED, None)
    assert states(ledger)[changed.entry_id] is SUPERSEDED
    assert plan(ledger, wish(content="B", age=1))[0].outcome is STALE


def test_back_to_a_while_b_is_in_flight_waits_and_ends_with_a(ledger: Ledger) -> None:
    in_step(ledger, wish())
    plan(ledger, wish(content="B", age=1))
    in_flight = claim(ledger)
    (back,) = plan(ledger, wish(age=2))
    assert (back.outcome, back.state) == (ADDED, PENDING)
    assert claim(ledger) == []
    settle(ledger, in_flight)
    settle(ledger, claim(ledger))
    assert ledger.links.get_many(TENANT, CONTACT, ["s1"])["s1"].content_hash == "A"


def test_back_to_a_while_b_in_flight_died_costs_no_call(ledger: Ledger) -> None:
    in_step(ledger, wish())
    plan(ledger, wish(content="B", age=1))
    (in_flight,) = claim(ledger)
    (back,) = plan(ledger, wish(age=2))
    bury(ledger, in_flight.entry_id)
    assert claim(ledger) == []
    assert states(ledger)[back.entry_id] is EntryState.SETTLED
    assert states(ledger)[in_flight.entry_id] is SUPERSEDED


def test_back_to_a_while_a_is_in_flight_needs_no_further_entry(ledger: Ledger) -> None:
    plan(ledger, wish())
    (in_flight,) = claim(ledger)
    (changed,) = plan(ledger, wish(content="B", age=1))
    (back,) = plan(ledger, wish(age=2))
    assert (back.outcome, back.entry_id) == (UNCHANGED, in_flight.entry_id)
    assert states(ledger)[changed.entry_id] is SUPERSEDED


def test_a_dead_letter_stays_one_while_nothing_changes(ledger: Ledger) -> None:
    plan(ledger, wish())
    (dead,) = claim(ledger)
    bury(ledger, dead.entry_id)
    (again,) = plan(ledger, wish(age=1))
    assert (again.outcome, again.entry_id) == (UNCHANGED, dead.entry_id)
    assert again.state is EntryState.DEAD
    assert plan(ledger, wish(content="B", age=0))[0].outcome is STALE


@pytest.mark.parametrize(
    "cure", [wish(content="B", age=1), wish(mapping_version="m2", age=1)], ids=["source", "mapping"]
)
def test_a_change_of_source_or_mapping_succeeds_a_dead_letter(ledger: Ledger, cure: object) -> None:
    plan(ledger, wish())
    (dead,) = claim(ledger)
    bury(ledger, dead.entry_id)
    (added,) = plan(ledger, cure)
    assert added.outcome is ADDED
    assert states(ledger) == {dead.entry_id: SUPERSEDED, added.entry_id: PENDING}


def test_back_to_what_the_target_holds_succeeds_a_dead_letter(ledger: Ledger) -> None:
    in_step(ledger, wish())
    plan(ledger, wish(content="B", age=1))
    (dead,) = claim(ledger)
    bury(ledger, dead.entry_id)
    (back,) = plan(ledger, wish(age=2))
    assert (back.outcome, back.entry_id) == (UNCHANGED, None)
    assert states(ledger)[dead.entry_id] is SUPERSEDED


def test_withdrawing_supersedes_what_waits_and_leaves_what_is_sent(ledger: Ledger) -> None:
    plan(ledger, wish("s1"))
    (sent,) = claim(ledger)
    (_, second) = plan(ledger, wish("s1", "B", age=1), wish("s2"))
    assert withdraw(ledger, "s1", "s2", "s3") == 2
    assert states(ledger)[sent.entry_id] is EntryState.CLAIMED
    assert states(ledger)[second.entry_id] is SUPERSEDED


def test_what_was_read_later_than_by_the_run_that_withdraws_stays(ledger: Ledger) -> None:
    plan(ledger, wish("s1", age=2))
    (sent,) = claim(ledger)
    (waiting,) = plan(ledger, wish("s2", age=2))

    assert withdraw(ledger, "s1", "s2", age=1) == 0

    ledger.outbox.release([sent.entry_id], owner="w1")
    assert states(ledger) == dict.fromkeys((sent.entry_id, waiting.entry_id), EntryState.PENDING)


def test_entities_and_records_of_the_same_id_stay_apart(ledger: Ledger) -> None:
    planned = plan(ledger, wish("x"), wish("x", "B", entity=Entity.INVOICE))
    assert [answer.outcome for answer in planned] == [ADDED, ADDED]


def test_a_retry_that_rests_is_replaced_by_a_newer_version(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, wish())
    (taken,) = claim(ledger)
    later = clock.now().replace(year=2027)
    ledger.outbox.retry_later([taken.entry_id], owner="w1", not_before_at=later, reason="503")
    (newer,) = plan(ledger, wish(content="B", age=1))
    assert [entry.entry_id for entry in claim(ledger)] == [newer.entry_id]
