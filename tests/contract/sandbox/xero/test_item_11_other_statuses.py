"""404 as HTML, 501 as ErrorNumber 20, large bodies (item 11)."""

import pytest

pytestmark = pytest.mark.contract

ZERO_ID = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("path", ["Nothing", "Invoices/INV-404", "Contacts/unknown", "Accounts/x"])
def test_404_is_a_web_page(xero, path):
    reply = xero.call("GET", path)
    assert (reply.status_code, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_post_to_an_unknown_id_is_404(xero):
    assert xero.call("POST", f"Contacts/{ZERO_ID}", json={"Name": "a"}).status_code == 404


@pytest.mark.parametrize(("method", "path"), [("DELETE", "Invoices"), ("PUT", "Contacts/001")])
def test_a_verb_that_is_not_offered_is_501(xero, method, path):
    reply = xero.call(method, path)
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (501, 20)
    assert reply.json()["Type"] == "ApiMethodNotImplementedException"


def test_a_body_over_ten_megabytes_is_refused(xero):
    body = {"Name": "Maple", "Padding": "x" * (10 * 1024 * 1024)}
    assert xero.call("PUT", "Contacts", json=body).status_code == 413


def test_item_11_an_outage_is_plain_text(xero):
    fault = {"kind": "error_before", "path": "Contacts", "status": 503}
    xero.send("POST", "/_sandbox/fault", json=fault)
    reply = xero.call("GET", "Contacts")
    assert (reply.status_code, reply.text) == (503, "The Xero API is temporarily unavailable")
    assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path", ["Invoices/x/Nothing", "Currencies/AUD", "Organisation/x", "a/b/c/d/e"]
)
def test_item_11_a_path_too_deep_or_without_reads_is_not_found(xero, path):
    assert xero.call("GET", path).status_code == 404
