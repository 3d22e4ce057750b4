"""Two-way routes: pairs to merge again, and the fields about which a person decides."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, Row, bindparam, delete, insert, select, update

from sfxero.ledger.audit_trail import Doer, Fact, append, person
from sfxero.ledger.engine import Database, among, chunked, put
from sfxero.ledger.merge_tables import IS_OPEN, conflicts, merges_due
from sfxero.ledger.records import LIVE
from sfxero.ledger.tables import entries, one_of
from sfxero.ledger.windows import refuse_superseded
from sfxero.model.agreed import canonical
from sfxero.model.audit import AuditKind, AuditValues
from sfxero.model.ids import RouteName, RunId, SourceId, TargetId, TenantId
from sfxero.model.states import ACTIVE, Entity, EntryState

_RULE: Final = "two_way"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both sides changed; values are JSON, as `model.agreed.Pair` has them."""

    route: RouteName
    tenant: TenantId
    source_id: SourceId
    target_id: TargetId
    field: str
    agreed: Any
    salesforce: Any
    xero: Any

    @property
    def key(self) -> tuple[SourceId, str]:
        """The account and the field."""
        return self.source_id, self.field


@dataclass(frozen=True, slots=True)
class Wish:
    """The newest live entry of a record: what is wished for and not known to be there."""

    state: EntryState
    payload: str
    content_hash: str
    meta: Mapping[str, str]

    @property
    def is_under_way(self) -> bool:
        """Say whether the target may hold it already."""
        return self.state in ACTIVE


@dataclass(frozen=True, slots=True)
class StoredConflict:
    """A conflict with its age, and what a person has said of it."""

    conflict_id: int
    conflict: Conflict
    first_seen_at: datetime
    last_seen_at: datetime
    decision: str | None
    decided_at: datetime | None
    decided_by: str | None


