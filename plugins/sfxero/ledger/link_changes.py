"""Link changes: a link follows its record into the one that it was merged into, and back again.

Nothing is written to either service: the next run compares the records, and writes what differs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, or_, select, update

from sfxero.errors import LedgerError
from sfxero.ledger.audit_trail import Doer, append, person
from sfxero.ledger.engine import Database, among, chunked
from sfxero.ledger.link_moves import LinkEnds, Move, MoveOutcome, Mover, forget_values
from sfxero.ledger.link_tables import IS_UNPREPARED, link_changes
from sfxero.ledger.planning import one_planner_at_a_time
from sfxero.model.ids import RouteName, RunId, SourceId, TenantId
from sfxero.model.outbox import NOTHING_WRITTEN
from sfxero.model.states import Entity

UNDONE: Final = "link_undone"
"""The rule of a change that takes another one back."""
_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class LinkChange:
    """A move that was made; `was_held` says that the successor had that link before."""

    change_id: int
    route: RouteName
    rule: str
    before: LinkEnds
    after: LinkEnds
    was_held: bool
    note: str | None
    actor: str | None
    run_id: RunId | None
    made_at: datetime
    undone_by: int | None


class LinkChanges:
    """Moves links, each logged with it in one transaction, and takes moves back."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def make(
        self,
        route: RouteName,
        tenant: TenantId,
        entity: Entity,
        moves: Sequence[Move],
        *,
        actor: str | None = None,
        run_id: RunId | None = None,
    ) -> list[MoveOutcome]:
        """Move what can be moved; return what became of each, in order."""
        outcomes: list[MoveOutcome] = []
        for chunk in chunked(moves, _AT_ONCE):
            with self._database.write() as conn:
                one_planner_at_a_time(conn, [(tenant, entity)])
                doer = person(conn, actor, run_id)
                mover = Mover(conn, self._database, (route, tenant, entity), doer)
                outcomes += [mover.make(one)[0] for one in chunk]
                append(conn, self._database, mover.facts)
        return outcomes

    def undo(
        self,
        tenant: TenantId,
        entity: Entity,
        change_id: int,
        *,
        actor: str,
        reason: str,
        snapshot: str = NOTHING_WRITTEN,
        target_number: str | None = None,
    ) -> LinkChange:
        """Take a change back, and return the new one; LedgerError if it cannot be.

        `snapshot` and `target_number` are what the former target holds.
        """
        with self._database.write() as conn:
            one_planner_at_a_time(conn, [(tenant, entity)])
            change = _one(conn, tenant, entity, change_id)
            if change is None or change.undone_by is not None:
                state = "is not there" if change is None else f"was undone by {change.undone_by}"
                raise LedgerError(f"link change {change_id} {state}", service="ledger")
            back = _reverse(change, reason, snapshot, target_number)
            mover = Mover(conn, self._database, (change.route, tenant, entity), Doer(actor=actor))
            outcome, made_id = mover.make(back)
            if outcome is not MoveOutcome.MOVED:
                raise LedgerError(
                    f"link change {change_id} cannot be undone: {_WHY[outcome]}", service="ledger"
                )
            is_it = link_changes.c.change_id == change_id
            conn.execute(update(link_changes).where(is_it).values(undone_by=made_id))
            append(conn, self._database, mover.facts)
            made = None if made_id is None else _one(conn, tenant, entity, made_id)
        if made is None:
            raise LedgerError(f"link change {change_id} left no trace of its end")
        return made

    def forget_values(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
    ) -> None:
        """Keep these links, but not as a word on what the target holds: others wrote to it.

        Nor do both sides agree on anything any more, where a two-way route has noted what.
        """
        for chunk in chunked(source_ids):
            with self._database.write() as conn:
                forget_values(conn, tenant, entity, chunk)

    def get(self, tenant: TenantId, entity: Entity, change_id: int) -> LinkChange | None:
        """Return one change, if there is one of that id."""
        with self._database.read() as conn:
            return _one(conn, tenant, entity, change_id)

    def left(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
    ) -> list[LinkChange]:
        """Return the changes by which these records lost a link to others, oldest first."""
        found: list[LinkChange] = []
        for chunk in chunked(source_ids):
            with self._database.read() as conn:
                lost = (
                    among(conn, link_changes.c.source_before, chunk),
                    link_changes.c.source_before != link_changes.c.source_after,
                )
                found += _changes(conn, tenant, entity, *lost)
        return found

    def successions(self, tenant: TenantId, entity: Entity) -> list[LinkChange]:
        """Return the changes by which records stand for others, but for those taken back."""
        held = (
            link_changes.c.source_before != link_changes.c.source_after,
            link_changes.c.undone_by.is_(None),
            link_changes.c.rule != UNDONE,
        )
        with self._database.read() as conn:
            return _changes(conn, tenant, entity, *held)

    def listing(
        self, tenant: TenantId, entity: Entity, source_id: SourceId | None = None
    ) -> list[LinkChange]:
        """Return all changes, or those of one record, oldest first."""
        before, after = link_changes.c.source_before, link_changes.c.source_after
        wanted = [] if source_id is None else [or_(before == source_id, after == source_id)]
        with self._database.read() as conn:
            return _changes(conn, tenant, entity, *wanted)

    def unprepared(self, tenant: TenantId, entity: Entity) -> list[SourceId]:
        """Return the records whose link has changed and that no run has compared since.

        One that lost its link is among them: it may need another now.
        """
        ends = (link_changes.c.source_before, link_changes.c.source_after)
        statement = select(*ends).where(
            link_changes.c.tenant == tenant, link_changes.c.entity == entity, IS_UNPREPARED
        )
        with self._database.read() as conn:
            return sorted({one for row in conn.execute(statement) for one in row})

    def last_id(self, tenant: TenantId, entity: Entity) -> int:
        """Return the id of the last change, 0 if there is none."""
        mine = (link_changes.c.tenant == tenant, link_changes.c.entity == entity)
        with self._database.read() as conn:
            found = conn.execute(select(func.max(link_changes.c.change_id)).where(*mine))
            return int(found.scalar_one() or 0)

    def note_prepared(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId], *, up_to: int
    ) -> None:
        """Say that a run has compared these records after their changes up to that one."""
        for chunk in chunked(source_ids):
            with self._database.write() as conn:
                conn.execute(
                    update(link_changes)
                    .where(
                        link_changes.c.tenant == tenant,
                        link_changes.c.entity == entity,
                        among(conn, link_changes.c.source_after, chunk),
                        link_changes.c.change_id <= up_to,
                        IS_UNPREPARED,
                    )
                    .values(prepared_at=self._database.clock.now())
                )


