"""A first load that is too large for one run is read part after part, and nothing falls between."""

from datetime import datetime

import pytest
from tests.contract.sync.kit import World

from sfxero.model.states import Entity

HOUR = 3600
MOST = 2

pytestmark = pytest.mark.contract


def mark(world: World, entity: Entity) -> datetime | None:
    return world.ledger.windows.watermark(world.scope("any").route, entity)


def amounts(world: World) -> list[str]:
    return sorted(str(one.totals.sub_total) for one in world.invoices)


def rows_read(world: World, run_id: str) -> int:
    """The opportunities in a run's window."""
    windows = world.ledger.windows.of_run(world.scope(run_id).run_id)
    (found,) = (one.row_count for one in windows if one.entity is Entity.OPPORTUNITY)
    return found or 0


@pytest.fixture
def five_deals(world: World) -> World:
    """Five hours, with a deal in each; more than twice what a run reads."""
    world.respec(salesforce={"first_load_rows": MOST})
    account = world.account()
    for price in range(1, 6):
        world.won(account, f"{price}")
        world.sleep(HOUR)
    return world


def test_each_run_reads_a_part_until_all_is_read(five_deals: World) -> None:
    for number, expected in enumerate((["1.00", "2.00"], ["1.00", "2.00", "3.00", "4.00"])):
        five_deals.run(f"part-{number}")
        assert amounts(five_deals) == expected
        assert mark(five_deals, Entity.OPPORTUNITY_LINE) is None
    five_deals.run("last")
    assert len(amounts(five_deals)) == 5
    assert [rows_read(five_deals, f"part-{one}") for one in (0, 1)] == [MOST, MOST]

    five_deals.forget_calls()
    five_deals.run("after")
    five_deals.sleep(HOUR)
    report = five_deals.run("quiet")

    assert five_deals.writes() == []
    assert report.records == {}
    now = mark(five_deals, Entity.OPPORTUNITY)
    assert now is not None
    assert mark(five_deals, Entity.OPPORTUNITY_LINE) == now


def test_a_part_that_was_not_prepared_is_read_again(five_deals: World) -> None:
    five_deals.stage(five_deals.begin("dies"))
    for number in range(3):
        report = five_deals.run(f"part-{number}")
        assert report.missing_count == 0
    assert len(amounts(five_deals)) == 5


def test_a_line_that_changes_under_an_opportunity_of_an_earlier_part_is_not_missed(
    five_deals: World,
) -> None:
    five_deals.org_switch(line_edit_touches_opportunity=False)
    five_deals.run("part-0")
    five_deals.sleep(HOUR)
    first = five_deals.rows("OpportunityLineItem")[0]["Id"]
    five_deals.edit("OpportunityLineItem", first, UnitPrice=11)
    five_deals.sleep(HOUR)
    five_deals.run("part-1")
    five_deals.run("part-2")
    assert "11.00" not in amounts(five_deals)

    five_deals.sleep(HOUR)
    five_deals.run("after")

    assert "11.00" in amounts(five_deals)


def test_records_of_one_second_are_not_parted(world: World) -> None:
    world.respec(salesforce={"first_load_rows": MOST})
    account = world.account()
    for price in range(1, 5):
        world.won(account, f"{price}")
    world.sleep(HOUR)
    world.won(account, "9")
    world.sleep(1)

    world.run("burst")
    assert len(amounts(world)) == 4
    world.run("rest")
    assert len(amounts(world)) == 5


def test_what_fits_into_one_run_is_read_whole(world: World) -> None:
    world.won(world.account())
    world.sleep(HOUR)
    world.run("all")
    windows = world.ledger.windows.of_run(world.scope("all").run_id)
    assert [one.moves_watermark for one in windows] == [True] * 3
    assert {one.from_at for one in windows} == {None}
