"""Settling: what became of entries that were taken, each with its link in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from sfxero.ledger.engine import Database, chunked, put
from sfxero.ledger.records import (
    LiveEntry,
    LiveRecord,
    RecordKey,
    lock_records_of,
    move,
    put_back,
)
from sfxero.ledger.tables import entries, links, one_of
from sfxero.model.ids import RunId, TenantId
from sfxero.model.outbox import Settlement
from sfxero.model.states import ACTIVE, Entity, EntryState

_LINK_COLUMNS: Final = tuple(column.name for column in links.columns if not column.primary_key)


class Settling:
    """The part of the outbox that ends what a claim began; what the owner lost stays untouched."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def settle(self, settlements: Iterable[Settlement], *, owner: str) -> int:
        """Mark entries settled and link their records; return how many were the owner's."""
        count = 0
        for chunk in chunked(settlements):
            said = {settlement.entry_id: settlement for settlement in chunk}
            with self._database.write() as conn:
                held = [entry for _, entry in _held(lock_records_of(conn, said), said, owner)]
                self._link(conn, held, said)
                count += move(conn, self._database, held, EntryState.SETTLED)
        return count

    def adopt(self, settlement: Settlement, *, owner: str) -> int:
        """Link a record that holds other values; its entry waits again, now as an update."""
        said = {settlement.entry_id: settlement}
        with self._database.write() as conn:
            held = list(_held(lock_records_of(conn, said), said, owner))
            self._link(conn, [replace(entry, content_hash="") for _, entry in held], said)
            return put_back(conn, self._database, held, EntryState.PENDING)

    def bury(
        self,
        entry_id: int,
        *,
        owner: str,
        run_id: RunId,
        error_class: str,
        message: str,
        hint: str | None,
    ) -> int:
        """Make a dead letter of an entry; where a newer one waits, it succeeds it."""
        return self._put_back(
            [entry_id],
            owner,
            EntryState.DEAD,
            died_run_id=run_id,
            error_class=error_class,
            message=message,
            hint=hint,
        )

    def retry_later(
        self, entry_ids: Sequence[int], *, owner: str, not_before_at: datetime, reason: str
    ) -> int:
        """Let entries rest until `not_before_at`; where a newer one waits, it succeeds them."""
        return self._put_back(
            entry_ids,
            owner,
            EntryState.RETRY_LATER,
            not_before_at=not_before_at,
            reason=reason,
        )

    def release(self, entry_ids: Sequence[int], *, owner: str) -> int:
        """Give back entries that surely were not sent; where a newer one waits, it succeeds."""
        return self._put_back(entry_ids, owner, EntryState.PENDING)

    def amend(self, entry_id: int, *, owner: str, payload: str, content_hash: str) -> int:
        """Give an entry that the target refused other values, and let it go again."""
        return self._put_back(
            [entry_id], owner, EntryState.PENDING, payload=payload, content_hash=content_hash
        )

    def doubt(self, entry_ids: Sequence[int], *, owner: str) -> int:
        """Say that it is unknown what became of entries, and let anybody look them up."""
        statement = (
            update(entries)
            .where(
                entries.c.entry_id.in_(entry_ids),
                one_of(entries.c.state, ACTIVE),  # one in doubt already only ends its lease
                entries.c.owner == owner,
            )
            .values(
                state=EntryState.IN_DOUBT,
                owner=None,
                lease_until_at=None,
                changed_at=self._database.clock.now(),
            )
        )
        with self._database.write() as conn:
            return conn.execute(statement).rowcount

    def replay(self, entry_ids: Sequence[int]) -> int:
        """Put dead letters back in the outbox; where a newer one waits, it succeeds them."""
        with self._database.write() as conn:
            wanted = set(entry_ids)
            dead = [
                (record, record.dead)
                for record in lock_records_of(conn, wanted).values()
                if record.dead is not None and record.dead.entry_id in wanted
            ]
            return put_back(
                conn, self._database, dead, EntryState.PENDING, tries=0, died_run_id=None
            )

    def counts(self, tenant: TenantId) -> dict[tuple[Entity, EntryState], int]:
        """Count the tenant's entries by entity and state."""
        group = (entries.c.entity, entries.c.state)
        statement = (
            select(*group, func.count().label("n"))
            .where(entries.c.tenant == tenant)
            .group_by(*group)
        )
        with self._database.read() as conn:
            return {
                (Entity(row.entity), EntryState(row.state)): row.n
                for row in conn.execute(statement)
            }

    def _put_back(
        self, entry_ids: Sequence[int], owner: str, after: EntryState, **values: Any
    ) -> int:
        with self._database.write() as conn:
            held = list(_held(lock_records_of(conn, entry_ids), entry_ids, owner))
            return put_back(conn, self._database, held, after, **values)

    def _link(
        self, conn: Connection, held: Sequence[LiveEntry], said: Mapping[int, Settlement]
    ) -> None:
        now = self._database.clock.now()
        wanted = [entry.entry_id for entry in held]
        texts = select(entries.c.entry_id, entries.c.payload).where(entries.c.entry_id.in_(wanted))
        payloads: dict[int, str] = {row.entry_id: row.payload for row in conn.execute(texts)}
        rows = [
            {
                **entry.key._asdict(),
                "target_id": said[entry.entry_id].target_id,
                "target_number": said[entry.entry_id].target_number,
                "content_hash": entry.content_hash,
                "stamp_at": entry.version.stamp_at,
                "read_at": entry.version.read_at,
                "mapping_version": entry.mapping_version,
                "source_snapshot": payloads[entry.entry_id],
                "target_snapshot": said[entry.entry_id].target_snapshot,
                "settled_at": now,
            }
            for entry in held
        ]
        put(conn, links, rows, update=_LINK_COLUMNS)


def _held(
    records: Mapping[RecordKey, LiveRecord], entry_ids: Iterable[int], owner: str
) -> Iterator[tuple[LiveRecord, LiveEntry]]:
    """Go through those of the entries that are still the owner's."""
    wanted = set(entry_ids)
    for record in records.values():
        entry = record.active
        if entry is not None and entry.entry_id in wanted and entry.is_held_by(owner):
            yield record, entry
