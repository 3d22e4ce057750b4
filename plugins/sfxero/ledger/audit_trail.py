"""The audit log's pen: adds events inside the transaction of what they tell of.

Appending comes last in a transaction, since it holds the route's head until the commit.
"""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, select, update

from sfxero.ledger.audit_hashing import VALUES, digest, event_hash, first_hash, values_hash
from sfxero.ledger.audit_tables import audit_events, audit_heads, audit_values
from sfxero.ledger.engine import Database, among, load_keyed, put
from sfxero.ledger.tables import attempts, entries, links, runs
from sfxero.model.audit import AuditKind, AuditValues
from sfxero.model.ids import RouteName, RunId
from sfxero.model.outbox import NOTE, Settlement
from sfxero.model.owners import run_of
from sfxero.model.states import Operation

_SALT_BYTES: Final = 16
_ANSWERED: Final = "answered"
"""The outcome of an attempt that is no error."""
_OF_ENTRY: Final = ("entry_id", "tenant", "entity", "source_id", "mapping_version")


@dataclass(frozen=True, slots=True)
class Doer:
    """Who is behind an event: a run with its actor, or a person."""

    run_id: RunId | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """An event before it has its place in the chain; `about` holds the columns it fills."""

    route: RouteName
    kind: AuditKind
    doer: Doer
    values: AuditValues
    about: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """The attempt that carried an entry, as far as the log tells of it."""

    attempt_id: int
    operation: Operation
    body_hash: str
    idempotency_key: str
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """An entry, its link as it is before the change, and the request whose outcome is open."""

    row: Row[Any]
    request: Request | None

    @property
    def payload(self) -> str:
        """What the entry wants to write."""
        return str(self.row.payload)

    @property
    def note(self) -> str | None:
        """How the payload came about, where its values do not tell."""
        note: str | None = json.loads(self.row.meta).get(NOTE)
        return note

    @property
    def target_snapshot(self) -> str | None:
        """What the target held when both sides last agreed; None before the first time."""
        snapshot: str | None = self.row.target_snapshot
        return snapshot

    def fact(
        self,
        kind: AuditKind,
        doer: Doer,
        *,
        before: str | None = None,
        after: str | None = None,
        response: str | None = None,
        note: str | None = None,
        **about: object,
    ) -> Fact:
        """Say that this happened to the entry; `about` overrides columns of the event."""
        row, request = self.row, self.request
        values = AuditValues(
            before=before,
            after=after,
            request_hash=request.body_hash if request else None,
            response_hash=None if response is None else digest(response),
            note=note,
        )
        of_entry = {name: row._mapping[name] for name in _OF_ENTRY}  # noqa: SLF001 - SQLAlchemy's public name
        of_entry["target_id"] = row.target_id
        of_request: dict[str, object] = {}
        if request is not None:
            of_request = {
                "attempt_id": request.attempt_id,
                "idempotency_key": request.idempotency_key,
                "error_class": None if request.outcome == _ANSWERED else request.outcome,
            }
        told = {**of_entry, "rule": self._rule(), **of_request, **about}
        return Fact(row.route, kind, doer, values, told)

    def _rule(self) -> str:
        """Name the rule by which the entry is written: the mapping's, if it has one."""
        row, request = self.row, self.request
        linked = Operation.UPDATE if row.target_id else Operation.CREATE
        operation = request.operation if request else linked
        return str(json.loads(row.meta).get("rule") or f"{row.entity}_{operation}")


def as_said(subject: Subject, settlement: Settlement, kind: AuditKind, doer: Doer) -> Fact:
    """Tell what the target holds now; the reply's hash is that of its canonical form."""
    return subject.fact(
        kind,
        doer,
        before=subject.target_snapshot,
        after=settlement.target_snapshot,
        response=settlement.target_snapshot,
        target_id=settlement.target_id,
        error_class=None,
    )


def subjects(conn: Connection, entry_ids: Iterable[int]) -> dict[int, Subject]:
    """Read what the log is to say of entries, in the order of their ids."""
    own = and_(
        links.c.tenant == entries.c.tenant,
        links.c.entity == entries.c.entity,
        links.c.source_id == entries.c.source_id,
    )
    opened = attempts.c.attempt_id == entries.c.open_attempt_id
    columns: tuple[Any, ...] = (
        *(entries.c[name] for name in (*_OF_ENTRY, "route", "payload", "meta")),
        *(attempts.c[field.name] for field in dataclass_fields(Request)),
        links.c.target_id,
        links.c.target_snapshot,
        links.c.agreed,
    )
    statement = (
        select(*columns)
        .select_from(entries.outerjoin(attempts, opened).outerjoin(links, own))
        .where(among(conn, entries.c.entry_id, entry_ids))
        .order_by(entries.c.entry_id)
    )
    return {row.entry_id: Subject(row, _request(row)) for row in conn.execute(statement)}


