"""The nightly chores in a real Airflow, which keeps what the audit log is held against."""

import json
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.contract.ledger.auditing import drop_triggers, run_sql, three_writes, write
from tests.contract.ledger.making import wish
from tests.e2e.world import ROOT, SLOW, Deployment, airflow_settings, clean_environment

from sfxero.ledger import Ledger
from sfxero.ledger.audit_tables import audit_events, audit_heads, audit_values
from sfxero.ledger.tables import attempt_entries, attempts, entries

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(4 * SLOW)]

MAINTENANCE = "maintenance__demo"
ALL_WRITTEN = (audit_values, audit_events, audit_heads, attempt_entries, attempts, entries)


@pytest.fixture
def airflow(tmp_path: Path, migrated_database: Path) -> Deployment:
    shutil.copy(migrated_database, tmp_path / "airflow.db")
    app = {"conn_type": "xero", "login": "i", "password": "s"}
    named = {"AIRFLOW_CONN_XERO_DEMO": json.dumps(app), "SFXERO_INCLUDE": str(ROOT / "include")}
    return Deployment(tmp_path, clean_environment(**airflow_settings(tmp_path), **named))


@pytest.fixture
def ledger(airflow: Deployment) -> Ledger:
    """The ledger of that Airflow, in its home."""
    path = airflow.home / "sfxero" / "ledger.db"
    path.parent.mkdir()
    ledger = Ledger(f"sqlite:///{path}")
    ledger.migrate()
    return ledger


def test_a_log_that_is_begun_anew_shows_after_any_number_of_nights(
    airflow: Deployment, ledger: Ledger
) -> None:
    three_writes(ledger)
    for _ in range(2):
        airflow.run(MAINTENANCE)
    assert ledger.alerts.list() == []
    drop_triggers(ledger)
    run_sql(ledger, *map(sa.delete, ALL_WRITTEN))
    for number in range(4, 8):
        write(ledger, wish(f"s{number}"), key=f"k{number}")

    airflow.start_run(MAINTENANCE).wait(SLOW)

    assert airflow.task_states(MAINTENANCE)["audit/-1"] == "failed"
    (alert,) = ledger.alerts.list()
    assert "noted earlier" in alert.message
    ledger.close()
