"""Credit notes, overpayments, prepayments and their allocations (item 25)."""

import pytest

pytestmark = pytest.mark.contract

LINE = {"Description": "Back", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200"}


def note(xero, **fields):
    body = {
        "Type": "ACCRECCREDIT",
        "Contact": {"Name": "Maple Florist"},
        "Status": "AUTHORISED",
        "Date": "2026-11-20",
        "LineItems": [LINE],
        **fields,
    }
    return xero.put("CreditNotes", body)["CreditNotes"][0]


def allocate(xero, kind, credit_id, invoice, amount):
    body = {"Amount": amount, "Date": "2026-11-21", "Invoice": {"InvoiceID": invoice["InvoiceID"]}}
    return xero.call("PUT", f"{kind}/{credit_id}/Allocations", json={"Allocations": [body]})


def money_in(xero, kind, account="830"):
    contact = xero.put_contact("Maple Florist")
    body = {
        "Type": kind,
        "Contact": {"ContactID": contact["ContactID"]},
        "BankAccount": {"Code": "090"},
        "LineAmountTypes": "NoTax",
        "LineItems": [{"Description": "Early", "UnitAmount": 110, "AccountCode": account}],
    }
    return xero.put("BankTransactions", body)["BankTransactions"][0]


def test_item_25_a_credit_note_pays_an_invoice_without_any_payment(xero):
    invoice, credit = xero.put_invoice(), note(xero, CreditNoteNumber="SF-1-CR1")
    reply = allocate(xero, "CreditNotes", credit["CreditNoteID"], invoice, "110.00")
    [allocation] = reply.json()["Allocations"]
    assert allocation["Invoice"]["InvoiceID"] == invoice["InvoiceID"]
    row = xero.invoice(invoice)
    assert (row["Status"], row["Payments"], str(row["AmountPaid"])) == ("PAID", [], "0.00")
    assert (str(row["AmountCredited"]), str(row["AmountDue"])) == ("110.00", "0.00")
    [shown] = row["CreditNotes"]
    assert (shown["CreditNoteNumber"], str(shown["AppliedAmount"])) == ("SF-1-CR1", "110.00")
    assert xero.get("Payments")["Payments"] == []
    [credit] = xero.get("CreditNotes/SF-1-CR1")["CreditNotes"]
    assert (credit["Status"], str(credit["RemainingCredit"])) == ("PAID", "0.00")


def test_item_25_a_removed_allocation_opens_both_again(xero):
    invoice, credit = xero.put_invoice(), note(xero)
    allocate(xero, "CreditNotes", credit["CreditNoteID"], invoice, "110.00")
    [credit] = xero.get(f"CreditNotes/{credit['CreditNoteID']}")["CreditNotes"]
    [allocation] = credit["Allocations"]
    path = f"CreditNotes/{credit['CreditNoteID']}/Allocations/{allocation['AllocationID']}"
    reply = xero.call("DELETE", path)
    assert (reply.status_code, reply.json()["IsDeleted"]) == (200, True)
    assert xero.call("DELETE", path).status_code == 404
    row = xero.invoice(invoice)
    assert (row["Status"], str(row["AmountDue"]), row["CreditNotes"]) == (
        "AUTHORISED",
        "110.00",
        [],
    )
    [credit] = xero.get(f"CreditNotes/{credit['CreditNoteID']}")["CreditNotes"]
    assert (credit["Status"], str(credit["RemainingCredit"])) == ("AUTHORISED", "110.00")


@pytest.mark.parametrize(("moves", "is_moved"), [(True, True), (False, False)])
def test_item_25_whether_an_allocation_moves_the_invoices_time_is_a_switch(xero, moves, is_moved):
    xero.switch(allocation_moves_invoice=moves)
    invoice, credit = xero.put_invoice(), note(xero)
    xero.sandbox.clock.advance(5)
    allocate(xero, "CreditNotes", credit["CreditNoteID"], invoice, "10.00")
    row = xero.invoice(invoice)
    assert (row["UpdatedDateUTC"] != invoice["UpdatedDateUTC"]) is is_moved


@pytest.mark.parametrize(
    ("kind", "endpoint", "id_name"),
    [
        ("RECEIVE-OVERPAYMENT", "Overpayments", "OverpaymentID"),
        ("RECEIVE-PREPAYMENT", "Prepayments", "PrepaymentID"),
    ],
)
def test_item_25_money_without_an_invoice_becomes_a_credit(xero, kind, endpoint, id_name):
    transaction = money_in(xero, kind)
    invoice = xero.put_invoice()
    [credit] = xero.get(f"{endpoint}/{transaction[id_name]}")[endpoint]
    assert (credit["Type"], str(credit["RemainingCredit"])) == (kind, "110.00")
    reply = allocate(xero, endpoint, credit[id_name], invoice, "60.00")
    assert reply.status_code == 200
    row = xero.invoice(invoice)
    assert (str(row["AmountCredited"]), row["Payments"]) == ("60.00", [])
    assert str(row[endpoint][0]["AppliedAmount"]) == "60.00"
    [credit] = xero.get(endpoint)[endpoint]
    assert str(credit["RemainingCredit"]) == "50.00"


def test_item_25_a_line_of_a_credit_note_takes_no_discount(xero):
    body = {
        "Type": "ACCRECCREDIT",
        "Contact": {"Name": "Maple"},
        "LineItems": [{**LINE, "DiscountRate": 5}],
    }
    assert "sales invoices" in xero.refused("PUT", "CreditNotes", body)


def test_item_25_more_than_is_left_or_owed_cannot_be_allocated(xero):
    invoice, credit = xero.put_invoice(), note(xero, LineItems=[{**LINE, "UnitAmount": 10}])
    assert (
        allocate(xero, "CreditNotes", credit["CreditNoteID"], invoice, "11.01").status_code == 400
    )
    big = note(xero, LineItems=[{**LINE, "UnitAmount": 500}])
    assert allocate(xero, "CreditNotes", big["CreditNoteID"], invoice, "110.01").status_code == 400
    assert xero.invoice(invoice)["CreditNotes"] == []


@pytest.mark.parametrize(("partial", "left"), [(True, "60.00"), (False, "110.00")])
def test_item_25_allocations_have_a_result_each_or_one_refusal(xero, partial, left):
    xero.switch(partial_commit=partial)
    invoice, credit = xero.put_invoice(), note(xero)
    path = f"CreditNotes/{credit['CreditNoteID']}/Allocations"
    target = {"InvoiceID": invoice["InvoiceID"]}
    body = {"Allocations": [{"Amount": amount, "Invoice": target} for amount in ("50", "60.01")]}
    reply = xero.call("PUT", path, json=body)
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 10)
    assert len(reply.json()["Elements"]) == 1
    assert str(xero.invoice(invoice)["AmountDue"]) == left
    rows = xero.put(f"{path}?summarizeErrors=false", body)["Allocations"]
    assert [row["StatusAttributeString"] for row in rows] == ["OK", "ERROR"]
    assert "exceeds the amount" in rows[1]["ValidationErrors"][0]["Message"]


