"""Claims: takes due entries for publishing under leases."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    not_,
    or_,
    select,
    update,
)

from sfxero.ledger.audit_trail import log_held_already
from sfxero.ledger.crediting import NO_CREDITS, credit_number, credits_of
from sfxero.ledger.engine import Database, among
from sfxero.ledger.planning import refresh_link
from sfxero.ledger.records import RecordKey, set_state
from sfxero.ledger.retiring import NOTHING_FORMER, Former, formers, renumbered
from sfxero.ledger.tables import DUE, UtcDateTime, entries, links, one_of
from sfxero.model.ids import TenantId
from sfxero.model.outbox import Entry, SourceVersion
from sfxero.model.states import ACTIVE, Entity, EntryState, Operation

_IN_DOUBT: Final = frozenset({EntryState.IN_DOUBT})

_parent = links.alias("parent")
_active = entries.alias("active_entry")


class Claims:
    """The part of the outbox that takes work and keeps it."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def has_due(
        self, tenant: TenantId, entity: Entity, *, now: datetime, is_migration: bool = False
    ) -> bool:
        """Say whether a claim could find anything at `now`."""
        given = {"tenant": tenant, "entity": entity, "now": now, "is_migration": is_migration}
        with self._database.read() as conn:
            return conn.execute(_OLDEST_DUE, given).first() is not None

    def count_due(self, tenant: TenantId, entity: Entity, *, now: datetime) -> int:
        """Count what a claim could find at `now`."""
        given = {"tenant": tenant, "entity": entity, "now": now, "is_migration": False}
        with self._database.read() as conn:
            return int(conn.execute(_COUNT_DUE, given).scalar_one())

    def claim(
        self,
        tenant: TenantId,
        entity: Entity,
        *,
        owner: str,
        limit: int,
        lease_s: float,
        operation: Operation | None = None,
        is_migration: bool = False,
    ) -> list[Entry]:
        """Take up to `limit` due entries of one operation, that of the oldest unless given.

        Either the migration's or all others': each kind goes by a budget of its own.

        An entry whose values the target holds already is settled on the way, without a call.
        """
        now = self._database.clock.now()
        until = now + timedelta(seconds=lease_s)
        given = {"tenant": tenant, "entity": entity, "now": now, "most": limit}
        given["is_migration"] = is_migration
        for wanted in self._operations(given, operation):
            for taken in self._taken(wanted, given, owner=owner, until=until):
                if taken:
                    return taken
        return []

    def claim_in_doubt(
        self, tenant: TenantId, *, owner: str, limit: int, lease_s: float
    ) -> list[Entry]:
        """Take entries whose outcome is unknown and that nobody is looking up."""
        now = self._database.clock.now()
        until = now + timedelta(seconds=lease_s)
        given = {"tenant": tenant, "now": now, "most": limit}
        with self._database.read() as conn:
            if conn.execute(_ANY_DOUBTFUL, given).first() is None:
                return []
        with self._database.write() as conn:
            rows = conn.execute(_DOUBTFUL, given).all()
            taken = _entries(conn, rows, state=EntryState.IN_DOUBT, until=until)
            conn.execute(
                update(entries)
                .where(among(conn, entries.c.entry_id, [row.entry_id for row in rows]))
                .values(owner=owner, lease_until_at=until)
            )
        return taken

    def renew(self, entry_ids: Sequence[int], *, owner: str, lease_s: float) -> bool:
        """Prolong leases; False if any of the entries is no longer the owner's."""
        now = self._database.clock.now()
        with self._database.write() as conn:
            statement = (
                update(entries)
                .where(among(conn, entries.c.entry_id, entry_ids), leased_to(owner, now))
                .values(lease_until_at=now + timedelta(seconds=lease_s))
            )
            return conn.execute(statement).rowcount == len(set(entry_ids))

    def _operations(
        self, given: Mapping[str, Any], operation: Operation | None
    ) -> tuple[Operation, ...]:
        """The operations to try: that of the oldest, then, if others hold those, the other."""
        if operation is not None:
            return (operation,)
        with self._database.read() as conn:
            oldest = conn.execute(_OLDEST_DUE, given).first()
        if oldest is None:
            return ()
        if oldest.target_id is None:
            return (Operation.CREATE, Operation.UPDATE)
        return (Operation.UPDATE, Operation.CREATE)

    def _taken(
        self, operation: Operation, given: Mapping[str, Any], *, owner: str, until: datetime
    ) -> Iterator[list[Entry]]:
        """Yield what each of many short transactions took; nothing, if it found all settled."""
        while True:
            with self._database.write() as conn:
                rows = conn.execute(_DUE[operation], given).all()
                chosen = self._settle_in_place(conn, rows, owner=owner)
                self._take(conn, chosen, owner=owner, until=until)
                taken = _entries(conn, chosen, state=EntryState.CLAIMED, until=until)
                _keep_numbers(conn, chosen, taken)
            if not rows:
                return
            yield taken

    def _settle_in_place(
        self, conn: Connection, rows: Sequence[Row[Any]], *, owner: str
    ) -> list[Row[Any]]:
        """Settle what the link shows as done; return the rest."""
        done = [row for row in rows if row.content_hash == row.link_hash]
        if done:
            ids = [row.entry_id for row in done]
            set_state(conn, self._database, ids, EntryState.SETTLED, before=DUE)
            conn.execute(
                refresh_link(),
                [
                    {
                        "b_tenant": row.tenant,
                        "b_entity": row.entity,
                        "b_source_id": row.source_id,
                        "stamp_at": row.stamp_at,
                        "read_at": row.read_at,
                        "mapping_version": row.mapping_version,
                    }
                    for row in done
                ],
            )
            log_held_already(conn, self._database, ids, owner=owner)
        return [row for row in rows if row.content_hash != row.link_hash]

    def _take(
        self, conn: Connection, rows: Sequence[Row[Any]], *, owner: str, until: datetime
    ) -> None:
        set_state(
            conn,
            self._database,
            [row.entry_id for row in rows],
            EntryState.CLAIMED,
            before=DUE,
            owner=owner,
            lease_until_at=until,
            not_before_at=None,
        )


