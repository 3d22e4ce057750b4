"""Links that follow their records, and come back, on both stores."""

import pytest
from tests.contract.ledger.making import (
    CONTACT,
    ROUTE,
    TENANT,
    bury,
    claim,
    in_step,
    plan,
    settle,
    states,
    wish,
)

from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.ledger.link_changes import LinkChange
from sfxero.ledger.link_moves import LinkEnds, Move, MoveOutcome
from sfxero.ledger.links import Link
from sfxero.model.agreed import Agreed, Pair
from sfxero.model.ids import SourceId, TargetId
from sfxero.model.outbox import NOTHING_WRITTEN, PlanOutcome
from sfxero.model.states import EntryState, Operation

pytestmark = pytest.mark.contract


def ends(source: str, target: str | None) -> LinkEnds:
    return LinkEnds(SourceId(source), None if target is None else TargetId(target))


def make(
    ledger: Ledger,
    before: tuple[str, str | None],
    after: tuple[str, str | None],
    *,
    rule: str = "account_merged",
    snapshot: str = NOTHING_WRITTEN,
) -> MoveOutcome:
    wanted = Move(ends(*before), ends(*after), rule, "why", snapshot)
    (outcome,) = ledger.link_changes.make(ROUTE, TENANT, CONTACT, [wanted], actor="pat")
    return outcome


def linked(ledger: Ledger) -> dict[str, str]:
    return {one.source_id: one.target_id for one in ledger.links.all(TENANT, CONTACT)}


def link(ledger: Ledger, source: str) -> Link:
    return ledger.links.get_many(TENANT, CONTACT, [SourceId(source)])[SourceId(source)]


def last(ledger: Ledger) -> LinkChange:
    return ledger.link_changes.listing(TENANT, CONTACT)[-1]


def undo(ledger: Ledger, change_id: int) -> LinkChange:
    return ledger.link_changes.undo(TENANT, CONTACT, change_id, actor="pat", reason="mistaken")


