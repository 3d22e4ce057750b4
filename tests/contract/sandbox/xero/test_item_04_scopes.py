"""Scopes per endpoint and verb (item 4)."""

import pytest

pytestmark = pytest.mark.contract


def test_a_missing_scope_is_401_and_shows_the_correlation_id(xero):
    xero.token = xero.grant(scope="accounting.settings.read").json()["access_token"]
    reply = xero.call("GET", "Contacts")
    assert (reply.status_code, reply.json()["Detail"]) == (401, "AuthorizationUnsuccessful")
    assert reply.json()["Instance"] == reply.headers["Xero-Correlation-Id"]


def test_a_read_scope_does_not_allow_writing(xero):
    xero.token = xero.grant(scope="accounting.settings.read").json()["access_token"]
    assert xero.call("PUT", "Accounts", json={}).status_code == 401


TENANT = {"xero-tenant-id": "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"}


def status(xero, scope, method, path):
    xero.token = xero.grant(scope=scope).json()["access_token"]
    return xero.call(method, path, json={} if method == "PUT" else None).status_code


@pytest.mark.parametrize(
    ("scope", "method", "path", "allowed"),
    [
        ("accounting.contacts.read", "GET", "Contacts", True),
        ("accounting.contacts.read", "PUT", "Contacts", False),
        ("accounting.contacts", "PUT", "Contacts", True),
        ("accounting.contacts", "GET", "Invoices", False),
        ("accounting.invoices", "PUT", "CreditNotes", True),
        ("accounting.invoices.read", "GET", "Items", True),
        ("accounting.settings.read", "GET", "Items", True),
        ("accounting.invoices", "GET", "Payments", False),
        ("accounting.payments.read", "GET", "Payments", True),
        ("accounting.payments.read", "PUT", "Payments", False),
        ("accounting.payments", "GET", "Overpayments", True),
        ("accounting.payments", "GET", "Prepayments", True),
        ("accounting.payments", "GET", "BatchPayments", True),
        ("accounting.banktransactions", "PUT", "BankTransactions", True),
        ("accounting.reports.aged.read", "GET", "Reports/TrialBalance", False),
        ("accounting.reports.trialbalance.read", "GET", "Reports/TrialBalance", True),
        ("accounting.settings.read", "GET", "TrackingCategories", True),
    ],
)
def test_item_04_each_endpoint_and_verb_has_its_granular_scope(xero, scope, method, path, allowed):
    assert (status(xero, scope, method, path) != 401) is allowed


@pytest.mark.parametrize(("broad", "refused"), [(True, False), (False, True)])
def test_item_04_broad_scopes_are_a_switch(xero, broad, refused):
    xero.switch(broad_scopes=broad)
    grant = xero.grant(scope="accounting.transactions")
    if refused:
        assert grant.json() == {"error": "invalid_scope"}
        return
    xero.token = grant.json()["access_token"]
    for path in ("Invoices", "CreditNotes", "Payments", "Prepayments"):
        assert xero.call("GET", path).status_code == 200
    assert xero.call("GET", "Contacts").status_code == 401


def test_item_04_scopes_add_up_over_consents(xero):
    xero.consent(scope="accounting.contacts")
    grant = xero.user_grant(scope="accounting.settings.read")
    assert grant["scope"].split() == ["accounting.contacts", "accounting.settings.read"]
    xero.token = grant["access_token"]
    assert xero.call("GET", "Contacts", headers=TENANT).status_code == 200
