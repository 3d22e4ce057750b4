"""Reading the outbox: lists and single entries for people, and whether there is work to do."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, func, literal, or_, select, union_all

from sfxero.ledger.engine import Database, among, chunked
from sfxero.ledger.records import LIVE
from sfxero.ledger.tables import DEAD, attempt_entries, attempts, entries, links, one_of
from sfxero.model.ids import RouteName, RunId, SourceId, TargetId, TenantId
from sfxero.model.outbox import NOT_APPROVED
from sfxero.model.states import ACTIVE, WAITING, Entity, EntryState, Operation

_IN_DOUBT: Final = frozenset({EntryState.IN_DOUBT})
_CLAIMED: Final = frozenset({EntryState.CLAIMED})


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries to list; None and empty stand for any."""

    route: RouteName | None = None
    tenant: TenantId | None = None
    entity: Entity | None = None
    states: frozenset[EntryState] = frozenset()
    source_id: SourceId | None = None
    with_discarded: bool = False


@dataclass(frozen=True, slots=True)
class EntryLine:
    """An entry as a list shows it: no value that will be sent."""

    entry_id: int
    route: RouteName
    tenant: TenantId
    entity: Entity
    source_id: SourceId
    state: EntryState
    tries: int
    planned_at: datetime
    changed_at: datetime
    not_before_at: datetime | None
    reason: str | None
    error_class: str | None
    message: str | None
    hint: str | None
    died_run_id: RunId | None
    discarded_at: datetime | None
    discarded_by: str | None


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One request that carried an entry, and how it ended."""

    attempt_id: int
    operation: Operation
    idempotency_key: str
    owner: str
    sent_at: datetime
    outcome: str | None
    status: int | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class LinkLine:
    """The target's record of an entry."""

    target_id: TargetId
    target_number: str | None
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class EntryDetail:
    """All there is of one entry."""

    line: EntryLine
    payload: Mapping[str, Any]
    run_id: RunId
    mapping_version: str
    stamp_at: datetime
    read_at: datetime
    parent_entity: Entity | None
    parent_source_id: SourceId | None
    owner: str | None
    lease_until_at: datetime | None
    attempts: Sequence[AttemptLine] = field(default_factory=tuple)
    link: LinkLine | None = None


_LINE: Final = tuple(entries.c[name] for name in EntryLine.__dataclass_fields__)


