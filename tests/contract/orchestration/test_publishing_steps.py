"""The tasks that publish to Xero, against the served sandbox."""

import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from tests.contract.ledger.making import plan, wish
from tests.contract.orchestration.conftest import ROOT

from sfxero.clock import FakeClock
from sfxero.ledger import Ledger
from sfxero.model.ids import TenantId
from sfxero.orchestration import publishing
from sfxero.sandbox.server import Sandbox
from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID

pytestmark = pytest.mark.contract


class _Lasting(logging.Handler):
    """Lets each lane take as long as it takes while there is always more to send."""

    def __init__(self, clock: FakeClock, lasting: timedelta) -> None:
        super().__init__()
        self._clock = clock
        self._lasting_s = lasting.total_seconds()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("lane_ended"):
            self._clock.advance(self._lasting_s)


@pytest.fixture
def slow_lanes(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeClock]:
    """A clock by which each lane works for 25 minutes."""
    clock = FakeClock(datetime.now(UTC))
    monkeypatch.setattr(publishing, "SystemClock", lambda: clock)
    handler, log = _Lasting(clock, timedelta(minutes=25)), publishing.log
    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    yield clock
    log.removeHandler(handler)
    log.setLevel(level)


def test_a_task_that_sends_by_two_budgets_has_one_time_for_both(
    sandbox: Sandbox, ledger: Ledger, slow_lanes: FakeClock
) -> None:
    # What is in the lanes when Airflow kills the task is in doubt, and the task red.
    tenant = TenantId(SANDBOX_TENANT_ID)
    plan(ledger, replace(wish(), tenant=tenant, is_migration=True))
    run = {"route": "demo", "run_id": "drain/d1", "tenant": tenant}

    first = publishing.publish({**run, "budgets": ["sync", "migration"]}, "contact", lane=0)
    second = publishing.publish({**run, "budgets": ["migration"]}, "contact", lane=0)

    assert first["migration"]["batches"] == 0
    assert second["migration"]["created"] == 1


def test_a_spent_migration_does_not_hold_up_what_the_sync_sends_after_it(
    sandbox: Sandbox, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Airflow skips the invoices if the contacts are skipped, and these wait for the past's alone.
    tenant = TenantId(SANDBOX_TENANT_ID)
    shutil.copytree(ROOT / "include", tmp_path / "include")
    route = tmp_path / "include/mappings/demo.yaml"
    text, of_ten = route.read_text(), "daily_limit: 10\n  budget: {sync: 78}"
    route.write_text(text.replace("daily_limit: 5000", of_ten))
    monkeypatch.setenv("SFXERO_INCLUDE", str(tmp_path / "include"))
    sandbox.xero.set_switches({"day_limit": 10})
    present, past = (replace(wish(one, one), tenant=tenant) for one in ("present", "past"))
    plan(ledger, present, replace(past, is_migration=True))
    run = {"route": "demo", "run_id": "drain/d1", "tenant": tenant}

    reports = publishing.publish({**run, "budgets": ["sync", "migration"]}, "contact", lane=0)

    assert reports["sync"]["created"] == 1
    assert "calls for migration are used up" in reports["migration"]["deferred_by"]
    with pytest.raises(AirflowSkipException, match="deferred"):
        publishing.publish({**run, "budgets": ["migration"]}, "contact", lane=0)
