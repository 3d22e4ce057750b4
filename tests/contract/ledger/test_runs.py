import pytest
import sqlalchemy as sa
from tests.contract.ledger.making import CONTACT, ROUTE, RUN, START, bury, claim, plan, settle, wish

from sfxero.clock import FakeClock
from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.ledger.runs import HISTORY
from sfxero.ledger.tables import runs
from sfxero.model.findings import DispositionRow
from sfxero.model.ids import RunId, SourceId
from sfxero.model.states import Disposition, Entity

pytestmark = pytest.mark.contract


def _start(ledger: Ledger, *source_ids: str) -> None:
    ledger.runs.start(RUN, ROUTE, kind="sync", mapping_version="m1", actor="a", params="{}")
    ledger.runs.add_records(RUN, CONTACT, [SourceId(source_id) for source_id in source_ids])


def _row(source_id: str, disposition: Disposition, **facts: object) -> DispositionRow:
    return DispositionRow(CONTACT, SourceId(source_id), disposition, **facts)


def test_a_record_without_a_disposition_is_missing_by_name(ledger: Ledger) -> None:
    _start(ledger, "s1", "s2", "s3")
    ledger.runs.record_dispositions(RUN, [_row("s2", Disposition.SKIPPED, rule="stage")])
    report = ledger.runs.settle(RUN)
    assert report.records == {CONTACT: 3}
    assert report.counts == ((CONTACT, Disposition.SKIPPED, "stage", 1),)
    assert (report.missing_count, report.missing_sample) == (2, ((CONTACT, "s1"), (CONTACT, "s3")))


def test_the_sample_of_missing_records_is_short_and_the_count_is_not(ledger: Ledger) -> None:
    _start(ledger, *(f"s{number:04}" for number in range(10_100)))
    report = ledger.runs.settle(RUN)
    assert (report.missing_count, len(report.missing_sample)) == (10_100, 20)


def test_a_record_read_twice_is_one_record(ledger: Ledger) -> None:
    _start(ledger, "s1", "s1")
    ledger.runs.add_records(RUN, CONTACT, [SourceId("s1")])
    assert ledger.runs.settle(RUN).records == {CONTACT: 1}


def test_records_of_another_entity_are_not_covered_by_the_same_id(ledger: Ledger) -> None:
    _start(ledger, "s1")
    row = DispositionRow(Entity.INVOICE, SourceId("s1"), Disposition.REMOVED)
    ledger.runs.record_dispositions(RUN, [row])
    assert ledger.runs.settle(RUN).missing_count == 1


def test_the_last_word_on_a_record_stands(ledger: Ledger) -> None:
    _start(ledger, "s1")
    ledger.runs.record_dispositions(RUN, [_row("s1", Disposition.QUARANTINED, rule="abn")])
    ledger.runs.record_dispositions(RUN, [_row("s1", Disposition.IN_STEP)])
    assert ledger.runs.settle(RUN).counts == ((CONTACT, Disposition.IN_STEP, None, 1),)


def test_an_entry_has_the_last_word_on_its_record(ledger: Ledger) -> None:
    ids = [f"s{number}" for number in range(1, 6)]
    _start(ledger, *ids)
    planned = plan(ledger, *(wish(source_id) for source_id in ids))
    ledger.runs.record_dispositions(
        RUN, [_row(p.source_id, Disposition.WAITING, entry_id=p.entry_id) for p in planned]
    )
    first, second, third, _ = claim(ledger, limit=4)
    settle(ledger, [first])
    bury(ledger, second.entry_id)
    ledger.outbox.doubt([third.entry_id], owner="w1")
    plan(ledger, wish("s5", "B", age=1))
    counts = ledger.runs.settle(RUN).counts
    assert {count.disposition: count.n for count in counts} == {
        Disposition.IN_STEP: 1,
        Disposition.DEAD_LETTER: 1,
        Disposition.IN_FLIGHT: 2,
        Disposition.SUPERSEDED: 1,
    }
    assert ledger.runs.settle(RUN).counts == counts


def test_only_letters_that_died_in_the_run_are_reported(ledger: Ledger) -> None:
    plan(ledger, wish("s1"), wish("s2"))
    first, second = claim(ledger)
    bury(ledger, first.entry_id, run_id=RunId("earlier"))
    bury(ledger, second.entry_id)
    letters = ledger.runs.settle(RUN).dead_letters
    assert [letter.source_id for letter in letters] == ["s2"]


def test_a_restarted_run_forgets_what_it_read_before(ledger: Ledger) -> None:
    _start(ledger, "s1")
    ledger.runs.record_dispositions(RUN, [_row("s1", Disposition.IN_STEP)])
    ledger.runs.finish(RUN, state="failed", verdict="stopped")
    _start(ledger, "s2")
    report = ledger.runs.settle(RUN)
    assert (report.records, report.counts) == ({CONTACT: 1}, ())
    with ledger._database.read() as conn:
        row = conn.execute(sa.select(runs)).one()
    assert (row.state, row.verdict, row.finished_at) == ("running", None, None)


def test_a_finished_run_keeps_its_verdict(ledger: Ledger, clock: FakeClock) -> None:
    _start(ledger)
    clock.advance(5)
    ledger.runs.finish(RUN, state="succeeded", verdict="in step")
    with ledger._database.read() as conn:
        row = conn.execute(sa.select(runs)).one()
    assert (row.state, row.verdict, row.finished_at) == ("succeeded", "in step", clock.now())


def test_a_run_that_never_started_cannot_finish(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no run"):
        ledger.runs.finish(RUN, state="succeeded", verdict="in step")


def test_the_last_mapping_version_is_that_of_the_run_that_moved_a_watermark(ledger: Ledger) -> None:
    assert ledger.runs.last_mapping_version(ROUTE, CONTACT) is None
    for run, moves in (("r1", True), ("r2", False)):
        run_id = RunId(run)
        ledger.runs.start(run_id, ROUTE, kind="k", mapping_version=run, actor="a", params="{}")
        window_id = ledger.windows.open(
            run_id, ROUTE, CONTACT, from_at=None, to_at=START, moves_watermark=moves
        )
        ledger.windows.mark_staged(window_id, manifest="m.json", row_count=1)
        ledger.windows.mark_prepared([window_id])
    assert ledger.runs.last_mapping_version(ROUTE, CONTACT) == "r1"


def test_a_run_over_history_is_beside_all_others_and_not_beside_itself(ledger: Ledger) -> None:
    june, july = RunId("june"), RunId("july")
    for run_id in (june, july):
        ledger.runs.start(run_id, ROUTE, kind=HISTORY, mapping_version="1", actor="a", params="{}")
    ledger.runs.finish(july, state="succeeded", verdict="read")

    beside = {one: ledger.runs.has_history_under_way(ROUTE, beside=one) for one in (june, july)}

    assert beside == {june: False, july: True}
