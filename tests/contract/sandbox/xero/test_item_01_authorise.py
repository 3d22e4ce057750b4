"""The consent page, codes and PKCE (item 1)."""

import base64
import hashlib

import pytest
from tests.contract.sandbox.xero.conftest import CONSENT

pytestmark = pytest.mark.contract

PAGE = "/identity/connect/authorize"
VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
NATIVE = {
    "client_id": "sandbox-xero-native",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def native_exchange(xero, code, **fields):
    form = {
        "grant_type": "authorization_code",
        "client_id": "sandbox-xero-native",
        "code": code,
        "redirect_uri": CONSENT["redirect_uri"],
        **fields,
    }
    return xero.send("POST", "/connect/token", data=form)


def test_item_01_the_page_names_the_app_and_what_it_asks_for(xero):
    reply = xero.send("GET", PAGE, params=CONSENT)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Sandbox web app" in reply.text
    assert "accounting.contacts" in reply.text
    assert 'value="a b&amp;c"' in reply.text


def test_item_01_state_comes_back_unchanged_with_the_code(xero):
    answer = xero.consent()
    assert answer["state"] == "a b&c"
    assert xero.exchange(answer["code"]).status_code == 200


def test_item_01_a_user_may_say_no(xero):
    assert xero.consent(decision="cancel") == {"error": "access_denied", "state": "a b&c"}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"redirect_uri": "http://localhost:8080/callback/"}, "Invalid redirect_uri"),
        ({"redirect_uri": "http://127.0.0.1:8080/callback"}, "Invalid redirect_uri"),
        ({"client_id": "nobody"}, "unauthorized_client"),
        ({"client_id": "sandbox-xero-client"}, "unauthorized_client"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "accounting.everything"}, "invalid_scope"),
        ({"scope": "accounting.transactions"}, "invalid_scope"),
        ({"client_id": "sandbox-xero-native"}, "code challenge required"),
        ({**NATIVE, "code_challenge_method": "plain"}, "transform algorithm not supported"),
    ],
)
def test_item_01_a_bad_request_is_a_page_and_never_a_redirect(xero, fields, problem):
    reply = xero.send("GET", PAGE, params={**CONSENT, **fields})
    assert reply.status_code == 400
    assert problem in reply.text
    assert "Location" not in reply.headers


def test_item_01_a_code_works_once(xero):
    code = xero.consent()["code"]
    assert xero.exchange(code).status_code == 200
    assert xero.exchange(code).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(("seconds", "status"), [(299, 200), (300, 400)])
def test_item_01_a_code_lives_five_minutes(xero, seconds, status):
    code = xero.consent()["code"]
    xero.sandbox.clock.advance(seconds)
    assert xero.exchange(code).status_code == status


def test_item_01_a_code_belongs_to_its_address_and_its_app(xero):
    other = "https://localhost/callback"
    assert xero.exchange(xero.consent()["code"], redirect_uri=other).status_code == 400
    assert native_exchange(xero, xero.consent()["code"]).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("verifier", "status"),
    [(VERIFIER, 200), ("w" * 43, 400), ("v" * 42, 400), ("v" * 129, 400), (None, 400)],
)
def test_item_01_pkce_checks_the_verifier_of_an_app_without_a_secret(xero, verifier, status):
    code = xero.consent(**NATIVE)["code"]
    fields = {} if verifier is None else {"code_verifier": verifier}
    assert native_exchange(xero, code, **fields).status_code == status


def test_item_01_the_page_can_be_skipped_by_a_switch(xero):
    xero.switch(auto_consent=True)
    reply = xero.send("GET", PAGE, params=CONSENT)
    assert reply.status_code == 302
    assert "code=" in reply.headers["Location"]
