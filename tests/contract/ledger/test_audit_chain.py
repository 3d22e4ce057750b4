"""Whoever changes the audit log is refused; whoever gets round that is found out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from tests.contract.ledger.auditing import (
    OWNER,
    begin,
    change,
    drop_triggers,
    events,
    migrate_to,
    reply,
    rows,
    run_sql,
    store,
    three_writes,
    write,
)
from tests.contract.ledger.making import ROUTE, claim, in_step, plan, wish

from sfxero.clock import FakeClock
from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.ledger.audit_hashing import event_hash, first_hash, values_hash
from sfxero.ledger.audit_tables import (
    audit_erasures,
    audit_events,
    audit_heads,
    audit_values,
)
from sfxero.model.audit import Broken, ChainFault, Head

pytestmark = pytest.mark.contract

F = ChainFault
KEY = {"route", "seq"}
ALTERED: dict[str, object] = {
    **{str(column.name): "x" for column in audit_events.columns if column.name not in KEY},
    "kind": "sent",
    "at": datetime(1999, 1, 1, tzinfo=UTC),
    "entry_id": 99,
    "attempt_id": 99,
}


def broken(ledger: Ledger, *, known: Head | None = None) -> tuple[int, ChainFault] | None:
    found = ledger.audit.verify(ROUTE, known=known).broken
    return None if found is None else (found.seq, found.fault)


def test_a_chain_that_nobody_touched_is_valid(ledger: Ledger) -> None:
    three_writes(ledger)
    report = ledger.audit.verify(ROUTE)
    assert report.is_valid
    assert (report.events, report.erased, report.unlogged_count) == (6, 0, 0)
    assert report.head == ledger.audit.head(ROUTE) == Head(6, events(ledger)[-1].event_hash)


def test_a_route_of_which_nothing_is_logged_is_valid(ledger: Ledger) -> None:
    report = ledger.audit.verify(ROUTE)
    assert (report.is_valid, report.events, report.head) == (True, 0, None)
    assert ledger.audit.head(ROUTE) is None


def test_the_hashes_are_those_that_the_documentation_tells(ledger: Ledger) -> None:
    write(ledger, wish())
    first, second = events(ledger)
    assert first.fields["previous_hash"] == first_hash(ROUTE, 0)
    assert second.fields["previous_hash"] == first.event_hash == event_hash(first.fields)
    assert first.values is not None
    assert first.salt is not None
    assert first.fields["values_hash"] == values_hash(first.salt, first.values)
    assert values_hash("other salt", first.values) != first.fields["values_hash"]


STATEMENTS = (
    "UPDATE audit_events SET actor = 'nobody'",
    "UPDATE audit_events SET seq = 99 WHERE seq = 3",
    "DELETE FROM audit_events WHERE seq = 3",
    "UPDATE audit_values SET after = '{}'",
    "UPDATE audit_values SET salt = 'x'",
    "DELETE FROM audit_values WHERE seq = 3",
    "DELETE FROM audit_values",
    "UPDATE audit_erasures SET erased_by_seq = 1",
    "DELETE FROM audit_erasures",
    "DELETE FROM audit_heads",
    "UPDATE audit_heads SET seq = seq - 1",
    "UPDATE audit_heads SET event_hash = 'x'",
    "UPDATE audit_heads SET began_after = 99, seq = seq + 1",
)


def test_the_database_itself_refuses_changes(ledger: Ledger) -> None:
    three_writes(ledger)
    ledger.audit.erase(ROUTE, "s1", actor="sam", reason="asked for")
    for statement in STATEMENTS:
        with pytest.raises(LedgerError, match="refused a row"):
            run_sql(ledger, statement)
    assert ledger.audit.verify(ROUTE).is_valid


TABLES = (audit_events, audit_values, audit_heads, audit_erasures)


@pytest.mark.parametrize("table", TABLES, ids=str)
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_sqlite_refuses_to_replace_a_row(ledger: Ledger, table: sa.Table) -> None:
    three_writes(ledger)
    ledger.audit.erase(ROUTE, "s1", actor="sam", reason="asked for")
    before = rows(ledger, table)
    same = sa.insert(table).prefix_with("OR REPLACE").values(before[0]._asdict())
    with pytest.raises(LedgerError):
        run_sql(ledger, same)
    assert rows(ledger, table) == before


@pytest.mark.parametrize("table", TABLES, ids=str)
@pytest.mark.parametrize(
    "url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
def test_postgresql_refuses_to_empty_a_table(ledger: Ledger, table: sa.Table) -> None:
    three_writes(ledger)
    with pytest.raises(LedgerError):
        run_sql(ledger, f"TRUNCATE {table}")
    assert ledger.audit.verify(ROUTE).events == 6


def test_every_column_of_an_event_is_under_the_chain() -> None:
    assert set(ALTERED) | KEY == {str(one.name) for one in audit_events.columns}


def test_a_changed_column_is_found_whichever_it_is(ledger: Ledger) -> None:
    three_writes(ledger)
    drop_triggers(ledger)
    others = {str(one.name): "x" for one in audit_values.columns if not one.primary_key}
    for table, changes, fault in (
        (audit_events, ALTERED, F.EVENT_ALTERED),
        (audit_values, others, F.VALUES_ALTERED),
    ):
        before = rows(ledger, table)[3]._asdict()
        for column, value in changes.items():
            run_sql(ledger, change(table, 4, **{column: value}))
            assert broken(ledger) == (4, fault), column
            run_sql(ledger, change(table, 4, **{column: before[column]}))
    assert broken(ledger) is None


def _sql(*statements: str) -> Callable[[Ledger], None]:
    return lambda ledger: run_sql(ledger, *statements)


def _rehash(ledger: Ledger, *, from_seq: int) -> None:
    """Hash the chain anew from an event on, as one would who knows how it is made."""
    previous = None
    for event in events(ledger):
        fields = dict(event.fields)
        if event.seq < from_seq:
            previous = event.event_hash
            continue
        if previous is not None:
            fields["previous_hash"] = previous
        assert event.salt is not None
        assert event.values is not None
        fields["values_hash"] = values_hash(event.salt, event.values)
        previous = event_hash(fields)
        hashes = {name: fields[name] for name in ("previous_hash", "values_hash")}
        run_sql(ledger, change(audit_events, event.seq, **hashes, event_hash=previous))
    run_sql(ledger, change(audit_heads, event_hash=previous))


def _replace_one(ledger: Ledger) -> None:
    """Make an event anew that is sound in itself, and leave the next as it was."""
    run_sql(ledger, change(audit_values, 3, after="{}"))
    event = events(ledger)[2]
    assert event.salt is not None
    assert event.values is not None
    hashed = values_hash(event.salt, event.values)
    changed = event_hash({**event.fields, "values_hash": hashed})
    run_sql(ledger, change(audit_events, 3, values_hash=hashed, event_hash=changed))


def _swap(ledger: Ledger, *tables: sa.Table) -> None:
    for table in tables:
        moves = ((3, 99), (4, 3), (99, 4))
        run_sql(ledger, *(change(table, before, seq=after) for before, after in moves))


TAMPERINGS: dict[str, tuple[Callable[[Ledger], None], tuple[int, ChainFault]]] = {
    "a middle event removed": (
        _sql("DELETE FROM audit_events WHERE seq = 3"),
        (3, F.EVENT_MISSING),
    ),
    "the first event removed": (
        _sql("DELETE FROM audit_events WHERE seq = 1"),
        (1, F.EVENT_MISSING),
    ),
    "a middle event removed with its values": (
        _sql("DELETE FROM audit_events WHERE seq = 3", "DELETE FROM audit_values WHERE seq = 3"),
        (3, F.EVENT_MISSING),
    ),
    "the tail removed": (_sql("DELETE FROM audit_events WHERE seq > 4"), (5, F.CUT_OFF)),
    "all events removed": (_sql("DELETE FROM audit_events"), (1, F.CUT_OFF)),
    "two events swapped": (
        lambda ledger: _swap(ledger, audit_events, audit_values),
        (3, F.EVENT_ALTERED),
    ),
    "an event made anew": (_replace_one, (4, F.EVENT_REPLACED)),
    "an event added at the end": (
        lambda ledger: run_sql(
            ledger, sa.insert(audit_events).values({**events(ledger)[5].fields, "seq": 7})
        ),
        (7, F.EVENT_ALTERED),
    ),
    "values removed": (_sql("DELETE FROM audit_values WHERE seq = 3"), (3, F.VALUES_MISSING)),
    "values removed with an erasure that is no event": (
        _sql(
            "INSERT INTO audit_erasures VALUES ('demo', 3, 6)",
            "DELETE FROM audit_values WHERE seq = 3",
        ),
        (3, F.VALUES_MISSING),
    ),
    "values swapped": (lambda ledger: _swap(ledger, audit_values), (3, F.VALUES_ALTERED)),
    "the head removed": (_sql("DELETE FROM audit_heads"), (6, F.HEAD_ALTERED)),
    "the head's hash changed": (
        _sql("UPDATE audit_heads SET event_hash = 'x'"),
        (6, F.HEAD_ALTERED),
    ),
    "the head set back": (_sql("UPDATE audit_heads SET seq = 4"), (6, F.HEAD_ALTERED)),
    "the beginning moved": (
        _sql("UPDATE audit_heads SET began_after = 99"),
        (1, F.EVENT_REPLACED),
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_at_its_first_event(ledger: Ledger, name: str) -> None:
    tamper, expected = TAMPERINGS[name]
    three_writes(ledger)
    drop_triggers(ledger)
    tamper(ledger)
    report = ledger.audit.verify(ROUTE)
    assert broken(ledger) == expected
    assert not report.is_valid


def test_a_tail_cut_off_with_its_head_is_found_by_the_outbox(ledger: Ledger) -> None:
    three_writes(ledger)
    drop_triggers(ledger)
    kept = events(ledger)[3]
    run_sql(
        ledger,
        "DELETE FROM audit_events WHERE seq > 4",
        "DELETE FROM audit_values WHERE seq > 4",
        change(audit_heads, seq=4, event_hash=kept.event_hash),
    )
    report = ledger.audit.verify(ROUTE)
    assert report.broken is None
    assert not report.is_valid
    # The entry is settled, and a request carried it: neither is told any more.
    assert report.unlogged_count == 2
    assert {one.entry_id for one in report.unlogged} == {3}


def test_a_whole_chain_that_was_removed_is_found_by_the_outbox(ledger: Ledger) -> None:
    three_writes(ledger)
    drop_triggers(ledger)
    run_sql(ledger, *map(sa.delete, TABLES))
    assert ledger.audit.verify(ROUTE).unlogged_count == 6


def test_a_chain_written_anew_is_found_by_a_head_noted_before(ledger: Ledger) -> None:
    three_writes(ledger)
    noted = ledger.audit.head(ROUTE)
    assert noted is not None
    drop_triggers(ledger)
    run_sql(ledger, "UPDATE audit_values SET after = '{}' WHERE seq = 2")
    _rehash(ledger, from_seq=2)
    write(ledger, wish("s4"), key="k4")
    assert broken(ledger) is None
    assert broken(ledger, known=noted) == (6, F.REWRITTEN)


def test_a_head_noted_before_is_found_again_in_a_longer_chain(ledger: Ledger) -> None:
    write(ledger, wish("s1"))
    noted = ledger.audit.head(ROUTE)
    write(ledger, wish("s2"), key="k2")
    assert broken(ledger, known=noted) is None


def test_a_chain_shorter_than_the_head_noted_before_is_found(ledger: Ledger) -> None:
    write(ledger, wish())
    longer = Head(3, "0" * 64)
    assert broken(ledger, known=longer) == (3, F.REWRITTEN)


def test_what_is_broken_is_told_in_words(ledger: Ledger) -> None:
    three_writes(ledger)
    drop_triggers(ledger)
    run_sql(ledger, "DELETE FROM audit_events WHERE seq = 3")
    found = ledger.audit.verify(ROUTE).broken
    assert found == Broken(3, F.EVENT_MISSING, "the event is missing")


GAPS: dict[str, tuple[str, str]] = {
    "an entry settled behind the log's back": (
        "UPDATE entries SET state = 'settled', open_attempt_id = NULL WHERE entry_id = 2",
        "settled, and the log does not say so",
    ),
    "a request stored behind the log's back": (
        "INSERT INTO attempt_entries (attempt_id, position, entry_id) VALUES (1, 7, 2)",
        "a request carried it, and the log does not say so",
    ),
    "an outcome that was never logged": (
        "UPDATE entries SET open_attempt_id = NULL WHERE entry_id = 3",
        "a request carried it, and the log does not say what became of it",
    ),
}


@pytest.mark.parametrize("name", GAPS)
def test_what_the_outbox_knows_and_the_log_does_not_is_named(ledger: Ledger, name: str) -> None:
    statement, message = GAPS[name]
    write(ledger, wish("s1"))
    waiting, sent = begin(ledger, wish("s2"), wish("s3"))
    store(ledger, [sent], key="k2")
    assert ledger.audit.verify(ROUTE).is_valid
    run_sql(ledger, statement)
    report = ledger.audit.verify(ROUTE)
    assert not report.is_valid
    assert message in {one.message for one in report.unlogged}
    assert {one.entry_id for one in report.unlogged} <= {waiting.entry_id, sent.entry_id}


def test_an_answer_to_a_request_that_was_never_stored_is_named(ledger: Ledger) -> None:
    (entry,) = begin(ledger, wish())
    ledger.outbox.settle([reply(entry)], owner=OWNER)
    (gap,) = ledger.audit.verify(ROUTE).unlogged
    assert gap.message == "settled by the reply to a request that the log does not know"


def test_a_look_up_needs_no_request_before_it(ledger: Ledger) -> None:
    (entry,) = begin(ledger, wish())
    ledger.outbox.settle([reply(entry, is_looked_up=True)], owner=OWNER)
    assert ledger.audit.verify(ROUTE).is_valid


def test_only_the_first_gaps_are_named_and_all_are_counted(ledger: Ledger) -> None:
    in_step(ledger, *(wish(f"s{number}") for number in range(30)))
    report = ledger.audit.verify(ROUTE)
    assert (report.unlogged_count, len(report.unlogged)) == (30, 20)


def test_entries_older_than_the_log_are_not_missed_in_it(url: str, clock: FakeClock) -> None:
    ledger = Ledger(url, clock=clock)
    migrate_to(ledger, "0001")
    run_sql(ledger, _SETTLED_LONG_AGO)
    ledger.migrate()
    assert ledger.audit.routes() == [ROUTE]
    assert ledger.audit.verify(ROUTE).is_valid
    write(ledger, wish("s2"))
    assert ledger.audit.verify(ROUTE).is_valid
    assert events(ledger)[0].fields["previous_hash"] == first_hash(ROUTE, 1)
    drop_triggers(ledger)
    run_sql(ledger, "DELETE FROM audit_heads", "DELETE FROM audit_events")
    assert {one.entry_id for one in ledger.audit.verify(ROUTE).unlogged} == {1, 2}
    ledger.close()


_SETTLED_LONG_AGO = """
INSERT INTO entries (
    route, tenant, entity, source_id, state, payload, content_hash, stamp_at, read_at,
    mapping_version, meta, run_id, tries, planned_at, changed_at
) VALUES (
    'demo', 'tenant-1', 'contact', 's1', 'settled', '{}', 'A', '2026-01-01', '2026-01-01',
    'm1', '{}', 'r', 1, '2026-01-01', '2026-01-01'
)"""


def test_a_report_says_when_it_was_made(ledger: Ledger) -> None:
    report = ledger.audit.verify(ROUTE)
    assert report.checked_at == ledger._database.clock.now()
    assert replace(report, unlogged_count=1).is_valid is False


def test_a_claim_is_no_write(ledger: Ledger) -> None:
    plan(ledger, wish())
    claim(ledger)
    assert events(ledger) == []


def test_an_unknown_kind_is_refused(ledger: Ledger) -> None:
    write(ledger, wish())
    rumour = {**events(ledger)[0].fields, "seq": 3, "kind": "rumour"}
    with pytest.raises(LedgerError):
        run_sql(ledger, sa.insert(audit_events).values(rumour))
