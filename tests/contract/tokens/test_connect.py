"""The first consent by `sfxero xero connect`, with httpx as the user's browser."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from tests.contract.tokens.consenting import TENANT, Control
from typer.testing import CliRunner, Result

from sfxero.cli.main import app
from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.alerts import AlertKind

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]

Browse = Callable[[str], httpx.Response]
Run = Callable[..., Result]
OWN_APP, OWN_SECRET = "own-app", "own-app-secret"
SCOPES = ["offline_access", "accounting.contacts", "accounting.invoices", "accounting.settings"]


@pytest.fixture
def port(control: Control) -> int:
    """A free port, and an app that has registered it."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        free: int = one.getsockname()[1]
    control.post(
        "/xero/apps",
        client_id=OWN_APP,
        client_secret=OWN_SECRET,
        kind="web",
        scopes=[*SCOPES, "accounting.payments"],
        redirect_uris=[f"http://localhost:{free}/callback"],
    )
    return free


@pytest.fixture
def settings(tmp_path: Path, address: str, key: str) -> Mapping[str, str]:
    """What the environment of a command says."""
    books = {
        "conn_type": "xero",
        "host": address,
        "login": OWN_APP,
        "password": OWN_SECRET,
        "extra": {"flow": "authorization_code"},
    }
    custom = {**books, "login": "sandbox-xero-client", "password": "sandbox-xero-secret"}
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "books.db")}
    return {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW_CONN_BOOKS": json.dumps(books),
        "AIRFLOW_CONN_CUSTOM": json.dumps({**custom, "extra": {}}),
        "AIRFLOW_CONN_SFXERO_LEDGER": json.dumps(ledger),
        "SFXERO_TOKEN_KEY": key,
        "_AIRFLOW_PROCESS_CONTEXT": "server",
    }


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str]) -> Iterator[Run]:
    """Run a command in this process; `browse` is what the browser does with the address."""
    browsers: list[threading.Thread] = []
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments: str, browse: Browse = httpx.get) -> Result:
        def open_browser(url: str) -> bool:
            browsers.append(threading.Thread(target=browse, args=(url,)))
            browsers[-1].start()
            return True

        monkeypatch.setattr("webbrowser.open", open_browser)
        return CliRunner().invoke(app, arguments)

    yield invoke
    for browser in browsers:
        browser.join(10)


def says_yes(url: str) -> httpx.Response:
    return httpx.get(url, follow_redirects=True)


def answers(**changes: str) -> Browse:
    """Let the user say yes, and something change the answer on its way back."""

    def browse(url: str) -> httpx.Response:
        there = urlsplit(httpx.get(url).headers["location"])
        answer = {**dict(parse_qsl(there.query)), **changes}
        return httpx.get(f"{there.scheme}://{there.netloc}{there.path}", params=answer)

    return browse


def says_no(url: str) -> httpx.Response:
    asked = dict(parse_qsl(urlsplit(url).query))
    return httpx.post(
        url.partition("?")[0], data={**asked, "decision": "cancel"}, follow_redirects=True
    )


def secrets_in(text: str, ledger: Ledger) -> list[str]:
    held = ledger.tokens.read("books")
    assert held is not None
    return [one for one in (held.access_token, held.refresh_token, OWN_SECRET) if one in text]


