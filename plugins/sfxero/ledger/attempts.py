"""Attempts: each request is stored, and logged, before it leaves; later how it ended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import repeat
from typing import Final

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from sfxero.errors import LedgerError
from sfxero.ledger.audit_trail import (
    Doer,
    Fact,
    Request,
    Subject,
    append,
    doer_of,
    subjects,
)
from sfxero.ledger.claims import leased_to
from sfxero.ledger.crediting import intend_credit
from sfxero.ledger.engine import Database, load_keyed
from sfxero.ledger.retiring import intend
from sfxero.ledger.tables import attempt_entries, attempts, entries
from sfxero.model.audit import AuditKind
from sfxero.model.outbox import Attempt
from sfxero.model.states import Operation

_VOID: Final = '{"Status":"VOIDED"}'
"""What a void makes of a record."""


class Attempts:
    """The part of the outbox that keeps requests."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

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
        request = {
            "operation": operation,
            "body_hash": body_hash,
            "idempotency_key": idempotency_key,
        }
        now = self._database.clock.now()
        times = {"sent_at": now, "deadline_at": deadline_at}
        stored = insert(attempts).values(**request, **times, owner=owner)
        with self._database.write() as conn:
            told = subjects(conn, entry_ids)
            attempt_id = int(conn.execute(stored.returning(attempts.c.attempt_id)).scalar_one())
            if not _bind(conn, entry_ids, attempt_id, is_held=leased_to(owner, now)):
                raise LedgerError(f"{owner} has lost the lease of an entry it wants to send")
            if operation is Operation.VOID:
                intend(conn, self._database, entry_ids)
            elif operation is Operation.CREDIT:
                intend_credit(conn, self._database, entry_ids)
            doer = doer_of(conn, owner)
            sent = Request(attempt_id, operation, body_hash, idempotency_key)
            facts = [*_not_done(told, doer), *_sent(told, entry_ids, sent, doer)]
            append(conn, self._database, facts)
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
            outcome=first.outcome,
            status=first.status,
            finished_at=first.finished_at,
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


def _bind(
    conn: Connection, entry_ids: Sequence[int], attempt_id: int, *, is_held: ColumnElement[bool]
) -> bool:
    """Say which entries the attempt carries; False unless all of them are held."""
    counted = (
        update(entries)
        .where(entries.c.entry_id.in_(entry_ids), is_held)
        .values(tries=entries.c.tries + 1, open_attempt_id=attempt_id)
    )
    if conn.execute(counted).rowcount != len(set(entry_ids)):
        return False
    carried = {
        "attempt_id": repeat(attempt_id),
        "position": range(len(entry_ids)),
        "entry_id": entry_ids,
    }
    load_keyed(conn, attempt_entries, carried)
    return True


def _not_done(told: Mapping[int, Subject], doer: Doer) -> Iterator[Fact]:
    """End the attempt before: its batch was refused as a whole, and what it did is looked up."""
    for subject in told.values():
        if subject.request is not None:
            yield subject.fact(AuditKind.NOT_DONE, doer)


def _sent(
    told: Mapping[int, Subject], entry_ids: Sequence[int], request: Request, doer: Doer
) -> Iterator[Fact]:
    """Tell of each entry what the target held at last, and what it is to hold."""
    for entry_id in entry_ids:
        subject = replace(told[entry_id], request=request)
        yield subject.fact(
            AuditKind.SENT,
            doer,
            before=subject.target_snapshot,
            after=_VOID if request.operation is Operation.VOID else subject.payload,
            note=subject.note,
        )
