"""Whether there is anything to drain is told by the ledger alone."""

from dataclasses import replace
from datetime import timedelta

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
    wish,
)

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.ids import RouteName, TenantId
from sfxero.model.states import Entity
from sfxero.sync.draining import tenant_with_work

INVOICE = Entity.INVOICE
LATER_TENANT = TenantId("tenant-2")

pytestmark = pytest.mark.contract


def work(ledger: Ledger, clock: FakeClock, configured: TenantId | None = None) -> TenantId | None:
    return tenant_with_work(ledger.outbox, ROUTE, now=clock.now(), configured=configured)


def test_an_outbox_in_step_has_none(ledger: Ledger, clock: FakeClock) -> None:
    assert work(ledger, clock) is None
    in_step(ledger, wish("s1"))
    assert work(ledger, clock) is None


def test_what_waits_is_work(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish("s1"))
    assert work(ledger, clock) == TENANT


def test_a_retry_is_work_from_its_moment_on(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish("s1"))
    (entry,) = claim(ledger)
    due_at = clock.now() + timedelta(minutes=5)
    ledger.outbox.retry_later([entry.entry_id], owner="w1", not_before_at=due_at, reason="x")

    assert work(ledger, clock) is None
    clock.advance(300)
    assert work(ledger, clock) == TENANT


def test_what_a_living_worker_holds_is_none_and_what_a_dead_one_held_is(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, wish("s1"))
    claim(ledger)

    assert work(ledger, clock) is None
    clock.advance(61)
    assert work(ledger, clock) == TENANT


def test_a_doubt_is_work_unless_somebody_looks_it_up(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish("s1"))
    (entry,) = claim(ledger)
    ledger.outbox.doubt([entry.entry_id], owner="w1")

    assert work(ledger, clock) == TENANT
    ledger.outbox.claim_in_doubt(TENANT, owner="w2", limit=1, lease_s=60)
    assert work(ledger, clock) is None
    clock.advance(61)
    assert work(ledger, clock) == TENANT


def test_a_child_is_no_work_before_its_parent_is_in_step(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish("a1"), wish("i1", entity=INVOICE, parent="a1"))
    (parent,) = claim(ledger)

    assert work(ledger, clock) is None
    settle(ledger, [parent])
    assert work(ledger, clock) == TENANT


def test_a_dead_letter_is_no_work(ledger: Ledger, clock: FakeClock) -> None:
    plan(ledger, wish("s1"))
    (entry,) = claim(ledger, entity=CONTACT)
    bury(ledger, entry.entry_id)

    assert work(ledger, clock) is None


def test_other_routes_and_organisations_that_are_not_meant_are_left_alone(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, replace(wish("s1"), route=RouteName("other")))
    assert work(ledger, clock) is None

    plan(ledger, wish("s2"))
    assert work(ledger, clock, configured=LATER_TENANT) is None
    assert work(ledger, clock, configured=TENANT) == TENANT


def test_where_none_is_named_the_organisation_of_the_newest_plan_comes_first(
    ledger: Ledger, clock: FakeClock
) -> None:
    plan(ledger, wish("s1"), replace(wish("s1"), tenant=LATER_TENANT))

    assert work(ledger, clock) == LATER_TENANT
