"""Moving one link from one pair to another, inside a transaction that logs it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, case, delete, insert, update

from sfxero.ledger.audit_trail import Doer, Fact
from sfxero.ledger.engine import Database, among, put
from sfxero.ledger.link_tables import link_changes
from sfxero.ledger.linking import link_rows, told
from sfxero.ledger.records import LiveRecord, lock_records, move
from sfxero.ledger.tables import links
from sfxero.model.agreed import Agreed
from sfxero.model.audit import AuditKind, AuditValues
from sfxero.model.ids import RouteName, SourceId, TargetId, TenantId
from sfxero.model.outbox import FOLLOWED, NOTHING_WRITTEN
from sfxero.model.states import Entity, EntryState

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Older than any reading, so that what the next run wishes is newer."""
_LINK_COLUMNS: Final = tuple(column.name for column in links.columns if not column.primary_key)


class MoveOutcome(StrEnum):
    """What became of a wish to move a link."""

    MOVED = "moved"
    BUSY = "busy"
    """A write of one of the records is under way: their link is not to be moved under it."""
    TAKEN = "taken"
    """The successor is linked with another record of the target."""
    OTHERWISE = "otherwise"
    """The link is not any more what it was to be moved from."""


@dataclass(frozen=True, slots=True)
class LinkEnds:
    """A record, and what stands for it in the target; None if nothing does."""

    source_id: SourceId
    target_id: TargetId | None


@dataclass(frozen=True, slots=True)
class Move:
    """A link's way from one pair to another: either the source stays, or the target.

    `snapshot` and `target_number` are what another target holds; `rule` and `note` say why.
    """

    before: LinkEnds
    after: LinkEnds
    rule: str
    note: str | None = None
    snapshot: str = NOTHING_WRITTEN
    target_number: str | None = None


def forget_values(
    conn: Connection, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
) -> None:
    """Keep these links, but not as a word on what the target holds, within a transaction.

    Nor do both sides agree on anything any more, where a two-way route has noted what.
    """
    agreed = case((links.c.agreed.is_not(None), Agreed().to_text()), else_=None)
    mine = (links.c.tenant == tenant, links.c.entity == entity)
    named = among(conn, links.c.source_id, source_ids)
    conn.execute(update(links).where(*mine, named).values(content_hash="", agreed=agreed))


class Mover:
    """Makes moves in one transaction."""

    def __init__(
        self,
        conn: Connection,
        database: Database,
        of: tuple[RouteName, TenantId, Entity],
        doer: Doer,
    ) -> None:
        """`facts` holds what the log is to be told at the end of the transaction."""
        route, tenant, entity = of
        self._conn = conn
        self._database = database
        self._route = route
        self._of = {"route": route, "tenant": tenant, "entity": entity}
        self._tenant = tenant
        self._entity = entity
        self._doer = doer
        self.facts: list[Fact] = []

    def make(self, wish: Move) -> tuple[MoveOutcome, int | None]:
        """Make one move, unless the ledger speaks against it; return its id, too."""
        ids = sorted({wish.before.source_id, wish.after.source_id})
        records = lock_records(self._conn, self._tenant, self._entity, ids)
        if any(record.active is not None for record in records.values()):
            return MoveOutcome.BUSY, None
        held = {row.source_id: row for row in self._held(ids)}
        was = held.get(wish.before.source_id)
        if (None if was is None else was.target_id) != wish.before.target_id:
            return MoveOutcome.OTHERWISE, None
        is_succession = wish.before.source_id != wish.after.source_id
        other = held.get(wish.after.source_id) if is_succession else None
        if other is not None and other.target_id != wish.after.target_id:
            return MoveOutcome.TAKEN, None
        self._move(wish, was, was_held=other is not None)
        if was is not None and other is not None and _wrote_last(was, other):
            forget_values(self._conn, self._tenant, self._entity, [wish.after.source_id])
        self._let_go(wish, {key.source_id: record for key, record in records.items()})
        return MoveOutcome.MOVED, self._note(wish, was_held=other is not None)

    def _held(self, ids: Sequence[SourceId]) -> Sequence[Row[Any]]:
        condition = among(self._conn, links.c.source_id, ids)
        return link_rows(self._conn, self._tenant, self._entity, condition)

    def _move(self, wish: Move, was: Row[Any] | None, *, was_held: bool) -> None:
        """Write the link as it is to be, and tell the log of both."""
        if was is not None:
            mine = (links.c.tenant == self._tenant, links.c.entity == self._entity)
            gone = links.c.source_id == wish.before.source_id
            self._conn.execute(delete(links).where(*mine, gone))
            before = AuditValues(before=was.target_snapshot, note=wish.note)
            self._tell(was._asdict(), AuditKind.UNLINKED, before, wish.rule)
        if wish.after.target_id is None or was_held:
            return
        row = self._row(wish, was)
        put(self._conn, links, [row], update=_LINK_COLUMNS)
        after = AuditValues(after=row["target_snapshot"], note=wish.note)
        self._tell(row, AuditKind.LINKED, after, wish.rule)

    def _tell(self, row: dict[str, Any], kind: AuditKind, values: AuditValues, rule: str) -> None:
        self.facts.append(told(self._route, row, kind, self._doer, values, rule=rule))

    def _row(self, wish: Move, was: Row[Any] | None) -> dict[str, Any]:
        """Make the new link: of another target nothing that was written counts."""
        is_same = was is not None and was.target_id == wish.after.target_id
        return {
            "tenant": self._tenant,
            "entity": self._entity,
            "source_id": wish.after.source_id,
            "target_id": wish.after.target_id,
            "target_number": was.target_number if was and is_same else wish.target_number,
            "content_hash": "",
            "stamp_at": _LONG_AGO,
            "read_at": _LONG_AGO,
            "mapping_version": "",
            "source_snapshot": was.source_snapshot if was and is_same else FOLLOWED,
            "target_snapshot": was.target_snapshot if was and is_same else wish.snapshot,
            "agreed": was.agreed if was and is_same else None,
            "settled_at": self._database.clock.now(),
        }

    def _let_go(self, wish: Move, records: Mapping[SourceId, LiveRecord]) -> None:
        """Supersede what waited for a record that has no link any more, and what was given up."""
        is_lost = wish.before.source_id != wish.after.source_id or wish.after.target_id is None
        loser = records.get(wish.before.source_id) if is_lost else None
        gone = [loser.waiting] if loser is not None and loser.waiting is not None else []
        gone += [
            record.dead
            for record in records.values()
            if record.dead is not None and not record.dead.is_discarded
        ]
        move(self._conn, self._database, gone, EntryState.SUPERSEDED, reason=wish.rule)

    def _note(self, wish: Move, *, was_held: bool) -> int:
        values = {
            **self._of,
            "rule": wish.rule,
            "source_before": wish.before.source_id,
            "target_before": wish.before.target_id,
            "source_after": wish.after.source_id,
            "target_after": wish.after.target_id,
            "was_held": was_held,
            "note": wish.note,
            "actor": self._doer.actor,
            "run_id": self._doer.run_id,
            "made_at": self._database.clock.now(),
        }
        made = insert(link_changes).values(values).returning(link_changes.c.change_id)
        return int(self._conn.execute(made).scalar_one())


def _wrote_last(one: Row[Any], other: Row[Any]) -> bool:
    """Say whether, of two records of one contact, this one has written to it last."""
    return bool(one.content_hash) and one.settled_at > other.settled_at
