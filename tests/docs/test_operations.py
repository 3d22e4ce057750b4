import inspect
import re
import sqlite3
from pathlib import Path

import pytest
from tests.docs.pages import blocks, keys, rows, section, spans

from sfxero import errors
from sfxero.errors import SyncError
from sfxero.ledger import Ledger
from sfxero.ledger.tables import RunState, metadata
from sfxero.mapping.spec import BudgetSection
from sfxero.model.alerts import AlertKind
from sfxero.model.states import Disposition
from sfxero.ratelimit.policy import Budget, Reserves
from sfxero.sandbox.faults import FaultKind

PAGE = "docs/operations.md"
ABSTRACT = {"SyncError", "TransientError", "TerminalError"}


def classes() -> dict[str, type[SyncError]]:
    found = inspect.getmembers(
        errors, lambda one: inspect.isclass(one) and issubclass(one, SyncError)
    )
    return {name: one for name, one in found if name not in ABSTRACT}


def test_every_disposition_is_explained_and_no_other() -> None:
    assert keys(section(PAGE, "## How a run ends")) == [str(one) for one in Disposition]


def test_every_state_of_a_run_is_explained_and_no_other() -> None:
    assert keys(section(PAGE, "## Deferred runs")) == [str(one) for one in RunState]


def test_every_table_of_the_ledger_is_explained_and_no_other() -> None:
    assert set(keys(section(PAGE, "## Looking into the ledger"))) == set(metadata.tables)


def test_every_alert_is_explained_and_no_other() -> None:
    assert keys(section(PAGE, "## Limits and outages"))[-len(AlertKind) :] == list(AlertKind)


def test_the_figures_of_the_default_budget_are_those_of_the_code() -> None:
    reserves = Reserves(**BudgetSection().model_dump())
    left = [reserves.kept_from(one) * 10 for one in reversed(Budget)]
    text = re.sub(r"\s+", " ", section(PAGE, "## Limits and outages"))
    told = "a migration stops when {} are left, the sync when {} are, payments when {} are"
    assert told.format(*left[:3]) in text
    assert left[3] == 0


def test_every_error_is_explained_and_no_other() -> None:
    assert set(keys(section(PAGE, "## Errors"))) == set(classes())


def test_what_is_tried_again_is_told_as_the_error_says() -> None:
    for row in rows(section(PAGE, "## Errors")):
        error = classes()[spans(row[0])[0]]
        # A spent quota may pass, but not within a run.
        expected = error.is_transient and error is not errors.QuotaExhausted
        assert row[1].startswith("yes") == expected, row


def test_the_faults_that_are_named_are_the_sandboxs() -> None:
    fault = next(row for row in rows(section(PAGE, "## Commands")) if "fault" in row[0])
    assert {FaultKind(one) for one in spans(fault[1])}


@pytest.mark.parametrize("statement", blocks(PAGE, "sql"))
def test_every_query_runs_on_the_ledgers_tables(statement: str, tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.migrate()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    for one in filter(None, map(str.strip, statement.split(";"))):
        assert connection.execute(one).fetchall() == []
    connection.close()
