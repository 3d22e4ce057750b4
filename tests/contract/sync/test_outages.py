"""Hours without Xero, a spent day, a revoked consent: all ends in step, a person is told once."""

from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from tests.contract.sync.kit import TENANT, World
from tests.contract.tokens.consenting import BOOKS, app_at, client, consent

from sfxero.errors import ConsentRevoked, SyncError
from sfxero.ledger import Ledger
from sfxero.ledger.alert_tables import alerts
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import RouteName
from sfxero.model.owners import owner_name
from sfxero.model.states import Entity
from sfxero.orchestration.outages import must_wait
from sfxero.orchestration.retry import SyncRetry
from sfxero.sync.draining import PUBLISHED, tenant_with_work
from sfxero.sync.publish import LaneReport
from sfxero.xero.accounting import Accounting

TEN_MINUTES_S = 600.0
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
CUSTOMERS = 5
BATCH = 2
"""Small, so that the work takes many calls."""
DAY_LIMIT = 1000
CALLS_LEFT = 3
"""Of the day; the work needs eight at least."""
TRIES = 3

pytestmark = pytest.mark.contract


@pytest.fixture
def waiting(world: World) -> World:
    """A world in which all that was won is mapped, and nothing sent yet."""
    for number in range(CUSTOMERS):
        account = world.account(f"Customer {number}")
        world.won(account, "100.05")
        world.won(account, "19.99", "0.01")
    world.run("sync", publishes=False)
    world.forget_calls()
    return world


def lane(world: World, accounting: Accounting, entity: Entity, run: str) -> LaneReport | None:
    """One publishing task, tried again as Airflow does; None if an outage has skipped it."""
    for number in range(1, TRIES + 1):
        try:
            report = world.publish(
                entity,
                target=accounting,
                run_id=f"demo/drain/{run}",
                owner=owner_name(f"demo/drain/{run}", entity, 0, token=str(number)),
                batch_size=BATCH,
            )
        except SyncError as error:
            if must_wait(error, is_last_try=number == TRIES):
                return None
            if not error.is_transient:
                raise
            delay = SyncRetry().evaluate(error, number, TRIES - 1).retry_delay
            assert delay is not None
            world.sleep(delay.total_seconds())
        else:
            return None if report.is_deferred else report
    raise AssertionError("a failure on the last try is no outage")


def drain(world: World, accounting: Accounting) -> str:
    """One run of `outbox_drain`; tells how it ended."""
    run = world.clock.now().isoformat()
    now = world.clock.now()
    outbox = world.ledger.outbox
    if tenant_with_work(outbox, RouteName("demo"), now=now, configured=TENANT) is None:
        return "idle"
    for entity in PUBLISHED:
        try:
            if lane(world, accounting, entity, run) is None:
                return "deferred"
        except ConsentRevoked:
            return "failed"
    return "done"


def drains(world: World, accounting: Accounting, *, for_s: float) -> list[str]:
    """Let the scheduler do its work for some time."""
    ends = []
    until = world.clock.now().timestamp() + for_s
    while (now := world.clock.now().timestamp()) < until:
        ends.append(drain(world, accounting))
        took = world.clock.now().timestamp() - now
        world.sleep(TEN_MINUTES_S - took % TEN_MINUTES_S)
    return ends


def stored_alerts(world: World) -> list[tuple[str, bool]]:
    """Every alert there ever was, and whether it is over."""
    with world.ledger._database.read() as conn:
        return [(row.kind, row.closed_at is not None) for row in conn.execute(alerts.select())]


def assert_in_step(world: World) -> None:
    """Each customer and each deal is in Xero once, and the totals are the same."""
    assert len(world.contacts) == CUSTOMERS
    assert len(world.invoices) == 2 * CUSTOMERS
    assert sum(one.totals.sub_total for one in world.invoices) == CUSTOMERS * Decimal("120.05")
    assert set(world.states()) == {"settled"}
    assert drain(world, world.accounting) == "idle"


def test_an_idle_outbox_costs_no_call_and_no_token(world: World) -> None:
    world.run("sync")
    world.control("DELETE", "/journal")

    assert drain(world, world.new_accounting()) == "idle"

    assert world.control("GET", "/journal") == []


