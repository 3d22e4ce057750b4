"""Faults of the Xero side on demand (item 29); the frame's tests show each kind over a socket."""

import httpx
import pytest

pytestmark = pytest.mark.contract

TENANT = {"xero-tenant-id": "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"}


def arm(xero, kind, **rule):
    rule = {"kind": kind, "path": "/Contacts$", **rule}
    assert xero.send("POST", "/_sandbox/fault", json=rule).status_code == 200


def create(xero):
    return xero.call("PUT", "Contacts", json={"Name": "Maple"})


def stored(xero):
    return len(xero.sandbox.xero.books.contacts)


def test_item_29_a_reply_is_lost_after_the_commit(xero):
    arm(xero, "lost_reply")
    with pytest.raises((ConnectionResetError, httpx.TransportError)):
        create(xero)
    assert stored(xero) == 1


def test_item_29_a_call_times_out_before_the_commit(xero):
    arm(xero, "timeout_before", seconds=0)
    with pytest.raises((ConnectionResetError, httpx.TransportError)):
        create(xero)
    assert stored(xero) == 0


@pytest.mark.parametrize(
    ("kind", "rule", "status", "left"),
    [
        ("error_after", {}, 500, 1),
        ("error_before", {"status": 503}, 503, 0),
        ("force_429", {"problem": "day", "retry_after_s": 66_975}, 429, 0),
        ("latency", {"seconds": 0}, 200, 1),
    ],
)
def test_item_29_errors_limits_and_latency(xero, kind, rule, status, left):
    arm(xero, kind, **rule)
    assert (create(xero).status_code, stored(xero)) == (status, left)


def test_item_29_tokens_run_out_ahead_of_their_time(xero):
    xero.hand("tokens/expire")
    reply = create(xero)
    assert reply.json()["Detail"].startswith("TokenExpired")
    xero.token = xero.grant().json()["access_token"]
    assert create(xero).status_code == 200


def test_item_29_tokens_are_revoked(xero):
    refresh_token = xero.user_grant()["refresh_token"]
    xero.hand("tokens/revoke")
    assert create(xero).json()["Detail"] == "AuthenticationUnsuccessful"
    assert xero.refresh(refresh_token).json() == {"error": "invalid_grant"}


def test_item_29_a_tenant_is_disconnected_while_tokens_go_on(xero):
    grant = xero.user_grant(scope="offline_access accounting.contacts")
    xero.hand("disconnect")
    assert create(xero).status_code == 403
    xero.token = xero.refresh(grant["refresh_token"]).json()["access_token"]
    assert xero.call("GET", "Contacts", headers=TENANT).status_code == 403
    xero.hand("reconnect")
    assert xero.call("GET", "Contacts", headers=TENANT).status_code == 200
