"""Token, tenant, rate limit, idempotency, validation (item 9)."""

import pytest

pytestmark = pytest.mark.contract

UNKNOWN_TENANT = "00000000-0000-4000-8000-000000000001"


def test_a_wrong_tenant_is_403_even_for_a_spent_limit(xero):
    xero.switch(minute_limit=0)
    reply = xero.call("GET", "Organisation", headers={"xero-tenant-id": UNKNOWN_TENANT})
    assert (reply.status_code, reply.json()["Detail"]) == (403, "AuthenticationUnsuccessful")
