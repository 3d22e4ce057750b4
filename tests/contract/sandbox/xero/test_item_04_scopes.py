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
