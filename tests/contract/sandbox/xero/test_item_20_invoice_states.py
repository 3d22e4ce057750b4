"""Invoice states and messages (item 20)."""

import pytest
from tests.contract.sandbox.xero.conftest import LINE

pytestmark = pytest.mark.contract


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "AUTHORISED"])
def test_a_new_invoice_may_start_in_these_states(xero, status):
    assert xero.put_invoice(Status=status)["Status"] == status


def test_a_new_invoice_is_a_draft_by_default(xero):
    assert xero.put_invoice(Status=...)["Status"] == "DRAFT"


@pytest.mark.parametrize("status", ["PAID", "VOIDED", "DELETED"])
def test_no_invoice_starts_in_an_end_state(xero, status):
    assert "not of valid status for creation" in xero.invoice_refused(Status=status)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("DRAFT", "SUBMITTED"),
        ("DRAFT", "AUTHORISED"),
        ("DRAFT", "DELETED"),
        ("SUBMITTED", "DRAFT"),
        ("SUBMITTED", "DELETED"),
        ("AUTHORISED", "VOIDED"),
    ],
)
def test_states_move_as_documented(xero, old, new):
    assert xero.changed(xero.in_state(old), Status=new)["Status"] == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("DRAFT", "VOIDED"),
        ("AUTHORISED", "DRAFT"),
        ("AUTHORISED", "DELETED"),
        ("AUTHORISED", "PAID"),
        ("PAID", "AUTHORISED"),
        ("VOIDED", "AUTHORISED"),
        ("DELETED", "DRAFT"),
    ],
)
def test_no_other_move_is_allowed(xero, old, new):
    assert "not of valid status for modification" in xero.edit_refused(
        xero.in_state(old), Status=new
    )


@pytest.mark.parametrize("status", ["VOIDED", "DELETED"])
def test_a_dead_invoice_cannot_be_edited(xero, status):
    assert "for modification" in xero.edit_refused(xero.in_state(status), Reference="x")


def test_a_voided_invoice_owes_nothing_but_keeps_its_total(xero):
    row = xero.changed(xero.in_state("AUTHORISED"), Status="VOIDED")
    assert (row["AmountDue"], row["Total"]) == (0.0, 110.0)


def test_a_draft_needs_neither_due_date_nor_account(xero):
    line = {"Description": "Advice", "Quantity": 1, "UnitAmount": 5}
    assert xero.put_invoice(Status="DRAFT", DueDate=..., LineItems=[line])["Status"] == "DRAFT"


@pytest.mark.parametrize("field", ["Type", "Status", "LineAmountTypes"])
def test_an_unknown_enum_value_is_error_14(xero, field):
    reply = xero.call("PUT", "Invoices", json=xero.invoice_body(**{field: "ODD"}))
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 14)


def test_an_invoice_number_is_unique_among_sales_invoices(xero):
    xero.put_invoice(InvoiceNumber="SF-1")
    assert "Invoice # must be unique." in xero.invoice_refused(InvoiceNumber="SF-1")


def test_bills_may_repeat_a_number_and_have_no_reference(xero):
    bill = {
        "Type": "ACCPAY",
        "InvoiceNumber": "B-1",
        "Reference": "x",
        "LineItems": [{**LINE, "AccountCode": "429"}],
    }
    first, second = xero.put_invoice(**bill), xero.put_invoice(**bill)
    assert first["InvoiceID"] != second["InvoiceID"]
    assert "Reference" not in first


@pytest.mark.parametrize(("reuse", "status"), [(False, 400), (True, 200)])
def test_whether_a_voided_number_is_free_again_is_a_switch(xero, reuse, status):
    xero.switch(number_reuse=reuse)
    xero.changed(xero.put_invoice(InvoiceNumber="SF-1"), Status="VOIDED")
    reply = xero.call("PUT", "Invoices", json=xero.invoice_body(InvoiceNumber="SF-1"))
    assert reply.status_code == status


def test_a_missing_number_is_generated_past_taken_ones(xero):
    xero.put_invoice(InvoiceNumber="INV-0001")
    assert xero.put_invoice()["InvoiceNumber"] == "INV-0002"


def test_the_date_defaults_to_the_organisations_own_day(xero):
    xero.sandbox.clock.advance(12 * 3600)  # 15:10 in UTC is already tomorrow in Sydney
    xero.token = xero.grant().json()["access_token"]
    assert xero.put_invoice(Date=...)["DateString"] == "2026-11-23T00:00:00"


def test_a_part_paid_invoice_cannot_be_voided(xero):
    invoice = xero.put_invoice()
    xero.pay_by_hand(invoice, "10.00")
    assert "The status VOIDED cannot be applied" in xero.edit_refused(invoice, Status="VOIDED")


def test_sent_to_contact_only_holds_once_approved(xero):
    assert xero.put_invoice(Status="DRAFT", SentToContact=True)["SentToContact"] is False
    assert xero.put_invoice(SentToContact=True)["SentToContact"] is True


def test_one_invoice_is_found_by_id_or_number(xero):
    invoice = xero.put_invoice(InvoiceNumber="SF-1")
    for key in (invoice["InvoiceID"], "SF-1"):
        assert xero.get(f"Invoices/{key}")["Invoices"][0]["InvoiceNumber"] == "SF-1"


def test_item_20_the_plans_cap_counts_approvals_of_the_month(xero):
    xero.switch(approval_cap=2)
    xero.put_invoice()
    draft = xero.put_invoice(Status="DRAFT")
    xero.changed(draft, Status="AUTHORISED")
    assert "limit of invoices you can approve" in xero.invoice_refused()
    assert xero.put_invoice(Status="DRAFT")["Status"] == "DRAFT"
    xero.sandbox.clock.advance(10 * 24 * 3600)
    xero.token = xero.grant().json()["access_token"]
    assert xero.put_invoice()["Status"] == "AUTHORISED"


def test_item_20_the_bookkeeper_voids_what_is_approved_and_deletes_a_draft(xero):
    approved, draft = xero.put_invoice(), xero.put_invoice(Status="DRAFT")
    for invoice, status in ((approved, "VOIDED"), (draft, "DELETED")):
        xero.hand(f"invoices/{invoice['InvoiceID']}/void")
        assert xero.invoice(invoice)["Status"] == status
