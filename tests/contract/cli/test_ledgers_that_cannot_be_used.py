"""Ledgers that a command cannot use: it says why in a line, and nothing of its insides."""

from pathlib import Path

import pytest
from tests.contract.ledger.auditing import run_sql
from typer.testing import CliRunner, Result

from sfxero.cli.main import app
from sfxero.errors import SyncError
from sfxero.ledger import Ledger
from sfxero.ledger.migrations import VERSION_TABLE

pytestmark = pytest.mark.contract

NEWER = f"UPDATE {VERSION_TABLE} SET version_num = '9999'"  # noqa: S608 - a constant


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def told(result: Result) -> str:
    """What the command says; an exception that it did not expect is none."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {1, 2}
    return result.output


@pytest.fixture
def newer(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Ledger(url) as ledger:
        ledger.migrate()
        run_sql(ledger, NEWER)
    return url


def test_a_ledger_of_a_later_version_is_named(newer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SFXERO_LEDGER_URL", newer)
    assert "later version" in told(run("outbox", "list"))
    with Ledger(newer) as ledger, pytest.raises(SyncError, match="later version"):
        ledger.migrate()


def test_a_file_that_is_no_database_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database at all, and longer than any header of one\n" * 20)
    monkeypatch.setenv("SFXERO_LEDGER_URL", f"sqlite:///{path}")
    assert "not a database" in told(run("audit", "verify"))


@pytest.mark.parametrize(
    "address",
    ["postgresql://u:s3cret@host:port/db", "postgresql://u:s3:cret@:x/", "sqlite:///a?b&"],
)
def test_an_address_that_cannot_be_read_is_named_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFXERO_LEDGER_URL", address)
    assert "s3" not in told(run("outbox", "list"))
