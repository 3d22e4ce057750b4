"""If-Modified-Since, and edits that move no time (item 13)."""

import pytest

pytestmark = pytest.mark.contract


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-11-22T03:10:01", ["SF-3"]),
        ("2026-11-22T03:10:01.500", ["SF-1", "SF-2", "SF-3"]),
        ("2026-11-22T03:10:01Z", ["SF-1", "SF-2", "SF-3"]),
        ("Sun, 22 Nov 2026 03:10:01 GMT", ["SF-1", "SF-2", "SF-3"]),
    ],
)
def test_modified_since_takes_whole_seconds_and_ignores_other_forms(three, since, expected):
    assert three.numbers(headers={"If-Modified-Since": since}) == expected


def test_modified_since_may_be_switched_to_inclusive(three):
    three.switch(modified_since_inclusive=True)
    since = {"If-Modified-Since": "2026-11-22T03:10:01"}
    assert three.numbers(headers=since) == ["SF-2", "SF-3"]


def test_a_due_date_moved_on_a_part_paid_invoice_does_not_move_its_time(xero):
    invoice = xero.put_invoice()
    xero.pay_by_hand(invoice, "10.00")
    before = xero.changed(invoice, Reference="x")["UpdatedDateUTC"]
    xero.sandbox.clock.advance(5)
    assert xero.changed(invoice, DueDate="2027-01-01")["UpdatedDateUTC"] == before
    assert xero.changed(invoice, Reference="y")["UpdatedDateUTC"] != before


def test_item_13_a_fraction_is_read_when_switched(three):
    three.switch(modified_since_lenient=True)
    since = {"If-Modified-Since": "2026-11-22T03:10:01.500Z"}
    assert three.numbers(headers=since) == ["SF-3"]


def test_item_13_becoming_a_customer_and_owing_money_do_not_move_a_contact(xero):
    contact = xero.put_contact("Maple Florist")
    xero.sandbox.clock.advance(5)
    xero.put_invoice()
    [row] = xero.get(f"Contacts/{contact['ContactID']}")["Contacts"]
    assert row["IsCustomer"]
    assert row["Balances"]["AccountsReceivable"]["Outstanding"] == 110
    assert row["UpdatedDateUTC"] == contact["UpdatedDateUTC"]


def test_item_13_becoming_a_supplier_does_not_move_a_contact(xero):
    contact = xero.put_contact("Maple Florist")
    xero.sandbox.clock.advance(5)
    xero.put_invoice(Type="ACCPAY", LineItems=[{"UnitAmount": 1, "AccountCode": "429"}])
    [row] = xero.get(f"Contacts/{contact['ContactID']}")["Contacts"]
    assert (row["IsSupplier"], row["UpdatedDateUTC"]) == (True, contact["UpdatedDateUTC"])


def test_item_13_sending_a_part_paid_invoice_does_not_move_its_time(xero):
    invoice = xero.put_invoice()
    xero.pay(invoice, "10.00")
    before = xero.invoice(invoice)["UpdatedDateUTC"]
    xero.sandbox.clock.advance(5)
    assert xero.changed(invoice, SentToContact=True)["SentToContact"]
    assert xero.invoice(invoice)["UpdatedDateUTC"] == before


def test_item_13_an_undone_change_is_not_listed_as_new(three):
    three.switch(partial_commit=False)
    since = {"If-Modified-Since": "2026-11-22T03:10:01"}
    body = {"Invoices": [{"InvoiceNumber": "SF-1", "Reference": "x"}, {"InvoiceNumber": "SF-9"}]}
    assert three.call("POST", "Invoices", json=body).status_code == 400
    assert three.numbers(headers=since) == ["SF-3"]
