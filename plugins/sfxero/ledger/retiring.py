"""Retiring: a void ends a record that stood for a source, so that another may take its place.

What is to be void is stored before it is sent, and the link ends only once the target says that it
is void: whoever dies between leaves a link that says nothing of values, and a record to look up.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, tuple_, update

from sfxero.ledger.audit_trail import append, as_said, doer_of, subjects
from sfxero.ledger.engine import Database, among, chunked, put
from sfxero.ledger.planning import refresh_link
from sfxero.ledger.records import (
    RecordKey,
    held_by,
    lock_records,
    lock_records_of,
    put_back,
    set_state,
)
from sfxero.ledger.tables import entries, former_links, links
from sfxero.model.audit import AuditKind
from sfxero.model.ids import SourceId, TargetId, TenantId
from sfxero.model.outbox import APPROVAL, LOOKED_AT, NUMBER, Settlement, looked_at
from sfxero.model.states import Entity, EntryState

_VOIDED: Final = frozenset({Entity.INVOICE})
"""Entities whose records may be void."""
_ASKED_BY: Final = ("Status", "ContactID")
"""What of a record in the target decides whether a person is asked."""
_AWAITING: Final = frozenset({EntryState.AWAITING_APPROVAL})
_NUMBER_FIELD: Final = re.compile(r'"InvoiceNumber":"(?:[^"\\]|\\.)*"')
"""Quotes inside a text are escaped, so that no text of a person looks like this."""


@dataclass(frozen=True, slots=True)
class Former:
    """What stood for a source before: records that are void, and those that were to be void."""

    ended: tuple[TargetId, ...] = ()
    begun: frozenset[TargetId] = frozenset()


NOTHING_FORMER: Final = Former()


class Retiring:
    """The part of the outbox that parts a source from a record that is void, or asks before."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def retire(self, settlements: Iterable[Settlement], *, owner: str) -> int:
        """End the links to records that are void; their entries wait again, now as creates.

        Where a newer entry waits, it succeeds them. Returns how many were the owner's.
        """
        count = 0
        for chunk in chunked(settlements):
            said = {one.entry_id: one for one in chunk}
            with self._database.write() as conn:
                ours = list(held_by(lock_records_of(conn, said), said, owner))
                told = subjects(conn, [entry.entry_id for _, entry in ours])
                gone = {entry.key: said[entry.entry_id].target_id for _, entry in ours}
                _end(conn, self._database, gone)
                count += put_back(
                    conn, self._database, ours, EntryState.PENDING, open_attempt_id=None
                )
                doer = doer_of(conn, owner)
                facts = [
                    as_said(one, said[entry_id], AuditKind.VOIDED, doer)
                    for entry_id, one in told.items()
                ]
                append(conn, self._database, facts)
        return count

    def hold(self, entry_id: int, *, owner: str, why: str, snapshot: str) -> int:
        """Let an entry wait for a person's word; where a newer one waits, it succeeds it.

        `snapshot` is what the target holds now: the link takes over what the next planning goes by,
        so that it knows that a person is to be asked. One that was approved gets another number: an
        answer to the question of before is none to this one.
        """
        with self._database.write() as conn:
            ours = list(held_by(lock_records_of(conn, [entry_id]), [entry_id], owner))
            for _, entry in ours:
                meta = select(entries.c.meta).where(entries.c.entry_id == entry_id)
                told = json.loads(conn.execute(meta).scalar_one())
                told |= {APPROVAL: why, LOOKED_AT: looked_at(snapshot)}
                _take_over_state(conn, entry.key, snapshot)
                conn.execute(
                    update(entries)
                    .where(entries.c.entry_id == entry_id)
                    .values(meta=json.dumps(told, sort_keys=True), asked_until_at=None)
                )
            count = put_back(
                conn, self._database, ours, EntryState.AWAITING_APPROVAL, open_attempt_id=None
            )
            for record, entry in ours:
                if entry.is_approved and not record.is_succeeded(entry):
                    _ask_anew(conn, self._database, entry_id)
        return count

    def replace(self, tenant: TenantId, entity: Entity, gone: Mapping[SourceId, TargetId]) -> None:
        """Let others take the place of records that people have ended; `gone` are those links.

        A link that leads elsewhere by now stays as it is.
        """
        for chunk in chunked(gone):
            with self._database.write() as conn:
                lock_records(conn, tenant, entity, chunk)
                mine = (links.c.tenant == tenant, links.c.entity == entity)
                found = select(links.c.source_id, links.c.target_id).where(
                    *mine, among(conn, links.c.source_id, chunk)
                )
                same = [
                    row.source_id
                    for row in conn.execute(found)
                    if row.target_id == gone[row.source_id]
                ]
                _mean(conn, self._database, [*mine, among(conn, links.c.source_id, same)])

    def former_ids(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
    ) -> dict[SourceId, tuple[TargetId, ...]]:
        """Return the void records that stood for these sources before, the oldest first."""
        found: dict[SourceId, tuple[TargetId, ...]] = {}
        for chunk in chunked(source_ids):
            keys = [RecordKey(tenant, entity, one) for one in chunk]
            with self._database.read() as conn:
                former = formers(conn, keys)
            found |= {key.source_id: one.ended for key, one in former.items() if one.ended}
        return found