def test_a_consent_in_the_browser_fills_the_ledger(
    settings: Mapping[str, str], port: int, ledger: Ledger, control: Control
) -> None:
    ledger.alerts.raise_(AlertKind.CONSENT_REVOKED, "books", message="m", hint="h")
    ledger.alerts.raise_(AlertKind.TENANT_DISCONNECTED, TENANT, message="m", hint="h")
    command = [sys.executable, "-m", "sfxero.cli.main", "xero", "connect", "--conn-id", "books"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--no-browser", "--timeout-s", "60"],
        env={**os.environ, **settings, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        lines = iter(process.stdout)
        url = next(line.strip() for line in lines if "code_challenge=" in line)
        page = says_yes(url)
        rest = "".join(lines)

    assert process.returncode == 0, rest
    assert (TENANT in rest, page.status_code) == (True, 200)
    held = ledger.tokens.read("books")
    assert held is not None
    assert held.app.client_id == OWN_APP
    assert secrets_in(url + rest + page.text + str(page.url), ledger) == []
    assert ledger.alerts.list() == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://localhost:{port}/callback")


@pytest.mark.parametrize(
    ("browse", "said"),
    [
        (answers(state="guessed"), "another state"),
        (answers(code="guessed"), "did not accept the code"),
        (says_no, "was not given"),
        (lambda url: httpx.get(url.partition("?")[0]), "No answer came in time"),
    ],
    ids=["wrong state", "wrong code", "no", "silence"],
)
def test_any_other_answer_leaves_the_ledger_empty(
    run: Run, port: int, ledger: Ledger, browse: Browse, said: str
) -> None:
    done = run(
        "xero", "connect", "--conn-id", "books", "--port", str(port), "--timeout-s", "2",
        browse=browse,
    )  # fmt: skip

    assert done.exit_code == 1, done.output
    assert said in done.output
    assert ledger.tokens.facts() == []


def test_status_shows_organisation_scopes_and_end_but_no_token(
    run: Run, port: int, ledger: Ledger, clock: FakeClock
) -> None:
    before = run("xero", "status", "--conn-id", "books")
    run("xero", "connect", "--conn-id", "books", "--port", str(port), browse=says_yes)
    after = run("xero", "status", "--conn-id", "books")
    data: Any = json.loads(run("xero", "status", "--conn-id", "books", "--json").output)

    assert (before.exit_code, after.exit_code) == (1, 0), after.output
    assert "sfxero xero connect" in before.output
    words = after.output
    assert (TENANT in words, "accounting.invoices" in words) == (True, True)
    ends_on = re.search(r"consent ends +(\S+)", words)
    assert ends_on
    assert 58 < (date.fromisoformat(ends_on[1]) - clock.now().date()).days < 62
    assert list(data["tenants"]) == [TENANT]
    assert secrets_in(words + json.dumps(data), ledger) == []


@pytest.mark.parametrize("command", ["connect", "status"])
def test_a_custom_connection_needs_none(run: Run, command: str) -> None:
    done = run("xero", command, "--conn-id", "custom")
    assert done.exit_code == 0
    assert "needs no consent" in done.output


def test_a_taken_port_is_named_before_anybody_is_asked(run: Run, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        done = run("xero", "connect", "--conn-id", "books", "--port", str(port))
    assert done.exit_code == 2
    assert "--port" in done.output


def test_without_a_key_nobody_is_asked(
    run: Run, port: int, monkeypatch: pytest.MonkeyPatch, control: Control
) -> None:
    monkeypatch.delenv("SFXERO_TOKEN_KEY")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")

    done = run("xero", "connect", "--conn-id", "books", "--port", str(port), browse=says_yes)

    assert done.exit_code == 1
    assert "no key to encrypt tokens with" in done.output
    assert control.token_calls() == []


def test_the_key_is_rotated_by_a_command(
    run: Run, port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str
) -> None:
    run("xero", "connect", "--conn-id", "books", "--port", str(port), browse=says_yes)
    newest = Fernet.generate_key().decode()
    monkeypatch.setenv("SFXERO_TOKEN_KEY", newest)
    blind = run("tokens", "rotate")
    monkeypatch.setenv("SFXERO_TOKEN_KEY", f"{newest},{key}")
    done = run("tokens", "rotate")

    assert (blind.exit_code, done.exit_code) == (1, 0), done.output
    assert "SFXERO_TOKEN_KEY" in blind.output
    assert "1 of 1" in done.output
    with Ledger(f"sqlite:///{tmp_path / 'books.db'}", token_keys=[newest]) as ledger:
        assert ledger.tokens.read("books")
