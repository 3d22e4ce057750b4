"""The first task against the served sandbox: without calls left, its run is deferred unread."""

from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from sfxero.ledger import Ledger
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import RunId
from sfxero.orchestration import steps
from sfxero.sandbox.server import Sandbox

pytestmark = pytest.mark.contract


def start(run_id: str) -> steps.Run:
    return steps.start("demo", run_id=run_id, full_refresh=False, actor="a")


def asked(sandbox: Sandbox) -> list[str]:
    """What the services were asked for, tokens apart."""
    return [
        one.path for one in sandbox.journal.entries() if "/data/" in one.path or "/api" in one.path
    ]


def test_a_run_without_calls_left_is_deferred_before_it_reads_and_a_later_one_starts(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    # A first load is forecast at 750 calls, and half of the day is the sync's.
    sandbox.org.change_switches({"daily_requests": 1400})

    with pytest.raises(AirflowSkipException, match="1 of 1400 API calls a day are used"):
        start("r1")

    assert asked(sandbox) == ["/services/data/v62.0/limits"]
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        run_id = RunId("demo/r1")
        begun = ledger.runs.begun(run_id)
        assert begun is not None
        assert "leaves off at 700" in str(begun.reason)
        assert ledger.windows.of_run(run_id) == []
        assert [one.kind for one in ledger.alerts.list()] == [AlertKind.DAY_LIMIT]

        sandbox.org.change_switches({"daily_requests": 1600})
        run = start("r2")

        assert set(run["windows"]) == {"Account", "Opportunity", "OpportunityLineItem"}
        assert ledger.alerts.list() == []