_WHY: Final = {
    MoveOutcome.BUSY: "a write of one of the records is under way: wait until it has ended",
    MoveOutcome.TAKEN: "the record has another link by now",
    MoveOutcome.OTHERWISE: "the link has changed again since",
}


def _reverse(change: LinkChange, reason: str, snapshot: str, target_number: str | None) -> Move:
    """Return the move that takes a change back; what the successor had before, it keeps."""
    before = LinkEnds(change.before.source_id, None) if change.was_held else change.after
    return Move(before, change.before, UNDONE, reason, snapshot, target_number)


def _one(conn: Connection, tenant: TenantId, entity: Entity, change_id: int) -> LinkChange | None:
    found = _changes(conn, tenant, entity, link_changes.c.change_id == change_id)
    return found[0] if found else None


def _changes(
    conn: Connection, tenant: TenantId, entity: Entity, *conditions: Any
) -> list[LinkChange]:
    mine = (link_changes.c.tenant == tenant, link_changes.c.entity == entity, *conditions)
    statement = select(link_changes).where(*mine).order_by(link_changes.c.change_id)
    return [
        LinkChange(
            change_id=row.change_id,
            route=row.route,
            rule=row.rule,
            before=LinkEnds(row.source_before, row.target_before),
            after=LinkEnds(row.source_after, row.target_after),
            was_held=row.was_held,
            note=row.note,
            actor=row.actor,
            run_id=row.run_id,
            made_at=row.made_at,
            undone_by=row.undone_by,
        )
        for row in conn.execute(statement)
    ]
