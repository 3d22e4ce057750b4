"""The audit log: who wrote what, when and why; checked, exported, and erased of a person."""

import json
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, select

from sfxero.ledger.audit_checking import ChainCheck
from sfxero.ledger.audit_hashing import VALUES, first_hash
from sfxero.ledger.audit_outbox import unlogged
from sfxero.ledger.audit_tables import audit_erasures, audit_events, audit_heads, audit_values
from sfxero.ledger.audit_trail import Doer, Fact, append, locked_head
from sfxero.ledger.engine import BUSY_TIMEOUT_S, CHUNK, Database
from sfxero.ledger.tables import entries
from sfxero.model.audit import (
    AuditEvent,
    AuditKind,
    AuditValues,
    ChainReport,
    Head,
)
from sfxero.model.ids import RouteName, SourceId
from sfxero.model.states import EntryState


class Audit:
    """A chain of events per route, which the outbox extends as it writes."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def routes(self) -> list[RouteName]:
        """Return the routes that have a log, or should have one.

        A settled entry has an event: where not even the head is left, its route is named all the
        same, and the check says what is missing.
        """
        settled = select(entries.c.route).where(entries.c.state == EntryState.SETTLED).distinct()
        with self._database.read() as conn:
            logged = select(audit_events.c.route).distinct()
            found = select(audit_heads.c.route).union(logged, settled)
            return [RouteName(route) for route in sorted(conn.execute(found).scalars())]

    def verify(self, route: RouteName, *, known: Head | None = None) -> ChainReport:
        """Check the whole chain of a route, and hold it against the outbox.

        `known` is a head that was noted outside this database: with it, a chain that was written
        anew from the first event to the last is noticed, too.
        """
        with self._snapshot() as conn:
            end = conn.execute(_end_of(route)).one()
            began_after = end.began_after or 0
            check = ChainCheck(first_hash(route, began_after), known=known)
            with closing(_events(conn, audit_events.c.route == route)) as events:
                check.take_all(events)
            head = None if end.seq is None else Head(end.seq, end.event_hash)
            check.end(head)
            count, sample = unlogged(conn, route, began_after=began_after)
        return ChainReport(
            route=route,
            events=end.events,
            erased=len(check.erased),
            head=head,
            broken=check.broken,
            unlogged_count=count,
            unlogged=sample,
            checked_at=self._database.clock.now(),
        )

    def head(self, route: RouteName) -> Head | None:
        """Return the end of the route's chain; None if nothing was logged yet."""
        with self._database.read() as conn:
            end = conn.execute(_end_of(route)).one()
        return Head(end.seq, end.event_hash) if end.seq else None

    def export(
        self,
        route: RouteName,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        source_id: SourceId | None = None,
    ) -> Iterator[AuditEvent]:
        """Yield the events of `[since, until)`, of one record if given, in order."""
        wanted = [audit_events.c.route == route]
        if since is not None:
            wanted.append(audit_events.c.at >= since)
        if until is not None:
            wanted.append(audit_events.c.at < until)
        if source_id is not None:
            wanted.append(audit_events.c.source_id == source_id)
        with self._snapshot() as conn, closing(_events(conn, and_(*wanted))) as events:
            yield from events

    def count_erasable(self, route: RouteName, source_id: SourceId) -> int:
        """Count the events of a record that still have their values."""
        erasable = _erasable(route, source_id).subquery()
        with self._database.read() as conn:
            return int(conn.execute(select(func.count()).select_from(erasable)).scalar_one())

    def erase(self, route: RouteName, source_id: SourceId, *, actor: str, reason: str) -> int:
        """Erase the values of a record's events; return of how many. The chain stays valid.

        That it was done is an event itself, which keeps `reason` for good.
        """
        with self._database.write() as conn:
            if self._database.is_sqlite:
                conn.exec_driver_sql("PRAGMA secure_delete = ON")  # overwrites what it deletes
            locked_head(conn, route)
            seqs = [row.seq for row in conn.execute(_erasable(route, source_id))]
            if seqs:
                self._erase(conn, route, source_id, seqs, Doer(actor=actor), reason=reason)
        if seqs:
            self._empty_sqlite_log()
        return len(seqs)

    def _erase(
        self,
        conn: Connection,
        route: RouteName,
        source_id: SourceId,
        seqs: list[int],
        doer: Doer,
        *,
        reason: str,
    ) -> None:
        values = AuditValues(after=json.dumps(seqs, separators=(",", ":")), note=reason)
        fact = Fact(route, AuditKind.ERASED, doer, values, {"source_id": source_id})
        erased_by = append(conn, self._database, [fact])[route]
        rows = [{"route": route, "seq": seq, "erased_by_seq": erased_by} for seq in seqs]
        conn.execute(insert(audit_erasures), rows)
        named = select(audit_erasures.c.seq).where(
            audit_erasures.c.route == route, audit_erasures.c.erased_by_seq == erased_by
        )
        gone = (audit_values.c.route == route, audit_values.c.seq.in_(named))
        conn.execute(delete(audit_values).where(*gone))

    def _empty_sqlite_log(self) -> None:
        """Empty SQLite's write-ahead log, which holds the erased values still."""
        path = self._database.sqlite_path
        if path is not None:
            with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as raw:
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """Read everything as of one moment: others write meanwhile."""
        with self._database.read() as conn:
            if not self._database.is_sqlite:
                conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield conn


def _end_of(route: RouteName) -> Select[Any]:
    """Return one row: the head, if there is one, and the number of events."""
    count = (
        select(func.count()).where(audit_events.c.route == route).scalar_subquery().label("events")
    )
    columns = (audit_heads.c[name] for name in ("seq", "event_hash", "began_after"))
    one = select(count).subquery()
    return select(one.c.events, *columns).select_from(
        one.outerjoin(audit_heads, audit_heads.c.route == route)
    )


def _events(conn: Connection, wanted: ColumnElement[bool]) -> Generator[AuditEvent, None, None]:
    """Stream events with their values, in order."""
    own = and_(
        audit_values.c.route == audit_events.c.route, audit_values.c.seq == audit_events.c.seq
    )
    columns = (audit_values.c[name] for name in ("salt", *VALUES))
    statement = (
        select(*audit_events.columns, *columns)
        .select_from(audit_events.outerjoin(audit_values, own))
        .where(wanted)
        .order_by(audit_events.c.seq)
        .execution_options(yield_per=CHUNK)
    )
    with conn.execute(statement) as found:  # a check ends at the first fault
        for row in found:
            yield _event(row)


def _event(row: Row[Any]) -> AuditEvent:
    found = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
    values = AuditValues(**{name: found[name] for name in VALUES})
    return AuditEvent(
        route=row.route,
        seq=row.seq,
        fields={str(column.name): found[column.name] for column in audit_events.columns},
        event_hash=row.event_hash,
        salt=row.salt,
        values=None if row.salt is None else values,
    )


def _erasable(route: RouteName, source_id: SourceId) -> Select[tuple[int]]:
    """Select the events of a record whose values are there; what erasures say stays."""
    own = and_(
        audit_values.c.route == audit_events.c.route, audit_values.c.seq == audit_events.c.seq
    )
    return (
        select(audit_events.c.seq)
        .join(audit_values, own)
        .where(
            audit_events.c.route == route,
            audit_events.c.source_id == source_id,
            audit_events.c.kind != AuditKind.ERASED,
        )
        .order_by(audit_events.c.seq)
    )
