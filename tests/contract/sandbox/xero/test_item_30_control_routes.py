"""Control routes shadow no path of Xero's (item 30)."""

import pytest

pytestmark = pytest.mark.contract

SERVICE_ROOTS = ("/api.xro", "/connect", "/connections", "/identity", "/.well-known")


@pytest.mark.parametrize("root", SERVICE_ROOTS)
def test_item_30_no_control_route_lies_under_a_services_path(xero, root):
    reply = xero.send("POST", f"{root}/_sandbox/reset")
    assert reply.status_code in {401, 404, 405}


def test_item_30_reset_empties_the_books_and_keeps_tokens(xero):
    invoice = xero.put_invoice()
    xero.pay(invoice, "10.00")
    xero.hand(f"invoices/{invoice['InvoiceID']}/credit", {"amount": "10.00"})
    xero.hand("accounts/200/archive")
    xero.hand("disconnect")
    state = xero.send("POST", "/_sandbox/reset").json()["xero"]
    assert [state[name] for name in ("contacts", "invoices", "payments", "credits")] == [0] * 4
    assert xero.put_invoice()["Status"] == "AUTHORISED"


def test_item_30_the_dump_shows_payments_and_credits_with_amounts_as_text(xero):
    invoice = xero.put_invoice()
    xero.pay(invoice, "10.00", Reference="SF-801")
    xero.hand(f"invoices/{invoice['InvoiceID']}/credit", {"amount": "20.00"})
    state = xero.send("GET", "/_sandbox/state?full=true").json()["xero"]
    [payment], [credit] = state["payment_rows"], state["credit_rows"]
    assert (payment["amount"], payment["reference"]) == ("10.00", "SF-801")
    assert (credit["total"], credit["allocations"][0]["amount"]) == ("20.00", "20.00")
    [row] = state["invoice_rows"]
    assert (row["amount_paid"], row["amount_credited"], row["amount_due"]) == (
        "10.00",
        "20.00",
        "80.00",
    )


def test_item_30_an_app_can_be_registered(xero):
    app = {"client_id": "mine", "client_secret": "s", "scopes": ["accounting.contacts"]}
    assert xero.hand("apps", app)["client_id"] == "mine"
    form = {"grant_type": "client_credentials"}
    reply = xero.send("POST", "/connect/token", data=form, auth=("mine", "s"))
    xero.token = reply.json()["access_token"]
    assert xero.get("Contacts")["Contacts"] == []


@pytest.mark.parametrize(
    ("mode", "status", "seen"), [("off", 200, 0), ("journal", 200, 1), ("refuse", 400, 1)]
)
def test_item_30_unknown_fields_of_a_body_are_a_switch(xero, mode, status, seen):
    xero.switch(strict_requests=mode)
    body = {"Name": "Maple", "Phones": [{"PhoneType": "MOBILE", "PhoneNumer": "0400"}]}
    reply = xero.call("PUT", "Contacts", json=body)
    assert reply.status_code == status
    found = xero.send("GET", "/_sandbox/xero/violations").json()
    assert [one["field"] for one in found] == ["Phones.PhoneNumer"] * seen
