"""What a run reads of Xero: no change is missed, and no call is made for nothing."""

from datetime import timedelta
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from tests.contract.sync.kit import INCLUDE, TENANT, World
from tests.contract.sync.showing import Showing

from sfxero.errors import RequestRejected, ServiceUnavailable
from sfxero.ledger.windows import Window
from sfxero.model.states import Entity, WindowState
from sfxero.quality.checks import check
from sfxero.quality.suites import load_suite
from sfxero.staging.xero_schema import schema_of
from sfxero.sync.status_prepare import prepare_statuses
from sfxero.sync.xero_lists import all_lists, due_lists, pace_of

pytestmark = pytest.mark.contract

HOUR = 3600
QUICK = ["Payments", "Invoices"]


@pytest.fixture
def showing(world: World) -> Showing:
    return Showing(world)


@pytest.fixture
def unmoved(showing: Showing) -> Showing:
    """Xero, as far as allocations do not move their invoice's time of change."""
    showing.world.switch(allocation_moves_invoice=False)
    yield showing
    showing.world.switch(allocation_moves_invoice=True)


def windows(showing: Showing, scope: object) -> dict[Entity, Window]:
    found = showing.world.ledger.windows.of_run(scope.run_id)
    return {one.entity: one for one in found}


def test_a_quiet_run_costs_one_call_a_list(showing: Showing) -> None:
    showing.noon()
    showing.invoiced("100")
    showing.run()
    showing.world.sleep(HOUR)
    showing.run()
    showing.world.sleep(HOUR)
    showing.world.forget_calls()

    showing.run(lists=QUICK)

    assert showing.world.calls() == ["GET Payments", "GET Invoices"]


def test_an_allocation_that_does_not_move_its_invoice_is_seen_in_the_credit(
    unmoved: Showing,
) -> None:
    opportunity, invoice = unmoved.invoiced("100")
    unmoved.run()
    unmoved.world.sleep(2 * HOUR)
    unmoved.run()
    unmoved.hands.credit(invoice.invoice_id, Decimal("30.00"))
    unmoved.world.sleep(HOUR)
    unmoved.world.forget_calls()

    unmoved.run()

    assert unmoved.amounts(opportunity) == ("Unpaid", "0.00", "80.00", "30.00")
    assert unmoved.world.calls().count("GET Invoices") == 2


def test_one_that_is_taken_back_is_seen_the_next_day(unmoved: Showing) -> None:
    opportunity, invoice = unmoved.invoiced("100")
    note = unmoved.hands.credit(invoice.invoice_id)
    unmoved.run()
    assert unmoved.amounts(opportunity)[0] == "Credited"
    unmoved.world.sleep(2 * HOUR)
    unmoved.run()
    unmoved.hands.deallocate(note.credit_id, note.allocations[0].allocation_id)
    unmoved.world.sleep(25 * HOUR)

    unmoved.run()

    assert unmoved.amounts(opportunity) == ("Unpaid", "0.00", "110.00", "0.00")


def test_an_invoice_whose_making_was_in_doubt_is_shown_once_it_is_linked(
    showing: Showing,
) -> None:
    world = showing.world
    opportunity = world.won(world.account(), "100", CloseDate=world.books.today().isoformat())
    world.run(publishes=False)
    world.publish(Entity.CONTACT)
    world.fail("lost_reply", "/Invoices", method="PUT", count=3)
    world.fail("error_before", "/Invoices", method="GET", count=3)
    with pytest.raises(ServiceUnavailable):
        world.publish(Entity.INVOICE)
    assert len(world.invoices) == 1
    report = showing.run()
    assert {(one.entity, one.rule) for one in report.counts} == {("invoice", "not_ours")}
    world.sleep(2 * HOUR)
    showing.run()
    world.publish(Entity.INVOICE)

    showing.run(lists=QUICK)

    assert showing.amounts(opportunity)[0] == "Unpaid"


def test_an_invoice_that_is_linked_after_the_reading_is_shown_by_the_next_run(
    showing: Showing,
) -> None:
    world = showing.world
    opportunity = world.won(world.account(), "100", CloseDate=world.books.today().isoformat())
    world.run(publishes=False)
    world.publish(Entity.CONTACT)
    world.fail("lost_reply", "/Invoices", method="PUT", count=3)
    world.fail("error_before", "/Invoices", method="GET", count=3)
    with pytest.raises(ServiceUnavailable):
        world.publish(Entity.INVOICE)
    scope = showing.begin()
    showing.read(scope)
    world.publish(Entity.INVOICE)
    assert world.link(opportunity, Entity.INVOICE)

    assert prepare_statuses(scope)["ours"] == 0

    world.sleep(HOUR)
    showing.run(lists=QUICK)
    assert showing.amounts(opportunity)[0] == "Unpaid"


