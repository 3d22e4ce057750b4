"""Linking: pairs that a person has confirmed become links, and may be parted again.

Nothing is written to either service: the next run compares the records, and writes what differs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, select

from sfxero.errors import LedgerError
from sfxero.ledger.audit_trail import Doer, Fact, append
from sfxero.ledger.engine import Database, among, chunked, put
from sfxero.ledger.planning import one_planner_at_a_time
from sfxero.ledger.records import lock_records
from sfxero.ledger.tables import links
from sfxero.model.audit import AuditKind, AuditValues
from sfxero.model.ids import RouteName, SourceId, TargetId, TenantId
from sfxero.model.outbox import NOTHING_WRITTEN, SourceVersion
from sfxero.model.states import Entity

_RULE: Final = "match"
_BUSY: Final = "a write of this record is under way: wait until it has ended"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that belong together; `note` says why, and `snapshot` what the target holds."""

    source_id: SourceId
    target_id: TargetId
    snapshot: str
    target_number: str | None
    version: SourceVersion
    note: str


class Linking:
    """Makes and parts links on a person's word; each is logged with it, in one transaction."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def objections(
        self, tenant: TenantId, entity: Entity, pairs: Sequence[Pair]
    ) -> dict[SourceId, str]:
        """Say which pairs cannot be linked, and why; changes nothing."""
        found: dict[SourceId, str] = {}
        for chunk in chunked(pairs):
            with self._database.read() as conn:
                found |= _objections(conn, tenant, entity, chunk)
        return found

    def link(
        self,
        route: RouteName,
        tenant: TenantId,
        entity: Entity,
        pairs: Sequence[Pair],
        *,
        actor: str,
    ) -> int:
        """Store the pairs as links, and return how many are new.

        Raises LedgerError at one that cannot be; what went before it stays, and may be repeated.
        """
        count = 0
        for chunk in chunked(pairs):
            with self._database.write() as conn:
                one_planner_at_a_time(conn, [(tenant, entity)])
                found = _objections(conn, tenant, entity, chunk)
                if found:
                    source_id, why = next(iter(found.items()))
                    raise LedgerError(f"{entity} of {source_id}: {why}", service="ledger")
                sources = [pair.source_id for pair in chunk]
                known = {row.source_id for row in _linked(conn, tenant, entity, sources)}
                new = [pair for pair in chunk if pair.source_id not in known]
                rows = [self._row(tenant, entity, pair) for pair in new]
                put(conn, links, rows)
                facts = (
                    told(
                        route,
                        row,
                        AuditKind.LINKED,
                        Doer(actor=actor),
                        AuditValues(after=pair.snapshot, note=pair.note),
                    )
                    for pair, row in zip(new, rows, strict=True)
                )
                append(conn, self._database, facts)
                count += len(new)
        return count

    def unlink(
        self,
        route: RouteName,
        tenant: TenantId,
        entity: Entity,
        pairs: Mapping[SourceId, TargetId],
        *,
        actor: str,
        reason: str,
    ) -> list[SourceId]:
        """Part the pairs that are linked, and return their sources; both records stay as they are.

        Raises LedgerError if a write of one is under way; what went before it stays parted.
        """
        parted: list[SourceId] = []
        for chunk in chunked(pairs):
            with self._database.write() as conn:
                busy = _busy(conn, tenant, entity, chunk)
                if busy:
                    raise LedgerError(f"{entity} of {min(busy)}: {_BUSY}", service="ledger")
                rows = [
                    row
                    for row in _linked(conn, tenant, entity, chunk)
                    if row.target_id == pairs[row.source_id]
                ]
                gone = [row.source_id for row in rows]
                mine = (links.c.tenant == tenant, links.c.entity == entity)
                conn.execute(delete(links).where(*mine, among(conn, links.c.source_id, gone)))
                facts = (
                    told(
                        route,
                        row._asdict(),
                        AuditKind.UNLINKED,
                        Doer(actor=actor),
                        AuditValues(before=row.target_snapshot, note=reason),
                    )
                    for row in rows
                )
                append(conn, self._database, facts)
                parted += gone
        return parted

    def _row(self, tenant: TenantId, entity: Entity, pair: Pair) -> dict[str, Any]:
        return {
            "tenant": tenant,
            "entity": entity,
            "source_id": pair.source_id,
            "target_id": pair.target_id,
            "target_number": pair.target_number,
            "content_hash": "",
            "stamp_at": pair.version.stamp_at,
            "read_at": pair.version.read_at,
            "mapping_version": "",
            "source_snapshot": NOTHING_WRITTEN,
            "target_snapshot": pair.snapshot,
            "settled_at": self._database.clock.now(),
        }


def _objections(
    conn: Connection, tenant: TenantId, entity: Entity, pairs: Sequence[Pair]
) -> dict[SourceId, str]:
    """Say which of the pairs cannot be linked now; a pair that is linked already can."""
    found: dict[SourceId, str] = {}
    wished = {pair.source_id: pair.target_id for pair in pairs}
    known = {row.source_id: row.target_id for row in _linked(conn, tenant, entity, wished)}
    new = [one for one in wished if known.get(one) != wished[one]]
    for source_id in _busy(conn, tenant, entity, new):
        found[source_id] = _BUSY
    takers = {wished[one]: one for one in new}
    for row in _linked_to(conn, tenant, entity, takers):
        found[takers[row.target_id]] = f"{row.target_id} is linked with {row.source_id} already"
    for source_id in known.keys() & set(new):
        found[source_id] = f"it is linked with {known[source_id]} already"
    return found


def _busy(
    conn: Connection, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
) -> list[SourceId]:
    records = lock_records(conn, tenant, entity, source_ids)
    return [key.source_id for key, record in records.items() if record.active is not None]


def _linked(
    conn: Connection, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
) -> Sequence[Row[Any]]:
    return link_rows(conn, tenant, entity, among(conn, links.c.source_id, source_ids))


def _linked_to(
    conn: Connection, tenant: TenantId, entity: Entity, target_ids: Iterable[TargetId]
) -> Sequence[Row[Any]]:
    return link_rows(conn, tenant, entity, among(conn, links.c.target_id, target_ids))


def link_rows(
    conn: Connection, tenant: TenantId, entity: Entity, condition: ColumnElement[bool]
) -> Sequence[Row[Any]]:
    """Return the links that meet a condition, by source."""
    mine = (links.c.tenant == tenant, links.c.entity == entity, condition)
    return conn.execute(select(links).where(*mine).order_by(links.c.source_id)).all()


def told(
    route: RouteName,
    row: Mapping[str, Any],
    kind: AuditKind,
    doer: Doer,
    values: AuditValues,
    *,
    rule: str = _RULE,
) -> Fact:
    """Say that the link of a row was made or parted, by a rule."""
    about = {name: row[name] for name in ("tenant", "entity", "source_id", "target_id")}
    return Fact(route, kind, doer, values, {**about, "rule": rule})
