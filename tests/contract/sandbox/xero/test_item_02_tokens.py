"""Tokens: client proof and errors (item 2)."""

import pytest

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