@pytest.mark.parametrize(
    "fields", [{"Contact": {"Name": "Other"}}, {"CurrencyCode": "NZD"}, {"Status": "DRAFT"}]
)
def test_item_25_contact_currency_and_state_must_fit(xero, fields):
    invoice, credit = xero.put_invoice(), note(xero, **fields)
    assert allocate(xero, "CreditNotes", credit["CreditNoteID"], invoice, "1.00").status_code == 400


def test_item_25_a_used_credit_note_is_neither_voided_nor_edited(xero):
    invoice, credit = xero.put_invoice(), note(xero)
    allocate(xero, "CreditNotes", credit["CreditNoteID"], invoice, "10.00")
    path = f"CreditNotes/{credit['CreditNoteID']}"
    assert "cannot be applied" in xero.refused("POST", path, {"Status": "VOIDED"})
    assert "cannot be edited" in xero.refused("POST", path, {"LineItems": [LINE, LINE]})
    unused = note(xero)
    [row] = xero.post(f"CreditNotes/{unused['CreditNoteID']}", {"Status": "VOIDED"})["CreditNotes"]
    assert (row["Status"], str(row["RemainingCredit"])) == ("VOIDED", "0.00")


def test_item_25_the_number_of_a_credit_note_is_unique_and_generated(xero):
    assert note(xero)["CreditNoteNumber"] == "CN-0001"
    note(xero, CreditNoteNumber="SF-1-CR1")
    body = {"Type": "ACCRECCREDIT", "Contact": {"Name": "Maple Florist"}, "LineItems": [LINE]}
    message = xero.refused("PUT", "CreditNotes", {**body, "CreditNoteNumber": "SF-1-CR1"})
    assert "must be unique" in message
    [row] = xero.post("CreditNotes", {"CreditNoteNumber": "SF-1-CR1", "Reference": "x"})[
        "CreditNotes"
    ]
    assert row["Reference"] == "x"


def test_item_25_an_invoice_paid_by_credit_cannot_be_voided(xero):
    invoice = xero.put_invoice()
    credit = xero.hand(f"invoices/{invoice['InvoiceID']}/credit", {"amount": "10.00"})
    path = f"Invoices/{invoice['InvoiceID']}"
    assert "The status VOIDED cannot" in xero.refused("POST", path, {"Status": "VOIDED"})
    [allocation] = credit["allocations"]
    undo = f"credits/{credit['credit_id']}/allocations/{allocation['allocation_id']}/delete"
    xero.hand(undo)
    assert xero.post(path, {"Status": "VOIDED"})["Invoices"][0]["Status"] == "VOIDED"


@pytest.mark.parametrize("kind", ["RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT"])
def test_item_25_the_bookkeeper_pays_a_credit_back(xero, kind):
    contact = xero.put_contact("Maple Florist")
    order = {"kind": kind, "amount": "35.00"}
    credit = xero.hand(f"contacts/{contact['ContactID']}/receive", order)
    path = f"credits/{credit['credit_id']}/refund"
    assert xero.hand(path, {"amount": "5.00"})["remaining"] == "30.00"
    assert xero.hand(path)["status"] == "PAID"
    types = {row["PaymentType"] for row in xero.get("Payments")["Payments"]}
    assert types == {kind.replace("RECEIVE-", "AR") + "PAYMENT"}


def test_item_25_the_bookkeeper_credits_takes_money_in_and_allocates(xero):
    invoice = xero.put_invoice()
    credit = xero.hand(f"invoices/{invoice['InvoiceID']}/credit", {"amount": "40.00"})
    assert (credit["type"], credit["remaining"]) == ("ACCRECCREDIT", "0.00")
    contact_id = invoice["Contact"]["ContactID"]
    for kind in ("RECEIVE-OVERPAYMENT", "RECEIVE-PREPAYMENT"):
        over = xero.hand(f"contacts/{contact_id}/receive", {"kind": kind, "amount": "35.00"})
        order = {"invoice_id": invoice["InvoiceID"], "amount": "35.00"}
        assert xero.hand(f"credits/{over['credit_id']}/allocate", order)["remaining"] == "0.00"
    row = xero.invoice(invoice)
    assert (row["Status"], str(row["AmountCredited"])) == ("PAID", "110.00")