def test_the_watermark_moves_only_when_the_window_is_prepared(showing: Showing) -> None:
    showing.invoiced("100")
    ledger, route = showing.world.ledger, showing.scope("any").route
    scope = showing.begin()
    showing.read(scope)
    staged = windows(showing, scope)
    assert ledger.windows.watermark(route, Entity.INVOICE) is None
    assert {one.state for one in staged.values()} == {WindowState.STAGED}

    prepare_statuses(scope)

    mark = ledger.windows.watermark(route, Entity.INVOICE)
    assert mark == staged[Entity.INVOICE].to_at
    again = showing.begin()
    showing.read(again)
    assert windows(showing, again)[Entity.INVOICE].from_at == mark - timedelta(seconds=600)


def test_what_an_earlier_run_did_not_prepare_is_read_by_the_next(showing: Showing) -> None:
    opportunity, invoice = showing.invoiced("100")
    showing.run()
    showing.world.sleep(HOUR)
    showing.hands.pay(invoice.invoice_id)
    lost = showing.begin()
    showing.read(lost)
    showing.world.sleep(HOUR)

    showing.run()

    assert showing.amounts(opportunity)[0] == "Paid"
    assert {one.state for one in windows(showing, lost).values()} == {WindowState.SUPERSEDED}


def test_a_repeated_reading_stages_only_what_is_not_staged(showing: Showing) -> None:
    showing.invoiced("100")
    scope = showing.begin()
    showing.world.fail("error_before", "/Invoices$", method="GET", count=3)
    with pytest.raises(ServiceUnavailable):
        showing.read(scope)
    showing.world.forget_calls()

    showing.read(scope)

    assert "GET Payments" not in showing.world.calls()
    assert "GET Invoices" in showing.world.calls()


def test_other_fields_in_the_route_make_everything_be_read_again(showing: Showing) -> None:
    opportunity, _ = showing.invoiced("100")
    showing.run()
    showing.world.sleep(2 * HOUR)
    showing.run()
    showing.world.respec(
        salesforce_fields={"invoice_number": "Xero_Sync_Error__c", "sync_error": None}
    )

    showing.run()

    assert showing.shown(opportunity)["Sync_Error"] == showing.invoice_of(opportunity).number


def test_an_invoice_that_xero_no_longer_has_is_named_once(showing: Showing) -> None:
    opportunity, invoice = showing.invoiced("100")
    del showing.world.books.invoices[invoice.invoice_id]

    report = showing.run()

    assert showing.world.quarantined(Entity.INVOICE) == {invoice.invoice_id: ["invoice_not_found"]}
    assert report.missing_count == 0
    assert {(one.entity, one.disposition) for one in report.counts} == {("invoice", "quarantined")}
    assert showing.shown(opportunity)["Invoice_Id"] is None


def test_a_status_that_nobody_knows_waits_in_quarantine_until_it_is_known(
    showing: Showing,
) -> None:
    opportunity, invoice = showing.invoiced("100")
    showing.world.change_invoice(invoice, status="PONDERED")
    showing.run(with_suite=True)
    assert showing.world.quarantined(Entity.INVOICE) == {invoice.invoice_id: ["status_unknown"]}
    showing.world.books.put_invoice(invoice)
    showing.world.sleep(2 * HOUR)

    showing.run(with_suite=True)

    assert showing.world.quarantined(Entity.INVOICE) == {}
    assert showing.amounts(opportunity)[0] == "Unpaid"


def test_credit_notes_that_do_not_say_what_they_gave_are_refused_if_it_cannot_be_known() -> None:
    suite = load_suite(INCLUDE / "expectations" / "invoice.yaml", {})
    amounts = dict.fromkeys(("Total", "AmountDue", "AmountPaid", "AmountCredited"), Decimal(1))
    rows = [
        {"Id": "known", "Status": "PAID", **amounts, "CreditNotesApplied": Decimal(0)},
        {"Id": "unknown", "Status": "PAID", **amounts, "CreditNotesApplied": None},
    ]
    frame = pa.Table.from_pylist(rows, schema=schema_of("Invoices"))

    result = check([frame.to_pandas(types_mapper=pd.ArrowDtype)], suite, entity=Entity.INVOICE)

    assert set(result.refused_ids) == {"unknown"}


