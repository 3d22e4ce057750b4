"""Payments (item 24)."""

import pytest

pytestmark = pytest.mark.contract


def test_full_payment_pays_the_invoice_and_moves_its_time(xero):
    invoice = xero.put_invoice()
    xero.sandbox.clock.advance(5)
    xero.pay_by_hand(invoice, "110.00")
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


def refused_payment(xero, invoice, **fields):
    body = {
        "Invoice": {"InvoiceID": invoice["InvoiceID"]},
        "Account": {"Code": "090"},
        "Amount": "1.00",
        **fields,
    }
    return xero.refused("PUT", "Payments", body)


def delete(xero, payment, body=None):
    path = f"Payments/{payment['PaymentID']}"
    return xero.call("POST", path, json=body or {"Status": "DELETED"})


def test_item_24_part_payments_add_up_to_paid(xero):
    invoice = xero.put_invoice()
    xero.pay(invoice, "40.00", Date="2026-11-20")
    row = xero.invoice(invoice)
    assert (row["Status"], str(row["AmountDue"])) == ("AUTHORISED", "70.00")
    assert "FullyPaidOnDate" not in row
    xero.pay(invoice, "70.00", Date="2026-11-21")
    row = xero.invoice(invoice)
    assert (row["Status"], str(row["AmountPaid"])) == ("PAID", "110.00")
    assert row["FullyPaidOnDate"] == "/Date(1795219200000+0000)/"
    assert [str(one["Amount"]) for one in row["Payments"]] == ["40.00", "70.00"]


def test_item_24_a_deleted_payment_keeps_its_id_and_reopens_the_invoice(xero):
    invoice = xero.put_invoice()
    payment = xero.pay(invoice, "110.00")
    assert delete(xero, payment).json()["Payments"][0]["Status"] == "DELETED"
    row = xero.invoice(invoice)
    assert (row["Status"], str(row["AmountDue"]), row["Payments"]) == ("AUTHORISED", "110.00", [])
    assert "FullyPaidOnDate" not in row
    [again] = xero.get(f"Payments/{payment['PaymentID']}")["Payments"]
    assert again["Status"] == "DELETED"


@pytest.mark.parametrize(
    "body", [{"Status": "DELETED", "Amount": 1}, {"Amount": 1}, {"Status": "AUTHORISED"}]
)
def test_item_24_only_the_status_can_be_updated(xero, body):
    payment = xero.pay(xero.put_invoice(), "1.00")
    assert "Only Status accepted for updates." in delete(xero, payment, body).text


def test_item_24_a_payment_is_deleted_once(xero):
    payment = xero.pay(xero.put_invoice(), "1.00")
    delete(xero, payment)
    assert delete(xero, payment).status_code == 400


@pytest.mark.parametrize(
    ("fields", "fragment"),
    [
        ({"Amount": "110.01"}, "exceeds the amount outstanding"),
        ({"Amount": "0"}, "greater than zero"),
        ({"Amount": None}, "greater than zero"),
        ({"Account": {"Code": "200"}}, "payments cannot be made"),
        ({"Account": {"Code": "999"}}, "could not be found"),
        ({"Account": None}, "could not be found"),
        ({"Reference": "x" * 256}, "maximum length"),
        ({"Invoice": {"InvoiceNumber": "none"}}, "existing invoice"),
    ],
)
def test_item_24_a_payment_against_the_rules_is_refused(xero, fields, fragment):
    assert fragment in refused_payment(xero, xero.put_invoice(), **fields)
    assert xero.sandbox.xero.books.payments == {}


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED"])
def test_item_24_only_approved_invoices_can_be_paid(xero, status):
    message = refused_payment(xero, xero.put_invoice(Status=status))
    assert "only be made against Authorised documents" in message


def test_item_24_an_account_opened_for_payments_and_an_account_id_work(xero):
    invoice = xero.put_invoice()
    xero.pay(invoice, "1.00", Account={"Code": "830"})
    [bank] = xero.get("Accounts/090")["Accounts"]
    payment = xero.pay(invoice, "1.00", Account={"AccountID": bank["AccountID"]})
    assert payment["Account"]["Code"] == "090"


def test_item_24_lists_embed_a_stub_of_the_invoice(xero):
    invoice = xero.put_invoice(InvoiceNumber="SF-1")
    xero.pay(invoice, "1.00")
    [row] = xero.get("Payments")["Payments"]
    stub = row["Invoice"]
    assert (stub["InvoiceID"], stub["InvoiceNumber"]) == (invoice["InvoiceID"], "SF-1")
    assert (stub["Contact"]["Name"], stub["LineItems"]) == ("Maple Florist", [])
    assert {"Total", "AmountDue", "Status"}.isdisjoint(stub)


def test_item_24_a_single_read_shows_the_whole_invoice(xero):
    invoice = xero.put_invoice()
    payment = xero.pay(invoice, "10.00")
    [row] = xero.get(f"Payments/{payment['PaymentID']}")["Payments"]
    shown = row["Invoice"]
    assert (shown["Status"], str(shown["AmountDue"])) == ("AUTHORISED", "100.00")
    assert shown["LineItems"][0]["LineItemID"] == invoice["LineItems"][0]["LineItemID"]


