"""What a run costs in calls to the org, and which windows need no job."""

from collections import Counter
from urllib.parse import parse_qs

import pytest
from tests.contract.sync.kit import World

from sfxero.sandbox.salesforce import rules
from sfxero.sync import extract
from sfxero.sync.scope import ENTITY_OF, Scope
from sfxero.sync.staged import ids_in

pytestmark = pytest.mark.contract

HOUR = 3600
MOST_CALLS = 5
"""Per object and hourly run, in quiet hours and busy ones."""
DESCRIBED_FOR = {"Product2": "OpportunityLineItem"}
"""Whose columns a describe of another object is needed for."""


def calls(world: World) -> Counter[str]:
    """Calls that count against the org's day, by the object that they are made for."""
    found: Counter[str] = Counter()
    for one in world.control("GET", "/journal?service=salesforce"):
        if not one["path"].startswith("/services/data/v"):
            continue  # tokens and the list of versions cost nothing
        found[_object(one["path"], parse_qs(one["query"]).get("q", [""])[0])] += 1
    return found


def _object(path: str, soql: str) -> str:
    if soql:
        return soql.partition(" FROM ")[2].partition(" ")[0]
    if "/sobjects/" in path:
        name = path.partition("/sobjects/")[2].partition("/")[0]
        return DESCRIBED_FOR.get(name, name)
    return path


def after_first_load(world: World, opportunities: int = 3) -> str:
    world.org_switch(session_s=86_400)
    account = world.account()
    for _ in range(opportunities):
        world.won(account)
    for _ in range(2):  # the second reads what the overlap holds of the first
        world.run()
        world.sleep(HOUR)
    return account


def staged_ids(scope: Scope, object_name: str) -> set[str]:
    return {one for part in scope.staged(object_name) for ids in ids_in(part) for one in ids}


def test_a_quiet_hour_costs_at_most_five_calls_per_object(world: World) -> None:
    after_first_load(world)
    world.forget_calls()

    world.stage(world.begin())

    assert set(calls(world)) == set(ENTITY_OF)
    assert max(calls(world).values()) <= MOST_CALLS
    assert sum(calls(world).values()) == 7  # three queries, four describes


def test_an_hour_with_changes_of_every_kind_costs_at_most_five_calls_per_object(
    world: World,
) -> None:
    account = after_first_load(world)
    world.org_switch(line_edit_touches_opportunity=False)
    edited, *_, sold = world.rows("OpportunityLineItem")
    world.edit("OpportunityLineItem", edited["Id"], UnitPrice=7)
    world.edit("Opportunity", sold["OpportunityId"], Name="Renamed")
    world.edit("Account", account, Name="Acme East")
    world.won(world.account("Beta"))
    world.won(None)  # waits in quarantine
    world.forget_calls()

    scope = world.begin()
    world.stage(scope)

    assert set(calls(world)) == set(ENTITY_OF)
    assert max(calls(world).values()) <= MOST_CALLS
    assert {edited["OpportunityId"], sold["OpportunityId"]} <= staged_ids(scope, "Opportunity")


def test_a_small_window_is_staged_without_a_job_and_nobody_waits(world: World) -> None:
    account = after_first_load(world)
    opportunity = world.won(account)
    scope = world.begin()
    client, world_windows = world.salesforce, world.ledger.windows.of_run(scope.run_id)

    for window in world_windows:
        assert extract.submit_job(scope, client, window.window_id) is None
        assert extract.wanted_readers(scope, client, window.window_id)
        folder = extract.download(scope, client, window.window_id)
        assert folder == world.ledger.windows.get(window.window_id).manifest

    assert {one.job_id for one in world.ledger.windows.of_run(scope.run_id)} == {None}
    assert opportunity in {one for ids in ids_in(scope.staged("Opportunity")[0]) for one in ids}


def test_a_small_window_that_is_submitted_again_is_not_read_again(world: World) -> None:
    after_first_load(world)
    scope = world.begin()
    window = world.ledger.windows.of_run(scope.run_id)[0]
    extract.submit_job(scope, world.salesforce, window.window_id)
    world.forget_calls()

    assert extract.submit_job(scope, world.salesforce, window.window_id) is None
    assert calls(world) == {}


def test_deleted_and_merged_records_come_by_rest_too(world: World) -> None:
    winner, loser = world.account(), world.account("Beta")
    opportunity = world.won(winner)
    world.run()
    world.sleep(HOUR)
    world.delete("Opportunity", opportunity)
    world.control("POST", f"/salesforce/Account/{winner}/merge", {"loser_ids": [loser]})

    scope = world.begin()
    world.stage(scope)

    assert {one.job_id for one in world.ledger.windows.of_run(scope.run_id)} == {None}
    assert opportunity in staged_ids(scope, "Opportunity")
    assert loser in staged_ids(scope, "Account")


@pytest.mark.parametrize(("rows", "is_bulk"), [(2_000, False), (2_001, True)])
def test_a_window_of_changes_is_read_by_the_way_that_costs_fewer_calls(
    world: World, rows: int, is_bulk: bool
) -> None:
    after_first_load(world, opportunities=1)
    account = world.account("Busy")
    for number in range(rows - 1):
        rules.create(world.sandbox.org, "Account", {"Name": f"Customer {number}"})
    scope = world.begin()
    (window,) = [
        one for one in world.ledger.windows.of_run(scope.run_id) if one.entity == "account"
    ]
    world.forget_calls()

    job_id = extract.submit_job(scope, world.salesforce, window.window_id)
    for _ in range(5):
        if extract.wanted_readers(scope, world.salesforce, window.window_id):
            break
    extract.download(scope, world.salesforce, window.window_id)

    assert (job_id is not None) is is_bulk
    staged = scope.staged("Account")[0]
    assert staged.manifest.row_count == rows
    assert (staged.manifest.job_id is not None) is is_bulk
    assert account in {one for ids in ids_in(staged) for one in ids}


def test_a_first_load_goes_by_bulk_without_asking_by_rest(world: World) -> None:
    world.won(world.account())
    scope = world.begin()
    world.forget_calls()

    for window in world.ledger.windows.of_run(scope.run_id):
        assert extract.submit_job(scope, world.salesforce, window.window_id)

    assert {path.rpartition("/")[2] for path in calls(world)} == {"query"}
    assert all("/jobs/" in path for path in calls(world))
