"""Planning: compares what is wished with what is intended already, and stores the difference."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import repeat
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import Connection, bindparam, func, select, update

from sfxero.ledger.engine import CHUNK, Database, among, chunked, load
from sfxero.ledger.records import LiveEntry, LiveRecord, RecordKey, lock_records, move
from sfxero.ledger.tables import entries, links
from sfxero.ledger.windows import refuse_superseded
from sfxero.model.ids import RunId, SourceId, TenantId
from sfxero.model.outbox import APPROVAL, Planned, PlannedEntry, PlanOutcome, SourceVersion
from sfxero.model.states import WAITING, Entity, EntryState

_META: Final = json.JSONEncoder(sort_keys=True)
_LONG: Final = timedelta(milliseconds=100)
"""Half of what a transaction may take."""
_FEWEST: Final = 50
_Groups: TypeAlias = dict[tuple[TenantId, Entity], list[SourceId]]


@dataclass(frozen=True, slots=True)
class Linked:
    """Values that the target holds, by the link's word; no entry stands for them."""

    content_hash: str
    version: SourceVersion
    mapping_version: str
    entry_id: None = None
    state: None = None
    is_discarded: Literal[False] = False
    is_migration: Literal[False] = False
    is_withdrawn: Literal[False] = False


Intended: TypeAlias = LiveEntry | Linked
"""Values that the target holds or is meant to hold."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What planning does about one record; `standing` is what stands for it if nothing is added."""

    outcome: PlanOutcome
    standing: Intended | None = None
    supersedes: bool = False
    refreshes: bool = False


_NEW: Final = Decision(PlanOutcome.ADDED)
_NOTHING: Final = LiveRecord()


def decide(new: PlannedEntry, record: LiveRecord, link: Linked | None) -> Decision:
    """Compare a wish with the newest intended version: waiting, else active, dead, or the link."""
    newest = record.waiting or record.active or record.dead or link
    if newest is None:
        return _NEW
    if newest.is_withdrawn and new.version <= newest.version:
        return Decision(PlanOutcome.STALE, standing=newest)
    if newest.content_hash == new.content_hash and not _deserves_another_try(new, newest):
        return _same_values(new, newest, record.waiting)
    if new.version < newest.version:
        return Decision(PlanOutcome.STALE, standing=newest)
    held = record.active or link
    if held is not None and held is not newest and held.content_hash == new.content_hash:
        return _unchanged(new, held, supersedes=True)
    return Decision(PlanOutcome.ADDED, supersedes=True)


def _same_values(new: PlannedEntry, newest: Intended, waiting: LiveEntry | None) -> Decision:
    if waiting is not None and _is_asked_otherwise(new, waiting):
        return Decision(PlanOutcome.ADDED, supersedes=True)
    return _unchanged(new, newest)


def _is_asked_otherwise(new: PlannedEntry, waiting: LiveEntry) -> bool:
    """Say whether the same values need a person's word now and did not before, or the reverse.

    An older reading says nothing about that, and what a person has approved stays approved.
    """
    is_awaiting = waiting.state is EntryState.AWAITING_APPROVAL
    is_held = APPROVAL in new.meta and not waiting.is_approved
    return new.version >= waiting.version and is_held != is_awaiting


def _deserves_another_try(new: PlannedEntry, newest: Intended) -> bool:
    """A dead letter stays one until it is replayed, or its record or the mapping changes.

    What a person has discarded stays so under any mapping that wishes for the same values.
    """
    is_open = newest.state is EntryState.DEAD and not newest.is_discarded
    return is_open and newest.mapping_version != new.mapping_version


def _unchanged(new: PlannedEntry, standing: Intended, *, supersedes: bool = False) -> Decision:
    return Decision(
        PlanOutcome.UNCHANGED,
        standing=standing,
        supersedes=supersedes,
        refreshes=new.version > standing.version,
    )


