import json
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest

from sfxero.errors import ConfigurationError
from sfxero.orchestration.hooks.ledger import token_keys
from sfxero.orchestration.hooks.xero_app import AUTHORIZE_URL, Flow, app_of

Make = Callable[..., Any]
SECRET = "hunter2"
KEYS = [urlsafe_b64encode(bytes([number]) * 32).decode() for number in range(3)]


def app(make: Make, secret: str | None = SECRET, host: str | None = None, **extra: str) -> Any:
    return app_of(make(login="the-id", password=secret, host=host, extra=json.dumps(extra)))


def test_a_custom_connection_is_what_a_form_means_unless_it_says_otherwise(
    connection: Make,
) -> None:
    assert app(connection).flow is Flow.CLIENT_CREDENTIALS
    assert not app(connection, flow="").needs_consent
    assert app(connection, flow="authorization_code").needs_consent


def test_a_native_app_needs_no_secret_and_a_custom_connection_does(connection: Make) -> None:
    assert app(connection, None, flow="authorization_code").client_secret is None
    with pytest.raises(ConfigurationError, match="client secret"):
        app(connection, None)


def test_a_flow_that_does_not_exist_is_refused_with_those_that_do(connection: Make) -> None:
    with pytest.raises(ConfigurationError, match="client_credentials or authorization_code"):
        app(connection, flow="password")


@pytest.mark.parametrize(
    ("host", "extra", "authorize_url"),
    [
        (None, {}, AUTHORIZE_URL),
        ("http://127.0.0.1:8099", {}, "http://127.0.0.1:8099/identity/connect/authorize"),
        (None, {"authorize_url": "https://login.example/a"}, "https://login.example/a"),
    ],
)
def test_consent_is_asked_for_where_the_api_is(
    connection: Make, host: str | None, extra: dict[str, str], authorize_url: str
) -> None:
    assert app(connection, host=host, **extra).authorize_url == authorize_url


def test_an_app_does_not_show_its_secret(connection: Make) -> None:
    assert SECRET not in repr(app(connection))


@pytest.fixture
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SFXERO_TOKEN_KEY", "AIRFLOW__CORE__FERNET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-"))


@pytest.mark.parametrize(
    ("ours", "airflows", "keys"),
    [
        (None, None, ()),
        (None, "", ()),
        (None, KEYS[0], (KEYS[0],)),
        (None, f"{KEYS[1]},{KEYS[0]}", (KEYS[1], KEYS[0])),
        (KEYS[2], KEYS[0], (KEYS[2],)),
        (f"{KEYS[2]}, {KEYS[0]},", None, (KEYS[2], KEYS[0])),
    ],
)
@pytest.mark.usefixtures("_no_keys")
def test_tokens_are_encrypted_with_our_key_else_with_airflows_own(
    monkeypatch: pytest.MonkeyPatch, ours: str | None, airflows: str | None, keys: tuple[str, ...]
) -> None:
    for name, value in (("SFXERO_TOKEN_KEY", ours), ("AIRFLOW__CORE__FERNET_KEY", airflows)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert token_keys() == keys
