"""Where a secret, an assertion and a token may go, and where not."""

import traceback

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sfxero.clock import FakeClock
from sfxero.errors import ConfigurationError, UnexpectedResponse
from sfxero.salesforce.auth import JwtBearer, Signer
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.hosts import check_login

HOST = "https://acme.my.salesforce.com"
STAND_IN = "https://crm.internal"


def client_of(org, clock, *, login_url=HOST, trusted=()):
    return SalesforceClient(
        login_url=login_url,
        client_id="client-id",
        client_secret="hunter2",
        trusted_hosts=trusted,
        api_version="66.0",
        transport=httpx.MockTransport(org),
        clock=clock,
        sleeper=clock,
    )


@pytest.mark.parametrize(
    "address",
    [
        HOST,
        "https://acme--uat.sandbox.my.salesforce.com",
        "https://ACME.my.Salesforce.com:443",
        "https://acme.my.force.com",
        "http://127.0.0.1:8099",
        "http://localhost:8099/acme.my.salesforce.com",
    ],
)
def test_hosts_of_salesforce_and_of_this_machine_may_have_the_secret(address):
    assert check_login(address) == address


FOREIGN = [
    "https://evil.example",
    "https://salesforce.com.evil.example",
    "https://evilsalesforce.com",
    "https://salesforce.com",
    "https://.salesforce.com",
    "https://evil.example#.salesforce.com",
    "https://evil.example/.salesforce.com",
    "https://evil.example\\.salesforce.com",
    "https://evil.example%2f.salesforce.com",
    "https://acme.my.salesforce.com.",
    "https://acme.my.salesforce.co",
    "http://acme.my.salesforce.com",
    "https://127.0.0.1.evil.example",
]


@pytest.mark.parametrize("address", FOREIGN)
def test_no_other_host_may_have_the_secret(address):
    with pytest.raises(ConfigurationError):
        check_login(address)


def test_a_stand_in_may_have_it_if_the_connection_names_it():
    assert check_login(STAND_IN, trusted=["CRM.internal"]) == STAND_IN
    with pytest.raises(ConfigurationError, match="trusted_hosts"):
        check_login(STAND_IN, trusted=["internal"])


@pytest.mark.parametrize("address", [one for one in FOREIGN if one.startswith("https")])
def test_a_token_reply_cannot_lead_the_token_elsewhere(org, clock, address):
    org.instance_url = address
    with pytest.raises(UnexpectedResponse, match="leads to"):
        client_of(org, clock).server_now()
    assert org.paths() == []


@pytest.mark.parametrize(
    ("login_url", "trusted", "address"),
    [
        (HOST, (), "https://acme.my.salesforce.com"),
        (HOST, (), "https://au42.salesforce.com"),
        (HOST, (), "http://127.0.0.1:8099"),
        (STAND_IN, (), "https://crm.internal:8443"),
        (STAND_IN, ("api.crm.internal",), "https://api.crm.internal"),
    ],
)
def test_a_token_goes_where_salesforce_or_the_connection_says(
    org, clock, login_url, trusted, address
):
    org.instance_url = address
    org.on(
        "/services/data/", httpx.Response(200, headers={"Date": "Sun, 01 Nov 2026 00:00:00 GMT"})
    )
    client = client_of(org, clock, login_url=login_url, trusted=trusted)
    client.server_now()
    assert client.instance_url == address


def pem(key, passphrase=None):
    if passphrase:
        hidden = serialization.BestAvailableEncryption(passphrase)
    else:
        hidden = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, hidden).decode()


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def assertion_of(org):
    (form,) = [r.content.decode() for r in org.requests if "oauth2" in r.url.path]
    return form.partition("assertion=")[2]


def test_an_assertion_names_app_user_and_login_address_and_lives_three_minutes(org, clock, key):
    signer = Signer("sync@example.com", pem(key))
    login = JwtBearer(
        login_url=f"{HOST}/",
        client_id="client-id",
        signer=signer,
        clock=clock,
        transport=httpx.MockTransport(org),
    )
    login.request()
    claims = jwt.decode(
        assertion_of(org),
        key.public_key(),
        algorithms=["RS256"],
        audience=HOST,
        options={"verify_exp": False},
    )
    assert claims == {
        "iss": "client-id",
        "sub": "sync@example.com",
        "aud": HOST,
        "exp": int(clock.now().timestamp()) + 180,
    }
    assert "Authorization" not in org.requests[0].headers


@pytest.mark.parametrize("kind", ["text", "passphrase", "elliptic"])
def test_a_key_that_cannot_sign_is_refused_without_a_word_of_it(key, kind):
    given = {
        "text": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
        "passphrase": pem(key, b"hunter2"),
        "elliptic": pem(ec.generate_private_key(ec.SECP256R1())),
    }[kind]
    signer = Signer("u", given)
    with pytest.raises(ConfigurationError, match="cannot be used") as caught:
        JwtBearer(login_url=HOST, client_id="c", signer=signer, clock=FakeClock())
    shown = "".join(traceback.format_exception(caught.value)) + repr(signer)
    assert given.splitlines()[1] not in shown
