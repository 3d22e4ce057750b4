"""Planning: compares what is wished with what is intended already, and stores the difference."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from sfxero.ledger.engine import CHUNK, Database, chunked
from sfxero.ledger.records import LiveRecord, RecordKey, lock_records, move
from sfxero.ledger.tables import entries, links, one_of
from sfxero.model.ids import RunId, SourceId, TenantId
from sfxero.model.outbox import Planned, PlannedEntry, PlanOutcome, SourceVersion
from sfxero.model.states import WAITING, Entity, EntryState


@dataclass(frozen=True, slots=True)
class Intended:
    """Values that the target holds or is meant to hold: of an entry, or of the link."""

    content_hash: str
    version: SourceVersion
    mapping_version: str
    entry_id: int | None = None
    state: EntryState | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What planning does about one record; `standing` is what stands for it if nothing is added."""

    outcome: PlanOutcome
    standing: Intended | None = None
    supersedes: bool = False
    refreshes: bool = False


def decide(new: PlannedEntry, record: LiveRecord, link: Intended | None) -> Decision:
    """Compare a wish with the newest intended version: waiting, else active, dead, or the link."""
    waiting = _intended(record.waiting)
    active = _intended(record.active)
    dead = _intended(record.dead)
    newest = waiting or active or dead or link
    if newest is None:
        return Decision(PlanOutcome.ADDED)
    if newest.content_hash == new.content_hash and not _deserves_another_try(new, newest):
        return _unchanged(new, newest)
    if new.version < newest.version:
        return Decision(PlanOutcome.STALE, standing=newest)
    held = active or link
    if held is not None and held is not newest and held.content_hash == new.content_hash:
        return _unchanged(new, held, supersedes=True)
    return Decision(PlanOutcome.ADDED, supersedes=True)


def _deserves_another_try(new: PlannedEntry, newest: Intended) -> bool:
    """A dead letter stays one until it is replayed, or its record or the mapping changes."""
    return newest.state is EntryState.DEAD and newest.mapping_version != new.mapping_version


def _unchanged(new: PlannedEntry, standing: Intended, *, supersedes: bool = False) -> Decision:
    return Decision(
        PlanOutcome.UNCHANGED,
        standing=standing,
        supersedes=supersedes,
        refreshes=new.version > standing.version,
    )


def _intended(entry: Any) -> Intended | None:
    if entry is None:
        return None
    return Intended(
        content_hash=entry.content_hash,
        version=entry.version,
        mapping_version=entry.mapping_version,
        entry_id=entry.entry_id,
        state=entry.state,
    )


class Planning:
    """The part of the outbox that prepare uses."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def plan(self, run_id: RunId, planned: Iterable[PlannedEntry]) -> Iterator[Planned]:
        """Store what is wished and not intended yet; answer each wish, in order."""
        for chunk in _distinct(planned):
            yield from self._plan_chunk(run_id, chunk)

    def withdraw(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId], *, reason: str
    ) -> int:
        """Supersede the waiting entries of records that shall not be sent any more."""
        count = 0
        for chunk in chunked(source_ids):
            with self._database.write() as conn:
                records = lock_records(conn, tenant, entity, chunk).values()
                waiting = [record.waiting for record in records if record.waiting is not None]
                count += move(conn, self._database, waiting, EntryState.SUPERSEDED, reason=reason)
        return count

    def _plan_chunk(self, run_id: RunId, chunk: dict[RecordKey, PlannedEntry]) -> list[Planned]:
        groups: dict[tuple[TenantId, Entity], list[SourceId]] = {}
        for key in chunk:
            groups.setdefault((key.tenant, key.entity), []).append(key.source_id)
        with self._database.write() as conn:
            records: dict[RecordKey, LiveRecord] = {}
            decisions: dict[RecordKey, Decision] = {}
            for (tenant, entity), source_ids in sorted(groups.items()):
                _one_planner_at_a_time(conn, tenant, entity)
                records |= lock_records(conn, tenant, entity, source_ids)
                # Only now: a settlement that the lock waited for has written its link.
                held = _links(conn, tenant, entity, source_ids)
                for source_id in source_ids:
                    key = RecordKey(tenant, entity, source_id)
                    decisions[key] = decide(chunk[key], records[key], held.get(source_id))
            self._supersede(conn, records, decisions)
            _refresh_versions(conn, chunk, decisions)
            added = self._insert(conn, run_id, chunk, decisions)
        return [_answer(key, decisions[key], added) for key in chunk]

    def _supersede(
        self,
        conn: Connection,
        records: dict[RecordKey, LiveRecord],
        decisions: dict[RecordKey, Decision],
    ) -> None:
        gone = [
            entry
            for key, decision in decisions.items()
            if decision.supersedes
            for entry in (records[key].waiting, records[key].dead)
            if entry is not None
        ]
        move(conn, self._database, gone, EntryState.SUPERSEDED)

    def _insert(
        self,
        conn: Connection,
        run_id: RunId,
        chunk: dict[RecordKey, PlannedEntry],
        decisions: dict[RecordKey, Decision],
    ) -> dict[RecordKey, int]:
        now = self._database.clock.now()
        fresh = [chunk[key] for key, made in decisions.items() if made.outcome is PlanOutcome.ADDED]
        if not fresh:
            return {}
        rows = [
            {**_columns(new), "run_id": run_id, "planned_at": now, "changed_at": now}
            for new in fresh
        ]
        conn.execute(insert(entries), rows)
        return _waiting_ids(conn, fresh)


def _distinct(planned: Iterable[PlannedEntry]) -> Iterator[dict[RecordKey, PlannedEntry]]:
    """Cut into chunks in which each record comes once, so that a later wish sees the earlier."""
    chunk: dict[RecordKey, PlannedEntry] = {}
    for new in planned:
        key = RecordKey(new.tenant, new.entity, new.source_id)
        if key in chunk or len(chunk) == CHUNK:
            yield chunk
            chunk = {}
        chunk[key] = new
    if chunk:
        yield chunk


def _one_planner_at_a_time(conn: Connection, tenant: TenantId, entity: Entity) -> None:
    """Keep two planners from adding the same new record; SQLite's write lock does so already."""
    if conn.dialect.name == "postgresql":
        key = func.hashtextextended(f"sfxero plan {tenant} {entity}", 0)
        conn.execute(select(func.pg_advisory_xact_lock(key)))


