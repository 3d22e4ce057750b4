"""What shall not be sent any more does not go again, though it was under way when that was read."""

from collections.abc import Callable

import pytest
from tests.contract.ledger.making import (
    CONTACT,
    TENANT,
    bury,
    claim,
    plan,
    settle,
    states,
    wish,
    withdraw,
)

from sfxero.ledger import Ledger
from sfxero.model.outbox import Entry, PlanOutcome
from sfxero.model.states import EntryState

pytestmark = pytest.mark.contract


@pytest.fixture
def withdrawn(ledger: Ledger) -> Entry:
    plan(ledger, wish())
    (entry,) = claim(ledger)
    assert withdraw(ledger, entry.source_id) == 0
    return entry


def _release(ledger: Ledger, entry_id: int) -> None:
    ledger.outbox.release([entry_id], owner="w1")


def _doubt_and_release(ledger: Ledger, entry_id: int) -> None:
    ledger.outbox.doubt([entry_id], owner="w1")
    ledger.outbox.claim_in_doubt(TENANT, owner="w2", limit=1, lease_s=60)
    ledger.outbox.release([entry_id], owner="w2")


def _retry_later(ledger: Ledger, entry_id: int) -> None:
    now = ledger._database.clock.now()
    ledger.outbox.retry_later([entry_id], owner="w1", not_before_at=now, reason="busy")


def _bury(ledger: Ledger, entry_id: int) -> None:
    bury(ledger, entry_id)


@pytest.mark.parametrize("end", [_release, _doubt_and_release, _retry_later, _bury])
def test_what_had_not_gone_after_all_does_not_go_again(
    ledger: Ledger, withdrawn: Entry, end: Callable[[Ledger, int], None]
) -> None:
    end(ledger, withdrawn.entry_id)

    assert states(ledger) == {withdrawn.entry_id: EntryState.SUPERSEDED}


def test_what_had_gone_is_settled_and_linked_all_the_same(ledger: Ledger, withdrawn: Entry) -> None:
    assert settle(ledger, [withdrawn]) == 1
    assert ledger.links.count(TENANT, CONTACT) == 1


def test_what_is_wanted_again_meanwhile_goes_again(ledger: Ledger, withdrawn: Entry) -> None:
    plan(ledger, wish(age=1))

    _release(ledger, withdrawn.entry_id)

    assert states(ledger) == {withdrawn.entry_id: EntryState.PENDING}


def test_an_older_reading_does_not_bring_it_back(ledger: Ledger, withdrawn: Entry) -> None:
    assert plan(ledger, wish(age=-1))[0].outcome is PlanOutcome.STALE

    _release(ledger, withdrawn.entry_id)

    assert states(ledger) == {withdrawn.entry_id: EntryState.SUPERSEDED}


def test_other_values_that_are_wanted_meanwhile_go_instead(
    ledger: Ledger, withdrawn: Entry
) -> None:
    plan(ledger, wish(content="B", age=1))

    _release(ledger, withdrawn.entry_id)

    assert list(states(ledger).values()) == [EntryState.SUPERSEDED, EntryState.PENDING]


def test_only_what_is_under_way_is_told_to_be(ledger: Ledger, withdrawn: Entry) -> None:
    asked = [withdrawn.source_id, "other"]
    assert ledger.outbox.under_way(TENANT, CONTACT, asked) == {withdrawn.source_id}

    _release(ledger, withdrawn.entry_id)

    assert ledger.outbox.under_way(TENANT, CONTACT, asked) == set()
