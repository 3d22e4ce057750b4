"""A night in a real Airflow: the comparison finds what somebody did, and says so in the run."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.world import ROUTE, Deployment, SandboxProcess, kill_group, running_sandbox

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

DAG_ID = f"reconcile__{ROUTE}"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder, accounts=5, opportunities=20) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def night(deployment: Deployment, sandbox: SandboxProcess) -> Deployment:
    """A sync, a void by hand, and the night after it."""
    deployment.run()
    ((invoice_id,),) = deployment.ledger(
        "SELECT target_id FROM links WHERE entity = 'invoice' ORDER BY target_id LIMIT 1"
    )
    sandbox.post(f"/xero/invoices/{invoice_id}/void")
    process = deployment.start_run(DAG_ID)
    try:
        process.wait(300)
    finally:
        kill_group(process)
    return deployment


def airflow(deployment: Deployment, query: str, *values: str) -> list[tuple[Any, ...]]:
    """Ask Airflow's own database."""
    path = deployment.home / "airflow.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(query, values).fetchall()


def test_only_the_gate_is_red(night: Deployment) -> None:
    states = night.task_states(DAG_ID)
    assert {name for name, state in states.items() if state != "success"} == {"gate/-1"}


def test_the_verdict_is_the_runs_note(night: Deployment) -> None:
    notes = airflow(
        night,
        "SELECT n.content FROM dag_run_note n JOIN dag_run r ON r.id = n.dag_run_id"
        " WHERE r.dag_id = ?",
        DAG_ID,
    )
    ((verdict,),) = night.ledger("SELECT verdict FROM runs WHERE kind = 'reconcile'")
    assert verdict.startswith("FAILED: 1 differences: 1 invoice_voided (")
    assert notes == [(verdict,)]


def test_the_report_is_linked_and_the_marts_are_assets(night: Deployment) -> None:
    ((link,),) = airflow(
        night,
        "SELECT value FROM xcom WHERE dag_id = ? AND key = '_link_ReportLink'",
        DAG_ID,
    )
    page = Path(str(link).strip('"').removeprefix("file://"))
    assert "Voided in Xero" in page.read_text(encoding="utf-8")
    told = airflow(
        night, "SELECT a.name, e.extra FROM asset_event e JOIN asset a ON a.id = e.asset_id"
    )
    assert {name for name, _ in told} == {
        f"sfxero_{one}__{ROUTE}" for one in ("receivables", "differences")
    }
    assert all(".parquet" in str(extra) for _, extra in told)
