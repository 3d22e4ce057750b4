"""Credit notes of invoices: stored before they are sent, and booked once they are allocated."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, and_, delete, func, select, tuple_, update

from sfxero.ledger.audit_trail import append, doer_of, subjects
from sfxero.ledger.engine import Database, among, put
from sfxero.ledger.planning import refresh_link
from sfxero.ledger.records import RecordKey, held_by, lock_records_of, put_back
from sfxero.ledger.tables import credit_notes, entries, links
from sfxero.model.audit import AuditKind
from sfxero.model.ids import TargetId, TenantId
from sfxero.model.outbox import BookedCredit, NoteTotals, OpenCredit, Settlement
from sfxero.model.states import Entity, EntryState

_CREDITED: Final = frozenset({Entity.INVOICE})
"""Entities whose records may have credit notes."""
_Note: TypeAlias = Callable[[Connection, RecordKey, Settlement], None]
_NOTHING: Final = {"sub_total": "0", "total": "0"}
"""What a void credit note comes to; its number stays used."""


@dataclass(frozen=True, slots=True)
class Credits:
    """The credit notes of a record: the one under way, those of its invoice, and all that ended."""

    under_way: OpenCredit | None = None
    booked: tuple[BookedCredit, ...] = ()
    ended: int = 0


NO_CREDITS: Final = Credits()


class Crediting:
    """The part of the outbox that brings an invoice down by a credit note, step by step.

    After each step the entry waits again; who claims next sees how far its record has come.
    """

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def advance(self, settlement: Settlement, *, owner: str) -> int:
        """Note that a step was carried out, with the credit note's id, and let the entry go on."""
        return self._step(settlement, owner, _note_made)

    def book_credit(self, settlement: Settlement, totals: NoteTotals, *, owner: str) -> int:
        """Note that the credit note is used up; from now on it and the invoice are one sale.

        `settlement` is the target's word on the invoice.
        """

        def book(conn: Connection, key: RecordKey, said: Settlement) -> None:
            _book(conn, self._database, key, said, totals)

        return self._step(settlement, owner, book)

    def drop_credit(self, entry_id: int, *, owner: str) -> None:
        """Forget a credit note that was to be made, and that the target surely does not have."""
        with self._database.write() as conn:
            for _, entry in held_by(lock_records_of(conn, [entry_id]), [entry_id], owner):
                conn.execute(delete(credit_notes).where(*_open_of(entry.key)))

    def void_credits(self, settlement: Settlement, numbers: Sequence[str], *, owner: str) -> int:
        """Note that credit notes are void in the target: from now on they come to nothing.

        `settlement` is the target's word on the invoice; its link no longer vouches for values.
        """

        def end(conn: Connection, key: RecordKey, _: Settlement) -> None:
            _end_void(conn, key, numbers, now=self._database.clock.now())

        return self._step(settlement, owner, end)

    def credited(self, tenant: TenantId, entity: Entity) -> dict[TargetId, list[NoteTotals]]:
        """Return, by record of the target, what its credit notes come to."""
        statement = select(credit_notes).where(
            credit_notes.c.tenant == tenant,
            credit_notes.c.entity == entity,
            credit_notes.c.ended_at.is_not(None),
        )
        found: dict[TargetId, list[NoteTotals]] = {}
        with self._database.read() as conn:
            for row in conn.execute(statement):
                totals = NoteTotals(row.sub_total, row.total)
                found.setdefault(TargetId(row.invoice_id), []).append(totals)
        return found

    def credits_under_way(self, tenant: TenantId, entity: Entity) -> dict[str, str]:
        """Return, by source, the number of the credit note that was begun for its record."""
        own = and_(*(credit_notes.c[name] == links.c[name] for name in RecordKey._fields))
        statement = (
            select(credit_notes.c.source_id, credit_notes.c.number)
            .join(links, own & (credit_notes.c.invoice_id == links.c.target_id))
            .where(
                credit_notes.c.tenant == tenant,
                credit_notes.c.entity == entity,
                credit_notes.c.ended_at.is_(None),
            )
        )
        with self._database.read() as conn:
            return {row.source_id: row.number for row in conn.execute(statement)}

    def _step(self, settlement: Settlement, owner: str, note: _Note) -> int:
        entry_id = settlement.entry_id
        with self._database.write() as conn:
            ours = list(held_by(lock_records_of(conn, [entry_id]), [entry_id], owner))
            told = subjects(conn, [entry.entry_id for _, entry in ours])
            for _, entry in ours:
                note(conn, entry.key, settlement)
            count = put_back(conn, self._database, ours, EntryState.PENDING, open_attempt_id=None)
            doer = doer_of(conn, owner)
            facts = [
                one.fact(
                    AuditKind.CREDITED,
                    doer,
                    before=one.target_snapshot,
                    after=settlement.target_snapshot,
                    response=settlement.target_snapshot,
                    error_class=None,
                )
                for one in told.values()
            ]
            append(conn, self._database, facts)
        return count


