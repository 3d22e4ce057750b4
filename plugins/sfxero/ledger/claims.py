"""Claims: takes due entries for publishing under leases, and stores each attempt before it."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from sfxero.errors import LedgerError
from sfxero.ledger.engine import Database
from sfxero.ledger.planning import refresh_link
from sfxero.ledger.records import set_state
from sfxero.ledger.tables import DUE, attempt_entries, attempts, entries, links, one_of
from sfxero.model.ids import TenantId
from sfxero.model.outbox import Attempt, Entry, SourceVersion
from sfxero.model.states import ACTIVE, Entity, EntryState, Operation

_CLAIMED: Final = frozenset({EntryState.CLAIMED})
_IN_DOUBT: Final = frozenset({EntryState.IN_DOUBT})

_parent = links.alias("parent")
_active = entries.alias("active_entry")


class Claims:
    """The part of the outbox that takes work and keeps it."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def has_due(self, tenant: TenantId, entity: Entity, *, now: datetime) -> bool:
        """Say whether a claim could find anything at `now`."""
        due = _due(tenant, entity, now).limit(1)
        with self._database.read() as conn:
            return conn.execute(due).first() is not None

    def claim(
        self,
        tenant: TenantId,
        entity: Entity,
        *,
        owner: str,
        limit: int,
        lease_s: float,
        operation: Operation | None = None,
    ) -> list[Entry]:
        """Take up to `limit` due entries of one operation, that of the oldest unless given.

        An entry whose values the target holds already is settled on the way, without a call.
        """
        now = self._database.clock.now()
        until = now + timedelta(seconds=lease_s)
        with self._database.write() as conn:
            for wanted in _operations(conn, _due(tenant, entity, now), operation):
                due = _due(tenant, entity, now).where(_does(wanted)).limit(limit)
                due = due.with_for_update(of=entries, skip_locked=True, key_share=True)
                while rows := conn.execute(due).all():
                    chosen = self._settle_in_place(conn, rows)
                    if chosen:
                        self._take(conn, chosen, owner=owner, until=until)
                        return [
                            _entry(row, state=EntryState.CLAIMED, until=until) for row in chosen
                        ]
        return []

    def expire_leases(self, tenant: TenantId) -> int:
        """Put entries in doubt whose worker let the lease run out: it may have sent them."""
        now = self._database.clock.now()
        lapsed = (
            update(entries)
            .where(
                entries.c.tenant == tenant,
                one_of(entries.c.state, _CLAIMED),
                entries.c.lease_until_at <= now,
            )
            .values(state=EntryState.IN_DOUBT, owner=None, lease_until_at=None, changed_at=now)
        )
        with self._database.write() as conn:
            return conn.execute(lapsed).rowcount

    def claim_in_doubt(
        self, tenant: TenantId, *, owner: str, limit: int, lease_s: float
    ) -> list[Entry]:
        """Take entries whose outcome is unknown and that nobody is looking up."""
        now = self._database.clock.now()
        until = now + timedelta(seconds=lease_s)
        free = or_(entries.c.lease_until_at.is_(None), entries.c.lease_until_at <= now)
        doubtful = (
            _with_targets()
            .where(entries.c.tenant == tenant, one_of(entries.c.state, _IN_DOUBT), free)
            .order_by(entries.c.entry_id)
            .limit(limit)
            .with_for_update(of=entries, skip_locked=True, key_share=True)
        )
        with self._database.write() as conn:
            rows = conn.execute(doubtful).all()
            conn.execute(
                update(entries)
                .where(entries.c.entry_id.in_([row.entry_id for row in rows]))
                .values(owner=owner, lease_until_at=until)
            )
        return [_entry(row, state=EntryState.IN_DOUBT, until=until) for row in rows]

    def renew(self, entry_ids: Sequence[int], *, owner: str, lease_s: float) -> bool:
        """Prolong leases; False if any of the entries is no longer the owner's."""
        now = self._database.clock.now()
        statement = (
            update(entries)
            .where(entries.c.entry_id.in_(entry_ids), _leased_to(owner, now))
            .values(lease_until_at=now + timedelta(seconds=lease_s))
        )
        with self._database.write() as conn:
            return conn.execute(statement).rowcount == len(set(entry_ids))

    def store_attempt(
        self,
        entry_ids: Sequence[int],
        *,
        owner: str,
        operation: Operation,
        body_hash: str,
        idempotency_key: str,
        deadline_at: datetime,
    ) -> int:
        """Store a request before it is sent; LedgerError if a lease is lost: then send nothing."""
        now = self._database.clock.now()
        counted = (
            update(entries)
            .where(entries.c.entry_id.in_(entry_ids), _leased_to(owner, now))
            .values(tries=entries.c.tries + 1)
        )
        attempt = {
            "operation": operation,
            "body_hash": body_hash,
            "idempotency_key": idempotency_key,
            "owner": owner,
            "sent_at": now,
            "deadline_at": deadline_at,
        }
        with self._database.write() as conn:
            if conn.execute(counted).rowcount != len(set(entry_ids)):
                raise LedgerError(f"{owner} has lost the lease of an entry it wants to send")
            stored = conn.execute(insert(attempts).values(attempt).returning(attempts.c.attempt_id))
            attempt_id = int(stored.scalar_one())
            conn.execute(
                insert(attempt_entries),
                [
                    {"attempt_id": attempt_id, "position": position, "entry_id": entry_id}
                    for position, entry_id in enumerate(entry_ids)
                ],
            )
        return attempt_id

    def last_attempt(self, entry_id: int) -> Attempt | None:
        """Return the newest attempt that carried the entry, with all that it carried, in order."""
        newest = (
            select(func.max(attempt_entries.c.attempt_id))
            .where(attempt_entries.c.entry_id == entry_id)
            .scalar_subquery()
        )
        statement = (
            select(attempts, attempt_entries.c.entry_id)
            .join(attempt_entries, attempt_entries.c.attempt_id == attempts.c.attempt_id)
            .where(attempts.c.attempt_id == newest)
            .order_by(attempt_entries.c.position)
        )
        with self._database.read() as conn:
            rows = conn.execute(statement).all()
        if not rows:
            return None
        first = rows[0]
        return Attempt(
            attempt_id=first.attempt_id,
            entry_ids=tuple(row.entry_id for row in rows),
            operation=Operation(first.operation),
            body_hash=first.body_hash,
            idempotency_key=first.idempotency_key,
            sent_at=first.sent_at,
            deadline_at=first.deadline_at,
        )

    def finish_attempt(self, attempt_id: int, *, outcome: str, status: int | None) -> None:
        """Store how a request ended."""
        statement = (
            update(attempts)
            .where(attempts.c.attempt_id == attempt_id)
            .values(outcome=outcome, status=status, finished_at=self._database.clock.now())
        )
        with self._database.write() as conn:
            if conn.execute(statement).rowcount != 1:
                raise LedgerError(f"there is no attempt {attempt_id}")

    def _settle_in_place(self, conn: Connection, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
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


def _leased_to(owner: str, now: datetime) -> ColumnElement[bool]:
    """A worker that wakes after its lease has lost it, even if nobody took over yet."""
    return and_(
        one_of(entries.c.state, ACTIVE),
        entries.c.owner == owner,
        entries.c.lease_until_at > now,
    )


def _with_targets() -> Select[Any]:
    """Entries with their own link's target and their parent's."""
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
    return select(
        entries,
        links.c.target_id,
        links.c.content_hash.label("link_hash"),
        links.c.source_snapshot.label("former_payload"),
        _parent.c.target_id.label("parent_target_id"),
    ).select_from(entries.outerjoin(links, own).outerjoin(_parent, of_parent))


def _due(tenant: TenantId, entity: Entity, now: datetime) -> Select[Any]:
    """Entries that may go now, oldest first: no sibling under way, the parent there."""
    sibling = exists().where(
        _active.c.tenant == entries.c.tenant,
        _active.c.entity == entries.c.entity,
        _active.c.source_id == entries.c.source_id,
        one_of(_active.c.state, ACTIVE),
    )
    return (
        _with_targets()
        .where(
            entries.c.tenant == tenant,
            entries.c.entity == entity,
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


def _operations(
    conn: Connection, due: Select[Any], given: Operation | None
) -> tuple[Operation, ...]:
    """The operations to try in order: that of the oldest, then, if others hold those, the other."""
    if given is not None:
        return (given,)
    oldest = conn.execute(due.limit(1)).first()
    if oldest is None:
        return ()
    if oldest.target_id is None:
        return (Operation.CREATE, Operation.UPDATE)
    return (Operation.UPDATE, Operation.CREATE)


def _entry(row: Row[Any], *, state: EntryState, until: datetime) -> Entry:
    return Entry(
        entry_id=row.entry_id,
        route=row.route,
        tenant=row.tenant,
        entity=Entity(row.entity),
        operation=Operation.CREATE if row.target_id is None else Operation.UPDATE,
        source_id=row.source_id,
        state=state,
        payload=row.payload,
        content_hash=row.content_hash,
        version=SourceVersion(stamp_at=row.stamp_at, read_at=row.read_at),
        mapping_version=row.mapping_version,
        run_id=row.run_id,
        meta=json.loads(row.meta),
        target_id=row.target_id,
        parent_target_id=row.parent_target_id,
        tries=row.tries,
        lease_until_at=until,
        former_payload=row.former_payload,
    )
