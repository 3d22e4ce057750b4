"""What the outbox holds of one record, read and locked together; and the moves of its entries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, select, tuple_, update

from sfxero.ledger.engine import Database, among
from sfxero.ledger.tables import DEAD, entries, one_of
from sfxero.model.ids import SourceId, TenantId
from sfxero.model.outbox import NOT_APPROVED, SourceVersion
from sfxero.model.states import (
    ACTIVE,
    ENTRY_TRANSITIONS,
    WAITING,
    Entity,
    EntryState,
    check_transition,
)

LIVE: Final = WAITING | ACTIVE | DEAD
"""States of entries that can still move."""

_NO_LEASE: Final = {"owner": None, "lease_until_at": None}


class RecordKey(NamedTuple):
    """Names one record of one target."""

    tenant: TenantId
    entity: Entity
    source_id: SourceId


@dataclass(frozen=True, slots=True)
class LiveEntry:
    """An entry that can still move, as far as moving it needs."""

    entry_id: int
    key: RecordKey
    state: EntryState
    content_hash: str
    version: SourceVersion
    mapping_version: str
    owner: str | None
    lease_until_at: datetime | None
    is_discarded: bool = False
    is_refused: bool = False
    is_withdrawn: bool = False
    is_approved: bool = False
    is_migration: bool = False

    @property
    def may_be_replayed(self) -> bool:
        """Say whether nobody has refused a dead letter, and its record is still to be sent."""
        return not (self.is_refused or self.is_withdrawn)

    def is_held_by(self, owner: str) -> bool:
        """Say whether nobody has taken the entry from `owner`, be the lease over or not."""
        return self.state in ACTIVE and self.owner == owner


@dataclass(slots=True)
class LiveRecord:
    """The live entries of one record; a dead one has no other beside it."""

    waiting: LiveEntry | None = None
    active: LiveEntry | None = None
    dead: LiveEntry | None = None

    def add(self, entry: LiveEntry) -> None:
        """Put an entry in its place."""
        if entry.state in WAITING:
            self.waiting = entry
        elif entry.state in ACTIVE:
            self.active = entry
        else:
            self.dead = entry

    def is_succeeded(self, entry: LiveEntry) -> bool:
        """Say whether a newer entry stands for the record, or its newest version is not to go."""
        if entry.is_withdrawn and entry.state in ACTIVE:
            return True
        return self.waiting is not None or (self.active not in {None, entry})


_COLUMNS: Final[tuple[Any, ...]] = (
    entries.c.entry_id,
    entries.c.tenant,
    entries.c.entity,
    entries.c.source_id,
    entries.c.state,
    entries.c.content_hash,
    entries.c.stamp_at,
    entries.c.read_at,
    entries.c.mapping_version,
    entries.c.owner,
    entries.c.lease_until_at,
    entries.c.discarded_at,
    entries.c.error_class,
    entries.c.withdrawn_at,
    entries.c.approved_at,
    entries.c.is_migration,
)


def lock_records(
    conn: Connection, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
) -> dict[RecordKey, LiveRecord]:
    """Lock the live entries of these records, always in the same order, against deadlocks.

    A record without any is left out.
    """
    statement = (
        select(*_COLUMNS)
        .where(
            entries.c.tenant == tenant,
            entries.c.entity == entity,
            among(conn, entries.c.source_id, source_ids),
            one_of(entries.c.state, LIVE),
        )
        .order_by(entries.c.entry_id)
        .with_for_update(key_share=True)
    )
    return _by_record(conn.execute(statement))


def lock_records_of(conn: Connection, entry_ids: Iterable[int]) -> dict[RecordKey, LiveRecord]:
    """Lock the records that these entries belong to."""
    record = (entries.c.tenant, entries.c.entity, entries.c.source_id)
    named = select(*record).where(among(conn, entries.c.entry_id, entry_ids))
    statement = (
        select(*_COLUMNS)
        .where(tuple_(*record).in_(named), one_of(entries.c.state, LIVE))
        .order_by(entries.c.entry_id)
        .with_for_update(key_share=True)
    )
    return _by_record(conn.execute(statement))


def _by_record(rows: Iterable[Row[Any]]) -> dict[RecordKey, LiveRecord]:
    found: dict[RecordKey, LiveRecord] = {}
    for row in rows:
        entry = _live_entry(row)
        found.setdefault(entry.key, LiveRecord()).add(entry)
    return found


def held_by(
    records: Mapping[RecordKey, LiveRecord], entry_ids: Iterable[int], owner: str
) -> Iterator[tuple[LiveRecord, LiveEntry]]:
    """Go through those of the entries that are still the owner's."""
    wanted = set(entry_ids)
    for record in records.values():
        entry = record.active
        if entry is not None and entry.entry_id in wanted and entry.is_held_by(owner):
            yield record, entry


def move(
    conn: Connection,
    database: Database,
    moved: Sequence[LiveEntry],
    after: EntryState,
    **values: Any,
) -> int:
    """Take locked entries to `after`; their leases end unless `values` says otherwise."""
    for entry in moved:
        check_transition(entry.state, after)
    return set_state(
        conn, database, [entry.entry_id for entry in moved], after, before=LIVE, **values
    )


def set_state(
    conn: Connection,
    database: Database,
    entry_ids: Sequence[int],
    after: EntryState,
    *,
    before: Iterable[EntryState],
    **values: Any,
) -> int:
    """Take those entries to `after` that are in a state of `before` and may go there."""
    if not entry_ids:
        return 0
    allowed = [state for state in before if after in ENTRY_TRANSITIONS[state]]
    statement = (
        update(entries)
        .where(among(conn, entries.c.entry_id, entry_ids), one_of(entries.c.state, allowed))
        .values({"state": after, "changed_at": database.clock.now(), **_NO_LEASE, **values})
    )
    return conn.execute(statement).rowcount


def put_back(
    conn: Connection,
    database: Database,
    records: Iterable[tuple[LiveRecord, LiveEntry]],
    after: EntryState,
    **values: Any,
) -> int:
    """Take entries to `after`, waiting or dead; one that is succeeded becomes superseded.

    It passes through `after` only in thought, since the index admits one waiting entry.
    """
    back: list[LiveEntry] = []
    succeeded: list[int] = []
    for record, entry in records:
        check_transition(entry.state, after)
        if record.is_succeeded(entry):
            check_transition(after, EntryState.SUPERSEDED)
            succeeded.append(entry.entry_id)
        else:
            back.append(entry)
    count = move(conn, database, back, after, **values)
    if succeeded:
        gone = {"state": EntryState.SUPERSEDED, "changed_at": database.clock.now(), **_NO_LEASE}
        condition = (
            among(conn, entries.c.entry_id, succeeded),
            one_of(entries.c.state, ACTIVE | DEAD),
        )
        count += conn.execute(update(entries).where(*condition).values({**values, **gone})).rowcount
    return count


def _live_entry(row: Row[Any]) -> LiveEntry:
    return LiveEntry(
        entry_id=row.entry_id,
        key=RecordKey(row.tenant, Entity(row.entity), row.source_id),
        state=EntryState(row.state),
        content_hash=row.content_hash,
        version=SourceVersion(stamp_at=row.stamp_at, read_at=row.read_at),
        mapping_version=row.mapping_version,
        owner=row.owner,
        lease_until_at=row.lease_until_at,
        is_discarded=row.discarded_at is not None,
        is_refused=row.error_class == NOT_APPROVED,
        is_withdrawn=row.withdrawn_at is not None,
        is_approved=row.approved_at is not None,
        is_migration=row.is_migration,
    )
