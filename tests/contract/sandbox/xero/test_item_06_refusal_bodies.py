"""401 and 403 bodies, and the correlation id (item 6)."""

import pytest

pytestmark = pytest.mark.contract


def test_an_expired_token_is_named_and_challenged(xero):
    xero.sandbox.clock.advance(1800)
    reply = xero.call("GET", "Organisation")
    assert reply.status_code == 401
    assert reply.json()["Detail"] == "TokenExpired: token expired at 11/22/2026 03:40:00"
    assert reply.headers["WWW-Authenticate"] == "Bearer error=invalid_token"


@pytest.mark.parametrize("authorization", ["", "Bearer nonsense", "Basic abc"])
def test_an_unknown_token_is_unauthenticated(xero, authorization):
    reply = xero.call("GET", "Organisation", headers={"Authorization": authorization})
    assert (reply.status_code, reply.json()["Detail"]) == (401, "AuthenticationUnsuccessful")


@pytest.mark.parametrize("path", ["Organisation", "NoSuchThing", "Invoices?where=("])
def test_item_06_every_reply_has_a_correlation_id(xero, path):
    assert xero.call("GET", path).headers["Xero-Correlation-Id"]


def test_item_06_a_user_token_needs_the_tenant_header(xero):
    xero.token = xero.user_grant()["access_token"]
    reply = xero.call("GET", "Organisation")
    assert (reply.status_code, reply.json()["Title"]) == (403, "Forbidden")
    assert reply.json()["Instance"] == reply.headers["Xero-Correlation-Id"]


@pytest.mark.parametrize(
    ("scope", "title", "status", "detail"),
    [
        ("accounting.settings.read", "Unauthorized", 401, "AuthorizationUnsuccessful"),
        ("accounting.contacts.read", "Forbidden", 403, "AuthenticationUnsuccessful"),
    ],
)
def test_item_06_the_whole_body_of_a_refusal(xero, scope, title, status, detail):
    xero.token = xero.grant(scope=scope).json()["access_token"]
    lost = {"xero-tenant-id": "00000000-0000-4000-8000-000000000001"}
    reply = xero.call("GET", "Contacts", headers=lost if status == 403 else {})
    assert reply.status_code == status
    assert reply.json() == {
        "Type": None,
        "Title": title,
        "Status": status,
        "Detail": detail,
        "Instance": reply.headers["Xero-Correlation-Id"],
        "Extensions": {},
    }