def test_after_an_hour_without_xero_all_is_in_step_and_one_alert_was_stored(
    waiting: World,
) -> None:
    accounting = waiting.new_accounting(is_limited=True, has_circuit=True)
    waiting.fail("outage", r"^/(api\.xro|connect)", for_s=HOUR_S)

    during = drains(waiting, accounting, for_s=HOUR_S)
    asked = len(waiting.journal())
    assert [one.kind for one in waiting.ledger.alerts.list()] == [AlertKind.OUTAGE]
    after = drains(waiting, accounting, for_s=3 * TEN_MINUTES_S)

    assert set(during) == {"deferred"}
    assert waiting.contacts
    assert "done" in after
    assert after[-1] == "idle"
    assert stored_alerts(waiting) == [("outage", True)]
    # Whoever knocks does so ever less often, and alone.
    assert asked <= 20
    assert_in_step(waiting)


def test_an_outage_in_the_middle_loses_nothing_and_sends_nothing_twice(waiting: World) -> None:
    accounting = waiting.new_accounting(is_limited=True, has_circuit=True)
    # The first write is carried out, and nobody hears of it; then the service is gone.
    waiting.fail("lost_reply", "/Contacts", method="PUT", count=3)
    waiting.fail("outage", r"^/api\.xro", after_s=5.0, for_s=HOUR_S)

    ends = drains(waiting, accounting, for_s=HOUR_S + 4 * TEN_MINUTES_S)

    assert ends[0] == "deferred"
    assert ends[-1] == "idle"
    assert stored_alerts(waiting) == [("outage", True)]
    assert_in_step(waiting)


def test_a_spent_day_ends_each_run_quietly_and_the_next_day_sends_the_rest(
    waiting: World,
) -> None:
    accounting = waiting.new_accounting(is_limited=True, has_circuit=True)
    spend_the_day(waiting)

    during = drains(waiting, accounting, for_s=HOUR_S)
    assert [one.kind for one in waiting.ledger.alerts.list()] == [AlertKind.DAY_LIMIT]
    after = drains(waiting, accounting, for_s=DAY_S + HOUR_S)

    assert set(during) == {"deferred"}
    assert after[-1] == "idle"
    assert stored_alerts(waiting) == [("day_limit", True)]
    # No run asks in vain to find out what the ledger knows.
    assert [one["status"] for one in waiting.journal()].count(429) <= 1
    assert_in_step(waiting)


def test_a_revoked_consent_is_told_once_and_a_new_one_sends_the_rest(waiting: World) -> None:
    waiting.switch(auto_consent=True)
    with Ledger(waiting.url, clock=waiting.clock, token_keys=[key()]) as ledger:
        ledger.tokens.keep(BOOKS, app_at(waiting.address), consent(waiting.address))
        xero = client(waiting.address, ledger, clock=waiting.clock, sleeper=waiting)
        waiting.control("POST", "/xero/tokens/revoke", {})

        during = drains(waiting, Accounting(xero), for_s=HOUR_S)
        assert [one.kind for one in ledger.alerts.list()] == [AlertKind.CONSENT_REVOKED]
        ledger.tokens.keep(BOOKS, app_at(waiting.address), consent(waiting.address))
        after = drains(waiting, Accounting(xero), for_s=HOUR_S)
        xero.close()

    # Only a person can mend it, so the runs are red and not deferred.
    assert set(during) == {"failed"}
    assert (after[0], after[-1]) == ("done", "idle")
    assert [kind for kind, _ in stored_alerts(waiting)] == ["consent_revoked"]
    assert_in_step(waiting)


def test_what_a_run_has_read_before_the_org_went_away_is_read_again_by_the_next(
    world: World,
) -> None:
    world.run("first")
    account = world.account("Late")
    deal = world.won(account, "100")
    world.sleep(60)
    cut_short = world.begin("cut short")
    world.stage(cut_short)
    world.fail("outage", "^/services/", for_s=HOUR_S)
    with pytest.raises(SyncError):
        world.stage(world.begin("even shorter"))

    runs = world.ledger.runs
    assert runs.settle(cut_short.run_id).missing_count >= 2
    assert runs.leave_to_the_next(cut_short.run_id) >= 2
    world.sleep(HOUR_S)
    report = world.run("next")

    assert runs.settle(cut_short.run_id).missing_count == 0
    assert report.missing_count == 0
    assert world.link(deal, Entity.INVOICE) is not None
    assert [one.totals.sub_total for one in world.invoices] == [Decimal(100)]


def key() -> str:
    """A key that encrypts tokens."""
    return Fernet.generate_key().decode()


def spend_the_day(world: World) -> None:
    """Let others have used up most of Xero's calls today."""
    world.switch(day_limit=DAY_LIMIT)
    (meter,) = world.sandbox.xero.limits._meters.values()
    meter.day.used = DAY_LIMIT - CALLS_LEFT
