"""Payments (item 24)."""

import pytest

pytestmark = pytest.mark.contract


def pay(xero, invoice, amount):
    path = f"/_sandbox/xero/invoices/{invoice['InvoiceID']}/pay"
    reply = xero.send("POST", path, json={"amount": amount})
    assert reply.status_code == 200, reply.text


def test_full_payment_pays_the_invoice_and_moves_its_time(xero):
    invoice = xero.put_invoice()
    xero.sandbox.clock.advance(5)
    pay(xero, invoice, "110.00")
    [row] = xero.get(f"Invoices/{invoice['InvoiceID']}")["Invoices"]
    assert (row["Status"], str(row["AmountDue"]), str(row["AmountPaid"])) == (
        "PAID",
        "0.00",
        "110.00",
    )
    assert row["FullyPaidOnDate"] == "/Date(1795305600000+0000)/"
    assert row["UpdatedDateUTC"] != invoice["UpdatedDateUTC"]


def test_more_than_is_owed_cannot_be_paid(xero):
    invoice = xero.put_invoice()
    path = f"/_sandbox/xero/invoices/{invoice['InvoiceID']}/pay"
    assert xero.send("POST", path, json={"amount": "110.01"}).status_code == 409