def test_a_link_follows_to_a_successor_that_has_none(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    assert make(ledger, ("s1", "T-s1"), ("s2", "T-s1")) is MoveOutcome.MOVED

    assert linked(ledger) == {"s2": "T-s1"}
    (planned,) = plan(ledger, wish("s2", "A", age=-1_000_000))
    (entry,) = claim(ledger)
    assert planned.outcome is PlanOutcome.ADDED
    assert (entry.operation, entry.target_id) == (Operation.UPDATE, "T-s1")
    # What was written goes along, so that what the successor lacks is cleared.
    assert entry.former_payload == '{"Name":"A"}'


def test_what_waits_for_the_successor_goes_as_an_update(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    plan(ledger, wish("s2", "B"))
    make(ledger, ("s1", "T-s1"), ("s2", "T-s1"))
    assert [entry.operation for entry in claim(ledger)] == [Operation.UPDATE]


def test_what_waits_for_the_one_that_is_gone_goes_no_more(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    plan(ledger, wish("s1", "B", age=1))
    make(ledger, ("s1", "T-s1"), ("s2", "T-s1"))
    assert claim(ledger) == []
    assert list(states(ledger).values()) == [EntryState.SETTLED, EntryState.SUPERSEDED]


def test_what_was_given_up_for_the_successor_stands_in_no_ones_way(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    plan(ledger, wish("s2", "B"))
    (entry,) = claim(ledger)
    bury(ledger, entry.entry_id)
    make(ledger, ("s1", "T-s1"), ("s2", "T-s1"))
    (planned,) = plan(ledger, wish("s2", "B"))
    assert planned.outcome is PlanOutcome.ADDED


@pytest.mark.parametrize("busy", ["s1", "s2"])
def test_no_link_is_moved_under_a_write(ledger: Ledger, busy: str) -> None:
    in_step(ledger, wish("s1"))
    plan(ledger, wish(busy, "B", age=1))
    claim(ledger)
    assert make(ledger, ("s1", "T-s1"), ("s2", "T-s1")) is MoveOutcome.BUSY
    assert linked(ledger) == {"s1": "T-s1"}


def test_a_successor_keeps_the_link_that_it_has(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"), wish("s2"))
    assert make(ledger, ("s1", "T-s1"), ("s2", "T-s1")) is MoveOutcome.TAKEN
    assert linked(ledger) == {"s1": "T-s1", "s2": "T-s2"}


def test_a_link_that_has_changed_since_is_left_alone(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    assert make(ledger, ("s1", "T-other"), ("s2", "T-other")) is MoveOutcome.OTHERWISE
    assert make(ledger, ("s9", "T-s1"), ("s2", "T-s1")) is MoveOutcome.OTHERWISE
    assert ledger.link_changes.listing(TENANT, CONTACT) == []


def test_a_link_follows_to_a_survivor_and_is_compared_first(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    survivor = '{"Name":"Survivor"}'
    make(ledger, ("s1", "T-s1"), ("s1", "T-9"), rule="contact_merged", snapshot=survivor)
    assert (link(ledger, "s1").target_id, link(ledger, "s1").target_snapshot) == ("T-9", survivor)
    plan(ledger, wish("s1"))
    (entry,) = claim(ledger)
    assert entry.is_first_update


def test_a_link_that_leads_where_the_successor_is_already_is_dropped(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"), wish("s2"))
    make(ledger, ("s1", "T-s1"), ("s1", "T-s2"))
    assert ledger.links.shared(TENANT, CONTACT) == {"T-s2": ["s1", "s2"]}
    before = link(ledger, "s2")
    assert make(ledger, ("s1", "T-s2"), ("s2", "T-s2")) is MoveOutcome.MOVED
    assert linked(ledger) == {"s2": "T-s2"}
    assert link(ledger, "s2") == before

    undo(ledger, last(ledger).change_id)
    assert linked(ledger) == {"s1": "T-s2", "s2": "T-s2"}


def test_a_change_is_taken_back_once(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    make(ledger, ("s1", "T-s1"), ("s2", "T-s1"))
    first = last(ledger)

    back = undo(ledger, first.change_id)

    assert linked(ledger) == {"s1": "T-s1"}
    assert (back.rule, back.before, back.after) == ("link_undone", first.after, first.before)
    undone = ledger.link_changes.get(TENANT, CONTACT, first.change_id)
    assert undone is not None
    assert undone.undone_by == back.change_id
    with pytest.raises(LedgerError, match="was undone"):
        undo(ledger, first.change_id)
    with pytest.raises(LedgerError, match="is not there"):
        undo(ledger, 99)


def test_a_change_that_others_followed_is_not_taken_back(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    make(ledger, ("s1", "T-s1"), ("s2", "T-s1"))
    first = last(ledger)
    make(ledger, ("s2", "T-s1"), ("s3", "T-s1"))
    with pytest.raises(LedgerError, match="changed again"):
        undo(ledger, first.change_id)
    assert linked(ledger) == {"s3": "T-s1"}
    assert ledger.link_changes.listing(TENANT, CONTACT)[-1].rule == "account_merged"


def test_a_change_is_not_taken_back_under_a_write(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    make(ledger, ("s1", "T-s1"), ("s2", "T-s1"))
    plan(ledger, wish("s2", "B", age=1))
    (entry,) = claim(ledger)
    with pytest.raises(LedgerError, match="under way"):
        undo(ledger, last(ledger).change_id)
    settle(ledger, [entry])


def test_a_record_without_a_link_is_given_one_and_parted_again(ledger: Ledger) -> None:
    assert make(ledger, ("s1", None), ("s1", "T-9"), rule="by_hand") is MoveOutcome.MOVED
    assert linked(ledger) == {"s1": "T-9"}
    undo(ledger, last(ledger).change_id)
    assert linked(ledger) == {}


def test_who_lost_a_link_to_whom_is_told(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    make(ledger, ("s1", "T-s1"), ("s1", "T-9"))
    make(ledger, ("s1", "T-9"), ("s2", "T-9"))
    ids = [SourceId("s1"), SourceId("s2")]
    assert [one.after for one in ledger.link_changes.left(TENANT, CONTACT, ids)] == [
        ends("s2", "T-9")
    ]
    assert len(ledger.link_changes.listing(TENANT, CONTACT, SourceId("s1"))) == 2
    (succession,) = ledger.link_changes.successions(TENANT, CONTACT)
    undo(ledger, succession.change_id)
    assert ledger.link_changes.successions(TENANT, CONTACT) == []


def test_what_changed_waits_for_a_run_that_compares_it(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    make(ledger, ("s1", "T-s1"), ("s2", "T-s1"))
    assert ledger.link_changes.unprepared(TENANT, CONTACT) == ["s1", "s2"]
    note_prepared(ledger, "s1")
    assert ledger.link_changes.unprepared(TENANT, CONTACT) == ["s1", "s2"]
    note_prepared(ledger, "s2")
    assert ledger.link_changes.unprepared(TENANT, CONTACT) == []


def test_what_changes_while_a_run_compares_waits_for_the_next(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    assert ledger.link_changes.last_id(TENANT, CONTACT) == 0
    make(ledger, ("s1", "T-s1"), ("s1", "T-2"))
    seen = ledger.link_changes.last_id(TENANT, CONTACT)
    make(ledger, ("s1", "T-2"), ("s1", "T-3"))
    note_prepared(ledger, "s1", up_to=seen)
    assert ledger.link_changes.unprepared(TENANT, CONTACT) == ["s1"]
    note_prepared(ledger, "s1")
    assert ledger.link_changes.unprepared(TENANT, CONTACT) == []


def note_prepared(ledger: Ledger, source: str, *, up_to: int | None = None) -> None:
    """Say that a run has compared a record, by default after its last change."""
    changes = ledger.link_changes
    last_id = changes.last_id(TENANT, CONTACT) if up_to is None else up_to
    changes.note_prepared(TENANT, CONTACT, [SourceId(source)], up_to=last_id)


def test_the_log_tells_of_both_ends_of_a_move(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    make(ledger, ("s1", "T-s1"), ("s2", "T-s1"))
    undo(ledger, last(ledger).change_id)
    told = [
        (one.fields["kind"], one.fields["rule"], one.fields["source_id"], one.fields["actor"])
        for one in ledger.audit.export(ROUTE)
        if one.fields["kind"] in {"linked", "unlinked"}
    ]
    assert told == [
        ("unlinked", "account_merged", "s1", "pat"),
        ("linked", "account_merged", "s2", "pat"),
        ("unlinked", "link_undone", "s2", "pat"),
        ("linked", "link_undone", "s1", "pat"),
    ]
    assert ledger.audit.verify(ROUTE).broken is None


def test_a_name_that_both_have_goes_along_and_a_suffix_never(ledger: Ledger) -> None:
    s1, s2 = SourceId("s1"), SourceId("s2")
    rows = [(s1, "acme(a-1)", "Acme (A-1)"), (s1, "acme", "Acme"), (s2, "old", "Old")]
    ledger.names.reserve(TENANT, rows)
    ledger.names.hand_over(TENANT, "acme", before=s1, after=s2)
    ledger.names.hand_over(TENANT, "old", before=s1, after=SourceId("s3"))
    assert ledger.names.owners(TENANT) == {"acme(a-1)": "s1", "acme": "s2", "old": "s2"}
    assert ledger.names.names_of(TENANT) == {"s1": "Acme (A-1)", "s2": "Acme"}


def test_a_link_that_no_longer_vouches_for_the_contact_is_written_again(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"), wish("s2"))
    agreed = {SourceId("s2"): Agreed(3, {"email": Pair("a", "a")})}
    ledger.agreeing.begin(TENANT, agreed)
    ledger.link_changes.forget_values(TENANT, CONTACT, [SourceId("s1"), SourceId("s2")])
    outcomes = [one.outcome for one in plan(ledger, wish("s1", age=1), wish("s2", age=1))]
    assert outcomes == [PlanOutcome.ADDED, PlanOutcome.ADDED]
    # What nobody has noted yet stays so; what was noted counts no more.
    assert link(ledger, "s1").agreed is None
    assert link(ledger, "s2").agreed == Agreed()
    assert linked(ledger) == {"s1": "T-s1", "s2": "T-s2"}