def test_item_24_a_bank_account_may_have_no_code(xero):
    [account] = xero.get("Accounts", params={"where": 'Name=="Card Terminal"'})["Accounts"]
    assert "Code" not in account
    invoice = xero.put_invoice()
    payment = xero.pay(invoice, "1.00", Account={"AccountID": account["AccountID"]})
    assert payment["Account"] == {"AccountID": account["AccountID"], "Name": "Card Terminal"}
    assert "could not be found" in refused_payment(xero, invoice, Account={"Code": "092"})


def test_item_24_many_payments_go_in_one_request_with_a_result_each(xero):
    invoice = {"InvoiceID": xero.put_invoice()["InvoiceID"]}
    rows = [
        {"Invoice": invoice, "Account": {"Code": "090"}, "Amount": amount}
        for amount in ("100.00", "20.00")
    ]
    found = xero.put("Payments?summarizeErrors=false", {"Payments": rows})["Payments"]
    assert [row["StatusAttributeString"] for row in found] == ["OK", "ERROR"]
    assert found[1]["HasValidationErrors"]


def test_item_24_a_foreign_payment_tells_the_amount_in_the_banks_currency(xero):
    invoice = xero.put_invoice(CurrencyCode="NZD", CurrencyRate="1.1")
    payment = xero.pay(invoice, "110.00")
    assert (str(payment["Amount"]), str(payment["BankAmount"])) == ("110.00", "100.00")


def test_item_24_a_refund_of_a_credit_note_has_its_own_type(xero):
    contact = xero.put_contact("Maple Florist")
    note = {
        "Type": "ACCRECCREDIT",
        "Contact": {"ContactID": contact["ContactID"]},
        "Status": "AUTHORISED",
        "LineItems": [{"Description": "Back", "UnitAmount": 100, "AccountCode": "200"}],
    }
    [credit] = xero.put("CreditNotes", note)["CreditNotes"]
    body = {"CreditNote": {"CreditNoteID": credit["CreditNoteID"]}, "Account": {"Code": "090"}}
    [payment] = xero.put("Payments", {**body, "Amount": "110.00"})["Payments"]
    assert payment["PaymentType"] == "ARCREDITPAYMENT"
    [row] = xero.get(f"CreditNotes/{credit['CreditNoteID']}")["CreditNotes"]
    assert (row["Status"], str(row["RemainingCredit"])) == ("PAID", "0.00")


def test_item_24_members_of_a_batch_payment_fall_only_together(xero):
    invoices = [xero.put_invoice(), xero.put_invoice()]
    members = [{"Invoice": {"InvoiceID": one["InvoiceID"]}, "Amount": "110.00"} for one in invoices]
    batch = {"Account": {"Code": "090"}, "Date": "2026-11-21", "Payments": members}
    [row] = xero.put("BatchPayments", batch)["BatchPayments"]
    assert (row["Type"], str(row["TotalAmount"])) == ("RECBATCH", "220.00")
    assert xero.invoice(invoices[0])["Status"] == "PAID"
    for member in xero.get("Payments")["Payments"]:
        assert member["BatchPaymentID"] == row["BatchPaymentID"]
        assert str(member["BatchPayment"]["TotalAmount"]) == "220.00"
    assert "batch payment" in delete(xero, row["Payments"][0]).text
    xero.post(f"BatchPayments/{row['BatchPaymentID']}", {"Status": "DELETED"})
    assert [xero.invoice(one)["Status"] for one in invoices] == ["AUTHORISED"] * 2


@pytest.mark.parametrize(("allowed", "status"), [(False, 400), (True, 200)])
def test_item_24_deleting_a_reconciled_payment_is_a_switch(xero, allowed, status):
    xero.switch(delete_reconciled=allowed)
    payment = xero.pay(xero.put_invoice(), "1.00", IsReconciled=True)
    assert delete(xero, payment).status_code == status


def test_item_24_the_bookkeeper_matches_a_payment_with_the_bank(xero):
    payment = xero.pay(xero.put_invoice(), "1.00")
    xero.hand(f"payments/{payment['PaymentID']}/reconcile")
    [row] = xero.get("Payments", params={"where": "IsReconciled==true"})["Payments"]
    assert row["PaymentID"] == payment["PaymentID"]
    assert "has been reconciled" in delete(xero, payment).text


def test_item_24_the_bookkeeper_pays_and_takes_back(xero):
    invoice = xero.put_invoice()
    path = f"invoices/{invoice['InvoiceID']}/pay"
    paid = xero.hand(path, {"amount": "10.00", "reference": "R", "on": "2026-11-20"})
    assert (paid["amount_due"], paid["status"]) == ("100.00", "AUTHORISED")
    assert xero.hand(path)["status"] == "PAID"
    xero.hand(f"payments/{paid['payment_ids'][0]}/delete")
    assert str(xero.invoice(invoice)["AmountDue"]) == "10.00"
