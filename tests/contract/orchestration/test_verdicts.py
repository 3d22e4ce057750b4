"""How a run ends in the ledger and in Airflow, by what its tasks met."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from tests.contract.ledger.making import plan, wish

from sfxero.errors import ConfigurationError, GateFailed, ServiceUnavailable
from sfxero.ledger import Ledger
from sfxero.ledger.tables import runs
from sfxero.model.ids import RouteName, RunId, SourceId
from sfxero.model.states import Entity, Measure
from sfxero.orchestration import history_steps, sweep_steps
from sfxero.orchestration.verdicts import drain_gate, gate, history_gate, sweep_gate

ROUTE = RouteName("demo")
RUN, DRAIN = RunId("demo/r1"), RunId("demo/drain/r1")
HISTORY, SWEEP = RunId("demo/history/r1"), RunId("demo/sweep/r1")
BEGUN = {"route": "demo", "run_id": "r1", "tenant": "tenant-1", "windows": {}}
SKIPPED = {"start": "success", "publish.contacts_0": "skipped"}

pytestmark = pytest.mark.contract


def begin(ledger: Ledger, run_id: RunId = RUN, *, reason: str | None = None) -> None:
    ledger.runs.start(run_id, ROUTE, kind="changes", mapping_version="1", actor="a", params="{}")
    if reason:
        ledger.runs.defer(run_id, reason)


def stored(ledger: Ledger, run_id: RunId = RUN) -> tuple[str, str | None]:
    """The run's state and verdict."""
    with ledger._database.read() as conn:
        row = conn.execute(runs.select().where(runs.c.run_id == run_id)).one()
    assert row.finished_at is not None
    return row.state, row.verdict


def test_a_run_without_trouble_passes(ledger: Ledger) -> None:
    begin(ledger)

    told = gate("demo", BEGUN, run_id="r1", task_states={"start": "success"})

    assert stored(ledger) == ("succeeded", told["verdict"])


def test_a_run_that_a_service_held_up_ends_deferred_and_skipped(ledger: Ledger) -> None:
    begin(ledger, reason="Xero is down")
    plan(ledger, wish("s1"), wish("s2"))

    with pytest.raises(AirflowSkipException, match="deferred: Xero is down; 2 entries wait"):
        gate("demo", BEGUN, run_id="r1", task_states=SKIPPED)

    state, verdict = stored(ledger)
    assert state == "deferred"
    assert verdict is not None
    assert "the next run goes on" in verdict


def test_what_was_read_before_the_outage_is_not_lost(ledger: Ledger) -> None:
    begin(ledger, reason="Salesforce is down")
    ledger.windows.open(
        RUN,
        ROUTE,
        Entity.OPPORTUNITY,
        from_at=None,
        to_at=datetime.now(UTC),
        moves_watermark=True,
    )
    ledger.runs.add_records(RUN, Entity.OPPORTUNITY, [SourceId("o1")])

    with pytest.raises(AirflowSkipException, match="1 waiting"):
        gate("demo", BEGUN, run_id="r1", task_states=SKIPPED)


def test_what_was_read_without_an_outage_and_ended_nowhere_is_lost(ledger: Ledger) -> None:
    begin(ledger)
    ledger.runs.add_records(RUN, Entity.OPPORTUNITY, [SourceId("o1")])

    with pytest.raises(GateFailed, match="1 records have no disposition"):
        gate("demo", BEGUN, run_id="r1", task_states=SKIPPED)
    assert stored(ledger)[0] == "failed"


def test_a_run_whose_first_task_met_the_outage_ends_deferred(ledger: Ledger) -> None:
    begin(ledger, reason="Xero is down")

    with pytest.raises(AirflowSkipException, match="deferred: Xero is down"):
        gate("demo", None, run_id="r1", task_states={"start": "skipped", "check": "skipped"})
    assert stored(ledger)[0] == "deferred"


def test_a_run_whose_first_task_failed_is_closed_as_failed(ledger: Ledger) -> None:
    begin(ledger)
    states = {"start": "failed", "check": "upstream_failed"}

    with pytest.raises(GateFailed, match="task start failed"):
        gate("demo", None, run_id="r1", task_states=states)
    assert stored(ledger)[0] == "failed"


def test_a_failure_beside_the_outage_is_a_failure(ledger: Ledger) -> None:
    begin(ledger, reason="Xero is down")

    with pytest.raises(GateFailed, match="check failed"):
        gate("demo", BEGUN, run_id="r1", task_states={**SKIPPED, "check": "failed"})
    assert stored(ledger)[0] == "failed"


def test_a_run_that_the_ledger_never_heard_of_fails(ledger: Ledger) -> None:
    with pytest.raises(GateFailed, match="did not begin"):
        gate("demo", None, run_id="r1", task_states={"start": "failed"})


