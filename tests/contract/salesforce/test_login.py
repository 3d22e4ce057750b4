"""Both ways to log in, against the served sandbox: what works, and what a refusal tells."""

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.contract.salesforce.conftest import Control

from sfxero.clock import FakeClock
from sfxero.errors import AuthenticationFailed
from sfxero.orchestration.hooks.salesforce import salesforce_client
from sfxero.salesforce.auth import Signer
from sfxero.salesforce.client import SalesforceClient
from sfxero.sandbox.server import SandboxSettings, run_in_thread

pytestmark = pytest.mark.contract

USER = "integration@example.com"
AUDIENCE = "https://login.salesforce.com"
APP = "jwt-app"


@cache
def key(number: int) -> rsa.RSAPrivateKey:
    """The app's key is number 0."""
    del number
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def sandbox_address() -> Iterator[str]:
    """A sandbox whose clock no other test moves: assertions hold for three minutes of it."""
    with run_in_thread(SandboxSettings(accounts=40, opportunities=60)) as address:
        yield address


def private_pem(number: int = 0) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key(number).private_bytes(encoding, form, serialization.NoEncryption()).decode()


def public_pem() -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key(0).public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@pytest.fixture(autouse=True)
def jwt_app(control: Control) -> None:
    """An app of its own, whose secret nobody knows."""
    app = {"client_secret": "", "certificate": public_pem(), "approved": [USER]}
    control.post("/salesforce/clients", client_id=APP, **app)


@pytest.fixture
def sandbox_now(control: Control) -> datetime:
    told: Any = control.get("/clock")
    return datetime.fromisoformat(told["now"])


@pytest.fixture
def log_in(control: Control, sandbox_now: datetime) -> Iterator[Callable[..., SalesforceClient]]:
    """Make clients of the app; keywords change what the login is made of."""
    made = []

    def make(*, number: int = 0, late_s: float = 0, **changes: Any) -> SalesforceClient:
        signer = Signer(
            changes.pop("username", USER),
            private_pem(number),
            audience=changes.pop("audience", AUDIENCE),
        )
        clock = FakeClock(sandbox_now - timedelta(seconds=late_s))
        values = {"login_url": control.address, "client_id": APP, "api_version": "66.0"}
        client = SalesforceClient(**values | changes, signer=signer, clock=clock, sleeper=clock)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def count(client: SalesforceClient) -> int:
    return len(list(client.query("SELECT Id FROM Account")))


def count_and_close(client: SalesforceClient) -> int:
    try:
        return count(client)
    finally:
        client.close()


@pytest.mark.parametrize("audience", [AUDIENCE, "https://test.salesforce.com", None])
def test_an_assertion_logs_in_and_the_token_reads(log_in: Any, audience: str | None) -> None:
    assert count(log_in(audience=audience)) == 40


def test_an_ended_session_is_renewed_by_another_assertion(log_in: Any, control: Control) -> None:
    client = log_in()
    assert count(client) == 40
    control.post("/salesforce/expire_tokens")
    assert count(client) == 40


@pytest.mark.parametrize(
    ("changes", "said", "hint"),
    [
        ({"number": 1}, "invalid assertion", "must be that of the certificate"),
        ({"audience": "https://else.example"}, "audience is invalid", "Set audience to"),
        ({"late_s": 3600}, "expired authorization code", "set this machine's clock right"),
        ({"late_s": -3600}, "assertion lives too long", "set this machine's clock right"),
        ({"username": "sales@example.com"}, "approved this consumer", "pre-authorized"),
        ({"client_id": "stranger"}, "client identifier invalid", "of no app of this org"),
    ],
)
def test_a_refused_assertion_says_why_and_what_to_do(
    log_in: Any, changes: dict[str, Any], said: str, hint: str
) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        count(log_in(**changes))

    assert said in caught.value.message
    assert hint in str(caught.value)
    assert caught.value.status == 400
    assert "@" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said", "hint"),
    [
        ({"client_secret": "wrong"}, "invalid client credentials", "Copy the consumer secret"),
        ({"client_id": "stranger"}, "client identifier invalid", "of no app of this org"),
        ({"client_id": APP, "client_secret": ""}, "no client credentials user", "Run As user"),
    ],
)
def test_refused_client_credentials_say_why_and_what_to_do(
    control: Control, other_client: Any, changes: dict[str, str], said: str, hint: str
) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        count_and_close(other_client(control.address, **changes))

    assert said in caught.value.message
    assert hint in str(caught.value)


def test_a_shared_host_refuses_client_credentials_with_advice(
    control: Control, other_client: Any
) -> None:
    shared = f"{control.address}/login.salesforce.com"
    with pytest.raises(AuthenticationFailed, match="Use the My Domain address"):
        count_and_close(other_client(shared))


def as_text(tmp_path: Path) -> dict[str, str]:
    del tmp_path
    return {"private_key": private_pem()}


def as_one_line(tmp_path: Path) -> dict[str, str]:
    del tmp_path
    return {"private_key": private_pem().replace("\n", "\\n")}


def as_file(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "key.pem"
    path.write_text(private_pem(), encoding="ascii")
    return {"private_key_file_path": str(path)}


@pytest.mark.parametrize("given", [as_text, as_one_line, as_file])
@pytest.mark.parametrize("secret", ["", "a secret that is not looked at"])
def test_a_connection_with_a_private_key_logs_in_by_assertion(
    control: Control, monkeypatch: Any, tmp_path: Path, given: Any, secret: str
) -> None:
    extra = {"consumer_key": APP, "consumer_secret": secret, "instance_url": control.address}
    read = reader(monkeypatch, login=USER, extra=extra | given(tmp_path))
    assert read() == 40


def test_a_connection_with_a_secret_logs_in_by_client_credentials(
    control: Control, monkeypatch: Any
) -> None:
    extra = {
        "consumer_key": "sandbox-sf-client",
        "consumer_secret": "sandbox-sf-secret",
        "instance_url": control.address,
    }
    assert reader(monkeypatch, extra=extra)() == 40


_numbers = itertools.count()


def reader(monkeypatch: Any, **fields: Any) -> Callable[[], int]:
    """Count accounts through a connection, on the machine's clock, which the sandbox shares."""
    name = f"org_{next(_numbers)}"
    connection = json.dumps({"conn_type": "salesforce", **fields})
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", connection)

    return lambda: count_and_close(salesforce_client(name, api_version="66.0"))