def leased_to(owner: str, now: datetime) -> ColumnElement[bool]:
    """A worker that wakes after its lease has lost it, even if nobody took over yet."""
    return and_(
        one_of(entries.c.state, ACTIVE),
        entries.c.owner == owner,
        entries.c.lease_until_at > now,
    )


_ALL: Final = (
    entries,
    links.c.target_id,
    links.c.target_number,
    links.c.content_hash.label("link_hash"),
    links.c.source_snapshot.label("former_payload"),
    _parent.c.target_id.label("parent_target_id"),
)
"""All that is told of an entry with its own link and its parent's."""


def _with_targets(*columns: Any) -> Select[Any]:
    """Columns of entries, of their own links and of their parents'."""
    own = and_(
        links.c.tenant == entries.c.tenant,
        links.c.entity == entries.c.entity,
        links.c.source_id == entries.c.source_id,
    )
    of_parent = and_(
        _parent.c.tenant == entries.c.tenant,
        _parent.c.entity == entries.c.parent_entity,
        _parent.c.source_id == entries.c.parent_source_id,
    )
    joined = entries.outerjoin(links, own).outerjoin(_parent, of_parent)
    return select(*columns).select_from(joined)


def _due(*columns: Any) -> Select[Any]:
    """Entries that may go at `now`, oldest first: no sibling under way, the parent there."""
    sibling = exists().where(
        _active.c.tenant == entries.c.tenant,
        _active.c.entity == entries.c.entity,
        _active.c.source_id == entries.c.source_id,
        one_of(_active.c.state, ACTIVE),
    )
    now = bindparam("now", type_=UtcDateTime())
    return (
        _with_targets(*columns)
        .where(
            entries.c.tenant == bindparam("tenant"),
            entries.c.entity == bindparam("entity"),
            entries.c.is_migration == bindparam("is_migration"),
            one_of(entries.c.state, DUE),
            or_(entries.c.not_before_at.is_(None), entries.c.not_before_at <= now),
            or_(entries.c.parent_source_id.is_(None), _parent.c.target_id.is_not(None)),
            not_(sibling),
        )
        .order_by(entries.c.entry_id)
    )