@pytest.mark.parametrize("run", [None, BEGUN])
def test_without_the_ledger_the_gate_fails(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, run: Any
) -> None:
    nowhere = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "schema": "x"}
    monkeypatch.setenv("AIRFLOW_CONN_SFXERO_LEDGER", json.dumps(nowhere))

    with pytest.raises(ServiceUnavailable) as caught:
        gate("demo", run, run_id="r1", task_states=SKIPPED)
    assert caught.value.service == "ledger"


def test_a_drain_with_nothing_to_do_leaves_no_run_behind(ledger: Ledger) -> None:
    states = {"start": "skipped", "publish.contacts_0": "skipped"}

    with pytest.raises(AirflowSkipException, match="nothing to send"):
        drain_gate("demo", None, run_id="r1", task_states=states)
    assert ledger.runs.begun(DRAIN) is None


def test_a_drain_tells_how_much_waited_and_waits(ledger: Ledger) -> None:
    begin(ledger, DRAIN)
    plan(ledger, wish("s1"))
    run = {**BEGUN, "run_id": "drain/r1", "waiting": 3}

    told = drain_gate("demo", run, run_id="r1", task_states={"start": "success"})

    assert told["verdict"] == "passed: 3 entries waited before, 1 entries outstanding in all"
    assert stored(ledger, DRAIN)[0] == "succeeded"


def test_a_drain_that_could_not_look_fails(ledger: Ledger) -> None:
    with pytest.raises(GateFailed, match="did not begin"):
        drain_gate("demo", None, run_id="r1", task_states={"start": "failed"})


def open_month(ledger: Ledger) -> int:
    now = datetime.now(UTC)
    window_id = ledger.windows.open(
        HISTORY,
        ROUTE,
        Entity.OPPORTUNITY,
        from_at=now,
        to_at=now,
        moves_watermark=False,
        measure=Measure.CLOSE_DATE,
    )
    ledger.windows.mark_staged(window_id, manifest="m", row_count=0)
    return window_id


@pytest.mark.parametrize("has_window", [True, False])
def test_a_month_that_an_outage_kept_from_being_read_is_red(
    ledger: Ledger, *, has_window: bool
) -> None:
    begin(ledger, HISTORY, reason="Salesforce is down")
    if has_window:
        open_month(ledger)

    with pytest.raises(GateFailed, match="--reprocess-behavior failed"):
        history_gate("demo", BEGUN, run_id="r1", task_states=SKIPPED)

    assert stored(ledger, HISTORY)[0] == "failed"


def test_a_month_that_was_read_and_waits_for_the_next_day_is_deferred(ledger: Ledger) -> None:
    begin(ledger, HISTORY, reason="the day is spent")
    ledger.windows.mark_prepared([open_month(ledger)])

    with pytest.raises(AirflowSkipException, match="deferred: the day is spent"):
        history_gate("demo", BEGUN, run_id="r1", task_states=SKIPPED)


def test_a_month_that_is_begun_again_is_not_read_by_what_was_read_before(ledger: Ledger) -> None:
    begin(ledger, HISTORY)
    ledger.windows.mark_prepared([open_month(ledger)])
    begin(ledger, HISTORY, reason="Salesforce is down")
    states = {"start": "skipped", "check": "skipped"}

    with pytest.raises(GateFailed, match="--reprocess-behavior failed"):
        history_gate("demo", None, run_id="r1", task_states=states)

    assert stored(ledger, HISTORY)[0] == "failed"


def test_history_is_not_read_without_a_data_interval(ledger: Ledger) -> None:
    with pytest.raises(ConfigurationError, match="backfill"):
        history_steps.start("demo", run_id="r1", from_at=None, to_at=None, actor="a")


def test_a_sweep_waits_for_the_first_load(ledger: Ledger) -> None:
    with pytest.raises(AirflowSkipException, match="read nothing yet"):
        sweep_steps.start("demo", run_id="r1", actor="a")

    with pytest.raises(AirflowSkipException, match="nothing to compare"):
        sweep_gate("demo", None, run_id="r1", task_states={"start": "skipped"})


def test_a_sweep_that_an_outage_kept_from_beginning_ends_deferred(ledger: Ledger) -> None:
    # A run that never ended would keep what it reserved of the org's day from the sync.
    begin(ledger, SWEEP, reason="Xero is down")

    with pytest.raises(AirflowSkipException, match="deferred: Xero is down"):
        sweep_gate("demo", None, run_id="r1", task_states={"start": "skipped"})

    assert stored(ledger, SWEEP)[0] == "deferred"


def test_a_sweep_that_is_repeated_with_nothing_to_compare_keeps_its_verdict(
    ledger: Ledger,
) -> None:
    begin(ledger, SWEEP)
    ledger.runs.finish(SWEEP, state="failed", verdict="FAILED: 1 dead letter")

    with pytest.raises(AirflowSkipException, match="nothing to compare"):
        sweep_gate("demo", None, run_id="r1", task_states={"start": "skipped"})

    assert stored(ledger, SWEEP) == ("failed", "FAILED: 1 dead letter")
