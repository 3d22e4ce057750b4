"""The org's day against the served sandbox: forecasts hold, and a share is never exceeded."""

from decimal import Decimal

import pytest
from tests.contract.sync.kit import World

from sfxero.errors import QuotaExhausted
from sfxero.model.org_day import Allowance, Forecast, OrgDay
from sfxero.salesforce.client import SalesforceClient
from sfxero.sync import org_budget
from sfxero.sync.scope import Scope

HOUR = 3600
ORG = "salesforce_demo"

pytestmark = pytest.mark.contract


def reserve(world: World, scope: Scope, *, full: bool = False) -> Forecast:
    needed = org_budget.forecast(scope, full_refresh=full)
    org_budget.reserve(scope, world.salesforce, needed)
    return needed


def used(world: World) -> int:
    return world.sandbox.org.usage.spent(world.clock.now())


def use(world: World, calls: int) -> None:
    """Let others call the org."""
    world.sandbox.org.usage.count(world.clock.now(), calls)


def started(world: World, run_id: str) -> Scope:
    scope = world.scope(run_id)
    world.ledger.runs.start(
        scope.run_id,
        scope.route,
        kind="changes",
        mapping_version=world.spec.mapping_version,
        actor="test",
        params="{}",
    )
    return scope


@pytest.fixture
def second_hour(world: World) -> World:
    world.org_switch(session_s=10 * 86_400, daily_requests=100_000, query_jobs_per_day=10_000)
    world.won(world.account())
    world.run()
    world.sleep(HOUR)
    return world


@pytest.mark.parametrize(
    ("asleep_s", "full", "calls"),
    [(0, False, 15), (22 * HOUR, False, 15), (48 * HOUR, False, 135), (0, True, 750),
     (365 * 24 * HOUR, False, 750)],
)  # fmt: skip
def test_the_forecast_grows_with_the_window(
    second_hour: World, asleep_s: float, *, full: bool, calls: int
) -> None:
    second_hour.sleep(asleep_s)
    scope = started(second_hour, "r")
    assert org_budget.forecast(scope, full_refresh=full) == Forecast(calls, 6)


def test_a_first_load_is_forecast_as_a_full_one_and_so_are_other_rules(world: World) -> None:
    assert org_budget.forecast(started(world, "r"), full_refresh=False).calls == 750
    world.won(world.account())
    world.run()
    assert org_budget.forecast(started(world, "s"), full_refresh=False).calls == 15
    world.respec(invoices={"status": "DRAFT"})
    assert org_budget.forecast(started(world, "t"), full_refresh=False).calls == 750


def test_rows_of_other_objects_are_forecast_with_their_records(second_hour: World) -> None:
    before = second_hour.spec.mapping_version
    second_hour.respec(contacts={"persons": {"object": "Contact", "of": "AccountId"}})
    assert second_hour.spec.mapping_version != before
    assert org_budget.forecast(started(second_hour, "r"), full_refresh=True).calls == 1000


@pytest.mark.parametrize("full", [False, True])
def test_a_run_needs_no_more_than_was_forecast(second_hour: World, *, full: bool) -> None:
    account = second_hour.account("Busy")
    for _ in range(30):
        second_hour.won(account)
    forecast = reserve(second_hour, started(second_hour, "r"), full=full)
    before = used(second_hour)
    jobs = second_hour.sandbox.org.query_jobs.spent(second_hour.clock.now())

    second_hour.stage(second_hour.begin("r", full=full))

    now = second_hour.clock.now()
    assert 0 < used(second_hour) - before <= forecast.calls
    assert second_hour.sandbox.org.query_jobs.spent(now) - jobs <= forecast.query_jobs