class OutboxReading:
    """The part of the outbox that only looks."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def listing(self, wanted: EntryFilter, *, limit: int | None = None) -> list[EntryLine]:
        """Return entries in the order in which they go, the oldest first: all, or so many."""
        statement = (
            select(*_LINE).where(*_conditions(wanted)).order_by(entries.c.entry_id).limit(limit)
        )
        with self._database.read() as conn:
            return [_line(row) for row in conn.execute(statement)]

    def standing(self, tenant: TenantId, entity: Entity) -> Iterator[tuple[SourceId, str, str]]:
        """Yield, of each record with a live entry, its state and why it is in it.

        A record may have a waiting and an active one; the waiting one comes last. A dead letter
        that a person has discarded is `discarded`. All is of one moment: an entry that moves on
        meanwhile is neither missed nor told twice.
        """
        columns = ("source_id", "state", "discarded_at", "message", "reason")
        # One statement, since PostgreSQL lets each see what was committed before it began.
        parts = [
            select(literal(place).label("place"), *(entries.c[name] for name in columns)).where(
                entries.c.tenant == tenant,
                entries.c.entity == entity,
                one_of(entries.c.state, states),
            )
            for place, states in enumerate((ACTIVE, DEAD, WAITING))
        ]
        statement = union_all(*parts).order_by("place")
        with self._database.read() as conn:
            for row in conn.execute(statement):
                state = "discarded" if row.discarded_at else str(row.state)
                yield row.source_id, state, row.message or row.reason or ""

    def live_meta(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
    ) -> Iterator[tuple[SourceId, Mapping[str, str]]]:
        """Yield the `meta` of each entry of these records that can still move."""
        for chunk in chunked(source_ids):
            with self._database.read() as conn:
                statement = select(entries.c.source_id, entries.c.meta).where(
                    entries.c.tenant == tenant,
                    entries.c.entity == entity,
                    among(conn, entries.c.source_id, chunk),
                    one_of(entries.c.state, LIVE),
                )
                rows = conn.execute(statement).all()
            yield from ((SourceId(row.source_id), json.loads(row.meta)) for row in rows)

    def count(self, wanted: EntryFilter) -> int:
        """Return how many entries there are."""
        statement = select(func.count()).select_from(entries).where(*_conditions(wanted))
        with self._database.read() as conn:
            return int(conn.execute(statement).scalar_one())

    def open_letters(self, route: RouteName | None) -> list[int]:
        """Return the ids of dead letters that nobody has discarded, the oldest first.

        Those that are not wanted any more are left out.
        """
        wanted = EntryFilter(route=route, states=DEAD)
        statement = (
            select(entries.c.entry_id)
            .where(*_conditions(wanted), entries.c.withdrawn_at.is_(None))
            .order_by(entries.c.entry_id)
        )
        with self._database.read() as conn:
            return list(conn.execute(statement).scalars())

    def not_replayable(self, entry_ids: Iterable[int]) -> dict[int, str]:
        """Return those dead letters that are not put back, each with why."""
        is_refused = entries.c.error_class == NOT_APPROVED
        columns = (entries.c[name] for name in ("entry_id", "message", "withdrawn_at", "reason"))
        with self._database.read() as conn:
            statement = select(*columns).where(
                among(conn, entries.c.entry_id, entry_ids),
                one_of(entries.c.state, DEAD),
                or_(is_refused, entries.c.withdrawn_at.is_not(None)),
            )
            rows = conn.execute(statement).all()
        return {
            row.entry_id: row.message if row.withdrawn_at is None else f"not sent: {row.reason}"
            for row in rows
        }

    def routes_of(self, entry_ids: Iterable[int]) -> dict[int, RouteName]:
        """Return to which routes entries belong; unknown ones are left out."""
        with self._database.read() as conn:
            statement = select(entries.c.entry_id, entries.c.route).where(
                among(conn, entries.c.entry_id, entry_ids)
            )
            return {row.entry_id: RouteName(row.route) for row in conn.execute(statement)}

    def last_routes(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
    ) -> dict[SourceId, RouteName]:
        """Return which route planned last for each of the records."""
        found: dict[SourceId, RouteName] = {}
        for chunk in chunked(source_ids):
            with self._database.read() as conn:
                statement = (
                    select(entries.c.source_id, entries.c.route)
                    .where(
                        entries.c.tenant == tenant,
                        entries.c.entity == entity,
                        among(conn, entries.c.source_id, chunk),
                    )
                    .order_by(entries.c.entry_id)
                )
                found.update((row.source_id, row.route) for row in conn.execute(statement))
        return found

    def held_by_letters(
        self, route: RouteName, tenant: TenantId, entity: Entity
    ) -> Iterator[tuple[SourceId, str, str]]:
        """Yield the waiting records whose parent is a dead letter, with its message and hint."""
        parent = entries.alias("parent")
        statement = (
            select(entries.c.source_id, parent.c.message, parent.c.hint)
            .join(
                parent,
                and_(
                    parent.c.route == entries.c.route,
                    parent.c.tenant == entries.c.tenant,
                    parent.c.entity == entries.c.parent_entity,
                    parent.c.source_id == entries.c.parent_source_id,
                ),
            )
            .where(
                entries.c.route == route,
                entries.c.tenant == tenant,
                entries.c.entity == entity,
                one_of(entries.c.state, WAITING),
                one_of(parent.c.state, DEAD),
                parent.c.discarded_at.is_(None),
            )
            .order_by(entries.c.entry_id)
        )
        with self._database.read() as conn:
            for row in conn.execute(statement):
                yield row.source_id, row.message or "", row.hint or ""

    def detail(self, entry_id: int) -> EntryDetail | None:
        """Return one entry with its requests and its link."""
        own = and_(
            links.c.tenant == entries.c.tenant,
            links.c.entity == entries.c.entity,
            links.c.source_id == entries.c.source_id,
        )
        of_link = (links.c.target_id, links.c.target_number, links.c.settled_at)
        statement = (
            select(entries, *of_link)
            .select_from(entries.outerjoin(links, own))
            .where(entries.c.entry_id == entry_id)
        )
        carried = (
            select(attempts)
            .join(attempt_entries, attempt_entries.c.attempt_id == attempts.c.attempt_id)
            .where(attempt_entries.c.entry_id == entry_id)
            .order_by(attempts.c.attempt_id)
        )
        with self._database.read() as conn:
            row = conn.execute(statement).first()
            if row is None:
                return None
            return _detail(row, [_attempt(one) for one in conn.execute(carried)])

    def under_way(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
    ) -> set[SourceId]:
        """Return those of the records of which it is not known whether the target has them."""
        found: set[SourceId] = set()
        for chunk in chunked(source_ids):
            with self._database.read() as conn:
                statement = select(entries.c.source_id).where(
                    entries.c.tenant == tenant,
                    entries.c.entity == entity,
                    among(conn, entries.c.source_id, chunk),
                    one_of(entries.c.state, ACTIVE),
                )
                found.update(conn.execute(statement).scalars())
        return found

    def linked_among(
        self, tenant: TenantId, entity: Entity, target_ids: Iterable[TargetId]
    ) -> set[TargetId]:
        """Return those of the target's records that stand for one of ours."""
        found: set[TargetId] = set()
        for chunk in chunked(target_ids):
            with self._database.read() as conn:
                statement = select(links.c.target_id).where(
                    links.c.tenant == tenant,
                    links.c.entity == entity,
                    among(conn, links.c.target_id, chunk),
                )
                found.update(conn.execute(statement).scalars())
        return found

    def targets_of(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
    ) -> dict[SourceId, TargetId]:
        """Return the target's records that ours stand for; those without one are left out."""
        found: dict[SourceId, TargetId] = {}
        for chunk in chunked(source_ids):
            with self._database.read() as conn:
                statement = select(links.c.source_id, links.c.target_id).where(
                    links.c.tenant == tenant,
                    links.c.entity == entity,
                    among(conn, links.c.source_id, chunk),
                )
                found.update((row.source_id, row.target_id) for row in conn.execute(statement))
        return found

    def outstanding(self, route: RouteName) -> int:
        """Count the route's entries that the target does not hold yet, dead ones not among them."""
        return self.count(EntryFilter(route=route, states=WAITING | ACTIVE))

    def tenants_at_work(self, route: RouteName, entities: Collection[Entity]) -> list[TenantId]:
        """Return the organisations for which such entries of the route wait or are under way.

        The one for which it planned last comes first.
        """
        statement = (
            select(entries.c.tenant)
            .where(
                entries.c.route == route,
                entries.c.entity.in_(entities),
                one_of(entries.c.state, WAITING | ACTIVE),
            )
            .group_by(entries.c.tenant)
            .order_by(func.max(entries.c.entry_id).desc())
        )
        with self._database.read() as conn:
            return [TenantId(tenant) for tenant in conn.execute(statement).scalars()]

    def has_doubts(self, tenant: TenantId, *, now: datetime) -> bool:
        """Say whether an outcome is unknown and nobody is looking it up, or a worker has died."""
        lapsed = entries.c.lease_until_at <= now
        free = or_(entries.c.lease_until_at.is_(None), lapsed)
        unknown = or_(
            and_(one_of(entries.c.state, _IN_DOUBT), free),
            and_(one_of(entries.c.state, _CLAIMED), lapsed),
        )
        statement = select(entries.c.entry_id).where(entries.c.tenant == tenant, unknown).limit(1)
        with self._database.read() as conn:
            return conn.execute(statement).first() is not None


