"""A run over history beside the sync: what it read earlier undoes nothing that is known since."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.sync.kit import World

from sfxero.model.states import Disposition, Entity, Measure
from sfxero.ratelimit.policy import Budget
from sfxero.sync import history, preflight
from sfxero.sync.scope import Scope

pytestmark = pytest.mark.contract


@pytest.fixture
def opportunity(world: World) -> str:
    """A good one, which the sync knows and whose invoice is not sent yet."""
    return world.won(world.account())


def read_the_past(world: World, name: str = "past") -> Scope:
    """Begin a run over all that has changed so far, and stage it."""
    scope = replace(world.scope(name), budget=Budget.MIGRATION)
    world.ledger.runs.start(
        scope.run_id,
        scope.route,
        kind="history",
        mapping_version=world.spec.mapping_version,
        actor="test",
        params="{}",
    )
    preflight.share_organisation(scope, world.accounting)
    now = world.clock.now()
    interval = history.Interval(now - timedelta(days=30), now + timedelta(days=1), Measure.STAMP)
    history.draw_windows(scope, interval)
    world.stage(scope)
    return scope


def test_it_takes_back_nothing_that_was_read_since(world: World, opportunity: str) -> None:
    world.edit("Opportunity", opportunity, StageName="Prospecting")
    past = read_the_past(world)
    world.sleep(60)
    world.edit("Opportunity", opportunity, StageName="Closed Won")
    world.sleep(3600)  # out of reach of the next window's overlap
    world.run(publishes=False)

    world.prepare(past)

    world.run()
    assert [str(one.totals.sub_total) for one in world.invoices] == ["100.00"]


def test_it_releases_nothing_that_was_refused_since(world: World, opportunity: str) -> None:
    past = read_the_past(world)
    world.sleep(60)
    for line in world.rows("OpportunityLineItem", OpportunityId=opportunity):
        world.delete("OpportunityLineItem", line["Id"])
    world.run(publishes=False)
    assert opportunity in world.quarantined()

    world.prepare(past)

    assert opportunity in world.quarantined()


def test_it_sends_nothing_that_was_turned_down_since(world: World, opportunity: str) -> None:
    past = read_the_past(world)
    world.sleep(60)
    world.edit("Opportunity", opportunity, StageName="Prospecting")
    world.run(publishes=False)

    world.prepare(past)

    world.run()
    assert not world.invoices
    counts = world.ledger.runs.settle(past.run_id).counts
    of_opportunities = [one for one in counts if one.entity is Entity.OPPORTUNITY]
    assert of_opportunities == [(Entity.OPPORTUNITY, Disposition.SUPERSEDED, "newer_version", 1)]


def test_nor_what_another_run_over_history_has_turned_down_since(
    world: World, opportunity: str
) -> None:
    past = read_the_past(world)
    world.sleep(60)
    world.edit("Opportunity", opportunity, StageName="Prospecting")
    later = read_the_past(world, "later")
    world.prepare(later)

    world.prepare(past)
    for entity in (Entity.CONTACT, Entity.INVOICE):
        world.publish(entity, run_id=past.run_id, is_migration=True)

    assert not world.invoices
    counts = world.ledger.runs.settle(past.run_id).counts
    of_opportunities = [one for one in counts if one.entity is Entity.OPPORTUNITY]
    assert of_opportunities == [(Entity.OPPORTUNITY, Disposition.SUPERSEDED, "newer_version", 1)]
