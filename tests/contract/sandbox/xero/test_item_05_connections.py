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


TENANT = "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"


def connections(xero, query=""):
    headers = {"Authorization": f"Bearer {xero.token}"}
    return xero.send("GET", f"/connections{query}", headers=headers).json()


def test_item_05_the_filter_takes_the_event_of_the_consent(xero):
    xero.token = xero.user_grant()["access_token"]
    [connection] = connections(xero)
    assert connections(xero, f"?authEventId={connection['authEventId']}") == [connection]


def test_item_05_a_deleted_connection_is_403_while_refreshes_go_on(xero):
    grant = xero.user_grant()
    xero.token = grant["access_token"]
    [connection] = connections(xero)
    headers = {"Authorization": f"Bearer {xero.token}"}
    path = f"/connections/{connection['id']}"
    assert xero.send("DELETE", path, headers=headers).status_code == 204
    assert xero.send("DELETE", path, headers=headers).status_code == 404
    xero.token = xero.refresh(grant["refresh_token"]).json()["access_token"]
    assert connections(xero) == []
    reply = xero.call("GET", "Organisation", headers={"xero-tenant-id": TENANT})
    assert (reply.status_code, reply.json()["Detail"]) == (403, "AuthenticationUnsuccessful")


def test_item_05_an_app_does_not_see_or_delete_anothers_connection(xero):
    [custom] = connections(xero)
    xero.token = xero.user_grant()["access_token"]
    assert [one["id"] for one in connections(xero)] != [custom["id"]]
    headers = {"Authorization": f"Bearer {xero.token}"}
    assert xero.send("DELETE", f"/connections/{custom['id']}", headers=headers).status_code == 404
