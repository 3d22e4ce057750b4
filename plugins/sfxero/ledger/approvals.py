"""Approvals: entries that wait for a person's word, and what the word does."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, case, or_, select, update

from sfxero.ledger.audit_trail import Doer, append, subjects
from sfxero.ledger.engine import Database, among, chunked
from sfxero.ledger.records import LiveEntry, lock_records_of, move
from sfxero.ledger.tables import entries, one_of, reserved_names
from sfxero.model.audit import AuditKind
from sfxero.model.ids import RouteName, RunId, SourceId, TenantId
from sfxero.model.outbox import APPROVAL, NOT_APPROVED
from sfxero.model.states import ACTIVE, WAITING, Entity, EntryState

_AWAITING: Final = frozenset({EntryState.AWAITING_APPROVAL})
_SETTLED: Final = frozenset({EntryState.SETTLED})
_NOT_REFUSED: Final = dict.fromkeys(
    ("error_class", "message", "hint", "discarded_at", "discarded_by")
)
MOST_QUESTIONS: Final = 500
"""To one run: Airflow fails a task that returns more than 1,024 to map over."""


@dataclass(frozen=True, slots=True)
class Question:
    """An entry that waits for approval, as a person must see it to decide."""

    entry_id: int
    route: RouteName
    source_id: SourceId
    number: str
    customer: str
    total: Decimal
    tax: Decimal
    currency: str
    dated_on: str
    url: str
    why: str


class Approvals:
    """The part of the outbox that waits for people."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def take_questions(
        self, route: RouteName, run_id: RunId, *, for_s: float, most: int = MOST_QUESTIONS
    ) -> list[int]:
        """Return the entries that nobody is being asked about, and ask about them for so long.

        The same run is given the same entries again. The oldest come first; what is more than
        `most` is the next run's.
        """
        now = self._database.clock.now()
        free = or_(
            entries.c.asked_until_at.is_(None),
            entries.c.asked_until_at <= now,
            entries.c.asked_run_id == run_id,
        )
        wanted = (entries.c.route == route, one_of(entries.c.state, _AWAITING), free)
        own_first = case((entries.c.asked_run_id == run_id, 0), else_=1)
        first = (
            select(entries.c.entry_id)
            .where(*wanted)
            .order_by(own_first, entries.c.entry_id)
            .limit(most)
        )
        statement = (
            update(entries)
            # Another run may have taken some of them since they were chosen.
            .where(entries.c.entry_id.in_(first), *wanted)
            .values(asked_until_at=now + timedelta(seconds=for_s), asked_run_id=run_id)
            .returning(entries.c.entry_id)
        )
        with self._database.write() as conn:
            return sorted(conn.execute(statement).scalars())

    def ask_again(self, entry_id: int, run_id: RunId) -> None:
        """Let the next run ask about an entry that this run has asked about in vain."""
        statement = (
            update(entries)
            .where(entries.c.entry_id == entry_id, entries.c.asked_run_id == run_id)
            .values(asked_until_at=None)
        )
        with self._database.write() as conn:
            conn.execute(statement)

    def question(self, entry_id: int) -> Question | None:
        """Return what is to be asked; None if the entry does not wait for approval any more."""
        statement = (
            select(entries, reserved_names.c.name)
            .outerjoin(
                reserved_names,
                (reserved_names.c.tenant == entries.c.tenant)
                & (reserved_names.c.source_id == entries.c.parent_source_id),
            )
            .where(entries.c.entry_id == entry_id, one_of(entries.c.state, _AWAITING))
        )
        with self._database.read() as conn:
            row = conn.execute(statement).first()
        return None if row is None else _question(row)

    def approve(
        self,
        entry_ids: Sequence[int],
        *,
        actor: str,
        reason: str | None = None,
        after_all: bool = False,
    ) -> int:
        """Let entries go; one that was replaced meanwhile is another's, and is asked about anew.

        With `after_all` those, too, that a person has refused.
        """
        now = self._database.clock.now()
        with self._database.write() as conn:
            waiting = _awaiting(conn, entry_ids)
            if after_all:
                waiting += _refused(conn, entry_ids)
            told = subjects(conn, [one.entry_id for one in waiting])
            count = move(
                conn,
                self._database,
                waiting,
                EntryState.PENDING,
                approved_at=now,
                approved_by=actor,
                **_NOT_REFUSED,
            )
            facts = [
                one.fact(AuditKind.APPROVED, Doer(actor=actor), note=reason)
                for one in told.values()
            ]
            append(conn, self._database, facts)
        return count

    def refuse(self, entry_ids: Sequence[int], *, actor: str, reason: str) -> int:
        """Never send these values; a change of the record is planned, and asked about, anew."""
        now = self._database.clock.now()
        with self._database.write() as conn:
            waiting = _awaiting(conn, entry_ids)
            told = subjects(conn, [one.entry_id for one in waiting])
            count = move(
                conn,
                self._database,
                waiting,
                EntryState.DEAD,
                error_class=NOT_APPROVED,
                message=f"approval was refused by {actor}: {reason}",
                hint="Change the opportunity, or `sfxero outbox approve --after-all`.",
                discarded_at=now,
                discarded_by=actor,
            )
            facts = [
                one.fact(AuditKind.REFUSED, Doer(actor=actor), note=reason) for one in told.values()
            ]
            append(conn, self._database, facts)
        return count

    def is_agreed(self, tenant: TenantId, source_id: SourceId, content_hash: str) -> bool:
        """Say whether an invoice of these values goes, or is going, without a further word."""
        statement = select(entries.c.entry_id).where(
            entries.c.tenant == tenant,
            entries.c.entity == Entity.INVOICE,
            entries.c.source_id == source_id,
            entries.c.content_hash == content_hash,
            or_(
                one_of(entries.c.state, ACTIVE),
                and_(one_of(entries.c.state, WAITING), entries.c.approved_at.is_not(None)),
            ),
        )
        with self._database.read() as conn:
            return conn.execute(statement.limit(1)).first() is not None

    def invoiced_parents(self, tenant: TenantId, parents: Iterable[SourceId]) -> set[SourceId]:
        """Return those accounts that an invoice of ours has gone to."""
        found: set[SourceId] = set()
        for chunk in chunked(parents):
            with self._database.read() as conn:
                statement = (
                    select(entries.c.parent_source_id)
                    .distinct()
                    .where(
                        entries.c.tenant == tenant,
                        entries.c.entity == Entity.INVOICE,
                        one_of(entries.c.state, _SETTLED),
                        among(conn, entries.c.parent_source_id, chunk),
                    )
                )
                found.update(conn.execute(statement).scalars())
        return found


