"""A month of the past, read beside the sync: its own records, its own budget, nothing moved."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.contract.sync.kit import World

from sfxero.model.org_day import Forecast
from sfxero.model.states import Disposition, Entity
from sfxero.ratelimit.policy import Budget
from sfxero.sync import extract, history, preflight
from sfxero.sync.companions import Companions
from sfxero.sync.scope import OBJECT_OF, Scope

HOUR = 3600
MONTH = (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))

pytestmark = pytest.mark.contract


def begin(world: World, run_id: str = "june", *, month: tuple[datetime, datetime] = MONTH) -> Scope:
    scope = replace(world.scope(f"history/{run_id}"), budget=Budget.MIGRATION)
    world.ledger.runs.start(
        scope.run_id,
        scope.route,
        kind="history",
        mapping_version=world.spec.mapping_version,
        actor="test",
        params="{}",
    )
    history.draw_windows(scope, history.interval_of(world.spec, *month))
    preflight.share_organisation(scope, world.accounting)
    preflight.refresh_directory(scope, world.accounting)
    return scope


def send(world: World, scope: Scope, *, is_migration: bool = True) -> None:
    for entity in (Entity.CONTACT, Entity.INVOICE):
        world.publish(entity, run_id=scope.run_id, is_migration=is_migration)


def migrate(world: World, run_id: str = "june", **options: Any) -> Scope:
    """One whole run over history."""
    scope = begin(world, run_id, **options)
    world.stage(scope)
    world.prepare(scope)
    send(world, scope)
    assert world.ledger.runs.settle(scope.run_id).missing_count == 0
    return scope


def invoiced(world: World) -> set[str]:
    """The opportunities that have an invoice, by its address."""
    return {str(one.url).split("/")[-2] for one in world.invoices}


def marks(world: World) -> list[datetime | None]:
    route = world.scope("any").route
    entities = (Entity.ACCOUNT, Entity.OPPORTUNITY, Entity.OPPORTUNITY_LINE)
    return [world.ledger.windows.watermark(route, one) for one in entities]


@pytest.mark.parametrize("zone", ["UTC", "Australia/Sydney", "America/New_York"])
def test_a_run_reads_the_days_of_its_month_whatever_the_zone(world: World, zone: str) -> None:
    world.spec = world.spec.model_copy(update={"timezone": zone})
    account = world.account()
    days = ("2026-05-31", "2026-06-01", "2026-06-30", "2026-07-01")
    deals = [world.won(account, CloseDate=day) for day in days]
    here = ZoneInfo(zone)
    month = (datetime(2026, 6, 1, tzinfo=here), datetime(2026, 7, 1, tzinfo=here))

    migrate(world, month=(month[0].astimezone(UTC), month[1].astimezone(UTC)))

    assert invoiced(world) == set(deals[1:3])
    assert marks(world) == [None, None, None]


def test_a_route_may_go_by_the_last_change_instead(world: World) -> None:
    world.respec(history={"by": "stamp"})
    deal = world.won(world.account(), CloseDate="2020-01-01")
    now = world.clock.now()

    migrate(world, "before", month=(now - timedelta(days=30), now - timedelta(hours=1)))
    assert invoiced(world) == set()

    migrate(world, "after", month=(now - timedelta(hours=1), now + timedelta(hours=1)))
    assert invoiced(world) == {deal}


def test_a_second_run_over_the_same_month_writes_nothing(world: World) -> None:
    world.won(world.account(), "100", "5", CloseDate="2026-06-10")
    migrate(world)
    world.forget_calls()

    migrate(world, "june-again")

    assert world.writes() == []


def test_an_older_reading_does_not_overtake_what_the_sync_sent_meanwhile(world: World) -> None:
    deal = world.won(world.account(), "100", CloseDate="2026-06-10")
    scope = begin(world)
    world.stage(scope)
    world.sleep(HOUR)
    world.line(deal, "11")
    world.run()
    world.forget_calls()

    world.prepare(scope)
    send(world, scope)

    assert world.writes() == []
    assert [str(one.totals.sub_total) for one in world.invoices] == ["111.00"]
    report = world.ledger.runs.settle(scope.run_id)
    assert (Entity.OPPORTUNITY, Disposition.SUPERSEDED) in {one[:2] for one in report.counts}


def test_values_without_a_stamp_that_were_read_earlier_do_not_overtake_either(
    world: World,
) -> None:
    world.won(world.account(), CloseDate="2026-06-10")
    scope = begin(world)
    world.stage(scope)
    world.sleep(60)
    world.edit("Product2", world.rows("Product2")[-1]["Id"], Family="Freight")
    world.run()

    world.prepare(scope)
    send(world, scope)

    (invoice,) = world.invoices
    assert {line.account_code for line in invoice.lines} == {"260"}


def test_the_sync_leaves_a_refusal_that_a_run_over_history_stores_meanwhile(world: World) -> None:
    world.won(world.account())
    sync = world.begin()
    world.stage(sync)
    world.sleep(1)
    refused = world.won(None, CloseDate="2026-06-10")
    migrate(world)
    assert list(world.quarantined()) == [refused]

    world.prepare(sync)

    assert list(world.quarantined()) == [refused]


def test_a_run_over_history_neither_reads_nor_clears_the_quarantine_of_others(
    world: World,
) -> None:
    refused = world.won(None)
    world.run()
    world.sleep(HOUR)
    world.won(world.account(), CloseDate="2026-06-10")

    scope = migrate(world)

    assert list(world.quarantined()) == [refused]
    assert world.ledger.runs.settle(scope.run_id).records[Entity.OPPORTUNITY] == 1


def test_what_a_migration_plans_is_sent_by_its_lanes_only(world: World) -> None:
    world.won(world.account(), CloseDate="2026-06-10")
    scope = begin(world)
    world.stage(scope)
    world.prepare(scope)

    send(world, scope, is_migration=False)
    assert world.writes() == []

    send(world, scope)
    assert world.writes() == ["PUT Contacts", "PUT Invoices"]


def test_what_the_sync_wishes_for_as_well_waits_for_no_migration(world: World) -> None:
    world.won(world.account(), CloseDate="2026-06-10")
    scope = begin(world)
    world.stage(scope)
    world.prepare(scope)
    world.sleep(HOUR)

    world.run()

    assert world.writes() == ["PUT Contacts", "PUT Invoices"]


def test_a_migration_that_replaces_what_the_sync_waits_for_does_not_hold_it_up(
    world: World,
) -> None:
    deal = world.won(world.account(), CloseDate="2026-06-10")
    world.run(publishes=False)
    world.sleep(HOUR)
    world.line(deal, "11")
    scope = begin(world)
    world.stage(scope)
    world.prepare(scope)

    send(world, scope, is_migration=False)

    assert [str(one.totals.sub_total) for one in world.invoices] == ["111.00"]


def test_lines_of_a_deal_that_left_the_month_meanwhile_are_read_by_id(world: World) -> None:
    deal = world.won(world.account(), "100", "5", CloseDate="2026-06-10")
    scope = begin(world)
    windows = {one.entity: one.window_id for one in world.ledger.windows.of_run(scope.run_id)}
    for entity in (Entity.ACCOUNT, Entity.OPPORTUNITY, Entity.OPPORTUNITY_LINE):
        if entity is Entity.OPPORTUNITY_LINE:
            world.edit("Opportunity", deal, CloseDate="2026-08-01")
        extract.submit_job(scope, world.salesforce, windows[entity])
        extract.download(scope, world.salesforce, windows[entity])
    Companions(scope, world.salesforce).read()

    world.prepare(scope)
    send(world, scope)

    assert [str(one.totals.sub_total) for one in world.invoices] == ["105.00"]


def used(world: World) -> int:
    return world.sandbox.org.usage.spent(world.clock.now())


@pytest.fixture
def busy_month(world: World) -> World:
    account = world.account()
    for day in range(1, 31):
        world.won(account, CloseDate=f"2026-06-{day:02}")
    return world


def test_a_month_needs_no_more_calls_than_were_forecast(busy_month: World) -> None:
    scope = begin(busy_month)
    windows = {
        OBJECT_OF[one.entity]: one.window_id
        for one in busy_month.ledger.windows.of_run(scope.run_id)
    }
    needed = history.forecast(scope, busy_month.salesforce, windows)
    assert needed == Forecast(calls=40, query_jobs=6)
    before = used(busy_month)

    busy_month.stage(scope)

    assert used(busy_month) - before <= 15


def test_runs_at_about_the_same_time_ask_the_organisation_once(world: World) -> None:
    for name in ("june", "june-too", "june-again"):
        begin(world, name)
    assert world.calls("GET").count("GET Organisation") == 1
    world.sleep(HOUR)
    begin(world, "later")
    assert world.calls("GET").count("GET Organisation") == 2