def _conditions(wanted: EntryFilter) -> list[ColumnElement[bool]]:
    same = {
        entries.c.route: wanted.route,
        entries.c.tenant: wanted.tenant,
        entries.c.entity: wanted.entity,
        entries.c.source_id: wanted.source_id,
    }
    found = [column == value for column, value in same.items() if value is not None]
    if wanted.states:
        found.append(one_of(entries.c.state, wanted.states))
    if not wanted.with_discarded:
        # A newer version may have succeeded what was discarded; that is history like any other.
        is_dead = one_of(entries.c.state, DEAD)
        found.append(or_(entries.c.discarded_at.is_(None), ~is_dead))
    return found


def _line(row: Row[Any]) -> EntryLine:
    told = {name: getattr(row, name) for name in EntryLine.__dataclass_fields__}
    told |= {"entity": Entity(row.entity), "state": EntryState(row.state)}
    return EntryLine(**told)


def _attempt(row: Row[Any]) -> AttemptLine:
    told = {name: getattr(row, name) for name in AttemptLine.__dataclass_fields__}
    return AttemptLine(**told | {"operation": Operation(row.operation)})


def _detail(row: Row[Any], carried: Sequence[AttemptLine]) -> EntryDetail:
    link = None
    if row.target_id is not None:
        link = LinkLine(row.target_id, row.target_number, row.settled_at)
    return EntryDetail(
        line=_line(row),
        payload=json.loads(row.payload, parse_float=Decimal),
        run_id=row.run_id,
        mapping_version=row.mapping_version,
        stamp_at=row.stamp_at,
        read_at=row.read_at,
        parent_entity=Entity(row.parent_entity) if row.parent_entity else None,
        parent_source_id=row.parent_source_id,
        owner=row.owner,
        lease_until_at=row.lease_until_at,
        attempts=carried,
        link=link,
    )
