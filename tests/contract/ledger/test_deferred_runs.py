"""A run that could not go on loses nothing: what it read waits, and its reason is kept."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from tests.contract.ledger.making import CONTACT, ROUTE, RUN, START, in_step, plan, wish

from sfxero.ledger import Ledger, migrations
from sfxero.ledger.runs import BegunRun, DispositionCount
from sfxero.ledger.tables import RunState
from sfxero.model.findings import DispositionRow
from sfxero.model.ids import RunId, SourceId
from sfxero.model.states import Disposition, Entity

ACCOUNT, OPPORTUNITY = Entity.ACCOUNT, Entity.OPPORTUNITY
WAITS_TO_BE_READ = DispositionCount(OPPORTUNITY, Disposition.WAITING, "read_again", 2)

pytestmark = pytest.mark.contract


def start(ledger: Ledger, run_id: RunId = RUN) -> None:
    ledger.runs.start(run_id, ROUTE, kind="changes", mapping_version="m1", actor="a", params="{}")


def window(ledger: Ledger, entity: Entity = OPPORTUNITY, *, moves_watermark: bool = True) -> int:
    """Open a staged window."""
    window_id = ledger.windows.open(
        RUN,
        ROUTE,
        entity,
        from_at=None,
        to_at=START + timedelta(hours=1),
        moves_watermark=moves_watermark,
    )
    ledger.windows.mark_staged(window_id, manifest="m", row_count=2)
    return window_id


def read(ledger: Ledger, *source_ids: str) -> None:
    ledger.runs.add_records(RUN, OPPORTUNITY, map(SourceId, source_ids))


def test_what_was_read_and_not_mapped_waits_to_be_read_again(ledger: Ledger) -> None:
    start(ledger)
    window(ledger)
    read(ledger, "o1", "o2", "o3")
    skipped = DispositionRow(OPPORTUNITY, SourceId("o3"), Disposition.SKIPPED, "not_won")
    ledger.runs.record_dispositions(RUN, [skipped])

    assert ledger.runs.leave_to_the_next(RUN) == 2

    report = ledger.runs.settle(RUN)
    assert report.missing_count == 0
    assert WAITS_TO_BE_READ in report.counts
    assert ledger.runs.leave_to_the_next(RUN) == 0


def test_a_record_of_a_prepared_window_that_ended_nowhere_stays_missing(ledger: Ledger) -> None:
    start(ledger)
    window_id = window(ledger)
    read(ledger, "o1")
    ledger.windows.mark_prepared([window_id])

    assert ledger.runs.leave_to_the_next(RUN) == 0
    assert ledger.runs.settle(RUN).missing_count == 1


def test_a_record_of_a_window_that_no_later_one_must_cover_stays_missing(ledger: Ledger) -> None:
    start(ledger)
    window(ledger, moves_watermark=False)
    read(ledger, "o1")

    assert ledger.runs.leave_to_the_next(RUN) == 0
    assert ledger.runs.settle(RUN).missing_count == 1


def test_another_entitys_window_covers_nothing(ledger: Ledger) -> None:
    start(ledger)
    window(ledger, ACCOUNT)
    read(ledger, "o1")

    assert ledger.runs.leave_to_the_next(RUN) == 0


def test_other_runs_records_are_left_alone(ledger: Ledger) -> None:
    start(ledger)
    window(ledger)
    read(ledger, "o1")
    other = RunId("run-2")
    start(ledger, other)

    assert ledger.runs.leave_to_the_next(other) == 0
    assert ledger.runs.settle(RUN).missing_count == 1


def test_the_first_reason_stands_and_a_new_start_forgets_it(ledger: Ledger) -> None:
    assert ledger.runs.begun(RUN) is None
    start(ledger)
    ledger.runs.defer(RUN, "Xero is down")
    ledger.runs.defer(RUN, "Xero is still down")
    assert ledger.runs.begun(RUN) == BegunRun(RunState.RUNNING, "Xero is down")

    ledger.runs.finish(RUN, state="deferred", verdict="deferred: Xero is down")
    assert ledger.runs.begun(RUN) == BegunRun(RunState.DEFERRED, "Xero is down")
    start(ledger)
    assert ledger.runs.begun(RUN) == BegunRun(RunState.RUNNING, None)


def test_runs_of_an_older_ledger_survive_the_wider_states(url: str) -> None:
    """SQLite copies the table for it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    old = (
        "INSERT INTO runs (run_id, route, kind, mapping_version, actor, params, state, started_at)"
        " VALUES ('old', 'demo', 'changes', 'm1', 'a', '{}', 'succeeded', '2026-01-01 00:00:00')"
    )
    with Ledger(url) as ledger:
        with ledger._database.write() as conn:
            config.attributes["connection"] = conn
            command.upgrade(config, "0004")
            conn.execute(sa.text(old))
        ledger.migrate()
        assert ledger.runs.begun(RunId("old")) == BegunRun(RunState.SUCCEEDED, None)
        ledger.runs.finish(RunId("old"), state="deferred", verdict="v")


def test_outstanding_is_what_the_target_does_not_hold_yet(ledger: Ledger) -> None:
    in_step(ledger, wish("s1"))
    plan(ledger, wish("s2"), wish("s3"))
    ledger.outbox.claim(wish().tenant, CONTACT, owner="w1", limit=1, lease_s=60)

    assert ledger.outbox.outstanding(ROUTE) == 2
