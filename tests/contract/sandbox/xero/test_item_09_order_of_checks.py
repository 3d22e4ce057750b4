"""Token, tenant, rate limit, idempotency, validation (item 9)."""

import pytest

pytestmark = pytest.mark.contract

UNKNOWN_TENANT = "00000000-0000-4000-8000-000000000001"


def test_a_wrong_tenant_is_403_even_for_a_spent_limit(xero):
    xero.switch(minute_limit=0)
    reply = xero.call("GET", "Organisation", headers={"xero-tenant-id": UNKNOWN_TENANT})
    assert (reply.status_code, reply.json()["Detail"]) == (403, "AuthenticationUnsuccessful")


def test_item_09_each_check_hides_the_ones_behind_it(xero):
    """Token, then tenant, then rate limit, then idempotency, then validation."""
    key = {"Idempotency-Key": "k-1"}
    xero.call("PUT", "Contacts", json={"Name": "Maple"}, headers=key)

    def answer(**headers):
        body = {"Name": "<bad>"}
        return xero.call("PUT", "Contacts", json=body, headers={**key, **headers})

    xero.switch(minute_limit=0)
    no_tenant = {"xero-tenant-id": UNKNOWN_TENANT}
    assert answer(Authorization="Bearer x", **no_tenant).status_code == 401
    assert answer(**no_tenant).status_code == 403
    assert answer().status_code == 429
    xero.switch(minute_limit=100)
    assert "used with a different request" in answer().text
    fresh = answer(**{"Idempotency-Key": "k-2"})
    assert fresh.json()["ErrorNumber"] == 10
