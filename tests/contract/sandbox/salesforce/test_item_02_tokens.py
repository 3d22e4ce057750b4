"""Item 2: the token endpoint's grants and refusals beyond client credentials."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

pytestmark = pytest.mark.contract
TOKEN = "/services/oauth2/token"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT = {"client_id": "sandbox-sf-client", "client_secret": "sandbox-sf-secret"}
USER = "integration@example.com"


@pytest.fixture(scope="module")
def keys():
    return [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]


def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sync")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=900))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return pem.decode()


@pytest.fixture
def ask(empty, keys):
    """Ask for a token with an assertion; the app knows the first key's certificate."""
    empty.control("POST", "/clients", json={"certificate": certificate(keys[0])})

    def send(*, key=0, algorithm="RS256", life_s=180, **changes):
        claims = {
            "iss": CLIENT["client_id"], "sub": USER, "aud": "https://login.salesforce.com",
            "exp": int(empty.clock.now().timestamp()) + life_s,
        }  # fmt: skip
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        secret = keys[key] if algorithm == "RS256" else "a secret that is long enough for HS256"
        assertion = jwt.encode(claims, secret, algorithm)
        return empty.http.post(TOKEN, data={"grant_type": JWT, "assertion": assertion})

    return send


@pytest.mark.parametrize(
    "audience",
    ["https://login.salesforce.com", "https://test.salesforce.com", "http://127.0.0.1:8901"],
)
def test_item_02_jwt_assertion_gives_a_token_that_works(empty, ask, audience):
    reply = ask(aud=audience)
    assert reply.status_code == 200, reply.text
    assert "expires_in" not in reply.json()
    assert "refresh_token" not in reply.json()
    empty.http.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
    assert empty.call("GET", "/limits").status_code == 200


def test_item_02_jwt_by_label_names_the_label_as_audience(empty, keys, ask):
    claims = {
        "iss": CLIENT["client_id"], "sub": USER, "aud": "https://127.0.0.1:8901/acme.my.salesforce.com",
        "exp": int(empty.clock.now().timestamp()) + 180,
    }  # fmt: skip
    form = {"grant_type": JWT, "assertion": jwt.encode(claims, keys[0], "RS256")}
    reply = empty.http.post(f"/acme.my.salesforce.com{TOKEN}", data=form)
    assert reply.json()["instance_url"] == "http://127.0.0.1:8901"


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"key": 1}, "invalid_grant", "invalid assertion"),
        ({"algorithm": "HS256"}, "invalid_grant", "invalid assertion"),
        ({"aud": "https://elsewhere.example"}, "invalid_grant", "audience is invalid"),
        ({"life_s": -1}, "invalid_grant", "expired authorization code"),
        ({"life_s": 3600}, "invalid_grant", "assertion lives too long"),
        ({"exp": None}, "invalid_grant", "invalid assertion"),
        ({"sub": "sales@example.com"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"iss": "other"}, "invalid_client_id", "client identifier invalid"),
    ],
)
def test_item_02_jwt_refusals(ask, changes, error, description):
    reply = ask(**changes)
    assert reply.status_code == 400
    assert reply.json() == {"error": error, "error_description": description}


def test_item_02_jwt_needs_a_certificate_on_the_app(empty, keys):
    claims = {"iss": CLIENT["client_id"], "sub": USER}
    form = {"grant_type": JWT, "assertion": jwt.encode(claims, keys[0], "RS256")}
    reply = empty.http.post(TOKEN, data=form)
    assert reply.json()["error_description"] == "user hasn't approved this consumer"
    broken = empty.http.post(TOKEN, data=form | {"assertion": "a.b.c"})
    assert broken.json()["error"] == "invalid_grant"


def refresh(empty, token):
    form = {"grant_type": "refresh_token", "refresh_token": token, **CLIENT}
    return empty.http.post(TOKEN, data=form)


def test_item_02_refresh_token_lasts_until_revoked(empty):
    token = empty.control("POST", "/refresh_tokens", json={}).json()["refresh_token"]
    first, second = refresh(empty, token).json(), refresh(empty, token).json()
    assert first["access_token"] != second["access_token"]
    assert "refresh_token" not in second
    assert empty.http.post("/services/oauth2/revoke", data={"token": token}).status_code == 200
    gone = refresh(empty, token)
    assert gone.json() == {
        "error": "invalid_grant", "error_description": "expired access/refresh token",
    }  # fmt: skip


def test_item_02_refresh_tokens_rotate_if_switched_on(empty):
    empty.switch(rotate_refresh_tokens=True)
    token = empty.control("POST", "/refresh_tokens", json={}).json()["refresh_token"]
    following = refresh(empty, token).json()["refresh_token"]
    assert refresh(empty, token).status_code == 400
    assert refresh(empty, following).status_code == 200


def test_item_02_password_grant_takes_a_security_token_and_can_be_off(empty):
    form = {"grant_type": "password", "username": USER, **CLIENT}
    good = form | {"password": "sandbox-sf-password" + "SECURITYTOKEN"}
    assert empty.http.post(TOKEN, data=good).status_code == 200
    wrong = empty.http.post(TOKEN, data=form | {"password": "guess"})
    assert wrong.json() == {"error": "invalid_grant", "error_description": "authentication failure"}
    empty.switch(password_grant=False)
    refused = empty.http.post(TOKEN, data=good)
    assert refused.json()["error"] == "unsupported_grant_type"


def test_item_02_userinfo_names_the_user_of_the_token(empty):
    shown = empty.http.get("/services/oauth2/userinfo").json()
    assert shown["username"] == USER
    assert shown["user_id"] == empty.org.user_id
