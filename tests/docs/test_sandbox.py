import json
from decimal import Decimal

from tests.docs.pages import blocks, keys, read, rows, section, spans

from sfxero.sandbox.faults import FaultKind, FaultRule
from sfxero.sandbox.loading import Fixture, Loader
from sfxero.sandbox.server import build_sandbox
from sfxero.sandbox.tls import SERVICE_HOSTS

PAGE = "docs/sandbox.md"


def test_every_kind_of_fault_is_explained_and_no_other() -> None:
    assert sorted(keys(section(PAGE, "## Faults"))) == sorted(FaultKind)


def test_the_options_of_faults_exist() -> None:
    for row in rows(section(PAGE, "## Faults")):
        options = [name for name in spans(row[3]) if name in FaultRule.model_fields]
        assert row[3] == "\u2013" or options, row


def test_every_host_of_the_proxy_is_named() -> None:
    assert set(SERVICE_HOSTS) <= set(spans(read(PAGE)))


def test_the_credentials_are_the_sandboxs() -> None:
    sandbox = build_sandbox()
    secrets = {app.client_id: app.client_secret for app in sandbox.xero.identity.apps.values()}
    secrets |= {app.client_id: app.secret for app in sandbox.org.sessions.apps.values()}
    table = [spans(" ".join(row[1:])) for row in rows(section(PAGE, "## Start"))]
    assert all(secrets[client_id] == secret for client_id, secret in table)


def test_the_file_of_rows_can_be_loaded() -> None:
    [text] = blocks(PAGE, "json")
    loaded = Loader(build_sandbox()).load(
        Fixture.model_validate(json.loads(text, parse_float=Decimal))
    )
    assert set(loaded) == {"maple", "contact", "invoice"}