def _links(
    conn: Connection, tenant: TenantId, entity: Entity, source_ids: Sequence[SourceId]
) -> dict[SourceId, Intended]:
    statement = select(
        links.c.source_id,
        links.c.content_hash,
        links.c.stamp_at,
        links.c.read_at,
        links.c.mapping_version,
    ).where(links.c.tenant == tenant, links.c.entity == entity, links.c.source_id.in_(source_ids))
    return {
        row.source_id: Intended(
            content_hash=row.content_hash,
            version=SourceVersion(stamp_at=row.stamp_at, read_at=row.read_at),
            mapping_version=row.mapping_version,
        )
        for row in conn.execute(statement)
    }


def _refresh_versions(
    conn: Connection,
    chunk: dict[RecordKey, PlannedEntry],
    decisions: dict[RecordKey, Decision],
) -> None:
    """Say that unchanged values are as new as this reading, so that an older one is stale."""
    of_entries: list[dict[str, Any]] = []
    of_links: list[dict[str, Any]] = []
    for key, decision in decisions.items():
        if not decision.refreshes or decision.standing is None:
            continue
        newer = {
            "stamp_at": chunk[key].version.stamp_at,
            "read_at": chunk[key].version.read_at,
            "mapping_version": chunk[key].mapping_version,
        }
        if decision.standing.entry_id is not None:
            of_entries.append({**newer, "b_entry_id": decision.standing.entry_id})
        else:
            names = zip(("b_tenant", "b_entity", "b_source_id"), key, strict=True)
            of_links.append({**newer, **dict(names)})
    refresh_entry = update(entries).where(entries.c.entry_id == bindparam("b_entry_id"))
    for statement, rows in ((refresh_entry, of_entries), (refresh_link(), of_links)):
        if rows:
            conn.execute(statement, rows)


def refresh_link() -> Any:
    """Return the update that sets columns of the link named by the parameters `b_…`."""
    return update(links).where(
        links.c.tenant == bindparam("b_tenant"),
        links.c.entity == bindparam("b_entity"),
        links.c.source_id == bindparam("b_source_id"),
    )


def _columns(new: PlannedEntry) -> dict[str, Any]:
    return {
        "route": new.route,
        "tenant": new.tenant,
        "entity": new.entity,
        "source_id": new.source_id,
        "state": EntryState.PENDING,
        "payload": new.payload,
        "content_hash": new.content_hash,
        "stamp_at": new.version.stamp_at,
        "read_at": new.version.read_at,
        "mapping_version": new.mapping_version,
        "parent_entity": new.parent_entity,
        "parent_source_id": new.parent_source_id,
        "meta": json.dumps(dict(new.meta), sort_keys=True),
        "tries": 0,
    }


def _waiting_ids(conn: Connection, fresh: Sequence[PlannedEntry]) -> dict[RecordKey, int]:
    """Read the new ids back: an insert that returns them sends rows as one huge statement."""
    statement = select(
        entries.c.entry_id, entries.c.tenant, entries.c.entity, entries.c.source_id
    ).where(
        entries.c.tenant.in_({new.tenant for new in fresh}),
        entries.c.entity.in_({new.entity for new in fresh}),
        entries.c.source_id.in_([new.source_id for new in fresh]),
        one_of(entries.c.state, WAITING),
    )
    return {
        RecordKey(row.tenant, Entity(row.entity), row.source_id): row.entry_id
        for row in conn.execute(statement)
    }


def _answer(key: RecordKey, decision: Decision, added: dict[RecordKey, int]) -> Planned:
    standing = decision.standing
    if decision.outcome is PlanOutcome.ADDED:
        return Planned(key.source_id, decision.outcome, added[key], EntryState.PENDING)
    if standing is None:
        return Planned(key.source_id, decision.outcome, None, None)
    return Planned(key.source_id, decision.outcome, standing.entry_id, standing.state)