@pytest.mark.parametrize("per_app", [False, True])
def test_what_the_org_says_is_stored_for_one_call(second_hour: World, *, per_app: bool) -> None:
    second_hour.org_switch(per_app_usage=per_app)
    before = used(second_hour)
    reserve(second_hour, started(second_hour, "r"))

    assert used(second_hour) == before + 1
    seen = second_hour.ledger.org_usage.seen(ORG)
    assert seen is not None
    assert seen.day.calls == Allowance(before + 1, 100_000)
    assert seen.day.query_jobs is not None
    assert seen.day.query_jobs.allowed == 10_000
    second_hour.org_switch(per_app_usage=False)


def test_the_header_of_a_later_reply_is_stored_too(second_hour: World) -> None:
    scope = started(second_hour, "r")
    reserve(second_hour, scope)
    second_hour.salesforce.describe("Account")
    org_budget.note(scope, second_hour.salesforce)

    seen = second_hour.ledger.org_usage.seen(ORG)
    assert seen is not None
    assert seen.day.calls == Allowance(used(second_hour), 100_000)
    assert seen.day.query_jobs is not None


def test_a_run_that_would_exceed_the_share_does_not_start_and_a_later_one_does(
    second_hour: World,
) -> None:
    second_hour.org_switch(daily_requests=1000)
    use(second_hour, 490 - used(second_hour))
    with pytest.raises(QuotaExhausted, match="leaves off at 500"):
        reserve(second_hour, started(second_hour, "r"))
    assert used(second_hour) == 491

    second_hour.respec(salesforce={"daily_share": "0.6"})
    reserve(second_hour, started(second_hour, "with a larger share"))
    second_hour.respec(salesforce={"daily_share": "0.5"})
    second_hour.sleep(25 * HOUR)
    reserve(second_hour, started(second_hour, "when the day has passed"))


def test_too_few_query_jobs_stop_a_run_as_well(second_hour: World) -> None:
    spent = second_hour.sandbox.org.query_jobs.spent(second_hour.clock.now())
    second_hour.org_switch(query_jobs_per_day=2 * (spent + 5))
    with pytest.raises(QuotaExhausted, match="bulk query jobs a day"):
        reserve(second_hour, started(second_hour, "r"))
    second_hour.org_switch(query_jobs_per_day=2 * (spent + 6))
    reserve(second_hour, started(second_hour, "s"))


def sharing(world: World, share: str) -> SalesforceClient:
    return SalesforceClient(
        login_url=world.address,
        client_id="sandbox-sf-client",
        client_secret="sandbox-sf-secret",
        api_version="62.0",
        clock=world.clock,
        sleeper=world,
        daily_share=Decimal(share),
    )


def test_a_run_that_reads_more_than_was_forecast_stops_before_the_share_is_exceeded(
    second_hour: World,
) -> None:
    client = sharing(second_hour, "0.5")
    second_hour.org_switch(daily_requests=1000)
    use(second_hour, 495 - used(second_hour))

    def read_on() -> None:
        for _ in range(100):
            client.describe("Account")

    try:
        with pytest.raises(QuotaExhausted, match="500 of the org's 1000 calls"):
            read_on()
    finally:
        client.close()
    assert used(second_hour) == 500


def test_calls_that_say_nothing_of_the_day_are_counted_by_the_client(second_hour: World) -> None:
    client = sharing(second_hour, "0.5")
    second_hour.org_switch(daily_requests=1000, limit_header_on_jobs=False)
    use(second_hour, 490 - used(second_hour))
    client.describe("Account")

    def look_on() -> None:
        for _ in range(100):
            client.session.call("GET", "/services/data/v62.0/jobs/query")

    try:
        with pytest.raises(QuotaExhausted):
            look_on()
    finally:
        client.close()
    assert used(second_hour) == 500


def test_an_org_that_says_nothing_of_its_day_stops_no_run(world: World) -> None:
    world.fail("error_before", "/limits", status=403)
    scope = started(world, "r")

    reserve(world, scope)

    seen = world.ledger.org_usage.seen(ORG)
    assert seen is not None
    assert seen.day == OrgDay(None, None)