class Merging:
    """What merges of accounts and contacts have left to a person, or to the next merge."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def due(self, tenant: TenantId) -> dict[SourceId, datetime]:
        """Return the accounts that are to be merged again, with the moment since when."""
        statement = select(merges_due).where(merges_due.c.tenant == tenant)
        with self._database.read() as conn:
            return {row.source_id: row.since_at for row in conn.execute(statement)}

    def mark_due(self, tenant: TenantId, source_ids: Iterable[SourceId]) -> None:
        """Let the next run from Xero merge these accounts, whether they change or not."""
        for chunk in chunked(source_ids):
            with self._database.write() as conn:
                mark_due(conn, self._database, tenant, chunk)

    def clear_due(
        self, run_id: RunId, tenant: TenantId, merged: Mapping[SourceId, datetime]
    ) -> None:
        """Take off what was merged, unless it has become due again since it was looked up."""
        statement = delete(merges_due).where(
            merges_due.c.tenant == tenant,
            merges_due.c.source_id == bindparam("b_source_id"),
            merges_due.c.since_at == bindparam("b_since_at"),
        )
        for chunk in chunked(merged.items()):
            with self._database.write() as conn:
                refuse_superseded(conn, run_id)
                rows = [{"b_source_id": one, "b_since_at": since} for one, since in chunk]
                conn.execute(statement, rows)

    def wished(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
    ) -> dict[SourceId, Wish]:
        """Return the newest live entry of each of the records, of those that have one."""
        found: dict[SourceId, Wish] = {}
        for chunk in chunked(source_ids):
            with self._database.read() as conn:
                found |= _wishes(conn, tenant, entity, among(conn, entries.c.source_id, chunk))
        return found

    def all_wished(self, tenant: TenantId, entity: Entity) -> dict[SourceId, Wish]:
        """Return the newest live entry of each record of the kind that has one."""
        with self._database.read() as conn:
            return _wishes(conn, tenant, entity)

    def open_of(
        self, tenant: TenantId, source_ids: Iterable[SourceId]
    ) -> dict[tuple[SourceId, str], StoredConflict]:
        """Return the open conflicts of these accounts, by account and field."""
        found: dict[tuple[SourceId, str], StoredConflict] = {}
        for chunk in chunked(source_ids):
            with self._database.read() as conn:
                rows = _open(conn, conflicts.c.tenant == tenant, source_ids=chunk)
            found |= {one.conflict.key: one for one in map(_stored, rows)}
        return found

    def listing(self, route: RouteName | None) -> list[StoredConflict]:
        """Return all open conflicts, the oldest first."""
        only = () if route is None else (conflicts.c.route == route,)
        with self._database.read() as conn:
            return [_stored(row) for row in _open(conn, *only)]

    def ask(self, run_id: RunId, found: Iterable[Conflict]) -> None:
        """Store conflicts; one of other values than before is another, with an id of its own.

        So a decision can only be of what the person was shown.
        """
        for chunk in chunked(found):
            with self._database.write() as conn:
                refuse_superseded(conn, run_id)
                known = self._known(conn, chunk)
                now = self._database.clock.now()
                seen = {"last_seen_at": now, "last_run_id": run_id}
                same, gone, new = [], [], []
                for one in chunk:
                    told = {**_about(one), **_values(one)}
                    before = known.get(one.key)
                    if before is not None and told.items() <= dict(before._mapping).items():  # noqa: SLF001 - SQLAlchemy's public name
                        same.append(before.conflict_id)
                        continue
                    if before is not None:
                        gone.append(before.conflict_id)
                    since = now if before is None else before.first_seen_at
                    new.append({**told, **seen, "first_seen_at": since})
                ended = {**seen, "closed_at": now, "closed_run_id": run_id}
                for ids, values in ((same, seen), (gone, ended)):
                    mine = among(conn, conflicts.c.conflict_id, ids)
                    conn.execute(update(conflicts).where(mine).values(values))
                if new:
                    conn.execute(insert(conflicts), new)

    def close(self, run_id: RunId, conflict_ids: Iterable[int]) -> None:
        """Close conflicts that are none any more."""
        for chunk in chunked(conflict_ids):
            statement = (
                update(conflicts)
                .where(conflicts.c.conflict_id.in_(chunk), IS_OPEN)
                .values(closed_at=self._database.clock.now(), closed_run_id=run_id)
            )
            with self._database.write() as conn:
                refuse_superseded(conn, run_id)
                conn.execute(statement)

    def end(
        self,
        run_id: RunId,
        route: RouteName,
        *,
        reason: str,
        accounts: Collection[SourceId] | None = None,
    ) -> list[StoredConflict]:
        """Close conflicts of what is merged no more, and return them; the log tells it.

        All of the route, or those of some accounts.
        """
        if accounts is not None and not accounts:
            return []
        with self._database.write() as conn:
            refuse_superseded(conn, run_id)
            rows = _open(conn, conflicts.c.route == route, source_ids=accounts)
            mine = among(conn, conflicts.c.conflict_id, [row.conflict_id for row in rows])
            ended = {"closed_at": self._database.clock.now(), "closed_run_id": run_id}
            conn.execute(update(conflicts).where(mine, IS_OPEN).values(ended))
            doer = person(conn, None, run_id)
            append(conn, self._database, [_ended(row, doer, reason) for row in rows])
        return [_stored(row) for row in rows]

    def decide(self, conflict_ids: Sequence[int], side: str, *, actor: str) -> int:
        """Let one side's values count; returns how many conflicts were open. The next merge acts.

        A decision is of the values that the conflict shows: others ask anew.
        """
        now = self._database.clock.now()
        with self._database.write() as conn:
            asked = (IS_OPEN, conflicts.c.conflict_id.in_(conflict_ids))
            rows = conn.execute(select(conflicts).where(*asked).with_for_update()).all()
            mine = conflicts.c.conflict_id.in_([row.conflict_id for row in rows])
            decided = {"decision": side, "decided_at": now, "decided_by": actor}
            conn.execute(update(conflicts).where(mine).values(decided))
            for row in rows:
                mark_due(conn, self._database, row.tenant, [row.source_id])
            append(conn, self._database, [_decided(row, side, actor) for row in rows])
        return len(rows)

    def _known(
        self, conn: Connection, found: Sequence[Conflict]
    ) -> dict[tuple[SourceId, str], Row[Any]]:
        tenants = {one.tenant for one in found}
        rows = _open(
            conn, conflicts.c.tenant.in_(tenants), source_ids=[one.source_id for one in found]
        )
        return {(row.source_id, row.field): row for row in rows}


def mark_due(
    conn: Connection, database: Database, tenant: TenantId, source_ids: Iterable[SourceId]
) -> None:
    """Let accounts be merged again, within a transaction."""
    now = database.clock.now()
    rows = [{"tenant": tenant, "source_id": one, "since_at": now} for one in sorted(source_ids)]
    put(conn, merges_due, rows, update=("since_at",))


def _wishes(
    conn: Connection, tenant: TenantId, entity: Entity, *conditions: ColumnElement[bool]
) -> dict[SourceId, Wish]:
    columns = ("source_id", "state", "payload", "content_hash", "meta")
    statement = (
        select(*(entries.c[name] for name in columns))
        .where(
            entries.c.tenant == tenant,
            entries.c.entity == entity,
            one_of(entries.c.state, LIVE),
            *conditions,
        )
        # Not by the bare id: for that order the whole table would be gone through.
        .order_by(entries.c.entry_id + 0)
    )
    return {
        SourceId(row.source_id): Wish(
            EntryState(row.state), row.payload, row.content_hash, orjson.loads(row.meta)
        )
        for row in conn.execute(statement)
    }


def _open(
    conn: Connection, *conditions: Any, source_ids: Collection[SourceId] | None = None
) -> Sequence[Row[Any]]:
    only = () if source_ids is None else (among(conn, conflicts.c.source_id, source_ids),)
    statement = (
        select(conflicts).where(IS_OPEN, *conditions, *only).order_by(conflicts.c.conflict_id)
    )
    return conn.execute(statement).all()


def _about(one: Conflict) -> dict[str, str]:
    return {
        name: getattr(one, name) for name in ("route", "tenant", "source_id", "target_id", "field")
    }


def _values(one: Conflict) -> dict[str, str]:
    """Write the values as canonical JSON, in which equal ones have the same text."""
    return {name: canonical(getattr(one, name)) for name in ("agreed", "salesforce", "xero")}


def _stored(row: Row[Any]) -> StoredConflict:
    values = {name: orjson.loads(row._mapping[name]) for name in ("agreed", "salesforce", "xero")}  # noqa: SLF001 - SQLAlchemy's public name
    return StoredConflict(
        conflict_id=row.conflict_id,
        conflict=Conflict(row.route, row.tenant, row.source_id, row.target_id, row.field, **values),
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        decision=row.decision,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )


def _decided(row: Row[Any], side: str, actor: str) -> Fact:
    loser = "xero" if side == "salesforce" else "salesforce"
    values = AuditValues(
        before=row._mapping[loser],  # noqa: SLF001 - SQLAlchemy's public name
        after=row._mapping[side],  # noqa: SLF001 - as above
        note=f"{row.field}: {side} counts, not {loser}",
    )
    return Fact(row.route, AuditKind.DECIDED, Doer(actor=actor), values, _subject(row))


def _ended(row: Row[Any], doer: Doer, reason: str) -> Fact:
    values = AuditValues(before=row.xero, after=row.salesforce, note=f"{row.field}: {reason}")
    return Fact(row.route, AuditKind.CLOSED, doer, values, _subject(row))


def _subject(row: Row[Any]) -> dict[str, object]:
    return {
        "tenant": row.tenant,
        "entity": Entity.CONTACT,
        "source_id": row.source_id,
        "target_id": row.target_id,
        "rule": _RULE,
    }