def _does(operation: Operation) -> ColumnElement[bool]:
    if operation is Operation.CREATE:
        return links.c.target_id.is_(None)
    return links.c.target_id.is_not(None)


def _doubtful(*columns: Any) -> Select[Any]:
    """Entries in doubt that nobody holds at `now`, oldest first."""
    now = bindparam("now", type_=UtcDateTime())
    return (
        _with_targets(*columns)
        .where(
            entries.c.tenant == bindparam("tenant"),
            one_of(entries.c.state, _IN_DOUBT),
            one_of(entries.c.state, ACTIVE),  # the condition of the index
            or_(entries.c.lease_until_at.is_(None), entries.c.lease_until_at <= now),
        )
        # Not by the bare id: for that order the whole table would be gone through.
        .order_by(entries.c.entry_id + 0)
    )


def _locked(select: Select[Any]) -> Select[Any]:
    return select.limit(bindparam("most")).with_for_update(
        of=entries, skip_locked=True, key_share=True
    )


# Made once: to make them takes ten times as long as to run them.
_OLDEST_DUE: Final = _due(links.c.target_id).limit(1)
_COUNT_DUE: Final = _due(func.count()).order_by(None)
_DUE: Final = {
    one: _locked(_due(*_ALL).where(_does(one))) for one in (Operation.CREATE, Operation.UPDATE)
}
_ANY_DOUBTFUL: Final = _doubtful(entries.c.entry_id).limit(1)
_DOUBTFUL: Final = _locked(_doubtful(*_ALL))


def _entries(
    conn: Connection, rows: Sequence[Row[Any]], *, state: EntryState, until: datetime
) -> list[Entry]:
    """Make entries of rows, with what became of their records' predecessors and credit notes."""
    former = formers(conn, rows)
    credited = credits_of(conn, rows)
    taken = []
    for row in rows:
        key = RecordKey(row.tenant, Entity(row.entity), row.source_id)
        entry = _entry(row, former.get(key, NOTHING_FORMER), state=state, until=until)
        own = credited.get(key, NO_CREDITS)
        number = credit_number(row.target_number, own.ended)
        taken.append(
            replace(entry, open_credit=own.under_way, booked=own.booked, credit_number=number)
        )
    return taken


def _keep_numbers(conn: Connection, rows: Sequence[Row[Any]], taken: Sequence[Entry]) -> None:
    """Store payloads under their next numbers, so that the log tells what is sent."""
    for row, entry in zip(rows, taken, strict=True):
        if entry.payload != row.payload:
            conn.execute(
                update(entries)
                .where(entries.c.entry_id == entry.entry_id)
                .values(payload=entry.payload)
            )


def _entry(row: Row[Any], former: Former, *, state: EntryState, until: datetime) -> Entry:
    meta = json.loads(row.meta)
    return Entry(
        entry_id=row.entry_id,
        route=row.route,
        tenant=row.tenant,
        entity=Entity(row.entity),
        operation=Operation.CREATE if row.target_id is None else Operation.UPDATE,
        source_id=row.source_id,
        state=state,
        payload=renumbered(row.payload, meta, former),
        content_hash=row.content_hash,
        version=SourceVersion(stamp_at=row.stamp_at, read_at=row.read_at),
        mapping_version=row.mapping_version,
        run_id=row.run_id,
        meta=meta,
        target_id=row.target_id,
        parent_target_id=row.parent_target_id,
        tries=row.tries,
        lease_until_at=until,
        former_payload=row.former_payload,
        is_approved=row.approved_at is not None,
        is_voiding=row.target_id in former.begun,
        is_vouched=row.link_hash != "",
        former_ids=former.ended,
    )
