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
