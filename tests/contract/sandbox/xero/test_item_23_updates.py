"""Updates of invoices (item 23)."""

import pytest

pytestmark = pytest.mark.contract

LINE = {"Description": "Advice", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200"}


def post(xero, invoice, **fields):
    return xero.call("POST", f"Invoices/{invoice['InvoiceID']}", json=fields)


def changed(xero, invoice, **fields):
    reply = post(xero, invoice, **fields)
    assert reply.status_code == 200, reply.text
    return reply.json()["Invoices"][0]


def pay(xero, invoice, amount):
    path = f"/_sandbox/xero/invoices/{invoice['InvoiceID']}/pay"
    reply = xero.send("POST", path, json={"amount": amount})
    assert reply.status_code == 200, reply.text


def refused(xero, invoice, **fields):
    return xero.refused("POST", f"Invoices/{invoice['InvoiceID']}", fields)


def in_state(xero, status):
    """An invoice that has reached a state by the allowed way."""
    first = {"DELETED": "DRAFT", "VOIDED": "AUTHORISED", "PAID": "AUTHORISED"}.get(status, status)
    invoice = xero.put_invoice(Status=first)
    if status in {"VOIDED", "DELETED"}:
        changed(xero, invoice, Status=status)
    elif status == "PAID":
        pay(xero, invoice, "110.00")
    return invoice


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
    row = changed(xero, invoice, LineItems=[{"LineItemID": kept, "Quantity": 2}])
    [line] = row["LineItems"]
    assert (line["LineItemID"], line["Description"], row["Total"]) == (kept, "Second", 220.0)


def test_an_update_without_lines_leaves_them_alone(xero):
    invoice = xero.put_invoice()
    row = changed(xero, invoice, Reference="SF")
    assert [line["LineItemID"] for line in row["LineItems"]] == [
        line["LineItemID"] for line in invoice["LineItems"]
    ]


def test_changing_the_tax_treatment_alone_recomputes_the_tax(xero):
    row = changed(xero, xero.put_invoice(), LineAmountTypes="Inclusive")
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
    pay(xero, invoice, "10.00")
    assert changed(xero, invoice, **fields)["AmountPaid"] == 10.0


@pytest.mark.parametrize(
    "fields",
    [{"LineItems": [LINE, LINE]}, {"Date": "2026-11-01"}, {"LineAmountTypes": "NoTax"}],
)
def test_a_part_paid_invoice_refuses_other_edits(xero, fields):
    invoice = xero.put_invoice()
    pay(xero, invoice, "10.00")
    assert "cannot be edited as it has a payment" in refused(xero, invoice, **fields)


def test_a_paid_line_may_change_its_account_but_not_its_amount(xero):
    invoice = in_state(xero, "PAID")
    line = {"LineItemID": invoice["LineItems"][0]["LineItemID"]}
    row = changed(xero, invoice, LineItems=[{**line, "AccountCode": "260"}])
    assert row["LineItems"][0]["AccountCode"] == "260"
    assert "cannot be edited" in refused(xero, invoice, LineItems=[{**line, "UnitAmount": 99}])


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
    assert "cannot be edited" in refused(xero, invoice, Contact=contact)


def test_item_23_nothing_changes_in_a_period_that_was_locked_later(xero):
    invoice = xero.put_invoice(Date="2026-10-31")
    xero.hand("lock", {"period": "2026-10-31"})
    assert "period lock date" in refused(xero, invoice, Reference="x")
    assert "period lock date" in refused(xero, invoice, Status="VOIDED")
    xero.hand("lock")
    assert changed(xero, invoice, Reference="x")["Reference"] == "x"


def test_item_23_the_bookkeeper_edits_under_the_same_rules(xero):
    invoice = xero.put_invoice()
    path = f"invoices/{invoice['InvoiceID']}/edit"
    xero.hand(path, {"Reference": "by hand", "LineItems": [{**LINE, "UnitAmount": 0.1}]})
    row = xero.invoice(invoice)
    assert (row["Reference"], str(row["Total"])) == ("by hand", "0.11")
    xero.hand(path, {"InvoiceNumber": "Nº"}, status=409)
    xero.hand("invoices/none/edit", {}, status=404)
