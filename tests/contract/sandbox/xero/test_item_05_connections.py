"""The list of connections (item 5)."""

import pytest

pytestmark = pytest.mark.contract


def test_connections_are_a_bare_array_with_seven_fraction_digits(xero):
    headers = {"Authorization": f"Bearer {xero.token}"}
    reply = xero.send("GET", "/connections", headers=headers)
    [connection] = reply.json()
    assert connection["tenantType"] == "ORGANISATION"
    assert connection["createdDateUtc"] == "2026-11-22T03:10:00.0000000"
    assert "X-AppMinLimit-Remaining" in reply.headers
    assert "X-MinLimit-Remaining" not in reply.headers


def test_connections_can_be_filtered_by_their_authentication_event(xero):
    headers = {"Authorization": f"Bearer {xero.token}"}
    assert xero.send("GET", "/connections?authEventId=other", headers=headers).json() == []