def _request(row: Row[Any]) -> Request | None:
    if row.attempt_id is None:
        return None
    return Request(
        attempt_id=row.attempt_id,
        operation=Operation(row.operation),
        body_hash=row.body_hash,
        idempotency_key=row.idempotency_key,
        outcome=row.outcome,
    )


def doer_of(conn: Connection, owner: str | None) -> Doer:
    """Return the run that a worker belongs to, with its actor."""
    return _with_actor(conn, run_of(owner))


def doers_of(conn: Connection, owners: Iterable[str | None]) -> dict[str | None, Doer]:
    """Return the runs of several workers."""
    return {owner: doer_of(conn, owner) for owner in set(owners)}


def person(conn: Connection, actor: str | None, run_id: RunId | None) -> Doer:
    """Return who asked for something: a person by name, or the actor of a run."""
    return Doer(run_id, actor) if actor is not None else _with_actor(conn, run_id)


def append(conn: Connection, database: Database, facts: Iterable[Fact]) -> dict[RouteName, int]:
    """Add events to their routes' chains, in order; return the last number of each chain."""
    by_route: dict[RouteName, list[Fact]] = {}
    for fact in facts:
        by_route.setdefault(fact.route, []).append(fact)
    # Always in the same order, against deadlocks.
    return {route: _extend(conn, database, route, by_route[route]) for route in sorted(by_route)}


def log_held_already(
    conn: Connection, database: Database, entry_ids: Sequence[int], *, owner: str
) -> None:
    """Log entries that were settled without a call: the target held their values before."""
    doer = doer_of(conn, owner)
    facts = [
        subject.fact(
            AuditKind.HELD_ALREADY,
            doer,
            before=subject.target_snapshot,
            after=subject.target_snapshot,
        )
        for subject in subjects(conn, entry_ids).values()
    ]
    append(conn, database, facts)


def _with_actor(conn: Connection, run_id: RunId | None) -> Doer:
    if run_id is None:
        return Doer()
    actor = select(runs.c.actor).where(runs.c.run_id == run_id)
    return Doer(run_id, conn.execute(actor).scalar_one_or_none())


def _extend(conn: Connection, database: Database, route: RouteName, facts: Sequence[Fact]) -> int:
    salts = [secrets.token_hex(_SALT_BYTES) for _ in facts]
    hashes = [values_hash(salt, fact.values) for salt, fact in zip(salts, facts, strict=True)]
    before, previous = locked_head(conn, route)
    events: list[dict[str, object]] = []
    common = {**_NOTHING, "route": route, "at": database.clock.now()}
    for seq, (fact, hashed) in enumerate(zip(facts, hashes, strict=True), start=before + 1):
        event = {
            **common,
            **fact.about,
            "seq": seq,
            "kind": fact.kind,
            "actor": fact.doer.actor,
            "run_id": fact.doer.run_id,
            "values_hash": hashed,
            "previous_hash": previous,
        }
        event["event_hash"] = previous = event_hash(event)
        events.append(event)
    _store(conn, events, salts, [fact.values for fact in facts])
    head = audit_heads.c.route == route
    last = before + len(events)
    conn.execute(update(audit_heads).where(head).values(seq=last, event_hash=previous))
    return last


_NOTHING: Final[dict[str, object]] = {
    str(column.name): None for column in audit_events.columns if column.nullable
}


def _store(
    conn: Connection,
    events: Sequence[Mapping[str, object]],
    salts: Sequence[str],
    values: Sequence[AuditValues],
) -> None:
    load_keyed(conn, audit_events, {name: [event[name] for event in events] for name in events[0]})
    key = {name: [event[name] for event in events] for name in ("route", "seq")}
    rest = {name: [getattr(one, name) for one in values] for name in VALUES}
    load_keyed(conn, audit_values, {**key, "salt": salts, **rest})


def locked_head(conn: Connection, route: RouteName) -> tuple[int, str]:
    """Return the end of the route's chain, and keep everybody else from it until the commit."""
    head = (
        select(audit_heads.c.seq, audit_heads.c.event_hash)
        .where(audit_heads.c.route == route)
        .with_for_update(key_share=True)
    )
    found = conn.execute(head).first()
    if found is None:
        first = {"route": route, "seq": 0, "event_hash": first_hash(route, 0), "began_after": 0}
        put(conn, audit_heads, [first])
        found = conn.execute(head).one()
    return found.seq, found.event_hash
