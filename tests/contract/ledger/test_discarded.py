"""Values that a person has discarded are never sent; other values of the record are."""

import pytest
from tests.contract.ledger.making import (
    CONTACT,
    ROUTE,
    RUN,
    bury,
    claim,
    plan,
    states,
    wish,
)

from sfxero.ledger import Ledger
from sfxero.model.findings import DispositionRow
from sfxero.model.ids import RunId, SourceId
from sfxero.model.outbox import PlanOutcome
from sfxero.model.states import Disposition, EntryState

pytestmark = pytest.mark.contract


@pytest.fixture
def discarded(ledger: Ledger) -> int:
    """The id of a discarded dead letter."""
    ledger.runs.start(RUN, ROUTE, kind="changes", mapping_version="m1", actor="a", params="{}")
    plan(ledger, wish("s1", "A"))
    (entry,) = claim(ledger)
    bury(ledger, entry.entry_id)
    assert ledger.outbox.discard([entry.entry_id], actor="Kim") == 1
    return entry.entry_id


@pytest.mark.parametrize("mapping_version", ["m1", "m2"])
def test_the_same_values_are_not_planned_again_under_any_mapping(
    ledger: Ledger, discarded: int, mapping_version: str
) -> None:
    (planned,) = plan(ledger, wish("s1", "A", age=9, mapping_version=mapping_version))

    assert (planned.outcome, planned.entry_id) == (PlanOutcome.UNCHANGED, discarded)
    assert states(ledger) == {discarded: EntryState.DEAD}


def test_an_open_dead_letter_is_tried_again_under_another_mapping(ledger: Ledger) -> None:
    """What makes the test above mean something."""
    plan(ledger, wish("s1", "A"))
    (entry,) = claim(ledger)
    bury(ledger, entry.entry_id)

    (planned,) = plan(ledger, wish("s1", "A", age=9, mapping_version="m2"))

    assert planned.outcome is PlanOutcome.ADDED


def test_a_change_of_the_record_succeeds_it(ledger: Ledger, discarded: int) -> None:
    (planned,) = plan(ledger, wish("s1", "B", age=1))

    assert planned.outcome is PlanOutcome.ADDED
    assert states(ledger)[discarded] is EntryState.SUPERSEDED
    assert [entry.content_hash for entry in claim(ledger)] == ["B"]


def test_discarding_twice_does_nothing(ledger: Ledger, discarded: int) -> None:
    assert ledger.outbox.discard([discarded], actor="Alex") == 0
    detail = ledger.outbox.detail(discarded)
    assert detail is not None
    assert detail.line.discarded_by == "Kim"


def test_it_is_no_dead_letter_for_the_gate(ledger: Ledger, discarded: int) -> None:
    row = DispositionRow(CONTACT, SourceId("s1"), Disposition.WAITING, entry_id=discarded)
    ledger.runs.add_records(RUN, CONTACT, [SourceId("s1")])
    ledger.runs.record_dispositions(RUN, [row])

    for _ in range(2):
        report = ledger.runs.settle(RUN)
        assert report.dead_letters == ()
        assert report.counts == ((CONTACT, Disposition.SKIPPED, "discarded", 1),)
    assert report.missing_count == 0


def test_replayed_it_is_a_waiting_entry_like_any_other(ledger: Ledger, discarded: int) -> None:
    row = DispositionRow(CONTACT, SourceId("s1"), Disposition.WAITING, entry_id=discarded)
    ledger.runs.record_dispositions(RUN, [row])
    ledger.runs.settle(RUN)

    assert ledger.outbox.replay([discarded], actor="Kim", run_id=RunId("run-2")) == 1

    assert ledger.outbox.open_letters(ROUTE) == []
    assert ledger.runs.settle(RUN).counts == ((CONTACT, Disposition.WAITING, None, 1),)
    assert [entry.entry_id for entry in claim(ledger)] == [discarded]
