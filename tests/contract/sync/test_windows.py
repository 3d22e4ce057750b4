"""What a run reads: everything once, then what changed, and what belongs to it."""

from datetime import timedelta

import pytest
from tests.contract.sync.kit import World

from sfxero.errors import JobFailed, LedgerError
from sfxero.model.states import Entity, WindowState
from sfxero.sync import extract, staged
from sfxero.sync.scope import Scope

pytestmark = pytest.mark.contract

HOUR = 3600


def windows(world: World, scope: Scope) -> dict[Entity, object]:
    return {one.entity: one for one in world.ledger.windows.of_run(scope.run_id)}


def watermarks(world: World) -> set[object]:
    route = world.scope("any").route
    entities = (Entity.ACCOUNT, Entity.OPPORTUNITY, Entity.OPPORTUNITY_LINE)
    return {world.ledger.windows.watermark(route, one) for one in entities}


def read_ids(scope: Scope, object_name: str) -> set[str]:
    """All ids that the run staged, companions too."""
    return {one for part in scope.staged(object_name) for ids in staged.ids_in(part) for one in ids}


def total(world: World) -> list[str]:
    return [str(one.totals.sub_total) for one in world.invoices]


def test_the_first_run_reads_all_and_the_second_writes_nothing(world: World) -> None:
    world.won(world.account(), "100", "23.50")
    first = world.run()
    world.forget_calls()
    world.sleep(HOUR)

    second = world.run()

    assert total(world) == ["123.50"]
    assert world.writes() == []
    assert (first.missing_count, second.missing_count) == (0, 0)


def test_a_later_window_begins_an_overlap_before_the_watermark(world: World) -> None:
    world.won(world.account())
    world.run()
    (mark,) = watermarks(world)
    world.sleep(HOUR)

    scope = world.begin()

    for window in windows(world, scope).values():
        assert window.from_at == mark - timedelta(seconds=600)
        assert window.to_at == mark + timedelta(seconds=HOUR)


def test_the_lag_leaves_the_newest_records_to_the_next_run(world: World) -> None:
    world.respec(salesforce={"lag_s": 300})
    world.won(world.account())
    world.run()
    assert world.invoices == []

    world.sleep(301)
    world.run()
    assert total(world) == ["100.00"]


def test_one_change_is_one_write(world: World) -> None:
    account = world.account()
    world.won(account)
    opportunity = world.won(account, "50")
    world.run()
    world.forget_calls()
    world.sleep(HOUR)

    world.line(opportunity, "25")
    world.run()

    assert world.writes() == ["POST Invoices"]
    assert total(world) == ["100.00", "75.00"]


@pytest.mark.parametrize("touches", [True, False])
def test_an_edited_line_changes_its_invoice_though_its_opportunity_has_no_new_stamp(
    world: World, touches: bool
) -> None:
    world.org_switch(line_edit_touches_opportunity=touches)
    opportunity = world.won(world.account(), "100", "20")
    line = world.line(opportunity, "3")
    world.run()
    world.sleep(HOUR)

    world.edit("OpportunityLineItem", line, UnitPrice=4)
    world.run()

    assert total(world) == ["124.00"]


def test_an_opportunity_of_a_line_in_the_window_is_read_though_it_changed_after_its_end(
    world: World,
) -> None:
    opportunity = world.won(world.account())
    world.respec(salesforce={"lag_s": 300})
    world.sleep(301)
    world.edit("Opportunity", opportunity, Name="Renamed just now")

    report = world.run()

    assert total(world) == ["100.00"]
    assert report.missing_count == 0


def test_an_old_account_is_read_by_its_id_until_it_is_linked(world: World) -> None:
    account = world.account()
    world.run(publishes=False)
    world.sleep(HOUR)
    world.run(publishes=False)  # moves the watermark past the account
    world.sleep(HOUR)
    world.won(account)

    scope = world.begin()
    world.stage(scope)
    assert read_ids(scope, "Account") == {account}

    world.run()
    world.sleep(HOUR)
    linked = world.begin()
    world.stage(linked)
    assert read_ids(linked, "Opportunity")
    assert read_ids(linked, "Account") == set()


def test_an_opportunity_that_moves_to_another_account_takes_its_invoice_along(
    world: World,
) -> None:
    opportunity = world.won(world.account())
    other = world.account("Beta")
    world.run()
    world.forget_calls()
    world.sleep(HOUR)

    world.edit("Opportunity", opportunity, AccountId=other)
    world.run()

    assert world.writes() == ["POST Invoices"]
    assert world.invoices[0].contact_id == world.link(other).target_id


def test_a_deleted_line_leaves_the_invoice(world: World) -> None:
    opportunity = world.won(world.account(), "100")
    extra = world.line(opportunity, "20")
    world.run()
    world.sleep(HOUR)

    world.delete("OpportunityLineItem", extra)
    world.run()

    assert total(world) == ["100.00"]


