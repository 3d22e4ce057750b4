"""A payment and its invoice move together; deleted payments are listed (item 26)."""

import pytest

pytestmark = pytest.mark.contract


@pytest.fixture
def paid(xero):
    """An invoice, a payment of it five seconds later, and its deletion ten seconds later."""
    invoice = xero.put_invoice()
    xero.sandbox.clock.advance(5)
    payment = xero.pay(invoice, "110.00")
    return invoice, payment


def test_item_26_a_payment_moves_its_invoice_at_the_same_moment(xero, paid):
    invoice, payment = paid
    moved = xero.invoice(invoice)["UpdatedDateUTC"]
    assert moved == payment["UpdatedDateUTC"] != invoice["UpdatedDateUTC"]


def test_item_26_a_deletion_moves_both_again(xero, paid):
    invoice, payment = paid
    xero.sandbox.clock.advance(5)
    path = f"Payments/{payment['PaymentID']}"
    [deleted] = xero.post(path, {"Status": "DELETED"})["Payments"]
    assert deleted["UpdatedDateUTC"] == xero.invoice(invoice)["UpdatedDateUTC"]
    assert deleted["UpdatedDateUTC"] != payment["UpdatedDateUTC"]


@pytest.mark.parametrize(("listed", "statuses"), [(True, ["DELETED"]), (False, [])])
def test_item_26_deleted_payments_are_listed_unless_switched(xero, paid, listed, statuses):
    xero.switch(deleted_payments_listed=listed)
    xero.sandbox.clock.advance(5)
    xero.post(f"Payments/{paid[1]['PaymentID']}", {"Status": "DELETED"})
    since = {"If-Modified-Since": "2026-11-22T03:10:06"}
    found = xero.get("Payments", headers=since)["Payments"]
    assert [row["Status"] for row in found] == statuses
