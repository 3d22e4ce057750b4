import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfxero.errors import ConfigurationError
from sfxero.orchestration.hooks.ledger import ledger_url, open_ledger
from sfxero.orchestration.hooks.salesforce import login_url, salesforce_client, signer_of
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.hooks.xero_app import addresses

Make = Callable[..., Any]
SECRET = "s3cr3t-that-must-not-show"
LOCAL = "http://127.0.0.1:8099"


@pytest.mark.parametrize(
    ("fields", "api", "token"),
    [
        ({}, "https://api.xero.com", "https://identity.xero.com/connect/token"),
        (
            {"host": "https://api.xero.com/"},
            "https://api.xero.com",
            "https://identity.xero.com/connect/token",
        ),
        ({"host": LOCAL}, LOCAL, f"{LOCAL}/connect/token"),
        ({"host": f"{LOCAL}/api.xro/2.0"}, LOCAL, f"{LOCAL}/connect/token"),
        ({"host": "http://127.0.0.1", "port": 8099}, LOCAL, f"{LOCAL}/connect/token"),
        (
            {"host": "127.0.0.1", "port": 8099, "schema": "http"},
            LOCAL,
            f"{LOCAL}/connect/token",
        ),
        (
            {"host": "books.example", "port": 8443},
            "https://books.example:8443",
            "https://books.example:8443/connect/token",
        ),
        (
            {"host": LOCAL, "extra": '{"token_url": "http://127.0.0.1:9/t"}'},
            LOCAL,
            "http://127.0.0.1:9/t",
        ),
        (
            {"extra": '{"token_url": "https://login.example/t"}'},
            "https://api.xero.com",
            "https://login.example/t",
        ),
    ],
)
def test_a_secret_for_one_place_is_never_sent_to_another(
    connection: Make, fields: dict[str, Any], api: str, token: str
) -> None:
    assert addresses(connection(**fields)) == (api, token)


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"extra": {"domain": "acme.my"}}, "https://acme.my.salesforce.com"),
        (
            {"extra": {"domain": "acme--uat.sandbox.my"}},
            "https://acme--uat.sandbox.my.salesforce.com",
        ),
        ({"extra": {"instance_url": LOCAL}}, LOCAL),
        ({"host": LOCAL}, LOCAL),
        ({"host": "http://127.0.0.1", "port": 8099}, LOCAL),
        ({"host": LOCAL, "extra": {"domain": "acme.my"}}, LOCAL),
        ({"host": "login", "extra": {"domain": "acme.my"}}, "https://acme.my.salesforce.com"),
        ({"extra": {"token_url": f"{LOCAL}/services/oauth2/token"}}, LOCAL),
        ({"extra": {"token_url": f"{LOCAL}/", "instance_url": "https://other.example"}}, LOCAL),
        # In this provider's forms the instance is at times a mere label.
        (
            {"extra": {"instance_url": "acme.my", "domain": "acme.my"}},
            "https://acme.my.salesforce.com",
        ),
        (
            {"extra": {"instance_url": "acme.my", "domain": "login"}},
            "https://acme.my.salesforce.com",
        ),
        ({"extra": {"domain": "acme.my.salesforce.com"}}, "https://acme.my.salesforce.com"),
        ({"host": "https://acme.my.salesforce.com/"}, "https://acme.my.salesforce.com"),
        # Another host has to be named as such.
        ({"extra": {"token_url": "https://crm.internal/"}}, "https://crm.internal"),
        (
            {"extra": {"instance_url": "https://crm.internal", "trusted_hosts": "crm.internal"}},
            "https://crm.internal",
        ),
        (
            {"host": "https://crm.internal", "extra": {"trusted_hosts": ["a", "crm.internal"]}},
            "https://crm.internal",
        ),
    ],
)
def test_the_login_address_follows_the_form(
    connection: Make, fields: dict[str, Any], address: str
) -> None:
    values = {**fields, "extra": json.dumps(fields.get("extra", {}))}

    assert login_url(connection("salesforce", **values)) == address


@pytest.mark.parametrize(
    "domain",
    [
        "evil.example/",
        "evil.example#",
        "evil.example?x=",
        "user@evil.example",
        "evil.example:443/",
        "evil.example\\",
        "acme.my\n",
        " acme.my",
        "https://acme.my",
        "acme..my",
        ".",
    ],
)
def test_a_domain_that_could_send_the_secret_elsewhere_is_refused(
    connection: Make, domain: str
) -> None:
    with pytest.raises(ConfigurationError, match="not a plain host name"):
        login_url(connection("salesforce", extra=json.dumps({"domain": domain})))


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "https://evil.example"},
        {"extra": {"instance_url": "https://evil.example"}},
        {"extra": {"instance_url": "https://acme.my.salesforce.com.evil.example"}},
        {"extra": {"instance_url": "evil.example/", "domain": "acme.my"}},
        {"host": "https://evil.example", "extra": {"trusted_hosts": "crm.internal"}},
    ],
)
def test_an_address_that_leads_away_from_salesforce_is_refused(
    connection: Make, fields: dict[str, Any]
) -> None:
    values = {**fields, "extra": json.dumps(fields.get("extra", {}))}

    with pytest.raises(ConfigurationError):
        login_url(connection("salesforce", **values))


def test_without_an_address_the_form_is_explained(connection: Make) -> None:
    with pytest.raises(ConfigurationError, match="says not where to log in"):
        login_url(connection("salesforce"))