def intend(conn: Connection, database: Database, entry_ids: Iterable[int]) -> None:
    """Store that the linked records of entries are to be void, before anything is sent.

    From now on the links no longer vouch for what the target holds.
    """
    own = and_(
        links.c.tenant == entries.c.tenant,
        links.c.entity == entries.c.entity,
        links.c.source_id == entries.c.source_id,
    )
    _mean(conn, database, [own, among(conn, entries.c.entry_id, entry_ids)])


def _mean(conn: Connection, database: Database, conditions: Sequence[ColumnElement[bool]]) -> None:
    """Note that the records of these links are to be void, or are and may be replaced."""
    names = (*RecordKey._fields, "target_id", "target_number")
    statement = select(*(links.c[name] for name in names)).where(*conditions)
    now = database.clock.now()
    rows = [{**row._mapping, "intended_at": now} for row in conn.execute(statement)]  # noqa: SLF001 - SQLAlchemy's public name
    put(conn, former_links, rows)
    keys = [{f"b_{name}": row[name] for name in RecordKey._fields} for row in rows]
    if keys:
        conn.execute(refresh_link(), [{**key, "content_hash": ""} for key in keys])


def forget_intents(conn: Connection, keys: Iterable[RecordKey]) -> None:
    """Drop what was to be void and is wished after all: from now on, a void is a person's."""
    by_kind: dict[tuple[TenantId, Entity], list[SourceId]] = {}
    for key in keys:
        if key.entity in _VOIDED:
            by_kind.setdefault((key.tenant, key.entity), []).append(key.source_id)
    for (tenant, entity), source_ids in by_kind.items():
        conn.execute(
            delete(former_links).where(
                former_links.c.tenant == tenant,
                former_links.c.entity == entity,
                among(conn, former_links.c.source_id, source_ids),
                former_links.c.ended_at.is_(None),
            )
        )


def formers(conn: Connection, keys: Iterable[Any]) -> dict[RecordKey, Former]:
    """Return what stood for records before; `keys` are rows or keys, and most have nothing."""
    wanted = [
        (one.tenant, one.entity, one.source_id) for one in keys if Entity(one.entity) in _VOIDED
    ]
    if not wanted:
        return {}
    record = (former_links.c.tenant, former_links.c.entity, former_links.c.source_id)
    statement = (
        select(former_links)
        .where(
            among(conn, former_links.c.source_id, [source_id for _, _, source_id in wanted]),
            tuple_(*record).in_(wanted),
        )
        .order_by(former_links.c.ended_at, former_links.c.target_id)
    )
    found: dict[RecordKey, Former] = {}
    for row in conn.execute(statement):
        key = RecordKey(row.tenant, Entity(row.entity), row.source_id)
        found[key] = _with(found.get(key, NOTHING_FORMER), row)
    return found


def renumbered(payload: str, meta: Mapping[str, str], former: Former) -> str:
    """Return a payload under the next number: each void record has used one up.

    A route that leaves numbers to the target has none to give.
    """
    if not former.ended or NUMBER not in meta:
        return payload
    number = json.dumps(f"{meta[NUMBER]}-R{len(former.ended) + 1}")
    return _NUMBER_FIELD.sub(lambda _: f'"InvoiceNumber":{number}', payload, count=1)


def _with(former: Former, row: Row[Any]) -> Former:
    if row.ended_at is None:
        return Former(former.ended, former.begun | {row.target_id})
    return Former((*former.ended, row.target_id), former.begun)


def _end(conn: Connection, database: Database, gone: Mapping[RecordKey, TargetId]) -> None:
    """End links, and remember them; a link that leads elsewhere by now is none of these."""
    for key, target_id in gone.items():
        own = [
            getattr(links.c, name) == value for name, value in zip(key._fields, key, strict=True)
        ]
        conn.execute(delete(links).where(*own, links.c.target_id == target_id))
        conn.execute(
            update(former_links)
            .where(
                former_links.c.target_id == target_id,
                former_links.c.tenant == key.tenant,
                former_links.c.entity == key.entity,
            )
            .values(ended_at=database.clock.now())
        )


def _ask_anew(conn: Connection, database: Database, entry_id: int) -> None:
    """Let another entry of the same values wait in place of one that waits."""
    row = conn.execute(select(entries).where(entries.c.entry_id == entry_id)).one()
    reason = "its record was changed in the target after it was approved: a person is asked anew"
    set_state(conn, database, [entry_id], EntryState.SUPERSEDED, before=_AWAITING, reason=reason)
    kept = {name: value for name, value in row._mapping.items() if name != "entry_id"}  # noqa: SLF001 - SQLAlchemy's public name
    asked = dict.fromkeys(("approved_at", "approved_by", "asked_until_at", "asked_run_id"))
    conn.execute(insert(entries).values({**kept, **asked}))


def _take_over_state(conn: Connection, key: RecordKey, snapshot: str) -> None:
    own = (
        links.c.tenant == key.tenant,
        links.c.entity == key.entity,
        links.c.source_id == key.source_id,
    )
    held = conn.execute(select(links.c.target_snapshot).where(*own)).scalar_one_or_none()
    if held is not None:
        now = json.loads(snapshot)
        told = {**json.loads(held), **{name: now[name] for name in _ASKED_BY if name in now}}
        text = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        conn.execute(update(links).where(*own).values(target_snapshot=text))
