"""Tokens: client proof and errors (item 2)."""

import jwt
import pytest
from tests.contract.sandbox.xero.conftest import CONSENT, WEB_CREDENTIALS

from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID

pytestmark = pytest.mark.contract


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


GRACE_S = 30 * 60
IDLE_S = 60 * 24 * 3600


def test_item_02_a_user_grant_holds_all_three_tokens(xero):
    grant = xero.user_grant()
    assert (grant["expires_in"], grant["token_type"]) == (1800, "Bearer")
    assert {"access_token", "refresh_token", "id_token"} <= set(grant)
    assert set(grant["scope"].split()) == set(CONSENT["scope"].split())


def test_item_02_refresh_and_id_tokens_come_only_if_asked_for(xero):
    grant = xero.user_grant(scope="accounting.contacts")
    assert {"refresh_token", "id_token"}.isdisjoint(grant)


def test_item_02_the_id_token_lives_five_minutes_and_checks_against_the_published_keys(xero):
    token = xero.user_grant(nonce="n-1")["id_token"]
    [key] = xero.send("GET", "/.well-known/openid-configuration/jwks").json()["keys"]
    claims = jwt.decode(
        token,
        jwt.PyJWK(key),
        audience="sandbox-xero-web",
        issuer="https://identity.xero.com",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert (claims["nonce"], claims["exp"] - claims["iat"]) == ("n-1", 300)


def test_item_02_the_discovery_document_names_the_sandboxs_addresses(xero):
    document = xero.send("GET", "/.well-known/openid-configuration").json()
    assert document["issuer"] == "https://identity.xero.com"
    assert document["token_endpoint"] == "http://sandbox/connect/token"


def test_item_02_the_access_token_carries_the_documented_claims(xero):
    claims = jwt.decode(xero.user_grant()["access_token"], options={"verify_signature": False})
    assert {"xero_userid", "authentication_event_id", "scope"} <= set(claims)


def test_item_02_every_refresh_gives_a_new_refresh_token(xero):
    first = xero.user_grant()["refresh_token"]
    second = xero.refresh(first).json()["refresh_token"]
    third = xero.refresh(second).json()["refresh_token"]
    assert len({first, second, third}) == 3


@pytest.mark.parametrize(("seconds", "status"), [(GRACE_S - 1, 200), (GRACE_S, 400)])
def test_item_02_the_old_refresh_token_may_be_retried_for_half_an_hour(xero, seconds, status):
    old = xero.user_grant()["refresh_token"]
    xero.refresh(old)
    xero.sandbox.clock.advance(seconds)
    reply = xero.refresh(old)
    assert reply.status_code == status
    if status == 400:
        assert reply.json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(("seconds", "status"), [(IDLE_S - 1, 200), (IDLE_S, 400)])
def test_item_02_a_refresh_token_that_is_not_used_ends_after_sixty_days(xero, seconds, status):
    token = xero.user_grant()["refresh_token"]
    xero.sandbox.clock.advance(seconds)
    assert xero.refresh(token).status_code == status


def test_item_02_revocation_ends_refreshes_and_connections_of_that_app(xero):
    grant = xero.user_grant()
    reply = revoke(xero, grant["refresh_token"])
    assert (reply.status_code, reply.content) == (200, b"")
    assert xero.refresh(grant["refresh_token"]).json() == {"error": "invalid_grant"}
    xero.token = grant["access_token"]
    tenant = {"xero-tenant-id": SANDBOX_TENANT_ID}
    assert xero.call("GET", "Organisation", headers=tenant).status_code == 403


def test_item_02_revoking_an_unknown_token_changes_nothing(xero):
    token = xero.user_grant()["refresh_token"]
    assert revoke(xero, "unknown").status_code == 200
    assert xero.refresh(token).status_code == 200


def test_item_02_the_word_for_a_wrong_client_is_a_switch(xero):
    xero.switch(client_error="unauthorized_client")
    reply = xero.send("POST", "/connect/token", data={}, auth=("sandbox-xero-client", "wrong"))
    assert (reply.status_code, reply.json()) == (400, {"error": "unauthorized_client"})


def revoke(xero, token):
    return xero.send("POST", "/connect/revocation", data={"token": token}, auth=WEB_CREDENTIALS)