def test_a_changed_mapping_reads_everything_again_and_writes_what_differs(world: World) -> None:
    world.won(world.account())
    world.run()
    world.forget_calls()
    world.sleep(HOUR)
    world.respec(invoices={"due": {"days": 30}})

    scope = world.begin()
    assert {one.from_at for one in windows(world, scope).values()} == {None}

    world.run()
    assert world.writes() == ["POST Invoices"]
    after = world.begin()
    assert None not in {one.from_at for one in windows(world, after).values()}


def test_a_changed_schedule_reads_only_changes(world: World) -> None:
    world.run()
    world.respec(publish={"lanes": 1})

    scope = world.begin()

    assert None not in {one.from_at for one in windows(world, scope).values()}


def test_a_full_refresh_reads_everything_and_writes_nothing(world: World) -> None:
    world.won(world.account())
    world.run()
    world.forget_calls()
    world.sleep(HOUR)

    scope = world.begin(full=True)
    world.stage(scope)
    counts = world.prepare(scope)

    assert (counts["records"], counts["added"], counts["unchanged"]) == (1, 0, 1)


def test_the_watermark_moves_only_when_a_window_is_prepared(world: World) -> None:
    world.won(world.account())
    scope = world.begin()
    world.stage(scope)
    assert watermarks(world) == {None}

    world.prepare(scope)

    ends = {one.to_at for one in windows(world, scope).values()}
    assert watermarks(world) == ends


def test_a_window_that_was_staged_and_not_prepared_is_read_again_by_the_next_run(
    world: World,
) -> None:
    world.run()
    world.sleep(HOUR)
    world.won(world.account())
    lost = world.begin()
    world.stage(lost)
    world.sleep(HOUR)

    world.run()

    assert total(world) == ["100.00"]
    assert {one.state for one in windows(world, lost).values()} == {WindowState.SUPERSEDED}
    with pytest.raises(LedgerError):
        world.prepare(lost)


def test_a_run_that_is_started_again_does_its_work_once(world: World) -> None:
    world.won(world.account())
    world.run("same")
    world.forget_calls()

    report = world.run("same")

    assert world.writes() == []
    assert report.missing_count == 0


def test_a_task_that_is_repeated_finds_its_work_done(world: World) -> None:
    world.won(world.account())
    scope = world.begin()
    world.stage(scope)
    jobs = [one.job_id for one in world.ledger.windows.of_run(scope.run_id)]

    world.stage(scope)
    world.prepare(scope)
    world.stage(scope)  # even after the windows are prepared

    assert [one.job_id for one in world.ledger.windows.of_run(scope.run_id)] == jobs
    assert world.prepare(scope)["records"] == 1


def test_a_job_that_was_submitted_is_used_again(world: World) -> None:
    scope = world.begin()
    window = world.ledger.windows.of_run(scope.run_id)[0]

    first = extract.submit_job(scope, world.salesforce, window.window_id)

    assert extract.submit_job(scope, world.salesforce, window.window_id) == first


def test_a_failed_job_names_its_query_and_is_replaced_when_submitted_again(world: World) -> None:
    scope = world.begin()
    window = world.ledger.windows.of_run(scope.run_id)[0]
    world.org_switch(fail_jobs=2)
    failed = extract.submit_job(scope, world.salesforce, window.window_id)
    assert not extract.wanted_readers(scope, world.salesforce, window.window_id)
    with pytest.raises(JobFailed, match="SELECT"):
        extract.wanted_readers(scope, world.salesforce, window.window_id)

    assert extract.submit_job(scope, world.salesforce, window.window_id) != failed
    world.stage(scope)
    assert read_ids(scope, "Account") == set()


def test_a_superseded_run_asks_the_org_for_no_further_job(world: World) -> None:
    lost = world.begin()
    window = world.ledger.windows.of_run(lost.run_id)[0]
    world.org_switch(fail_jobs=1)
    extract.submit_job(lost, world.salesforce, window.window_id)
    world.begin(full=True)
    world.forget_calls()

    for step in (extract.wanted_readers, extract.submit_job, extract.download):
        with pytest.raises(LedgerError, match="superseded"):
            step(lost, world.salesforce, window.window_id)

    assert world.control("GET", "/journal?service=salesforce") == []


def test_companions_that_are_read_again_replace_the_former(world: World) -> None:
    world.run()
    opportunity = world.won(world.account())
    world.org_switch(line_edit_touches_opportunity=False)
    scope = world.begin()
    world.stage(scope)
    line = world.line(opportunity, "5")

    world.stage(scope)

    assert line in read_ids(scope, "OpportunityLineItem")
