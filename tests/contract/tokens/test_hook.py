"""The Airflow hook: the form's test, and the tenant that a run works on."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from tests.contract.tokens.consenting import (
    BOOKS,
    CLIENT_ID,
    CLIENT_SECRET,
    TENANT,
    Control,
    app_at,
    consent,
)

from sfxero.errors import ConfigurationError, ConsentRevoked, TenantDisconnected
from sfxero.ledger import Ledger
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import TenantId
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.transport.tokens import Grant

pytestmark = pytest.mark.contract

Hook = Callable[..., XeroHook]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, key: str) -> Hook:
    """Make hooks of connections in the environment."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("SFXERO_TOKEN_KEY", key)
    place = {"conn_type": "sqlite", "host": str(tmp_path / "books.db")}
    monkeypatch.setenv("AIRFLOW_CONN_SFXERO_LEDGER", json.dumps(place))

    def make(conn_id: str, *, login: str, password: str, **extra: str) -> XeroHook:
        fields = {"conn_type": "xero", "host": address, "login": login, "password": password}
        text = json.dumps({**fields, "extra": extra})
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", text)
        return XeroHook(conn_id)

    return make


@pytest.fixture
def web(hook: Hook) -> Callable[..., XeroHook]:
    """Make a hook of the web app that the ledger holds the consent of."""

    def make(conn_id: str = BOOKS, **extra: str) -> XeroHook:
        flow: Any = {"flow": "authorization_code", **extra}
        return hook(conn_id, login=CLIENT_ID, password=CLIENT_SECRET, **flow)

    return make


# The form tests a connection under an id of the moment.
@pytest.mark.parametrize("conn_id", [BOOKS, "xkcdqw"])
def test_the_form_names_organisation_scopes_and_limits_of_a_consent(
    web: Callable[..., XeroHook], grant: Grant, conn_id: str
) -> None:
    is_well, words = web(conn_id).test_connection()

    assert is_well, words
    assert TENANT in words
    assert "offline_access" in words
    assert re.search(r"calls left: \d+ this minute, \d+ today", words)
    assert grant.access_token not in words


def test_the_form_names_organisation_scopes_and_limits_of_a_custom_connection(hook: Hook) -> None:
    custom = hook("custom", login="sandbox-xero-client", password="sandbox-xero-secret")
    is_well, words = custom.test_connection()
    assert is_well, words
    assert TENANT in words
    assert "accounting.invoices" in words
    assert re.search(r"calls left: \d+ this minute, \d+ today", words)


def test_the_form_names_scopes_that_the_sync_lacks(hook: Hook, control: Control) -> None:
    narrow = ["accounting.contacts"]
    control.post("/xero/apps", client_id="narrow", client_secret="s", scopes=narrow)

    is_well, words = hook("narrow", login="narrow", password="s").test_connection()

    assert not is_well
    assert "MISSING scopes: accounting.invoices accounting.settings.read" in words


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (lambda control: control.post("/xero/tokens/revoke"), "revoked"),
        (lambda control: control.post("/xero/disconnect"), "no organisation is connected"),
    ],
    ids=["revoked", "disconnected"],
)
def test_the_form_tells_revoked_from_disconnected(
    web: Callable[..., XeroHook],
    grant: Grant,
    control: Control,
    trouble: Callable[[Control], object],
    said: str,
) -> None:
    trouble(control)
    is_well, words = web().test_connection()
    assert not is_well
    assert said in words


def test_the_form_says_that_the_key_is_not_at_hand(
    web: Callable[..., XeroHook], grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = web()
    monkeypatch.setenv("SFXERO_TOKEN_KEY", Fernet.generate_key().decode())
    is_well, words = made.test_connection()
    assert not is_well
    assert "sfxero tokens rotate" in words


@pytest.mark.parametrize(("wanted", "subject"), [(TENANT, TENANT), (None, BOOKS)])
def test_a_run_that_finds_its_tenant_disconnected_tells_once_and_takes_it_back(
    web: Callable[..., XeroHook],
    grant: Grant,
    control: Control,
    ledger: Ledger,
    wanted: TenantId | None,
    subject: str,
) -> None:
    control.post("/xero/disconnect")
    for _ in range(3):
        with pytest.raises(TenantDisconnected):
            web().find_tenant(wanted, ledger)
    (alert,) = ledger.alerts.list()
    assert (alert.kind, alert.subject) == (AlertKind.TENANT_DISCONNECTED, subject)

    control.post("/xero/reconnect")

    assert web().find_tenant(wanted, ledger).tenant_id == TENANT
    assert ledger.alerts.list() == []


def test_a_run_whose_consent_is_revoked_tells_once_and_goes_on_after_a_new_one(
    web: Callable[..., XeroHook], grant: Grant, control: Control, ledger: Ledger, address: str
) -> None:
    control.post("/xero/tokens/revoke")
    for _ in range(3):
        with pytest.raises(ConsentRevoked):
            web().find_tenant(TENANT, ledger)
    assert [one.kind for one in ledger.alerts.list()] == [AlertKind.CONSENT_REVOKED]

    ledger.tokens.keep(BOOKS, app_at(address), consent(address))

    assert web().find_tenant(TENANT, ledger).tenant_id == TENANT


def test_a_client_of_its_own_finds_the_ledger_of_its_tokens(
    web: Callable[..., XeroHook], grant: Grant, control: Control
) -> None:
    client = web().client(tenant_id=TENANT, limiter=None)
    assert client.call("GET", "Organisation").status == 200
    assert control.token_calls() == []
    client.close()


def test_a_web_app_without_consent_says_how_to_give_it(
    web: Callable[..., XeroHook], ledger: Ledger
) -> None:
    with pytest.raises(ConfigurationError, match="sfxero xero connect --conn-id books"):
        web().find_tenant(None, ledger)