class Planning:
    """The part of the outbox that prepare uses."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def plan(self, run_id: RunId, planned: Iterable[PlannedEntry]) -> Iterator[Planned]:
        """Store what is wished and not intended yet; answer each wish, in order."""
        pace = _Pace()
        for chunk in _distinct(planned, pace):
            yield from self._plan_chunk(run_id, chunk, pace)

    def withdraw(
        self,
        run_id: RunId,
        tenant: TenantId,
        entity: Entity,
        source_ids: Iterable[SourceId],
        *,
        read_at: datetime,
        reason: str,
    ) -> int:
        """Supersede the waiting entries of records that, as the run has read, shall not be sent.

        What is under way may have gone already; if not, it does not go again, and nor does a dead
        letter that somebody replays. What others have read after `read_at` is newer than what the
        run knows, and stays.
        """
        count = 0
        for chunk in chunked(source_ids):
            with self._database.write() as conn:
                refuse_superseded(conn, run_id)
                records = lock_records(conn, tenant, entity, chunk).values()
                known = [
                    entry
                    for record in records
                    for entry in (record.waiting, record.active, record.dead)
                    if entry is not None and entry.version.read_at <= read_at
                    if not entry.is_withdrawn
                ]
                waiting = [entry for entry in known if entry.state in WAITING]
                count += move(conn, self._database, waiting, EntryState.SUPERSEDED, reason=reason)
                others = (entry.entry_id for entry in known if entry.state not in WAITING)
                conn.execute(
                    update(entries)
                    .where(among(conn, entries.c.entry_id, others))
                    .values(withdrawn_at=self._database.clock.now(), reason=reason)
                )
        return count

    def _plan_chunk(
        self, run_id: RunId, chunk: dict[RecordKey, PlannedEntry], pace: "_Pace"
    ) -> list[Planned]:
        groups = _groups(chunk)
        with self._database.write() as conn:
            one_planner_at_a_time(conn, groups)
            refuse_superseded(conn, run_id)
            began_at = self._database.clock.now()  # waiting for others keeps nobody waiting
            records, decisions = _decide_all(conn, chunk, groups)
            self._supersede(conn, records, decisions)
            _refresh_versions(conn, chunk, decisions)
            wanted = [
                _by_its_budget(chunk[key], records.get(key, _NOTHING))
                for key, made in decisions.items()
                if made.outcome is PlanOutcome.ADDED
            ]
            added = self._insert(conn, run_id, wanted)
        pace.note(self._database.clock.now() - began_at)
        return [_answer(chunk[key], made, added.get(key)) for key, made in decisions.items()]

    def _supersede(
        self,
        conn: Connection,
        records: dict[RecordKey, LiveRecord],
        decisions: dict[RecordKey, Decision],
    ) -> None:
        gone = [
            entry
            for key, record in records.items()
            if decisions[key].supersedes
            for entry in (record.waiting, record.dead)
            if entry is not None
        ]
        move(conn, self._database, gone, EntryState.SUPERSEDED)

    def _insert(
        self,
        conn: Connection,
        run_id: RunId,
        wanted: Sequence[PlannedEntry],
    ) -> dict[RecordKey, int]:
        if not wanted:
            return {}
        now = repeat(self._database.clock.now())
        columns = {
            **_columns(wanted),
            "run_id": repeat(run_id),
            "planned_at": now,
            "changed_at": now,
        }
        keys = [RecordKey(new.tenant, new.entity, new.source_id) for new in wanted]
        return dict(zip(keys, load(conn, entries, columns), strict=True))


class _Pace:
    """How many records a transaction takes: fewer where, or while, they take long."""

    def __init__(self) -> None:
        self.size = CHUNK

    def note(self, taken: timedelta) -> None:
        """Draw the lesson from a transaction."""
        if taken > _LONG:
            self.size = max(self.size // 2, _FEWEST)
        elif taken < _LONG / 2:
            self.size = min(self.size * 2, CHUNK)


def _distinct(
    planned: Iterable[PlannedEntry], pace: _Pace
) -> Iterator[dict[RecordKey, PlannedEntry]]:
    """Cut into chunks in which each record comes once, so that a later wish sees the earlier."""
    chunk: dict[RecordKey, PlannedEntry] = {}
    for new in planned:
        key = RecordKey(new.tenant, new.entity, new.source_id)
        if key in chunk or len(chunk) >= pace.size:
            yield chunk
            chunk = {}
        chunk[key] = new
    if chunk:
        yield chunk


def _groups(chunk: Iterable[RecordKey]) -> _Groups:
    """The records by tenant and entity, always in the same order, against deadlocks."""
    groups: _Groups = {}
    for key in chunk:
        groups.setdefault((key.tenant, key.entity), []).append(key.source_id)
    return dict(sorted(groups.items()))


def one_planner_at_a_time(conn: Connection, groups: Iterable[tuple[TenantId, Entity]]) -> None:
    """Keep two planners from adding the same new record; SQLite's write lock does so already."""
    if conn.dialect.name == "postgresql":
        for tenant, entity in groups:
            key = func.hashtextextended(f"sfxero plan {tenant} {entity}", 0)
            conn.execute(select(func.pg_advisory_xact_lock(key)))


