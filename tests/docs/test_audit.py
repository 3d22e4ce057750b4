import subprocess
import sys
from pathlib import Path

import pytest
from tests.contract.ledger.auditing import three_writes
from tests.docs.pages import blocks, keys, rows, section, spans
from typer.testing import CliRunner

from sfxero.cli.main import app
from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.ledger.audit_tables import audit_events, audit_values
from sfxero.model.audit import AuditKind, ChainFault
from sfxero.model.ids import RouteName

PAGE = "docs/audit.md"


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    monkeypatch.setenv("SFXERO_LEDGER_URL", url)
    with Ledger(url, clock=FakeClock()) as ledger:
        ledger.migrate()
        three_writes(ledger)
        ledger.audit.erase(RouteName("demo"), "s2", actor="sam", reason="asked for")
    return CliRunner().invoke(app, ["audit", "export"]).stdout


def check(exported: str) -> subprocess.CompletedProcess[str]:
    (script,) = blocks(PAGE, "python")
    return subprocess.run(
        [sys.executable, "-c", script], input=exported, text=True, capture_output=True, check=False
    )


def test_the_auditors_script_finds_an_export_sound_and_prints_its_head(exported: str) -> None:
    done = check(exported)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("demo 7:")


@pytest.mark.parametrize(
    ("before", "after"),
    [('"actor":"airflow:pat"', '"actor":"nobody"'), ('\\"Name\\":\\"A\\"', '\\"Name\\":\\"B\\"')],
)
def test_the_auditors_script_finds_a_change(exported: str, before: str, after: str) -> None:
    assert before in exported
    assert check(exported.replace(before, after, 1)).returncode == 1


def test_the_auditors_script_finds_a_missing_line(exported: str) -> None:
    lines = exported.splitlines(keepends=True)
    assert check("".join(lines[:2] + lines[3:])).returncode == 1


def test_every_kind_and_no_other_is_explained() -> None:
    said = [set(spans(row[0])) for row in rows(section(PAGE, "## What an event says"))]
    named = set().union(*said)
    values = {str(column.name) for column in audit_values.columns if not column.primary_key}
    columns = {str(column.name) for column in audit_events.columns}
    assert named == columns | values | {str(kind) for kind in AuditKind}


def test_every_fault_and_no_other_is_explained() -> None:
    assert set(keys(section(PAGE, "## Checking it"))) == {str(fault) for fault in ChainFault}
