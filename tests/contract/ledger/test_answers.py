"""Which linked records have an answer on the other side, which await one, and which have none."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.ledger.making import (
    CONTACT,
    ROUTE,
    RUN,
    TENANT,
    bury,
    claim,
    in_step,
    plan,
    settle,
    wish,
)

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.ids import RouteName, TargetId, TenantId
from sfxero.model.outbox import PlannedEntry
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

ORG = TenantId("00D000000000001AAA")
ANSWER = Entity.OPPORTUNITY_STATUS


def answer(source_id: str) -> PlannedEntry:
    return replace(wish(source_id), tenant=ORG, entity=ANSWER)


def unanswered(ledger: Ledger) -> set[TargetId]:
    return set(ledger.links.unanswered(TENANT, CONTACT, answer=ANSWER, org=ORG))


def test_the_sources_of_target_records_are_found_and_others_left_out(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"), wish("s2"))
    wanted = [TargetId("T-s1"), TargetId("unknown")]

    assert ledger.links.sources_of(TENANT, CONTACT, wanted) == [("T-s1", "s1")]
    assert ledger.links.sources_of(TENANT, Entity.INVOICE, wanted) == []


def test_a_link_without_an_answer_is_told_until_one_is_planned(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"), wish("s2"))
    assert unanswered(ledger) == {"T-s1", "T-s2"}

    plan(ledger, answer("s1"))

    assert unanswered(ledger) == {"T-s2"}


def test_one_that_was_given_up_awaits_a_person_and_one_that_arrived_nobody(
    ledger: Ledger,
) -> None:
    in_step(ledger, wish("s1"), wish("s2"))
    plan(ledger, answer("s1"), answer("s2"))
    first, second = ledger.outbox.claim(ORG, ANSWER, owner="w1", limit=9, lease_s=60)
    bury(ledger, first.entry_id)
    settle(ledger, [second])

    assert unanswered(ledger) == set()


def test_what_is_due_is_counted_as_it_can_be_claimed(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish("s1"), wish("s2"), wish("s3"))
    assert ledger.outbox.count_due(TENANT, CONTACT, now=clock.now()) == 3
    (entry, *_) = claim(ledger)
    later_at = clock.now() + timedelta(minutes=1)
    ledger.outbox.retry_later([entry.entry_id], owner="w1", not_before_at=later_at, reason="x")

    now = clock.now()
    # Two are with the worker that claimed them.
    assert ledger.outbox.count_due(TENANT, CONTACT, now=now) == 0
    assert ledger.outbox.count_due(TENANT, CONTACT, now=later_at) == 1
    assert ledger.outbox.count_due(ORG, CONTACT, now=later_at) == 0


def test_the_last_opening_is_that_of_a_prepared_window(ledger: Ledger, clock: FakeClock) -> None:
    windows, entity = ledger.windows, Entity.PAYMENT
    assert windows.last_opened_at(ROUTE, entity) is None
    opened_at = clock.now()
    window_id = windows.open(
        RUN, ROUTE, entity, from_at=None, to_at=opened_at, moves_watermark=True
    )
    windows.mark_staged(window_id, manifest="m", row_count=0)
    assert windows.last_opened_at(ROUTE, entity) is None
    clock.advance(60)
    windows.mark_prepared([window_id])

    assert windows.last_opened_at(ROUTE, entity) == opened_at
    assert windows.last_opened_at(RouteName("other"), entity) is None
    assert windows.last_opened_at(ROUTE, Entity.INVOICE) is None


def test_organisations_at_work_are_those_of_the_entities_that_are_asked_for(
    ledger: Ledger,
) -> None:
    plan(ledger, wish("s1"), answer("s1"))

    assert ledger.outbox.tenants_at_work(ROUTE, [CONTACT]) == [TENANT]
    assert ledger.outbox.tenants_at_work(ROUTE, [ANSWER]) == [ORG]