def _by_its_budget(new: PlannedEntry, record: LiveRecord) -> PlannedEntry:
    """A migration that replaces what a sync wished for must not make it wait any longer."""
    if new.is_migration and record.waiting is not None and not record.waiting.is_migration:
        return replace(new, is_migration=False)
    return new


def _decide_all(
    conn: Connection, chunk: dict[RecordKey, PlannedEntry], groups: _Groups
) -> tuple[dict[RecordKey, LiveRecord], dict[RecordKey, Decision]]:
    """Lock what there is of the chunk's records, and decide about each, in order."""
    records: dict[RecordKey, LiveRecord] = {}
    linked: dict[RecordKey, Linked] = {}
    for (tenant, entity), source_ids in groups.items():
        records |= lock_records(conn, tenant, entity, source_ids)
        # Only now: a settlement that the lock waited for has written its link.
        linked |= _links(conn, tenant, entity, source_ids)
    decisions = {
        key: decide(new, records.get(key, _NOTHING), linked.get(key)) for key, new in chunk.items()
    }
    return records, decisions


def _links(
    conn: Connection, tenant: TenantId, entity: Entity, source_ids: Sequence[SourceId]
) -> dict[RecordKey, Linked]:
    statement = select(
        links.c.source_id,
        links.c.content_hash,
        links.c.stamp_at,
        links.c.read_at,
        links.c.mapping_version,
    ).where(
        links.c.tenant == tenant,
        links.c.entity == entity,
        among(conn, links.c.source_id, source_ids),
    )
    return {
        RecordKey(tenant, entity, row.source_id): Linked(
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
            wanted_again = {"withdrawn_at": None, "b_entry_id": decision.standing.entry_id}
            is_migration = chunk[key].is_migration and decision.standing.is_migration
            of_entries.append({**newer, **wanted_again, "is_migration": is_migration})
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


def _columns(added: Sequence[PlannedEntry]) -> dict[str, Iterable[Any]]:
    return {
        "route": [new.route for new in added],
        "tenant": [new.tenant for new in added],
        "entity": [new.entity.value for new in added],
        "source_id": [new.source_id for new in added],
        "state": [_first_state(new).value for new in added],
        "payload": [new.payload for new in added],
        "content_hash": [new.content_hash for new in added],
        "stamp_at": [new.version.stamp_at for new in added],
        "read_at": [new.version.read_at for new in added],
        "mapping_version": [new.mapping_version for new in added],
        "parent_entity": [new.parent_entity and new.parent_entity.value for new in added],
        "parent_source_id": [new.parent_source_id for new in added],
        "meta": [_META.encode(dict(new.meta)) for new in added],
        "tries": repeat(0),
        "is_migration": [new.is_migration for new in added],
    }


def _first_state(new: PlannedEntry) -> EntryState:
    return EntryState.AWAITING_APPROVAL if APPROVAL in new.meta else EntryState.PENDING


def _answer(new: PlannedEntry, decision: Decision, entry_id: int | None) -> Planned:
    standing = decision.standing
    if standing is None:
        return Planned(new.source_id, PlanOutcome.ADDED, entry_id, _first_state(new))
    return Planned(new.source_id, decision.outcome, standing.entry_id, standing.state)