def test_more_invoices_than_xero_lists_at_once_are_read_in_ranges_of_dates(
    showing: Showing,
) -> None:
    world = showing.world
    account = world.account()
    wins = [world.won(account, "10", CloseDate=f"2026-0{month}-10") for month in range(1, 8)]
    world.run()
    world.switch(largest_list=2)
    world.forget_calls()

    report = showing.run()

    assert {showing.amounts(one)[0] for one in wins} == {"Overdue"}
    assert report.missing_count == 0
    assert 400 in {one["status"] for one in world.journal()}
    route = showing.scope("any").route
    assert world.ledger.windows.watermark(route, Entity.INVOICE) is not None


def test_more_changes_than_xero_lists_at_once_are_read_in_ranges_of_dates(
    showing: Showing,
) -> None:
    wins = [showing.invoiced("10") for _ in range(3)]
    showing.run()
    showing.world.sleep(2 * HOUR)
    for day, (_, invoice) in enumerate(wins, start=1):
        paid_on = showing.world.books.today() - timedelta(days=day)
        showing.hands.pay(invoice.invoice_id, on=paid_on)
        dated = showing.world.books.invoices[invoice.invoice_id]
        showing.world.change_invoice(dated, dated_on=paid_on)
    showing.world.switch(largest_list=2)

    showing.run()

    assert {showing.amounts(one)[0] for one, _ in wins} == {"Paid"}


def test_a_day_of_more_invoices_than_xero_lists_stops_the_run_and_the_mark(
    showing: Showing,
) -> None:
    for _ in range(3):
        showing.invoiced("10")
    showing.world.switch(largest_list=2)
    scope = showing.begin()

    with pytest.raises(RequestRejected):
        showing.read(scope)

    marks = showing.world.ledger.windows
    assert marks.watermark(scope.route, Entity.INVOICE) is None


def test_lists_are_read_in_their_own_time(showing: Showing) -> None:
    world = showing.world
    scope = showing.begin()
    assert due_lists(scope, now=world.clock.now()) == all_lists()
    showing.run()

    def due_in(minutes: float) -> list[str]:
        return due_lists(scope, now=world.clock.now() + timedelta(minutes=minutes))

    assert due_in(1) == []
    assert due_in(9.5) == QUICK
    assert due_in(59.5) == all_lists()


def test_invoices_are_read_along_with_any_other_list(showing: Showing) -> None:
    """A long reading of theirs must not leave the next run without them."""
    world, scope = showing.world, showing.begin()
    showing.read(scope, lists=["Payments"])
    world.sleep(300)
    showing.read(scope, lists=["Invoices"])
    prepare_statuses(scope)

    due = due_lists(showing.begin(), now=world.clock.now() + timedelta(minutes=5))

    assert due[-1:] == ["Invoices"]
    assert "Payments" in due


def test_where_calls_are_few_lists_are_read_less_often(showing: Showing) -> None:
    showing.world.respec(xero={"daily_limit": 1000})
    showing.run()
    scope, now = showing.begin(), showing.world.clock.now()
    assert due_lists(scope, now=now + timedelta(minutes=10)) == []
    assert due_lists(scope, now=now + timedelta(minutes=20)) == QUICK


@pytest.mark.parametrize(("limit", "calls"), [(5_000, 360), (1_000, 180), (500, 90)])
def test_looking_for_changes_takes_a_fifth_of_the_day_at_most(limit: int, calls: int) -> None:
    pace = pace_of(limit)
    a_day = sum(timedelta(days=1) / pace.every(one) for one in all_lists())
    assert a_day == calls
    assert a_day <= limit / 5


def test_what_xero_says_that_it_allows_counts_more_than_the_route(showing: Showing) -> None:
    from sfxero.ratelimit.policy import LimitPolicy, Observed

    quota = showing.world.ledger.quota
    quota.take(TENANT, LimitPolicy())
    quota.observe(TENANT, Observed(minute_remaining=50, day_remaining=990))
    showing.run()
    scope, now = showing.begin(), showing.world.clock.now()

    assert due_lists(scope, now=now + timedelta(minutes=10)) == []
