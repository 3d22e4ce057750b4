"""Tokens, scopes, tenants and the door's refusals (items 2 to 6 and 9)."""

import jwt
import pytest

pytestmark = pytest.mark.contract

UNKNOWN_TENANT = "00000000-0000-4000-8000-000000000001"


def test_client_credentials_give_a_half_hour_jwt_without_a_refresh_token(xero):
    grant = xero.grant().json()
    claims = jwt.decode(grant["access_token"], options={"verify_signature": False})
    assert (grant["expires_in"], grant["token_type"]) == (1800, "Bearer")
    assert "refresh_token" not in grant
    assert claims["exp"] - claims["nbf"] == 1800


def test_the_client_may_prove_itself_in_the_body(xero):
    form = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-xero-client",
        "client_secret": "sandbox-xero-secret",
    }
    assert xero.send("POST", "/connect/token", data=form).status_code == 200


@pytest.mark.parametrize(
    ("form", "secret", "error"),
    [
        ({"grant_type": "client_credentials"}, "wrong", "invalid_client"),
        ({"grant_type": "password"}, "sandbox-xero-secret", "unsupported_grant_type"),
        (
            {"grant_type": "client_credentials", "scope": "accounting.everything"},
            "sandbox-xero-secret",
            "invalid_scope",
        ),
    ],
)
def test_the_token_endpoint_refuses_with_an_oauth_error(xero, form, secret, error):
    reply = xero.send("POST", "/connect/token", data=form, auth=("sandbox-xero-client", secret))
    assert (reply.status_code, reply.json()) == (400, {"error": error})


def test_scope_may_be_left_out_unless_switched(xero):
    assert "accounting.contacts" in xero.grant().json()["scope"].split()
    xero.switch(scope_required=True)
    assert xero.grant().json() == {"error": "invalid_scope"}


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


def test_a_missing_scope_is_401_and_shows_the_correlation_id(xero):
    xero.token = xero.grant(scope="accounting.settings.read").json()["access_token"]
    reply = xero.call("GET", "Contacts")
    assert (reply.status_code, reply.json()["Detail"]) == (401, "AuthorizationUnsuccessful")
    assert reply.json()["Instance"] == reply.headers["Xero-Correlation-Id"]


def test_a_read_scope_does_not_allow_writing(xero):
    app = xero.sandbox.xero.identity.apps["sandbox-xero-client"]
    assert "accounting.settings" not in app.scopes
    assert xero.call("PUT", "Accounts", json={}).status_code == 401


@pytest.mark.parametrize("header", [{}, {"xero-tenant-id": "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"}])
def test_the_tenant_header_is_optional_for_a_custom_connection(xero, header):
    assert xero.call("GET", "Organisation", headers=header).status_code == 200


def test_a_wrong_tenant_is_403_even_for_a_spent_limit(xero):
    xero.switch(minute_limit=0)
    reply = xero.call("GET", "Organisation", headers={"xero-tenant-id": UNKNOWN_TENANT})
    assert (reply.status_code, reply.json()["Detail"]) == (403, "AuthenticationUnsuccessful")


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
