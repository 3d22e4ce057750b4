"""Updates of invoices (item 23)."""

import pytest
from tests.contract.sandbox.xero.conftest import LINE

pytestmark = pytest.mark.contract


def test_other_fields_of_the_contact_block_update_it_and_drop_its_persons(xero):
    contact = xero.put_contact("Maple", ContactPersons=[{"FirstName": "Ann"}])
    block = {"ContactID": contact["ContactID"], "EmailAddress": "new@example.com"}
    xero.put_invoice(Contact=block)
    [row] = xero.get(f"Contacts/{contact['ContactID']}")["Contacts"]
    assert (row["EmailAddress"], row["ContactPersons"]) == ("new@example.com", [])


def test_the_contact_id_alone_changes_nothing_of_the_contact(xero):
    contact = xero.put_contact("Maple", ContactPersons=[{"FirstName": "Ann"}])
    xero.put_invoice(Contact={"ContactID": contact["ContactID"]})
    [row] = xero.get(f"Contacts/{contact['ContactID']}")["Contacts"]
    assert row["ContactPersons"][0]["FirstName"] == "Ann"
    assert row["UpdatedDateUTC"] == contact["UpdatedDateUTC"]


def test_lines_that_are_not_sent_are_deleted(xero):
    invoice = xero.put_invoice(LineItems=[LINE, {**LINE, "Description": "Second"}])
    kept = invoice["LineItems"][1]["LineItemID"]
    row = xero.changed(invoice, LineItems=[{"LineItemID": kept, "Quantity": 2}])
    [line] = row["LineItems"]
    assert (line["LineItemID"], line["Description"], row["Total"]) == (kept, "Second", 220.0)


def test_an_update_without_lines_leaves_them_alone(xero):
    invoice = xero.put_invoice()
    row = xero.changed(invoice, Reference="SF")
    assert [line["LineItemID"] for line in row["LineItems"]] == [
        line["LineItemID"] for line in invoice["LineItems"]
    ]


def test_changing_the_tax_treatment_alone_recomputes_the_tax(xero):
    row = xero.changed(xero.put_invoice(), LineAmountTypes="Inclusive")
    assert (row["SubTotal"], row["TotalTax"], row["Total"]) == (90.91, 9.09, 100.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"Reference": "x"},
        {"DueDate": "2027-01-01"},
        {"InvoiceNumber": "SF-NEW"},
        {"Url": "https://example.com/006"},
    ],
)
def test_a_part_paid_invoice_accepts_the_white_list(xero, fields):
    invoice = xero.put_invoice()
    xero.pay_by_hand(invoice, "10.00")
    assert xero.changed(invoice, **fields)["AmountPaid"] == 10.0


def test_item_23_a_part_paid_invoice_takes_another_theme_and_contact(xero):
    invoice, other = xero.put_invoice(), xero.put_contact("Other")
    xero.pay_by_hand(invoice, "10.00")
    theme = xero.get("BrandingThemes")["BrandingThemes"][1]["BrandingThemeID"]
    row = xero.changed(invoice, BrandingThemeID=theme, Contact={"ContactID": other["ContactID"]})
    assert (row["BrandingThemeID"], row["Contact"]["Name"]) == (theme, "Other")


def test_item_23_a_paid_line_takes_another_description_and_tracking(xero):
    invoice = xero.in_state("PAID")
    line = {
        "LineItemID": invoice["LineItems"][0]["LineItemID"],
        "Description": "Other words",
        "Tracking": [{"Name": "Region", "Option": "North"}],
    }
    [row] = xero.changed(invoice, LineItems=[line])["LineItems"]
    assert (row["Description"], row["Tracking"]) == ("Other words", line["Tracking"])


@pytest.mark.parametrize(
    "fields",
    [{"LineItems": [LINE, LINE]}, {"Date": "2026-11-01"}, {"LineAmountTypes": "NoTax"}],
)
def test_a_part_paid_invoice_refuses_other_edits(xero, fields):
    invoice = xero.put_invoice()
    xero.pay_by_hand(invoice, "10.00")
    assert "cannot be edited as it has a payment" in xero.edit_refused(invoice, **fields)


def test_a_paid_line_may_change_its_account_but_not_its_amount(xero):
    invoice = xero.in_state("PAID")
    line = {"LineItemID": invoice["LineItems"][0]["LineItemID"]}
    row = xero.changed(invoice, LineItems=[{**line, "AccountCode": "260"}])
    assert row["LineItems"][0]["AccountCode"] == "260"
    assert "cannot be edited" in xero.edit_refused(invoice, LineItems=[{**line, "UnitAmount": 99}])


@pytest.mark.parametrize(
    ("switch", "fragment"),
    [("period_lock_date", "period lock date"), ("end_of_year_lock_date", "currently set at")],
)
def test_a_document_in_a_locked_period_is_refused(xero, switch, fragment):
    xero.switch(**{switch: "2026-11-20"})
    assert fragment in xero.invoice_refused(Date="2026-11-20")
    assert xero.put_invoice(Date="2026-11-21")["Status"] == "AUTHORISED"


def test_item_23_an_invoice_paid_by_a_credit_note_keeps_its_contact(xero):
    invoice, other = xero.put_invoice(), xero.put_contact("Other")
    xero.hand(f"invoices/{invoice['InvoiceID']}/credit", {"amount": "10.00"})
    contact = {"ContactID": other["ContactID"]}
    assert "cannot be edited" in xero.edit_refused(invoice, Contact=contact)


def test_item_23_nothing_changes_in_a_period_that_was_locked_later(xero):
    invoice = xero.put_invoice(Date="2026-10-31")
    xero.hand("lock", {"period": "2026-10-31"})
    assert "period lock date" in xero.edit_refused(invoice, Reference="x")
    assert "period lock date" in xero.edit_refused(invoice, Status="VOIDED")
    xero.hand("lock")
    assert xero.changed(invoice, Reference="x")["Reference"] == "x"


def test_item_23_the_bookkeeper_edits_under_the_same_rules(xero):
    invoice = xero.put_invoice()
    path = f"invoices/{invoice['InvoiceID']}/edit"
    xero.hand(path, {"Reference": "by hand", "LineItems": [{**LINE, "UnitAmount": 0.1}]})
    row = xero.invoice(invoice)
    assert (row["Reference"], str(row["Total"])) == ("by hand", "0.11")
    xero.hand(path, {"InvoiceNumber": "Nº"}, status=409)
    xero.hand("invoices/none/edit", {}, status=404)
