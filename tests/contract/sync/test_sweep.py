"""The nightly sweep finds what no window can, and is quiet when there is nothing to find."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.contract.sync.kit import World

from sfxero.errors import IncompleteExtract
from sfxero.ledger.runs import RunReport
from sfxero.model.states import Entity
from sfxero.sync import extract, preflight, sweep
from sfxero.sync.companions import Companions

HOUR = 3600

pytestmark = pytest.mark.contract


def sweep_once(world: World, name: str = "night", *, publishes: bool = True) -> RunReport:
    """One whole sweep, step by step as its DAG does it."""
    scope = world.scope(f"sweep/{name}")
    world.ledger.runs.start(
        scope.run_id,
        scope.route,
        kind="sweep",
        mapping_version=world.spec.mapping_version,
        actor="test",
        params="{}",
    )
    preflight.read_organisation(scope, world.accounting)
    preflight.refresh_directory(scope, world.accounting)
    org = world.salesforce
    listing = scope.listing(sweep.listed_fields(world.spec, org))
    for window_id in sweep.draw_windows(scope, listing, server_now=org.server_now()).values():
        extract.submit_job(listing, org, window_id)
        while not extract.wanted_readers(listing, org, window_id):
            world.sleep(1)
        extract.download(listing, org, window_id)
    sweep.stage_differences(scope, listing, org)
    Companions(scope, org).read()
    world.prepare(scope)
    sweep.keep(scope)
    if publishes:
        for entity in (Entity.CONTACT, Entity.INVOICE):
            world.publish(entity, run_id=scope.run_id)
    return world.ledger.runs.settle(scope.run_id)


def read(report: RunReport) -> dict[Entity, int]:
    return dict(report.records)


def totals(world: World) -> list[str]:
    return sorted(str(one.totals.sub_total) for one in world.invoices)


def put_aside(world: World, object_name: str, record_id: str, **values: Any) -> None:
    """Change a row without a stamp, as the org does where a formula's inputs change."""
    world.sandbox.org.records.tables[object_name][record_id] |= values


@pytest.fixture
def synced(world: World) -> World:
    """A world whose one deal is in step, and left behind by the last window."""
    world.won(world.account(), "100", "20")
    for _ in range(2):
        world.run()
        world.sleep(HOUR)
    world.forget_calls()
    return world


def test_a_sweep_over_what_is_in_step_reads_no_record_and_writes_nothing(synced: World) -> None:
    report = sweep_once(synced)

    assert read(report) == {}
    assert synced.writes() == []


def test_a_deal_that_was_committed_below_the_watermark_is_found(synced: World) -> None:
    account = synced.rows("Account")[0]["Id"]
    late = synced.won(account, "7")
    for object_name in ("Opportunity", "OpportunityLineItem"):
        for row in synced.rows(object_name):
            if late in {row["Id"], row.get("OpportunityId")}:
                long_ago = synced.clock.now() - timedelta(days=30)
                put_aside(synced, object_name, row["Id"], SystemModstamp=long_ago)
    synced.run()
    assert totals(synced) == ["120.00"]

    report = sweep_once(synced)

    assert totals(synced) == ["120.00", "7.00"]
    assert read(report)[Entity.OPPORTUNITY] == 1
    assert report.missing_count == 0
    synced.forget_calls()
    assert read(sweep_once(synced, "next night")) == {}
    assert synced.writes() == []


def test_an_invoiced_deal_that_was_deleted_for_good_goes_to_a_person(synced: World) -> None:
    (deal,) = synced.rows("Opportunity")
    synced.purge("Opportunity", deal["Id"])
    synced.run()
    assert synced.quarantined() == {}

    report = sweep_once(synced)

    assert synced.quarantined(Entity.OPPORTUNITY) == {deal["Id"]: ["invoiced_but_not_won"]}
    assert report.missing_count == 0


def test_a_deal_that_was_hidden_for_a_night_is_read_again(synced: World) -> None:
    (deal,) = synced.rows("Opportunity")
    record = synced.sandbox.org.records.tables["Opportunity"][deal["Id"]]
    synced.purge("Opportunity", deal["Id"])
    sweep_once(synced)
    synced.sleep(25 * HOUR)
    synced.sandbox.org.records.tables["Opportunity"][deal["Id"]] = record

    assert read(sweep_once(synced, "next night"))[Entity.OPPORTUNITY] == 1

    assert synced.quarantined(Entity.OPPORTUNITY) == {}
    synced.sleep(25 * HOUR)
    assert read(sweep_once(synced, "night after")) == {}


def test_a_line_that_was_deleted_for_good_leaves_its_invoice(synced: World) -> None:
    lines = synced.rows("OpportunityLineItem")
    (line,) = (one for one in lines if Decimal(str(one["UnitPrice"])) == 20)
    synced.purge("OpportunityLineItem", line["Id"])
    (deal,) = synced.rows("Opportunity")
    put_aside(synced, "Opportunity", deal["Id"], Amount=Decimal(100))

    sweep_once(synced)

    assert totals(synced) == ["100.00"]


def test_a_changed_field_of_a_parent_is_found_though_no_stamp_moves(synced: World) -> None:
    product = synced.rows("Product2")[-1]
    synced.edit("Product2", product["Id"], Family="Freight")
    synced.run()
    assert synced.writes() == []

    sweep_once(synced)

    assert synced.writes() == ["POST Invoices"]
    (invoice,) = synced.invoices
    assert {line.account_code for line in invoice.lines} == {"260"}
    synced.forget_calls()
    assert read(sweep_once(synced, "next night")) == {}


def test_what_differs_is_found_again_until_it_is_prepared(
    synced: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = synced.rows("Product2")[-1]
    synced.edit("Product2", product["Id"], Family="Freight")
    with monkeypatch.context() as patch:
        patch.setattr(World, "prepare", lambda *_: (_ for _ in ()).throw(InterruptedError))
        with pytest.raises(InterruptedError):
            sweep_once(synced)

    sweep_once(synced, "next night")

    assert synced.writes() == ["POST Invoices"]


def test_what_was_compared_and_prepared_is_kept_if_its_task_runs_again(synced: World) -> None:
    synced.edit("Product2", synced.rows("Product2")[-1]["Id"], Family="Freight")
    report = sweep_once(synced)
    scope, org = synced.scope("sweep/night"), synced.salesforce
    listing = scope.listing(sweep.listed_fields(synced.spec, org))

    assert sweep.stage_differences(scope, listing, org)["OpportunityLineItem"] == 2

    assert read(synced.ledger.runs.settle(scope.run_id)) == read(report)


def test_more_differences_than_are_read_by_id_stop_the_sweep_with_the_way_out(
    synced: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_MOST", 1)
    synced.edit("Product2", synced.rows("Product2")[-1]["Id"], Family="Freight")

    with pytest.raises(IncompleteExtract, match="2 records of OpportunityLineItem") as caught:
        sweep_once(synced)

    assert "full_refresh" in str(caught.value)


def test_a_sweep_costs_a_fixed_number_of_calls(synced: World) -> None:
    before = synced.sandbox.org.usage.spent(synced.clock.now())
    sweep_once(synced)
    assert synced.sandbox.org.usage.spent(synced.clock.now()) - before <= 30
