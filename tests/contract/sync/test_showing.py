"""What happens in Xero is shown on the opportunity: each outcome, to the cent."""

from datetime import timedelta
from decimal import Decimal

import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.showing import Showing

pytestmark = pytest.mark.contract

HOUR = 3600


@pytest.fixture
def showing(world: World) -> Showing:
    return Showing(world)


def test_a_new_invoice_is_shown_with_its_number_link_and_amounts(showing: Showing) -> None:
    opportunity, invoice = showing.invoiced("100")

    showing.run()

    shown = showing.shown(opportunity)
    assert shown["Invoice_Id"] == invoice.invoice_id
    assert shown["Invoice_Number"] == invoice.number
    assert shown["Invoice_Url"].endswith(invoice.invoice_id)
    assert shown["Invoice_Status"] == "AUTHORISED"
    assert showing.amounts(opportunity) == ("Unpaid", "0.00", "110.00", "0.00")
    assert shown["Last_Synced_At"]


def test_a_part_payment_a_full_one_and_their_deletion(showing: Showing) -> None:
    opportunity, invoice = showing.invoiced("100")
    showing.hands.pay(invoice.invoice_id, Decimal("10.01"))
    showing.run()
    assert showing.amounts(opportunity) == ("Part paid", "10.01", "99.99", "0.00")
    showing.world.sleep(HOUR)
    showing.hands.pay(invoice.invoice_id)
    showing.run()
    assert showing.amounts(opportunity) == ("Paid", "110.00", "0.00", "0.00")
    assert showing.shown(opportunity)["Paid_On"] == showing.world.books.today().isoformat()
    showing.world.sleep(HOUR)
    for payment in showing.invoice_of(opportunity).payments:
        showing.hands.delete_payment(payment)

    showing.run()

    assert showing.amounts(opportunity) == ("Unpaid", "0.00", "110.00", "0.00")
    assert showing.shown(opportunity)["Paid_On"] is None


def test_a_credit_note_over_all_of_it_is_credited_and_over_a_part_leaves_it_unpaid(
    showing: Showing,
) -> None:
    opportunity, invoice = showing.invoiced("100")
    part = showing.hands.credit(invoice.invoice_id, Decimal("20.00"))
    showing.run()
    assert showing.amounts(opportunity) == ("Unpaid", "0.00", "90.00", "20.00")
    showing.world.sleep(HOUR)
    showing.hands.credit(invoice.invoice_id)
    showing.run()
    assert showing.amounts(opportunity) == ("Credited", "0.00", "0.00", "110.00")
    showing.world.sleep(HOUR)
    (allocation,) = part.allocations
    showing.hands.deallocate(part.credit_id, allocation.allocation_id)

    showing.run()

    assert showing.amounts(opportunity) == ("Unpaid", "0.00", "20.00", "90.00")


@pytest.mark.parametrize("kind", ["RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT"])
def test_money_that_was_paid_before_pays(showing: Showing, kind: str) -> None:
    opportunity, invoice = showing.invoiced("100")
    credit = showing.hands.receive(invoice.contact_id, kind, Decimal("150.00"))
    showing.hands.allocate(credit.credit_id, invoice.invoice_id, Decimal("30.00"))
    showing.run()
    assert showing.amounts(opportunity) == ("Part paid", "0.00", "80.00", "30.00")
    showing.world.sleep(HOUR)
    showing.hands.allocate(credit.credit_id, invoice.invoice_id, Decimal("80.00"))
    showing.hands.refund(credit.credit_id)

    report = showing.run()

    assert showing.amounts(opportunity) == ("Paid", "0.00", "0.00", "110.00")
    assert report.missing_count == 0
    ends = {(one.entity, one.disposition, one.rule) for one in report.counts}
    assert ("payment", "skipped", "no_invoice") in ends


def test_a_voided_invoice_is_shown_as_voided(showing: Showing) -> None:
    opportunity, invoice = showing.invoiced("100")
    showing.run()
    showing.world.sleep(HOUR)
    showing.hands.void(invoice.invoice_id)

    showing.run()

    assert showing.shown(opportunity)["Invoice_Status"] == "VOIDED"
    assert showing.shown(opportunity)["Payment_Status"] == "Voided"


def test_an_invoice_becomes_overdue_with_the_day_and_no_other_event(showing: Showing) -> None:
    opportunity, invoice = showing.invoiced("100")
    showing.run()
    due_on = invoice.due_on
    assert due_on is not None
    showing.world.sleep((due_on - showing.world.books.today()) / timedelta(seconds=1))
    showing.run()
    assert showing.world.books.today() == due_on
    assert showing.shown(opportunity)["Payment_Status"] == "Unpaid"
    showing.world.sleep(24 * HOUR)

    showing.run()

    assert showing.shown(opportunity)["Payment_Status"] == "Overdue"


def test_a_quiet_run_writes_nothing_on_either_side(showing: Showing) -> None:
    opportunity, _ = showing.invoiced("100")
    showing.run()
    before = showing.shown(opportunity)
    showing.world.sleep(HOUR)
    showing.world.forget_calls()

    report = showing.run()
    showing.world.run()

    assert showing.org_writes() == []
    assert showing.world.writes() == []
    assert showing.shown(opportunity) == before
    assert {one.disposition for one in report.counts} <= {"in_step"}


def test_our_write_is_no_change_of_the_opportunity(showing: Showing) -> None:
    opportunity, invoice = showing.invoiced("100")
    (before,) = showing.world.rows("Opportunity", Id=opportunity)
    showing.world.sleep(HOUR)
    showing.run()
    (after,) = showing.world.rows("Opportunity", Id=opportunity)
    assert after["SystemModstamp"] > before["SystemModstamp"]
    showing.world.forget_calls()

    report = showing.world.run()

    assert {(one.entity, one.disposition) for one in report.counts} >= {("opportunity", "in_step")}
    assert showing.world.writes() == []
    assert showing.world.books.invoices[invoice.invoice_id].updated_at == invoice.updated_at


def test_invoices_of_others_are_read_and_passed_over(showing: Showing) -> None:
    opportunity, invoice = showing.invoiced("100")
    line = {"Description": "x", "Quantity": 1, "UnitAmount": 5, "AccountCode": "200"}
    stranger = showing.hands.write_invoice(
        {
            "Type": "ACCREC",
            "Contact": {"ContactID": invoice.contact_id},
            "LineItems": [line],
            "Status": "AUTHORISED",
            "DueDate": "2026-12-31",
        }
    )
    showing.hands.pay(stranger.invoice_id)

    report = showing.run()

    ends = {(one.entity, one.disposition, one.rule): one.n for one in report.counts}
    assert ends["invoice", "in_step", None] == 1
    assert ends["invoice", "skipped", "not_ours"] == 1
    assert ends["payment", "skipped", "not_ours"] == 1
    assert showing.amounts(opportunity)[0] == "Unpaid"