@pytest.mark.parametrize(
    ("conn_type", "fields", "url"),
    [
        ("sqlite", {"host": "/var/lib/ledger.db"}, "sqlite:////var/lib/ledger.db"),
        ("sqlite", {"schema": "var/lib/ledger.db"}, "sqlite:////var/lib/ledger.db"),
        (
            "postgres",
            {"host": "db", "port": 5432, "login": "u", "password": "p@:/", "schema": "ledger"},
            "postgresql+psycopg://u:p%40%3A%2F@db:5432/ledger",
        ),
        (
            "postgresql",
            {"host": "db", "schema": "l", "extra": '{"sslmode": "require"}'},
            "postgresql+psycopg://db/l?sslmode=require",
        ),
        # Numbers in the extra are numbers: psycopg knows no option `__extra__`.
        (
            "postgres",
            {"host": "db", "schema": "l", "extra": '{"connect_timeout": 10, "sslmode": "require"}'},
            "postgresql+psycopg://db/l?connect_timeout=10&sslmode=require",
        ),
        ("postgres", {"host": "db", "schema": "l", "extra": "{}"}, "postgresql+psycopg://db/l"),
    ],
)
def test_the_ledgers_address_is_sqlalchemys(
    connection: Make, conn_type: str, fields: dict[str, Any], url: str
) -> None:
    assert ledger_url(connection(conn_type, **fields)) == url


@pytest.mark.parametrize(("conn_type", "words"), [("sqlite", "no SQLite file"), ("mysql", "mysql")])
def test_a_ledger_that_cannot_be_is_refused(connection: Make, conn_type: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        ledger_url(connection(conn_type, password=SECRET))


def in_environment(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> str:
    monkeypatch.setenv("AIRFLOW_CONN_BOOKS", json.dumps(fields))
    return "books"


def test_a_ledger_connection_opens_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "ledger.db"
    conn_id = in_environment(monkeypatch, conn_type="sqlite", host=str(path))

    with open_ledger(conn_id) as ledger:
        ledger.migrate()

    assert path.exists()


@pytest.mark.parametrize("missing", ["login", "password"])
def test_a_half_filled_xero_form_is_refused_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    fields = {"conn_type": "xero", "login": "id", "password": SECRET} | {missing: ""}
    hook = XeroHook(in_environment(monkeypatch, **fields))

    with pytest.raises(ConfigurationError, match="client id or the client secret") as caught:
        hook.get_conn()

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("missing", ["consumer_key", "consumer_secret"])
def test_a_half_filled_salesforce_form_is_refused_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    extra = {"consumer_key": "key", "consumer_secret": SECRET, "domain": "acme.my"} | {missing: ""}
    conn_id = in_environment(monkeypatch, conn_type="salesforce", extra=extra)

    with pytest.raises(ConfigurationError, match=missing) as caught:
        salesforce_client(conn_id, api_version="62.0")

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("login", "extra", "words"),
    [
        ("", {"private_key": SECRET}, "a private key and no login"),
        ("u", {"private_key": SECRET, "private_key_file_path": "/k"}, "Leave one of them empty"),
        ("u", {"private_key": SECRET, "consumer_key": ""}, "lacks consumer_key"),
        ("u", {"private_key_file_path": "/nowhere/key.pem"}, "cannot be read"),
        ("u", {"private_key": SECRET}, "private key cannot be used"),
        ("u", {"trusted_hosts": 7, "consumer_secret": SECRET}, "trusted_hosts"),
    ],
)
def test_a_half_filled_form_of_the_jwt_flow_is_refused_without_its_key(
    monkeypatch: pytest.MonkeyPatch, login: str, extra: dict[str, Any], words: str
) -> None:
    extra = {"consumer_key": "key", "domain": "acme.my"} | extra
    conn_id = in_environment(monkeypatch, conn_type="salesforce", login=login, extra=extra)

    with pytest.raises(ConfigurationError, match=words) as caught:
        salesforce_client(conn_id, api_version="62.0")

    assert caught.value.hint
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("extra", "audience"),
    [
        ({"domain": "acme.my"}, None),
        ({"domain": "login", "instance_url": "acme.my"}, "https://login.salesforce.com"),
        ({"domain": "acme.my", "audience": "https://else.example"}, "https://else.example"),
    ],
)
def test_an_assertion_is_for_whom_the_form_says(
    connection: Make, extra: dict[str, Any], audience: str | None
) -> None:
    form = json.dumps({"private_key": SECRET} | extra)

    signer = signer_of(connection("salesforce", login="u", extra=form))

    assert signer is not None
    assert signer.audience == audience


def test_plain_http_to_another_machine_is_refused_without_the_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields = {"login": "id", "password": SECRET, "host": "http://books.example"}
    hook = XeroHook(in_environment(monkeypatch, conn_type="xero", **fields))

    with pytest.raises(ConfigurationError, match="plain http") as caught:
        hook.get_conn()

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_the_form_may_name_the_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    named = in_environment(monkeypatch, conn_type="xero", extra={"tenant_id": "t-1"})
    assert XeroHook(named).configured_tenant() == "t-1"

    unnamed = in_environment(monkeypatch, conn_type="xero")
    assert XeroHook(unnamed).configured_tenant() is None


def test_the_test_button_says_what_is_wrong_without_the_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    fields = {"login": "id", "password": SECRET, "host": "http://127.0.0.1:1"}
    hook = XeroHook(in_environment(monkeypatch, conn_type="xero", **fields))

    is_well, words = hook.test_connection()

    assert not is_well
    assert words
    assert SECRET not in words
