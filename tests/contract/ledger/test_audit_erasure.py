"""A person's values can go; that they were there, and that they were erased, stays."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.contract.ledger.auditing import (
    OWNER,
    begin,
    change,
    drop_triggers,
    events,
    kinds,
    last,
    rows,
    run_sql,
    three_writes,
    write,
)
from tests.contract.ledger.making import ROUTE, bury, wish

from sfxero.ledger import Ledger
from sfxero.ledger.audit_tables import audit_events, audit_values
from sfxero.model.audit import AuditKind, AuditValues, ChainFault

pytestmark = pytest.mark.contract

WHY = "request 17"


def erase(ledger: Ledger, source: str = "s2") -> int:
    return ledger.audit.erase(ROUTE, source, actor="sam", reason=WHY)


def test_erased_values_are_gone_and_the_chain_is_valid(ledger: Ledger) -> None:
    three_writes(ledger)
    assert ledger.audit.count_erasable(ROUTE, "s2") == 2
    assert erase(ledger) == 2
    assert {row.seq for row in rows(ledger, audit_values)} == {1, 2, 5, 6, 7}
    assert [event.seq for event in events(ledger) if event.values is None] == [3, 4]
    report = ledger.audit.verify(ROUTE)
    assert report.is_valid
    assert (report.events, report.erased) == (7, 2)


def test_an_erasure_is_an_event_with_who_why_and_what(ledger: Ledger) -> None:
    three_writes(ledger)
    erase(ledger)
    event = last(ledger)
    told = (event.fields["kind"], event.fields["actor"], event.fields["source_id"])
    assert told == (AuditKind.ERASED, "sam", "s2")
    assert event.values == AuditValues(after="[3,4]", note=WHY)


def test_what_is_erased_is_not_erased_again_and_later_values_are(ledger: Ledger) -> None:
    three_writes(ledger)
    erase(ledger)
    assert erase(ledger) == 0
    assert ledger.audit.count_erasable(ROUTE, "s2") == 0
    write(ledger, wish("s2", "B", age=1), key="k9")
    assert erase(ledger) == 2
    assert last(ledger).values == AuditValues(after="[8,9]", note=WHY)
    assert ledger.audit.verify(ROUTE).erased == 4


def test_an_unknown_record_leaves_no_event(ledger: Ledger) -> None:
    three_writes(ledger)
    assert erase(ledger, "nobody") == 0
    assert AuditKind.ERASED not in kinds(ledger)


def test_nothing_that_is_left_of_an_event_depends_on_the_values_alone(ledger: Ledger) -> None:
    """Two records with the same values leave nothing that is the same, so no guess is proved."""
    for source in ("s1", "s2"):
        write(ledger, wish(source), key="k")
        erase(ledger, source)
    erased = [event.fields["values_hash"] for event in events(ledger) if event.values is None]
    assert len(set(erased)) == len(erased) == 4


def test_an_erasure_written_into_the_table_alone_excuses_nothing(ledger: Ledger) -> None:
    three_writes(ledger)
    erase(ledger)
    run_sql(
        ledger,
        "INSERT INTO audit_erasures (route, seq, erased_by_seq) VALUES ('demo', 5, 7)",
        "DELETE FROM audit_values WHERE seq = 5",
    )
    found = ledger.audit.verify(ROUTE).broken
    assert found is not None
    assert (found.seq, found.fault) == (5, ChainFault.VALUES_MISSING)


def test_values_that_come_back_after_their_erasure_are_found(ledger: Ledger) -> None:
    three_writes(ledger)
    kept = rows(ledger, audit_values)[2]._asdict()
    erase(ledger)
    run_sql(ledger, sa.insert(audit_values).values(kept))
    found = ledger.audit.verify(ROUTE).broken
    assert found is not None
    assert (found.seq, found.fault) == (3, ChainFault.VALUES_NOT_ERASED)


def test_an_erasure_that_was_changed_is_found(ledger: Ledger) -> None:
    three_writes(ledger)
    erase(ledger)
    drop_triggers(ledger)
    run_sql(ledger, change(audit_values, 7, after="[3]"))
    found = ledger.audit.verify(ROUTE).broken
    assert found is not None
    assert (found.seq, found.fault) == (7, ChainFault.VALUES_ALTERED)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_erased_values_are_gone_from_the_files_of_sqlite(ledger: Ledger, tmp_path: Path) -> None:
    (entry,) = begin(ledger, wish())
    bury(ledger, entry.entry_id, owner=OWNER)
    ledger.outbox.discard([entry.entry_id], actor="sam", reason="Quentin Zubrowka asked for it")
    assert _files_hold(tmp_path, b"Zubrowka")
    ledger.audit.erase(ROUTE, "s1", actor="sam", reason=WHY)
    assert not _files_hold(tmp_path, b"Zubrowka")
    assert _files_hold(tmp_path, WHY.encode())


def _files_hold(folder: Path, text: bytes) -> bool:
    return any(text in path.read_bytes() for path in folder.glob("ledger.db*"))


def test_events_of_a_record_keep_what_names_no_person(ledger: Ledger) -> None:
    three_writes(ledger)
    before = rows(ledger, audit_events)[:6]
    erase(ledger)
    assert rows(ledger, audit_events)[:6] == before