def _awaiting(conn: Connection, entry_ids: Iterable[int]) -> list[LiveEntry]:
    """Lock those of the entries that wait for approval."""
    wanted = set(entry_ids)
    return [
        record.waiting
        for record in lock_records_of(conn, wanted).values()
        if record.waiting is not None
        and record.waiting.entry_id in wanted
        and record.waiting.state is EntryState.AWAITING_APPROVAL
    ]


def _refused(conn: Connection, entry_ids: Iterable[int]) -> list[LiveEntry]:
    """Lock those of the entries that a person has refused, and that are wished for still."""
    wanted = set(entry_ids)
    return [
        record.dead
        for record in lock_records_of(conn, wanted).values()
        if record.dead is not None
        and record.dead.entry_id in wanted
        and record.dead.is_refused
        and not record.dead.is_withdrawn
    ]


def _question(row: Row[Any]) -> Question:
    payload = json.loads(row.payload, parse_float=Decimal, parse_int=Decimal)
    return Question(
        entry_id=row.entry_id,
        route=row.route,
        source_id=row.source_id,
        number=payload.get("InvoiceNumber", ""),
        customer=row.name or row.parent_source_id or "",
        total=payload["Total"],
        tax=payload["TotalTax"],
        currency=payload["CurrencyCode"],
        dated_on=payload["Date"],
        url=payload["Url"],
        why=json.loads(row.meta)[APPROVAL],
    )