def intend_credit(conn: Connection, database: Database, entry_ids: Iterable[int]) -> None:
    """Store which credit notes are to be made, before anything is sent.

    From now on the links no longer vouch for what the target holds.
    """
    own = and_(*(entries.c[name] == links.c[name] for name in RecordKey._fields))
    statement = select(
        *(links.c[name] for name in RecordKey._fields),
        links.c.target_id.label("invoice_id"),
        links.c.target_number,
        entries.c.payload,
        entries.c.content_hash,
    ).where(own, among(conn, entries.c.entry_id, entry_ids))
    rows = [dict(row._mapping) for row in conn.execute(statement)]  # noqa: SLF001 - SQLAlchemy's public name
    for row in rows:
        key = RecordKey(row["tenant"], Entity(row["entity"]), row["source_id"])
        row["number"] = credit_number(row.pop("target_number"), _count_ended(conn, key))
        row["begun_at"] = database.clock.now()
    put(conn, credit_notes, rows, update=("payload", "content_hash", "invoice_id"))
    keys = [{f"b_{name}": row[name] for name in RecordKey._fields} for row in rows]
    if keys:
        conn.execute(refresh_link(), [{**key, "content_hash": ""} for key in keys])


def credit_number(invoice_number: str | None, count: int) -> str:
    """Return the number of the next credit note of an invoice that has had so many."""
    return f"{invoice_number}-C{count + 1}"


def credits_of(conn: Connection, keys: Iterable[Any]) -> dict[RecordKey, Credits]:
    """Return the credit notes of records, given with their invoices' ids; most have none."""
    keys = list(keys)
    wanted = [
        (one.tenant, one.entity, one.source_id) for one in keys if Entity(one.entity) in _CREDITED
    ]
    if not wanted:
        return {}
    record = tuple_(*(credit_notes.c[name] for name in RecordKey._fields))
    statement = (
        select(credit_notes)
        .where(
            among(conn, credit_notes.c.source_id, [source_id for _, _, source_id in wanted]),
            record.in_(wanted),
        )
        .order_by(credit_notes.c.begun_at, credit_notes.c.number)
    )
    invoices = {RecordKey(one.tenant, one.entity, one.source_id): one.target_id for one in keys}
    found: dict[RecordKey, Credits] = {}
    for row in conn.execute(statement):
        key = RecordKey(row.tenant, Entity(row.entity), row.source_id)
        is_own = row.invoice_id == invoices[key]
        found[key] = _with(found.get(key, NO_CREDITS), row, is_own=is_own)
    return found


def _with(known: Credits, row: Row[Any], *, is_own: bool) -> Credits:
    """Add a credit note; those of a former invoice only use up their numbers."""
    if row.ended_at is None:
        under_way = OpenCredit(row.number, row.payload, row.content_hash, row.target_id)
        return replace(known, under_way=under_way) if is_own else known
    booked = known.booked
    if is_own and Decimal(row.total):
        booked = (*booked, BookedCredit(row.number, NoteTotals(row.sub_total, row.total)))
    return replace(known, booked=booked, ended=known.ended + 1)


def _of(key: RecordKey) -> list[Any]:
    return [credit_notes.c[name] == value for name, value in zip(key._fields, key, strict=True)]


def _open_of(key: RecordKey) -> list[Any]:
    """The credit note under way of the invoice that the record is linked to."""
    own = (links.c[name] == value for name, value in zip(key._fields, key, strict=True))
    linked = select(links.c.target_id).where(*own).scalar_subquery()
    return [*_of(key), credit_notes.c.ended_at.is_(None), credit_notes.c.invoice_id == linked]


def _count_ended(conn: Connection, key: RecordKey) -> int:
    statement = select(func.count()).where(*_of(key), credit_notes.c.ended_at.is_not(None))
    return int(conn.execute(statement).scalar_one())


def _end_void(conn: Connection, key: RecordKey, numbers: Sequence[str], *, now: datetime) -> None:
    ended_at = func.coalesce(credit_notes.c.ended_at, now)
    void = update(credit_notes).where(*_of(key), credit_notes.c.number.in_(numbers))
    conn.execute(void.values(ended_at=ended_at, **_NOTHING))
    own = {f"b_{name}": value for name, value in zip(key._fields, key, strict=True)}
    conn.execute(refresh_link(), [{**own, "content_hash": ""}])


def _note_made(conn: Connection, key: RecordKey, said: Settlement) -> None:
    made = update(credit_notes).where(*_open_of(key)).values(target_id=said.target_id)
    conn.execute(made)


def _book(
    conn: Connection, database: Database, key: RecordKey, said: Settlement, totals: NoteTotals
) -> None:
    """End the open credit note, and let the link stand for what it was made for."""
    row = conn.execute(select(credit_notes).where(*_open_of(key))).first()
    if row is None:
        return
    ended = {
        "ended_at": database.clock.now(),
        "sub_total": totals.sub_total,
        "total": totals.total,
    }
    conn.execute(update(credit_notes).where(*_open_of(key)).values(**ended))
    agreed = {
        "source_snapshot": row.payload,
        "content_hash": row.content_hash,
        "target_snapshot": said.target_snapshot,
        "settled_at": database.clock.now(),
    }
    of_key = {f"b_{name}": value for name, value in zip(key._fields, key, strict=True)}
    conn.execute(refresh_link(), [{**of_key, **agreed}])
