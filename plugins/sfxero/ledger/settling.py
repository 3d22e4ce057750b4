"""Settling: what became of entries that were taken, each with its link in one transaction."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, func, select, update

from sfxero.ledger.agreeing import agree
from sfxero.ledger.audit_trail import (
    Doer,
    Fact,
    Subject,
    append,
    as_said,
    doer_of,
    person,
    subjects,
)
from sfxero.ledger.engine import Database, chunked, put
from sfxero.ledger.merging import mark_due
from sfxero.ledger.pairing import pair_contacts
from sfxero.ledger.planning import refresh_link
from sfxero.ledger.records import (
    LiveEntry,
    LiveRecord,
    RecordKey,
    held_by,
    lock_records_of,
    move,
    put_back,
)
from sfxero.ledger.retiring import forget_intents
from sfxero.ledger.tables import entries, links
from sfxero.model.audit import AuditKind
from sfxero.model.ids import RunId, SourceId, TenantId
from sfxero.model.outbox import ON_CHANGE, ChangePolicy, Settlement
from sfxero.model.states import Entity, EntryState

if TYPE_CHECKING:
    from sfxero.model.agreed import Pair

_LINK_COLUMNS: Final = tuple(
    column.name for column in links.columns if not column.primary_key and column.name != "agreed"
)
_REFUSED: Final = "Refused"
_ANEW: Final = {"tries": 0, "died_run_id": None, "discarded_at": None, "discarded_by": None}


class Settling:
    """The part of the outbox that ends what a claim began; what the owner lost stays untouched.

    What became of each entry is logged in the transaction that stores it.
    """

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def settle(self, settlements: Iterable[Settlement], *, owner: str) -> int:
        """Mark entries settled and link their records; return how many were the owner's."""
        count = 0
        for chunk in chunked(settlements):
            said = {settlement.entry_id: settlement for settlement in chunk}
            with self._database.write() as conn:
                held = [entry for _, entry in held_by(lock_records_of(conn, said), said, owner)]
                told = subjects(conn, [entry.entry_id for entry in held])
                self._link(conn, held, said, told)
                forget_intents(conn, (one.key for one in held if not _ends(told[one.entry_id])))
                count += move(conn, self._database, held, EntryState.SETTLED, open_attempt_id=None)
                doer = doer_of(conn, owner)
                facts = list(_settled(told, said, doer))
                done = [(told[one.entry_id], said[one.entry_id]) for one in held]
                facts += pair_contacts(conn, self._database, done, doer)
                append(conn, self._database, facts)
        return count

    def adopt(self, settlement: Settlement, *, owner: str) -> int:
        """Link a record that holds other values; its entry waits again, now as an update."""
        said = {settlement.entry_id: settlement}
        with self._database.write() as conn:
            held = list(held_by(lock_records_of(conn, said), said, owner))
            told = subjects(conn, [entry.entry_id for _, entry in held])
            unlike = [replace(entry, content_hash="") for _, entry in held]
            self._link(conn, unlike, said, told)
            count = put_back(conn, self._database, held, EntryState.PENDING, open_attempt_id=None)
            doer = doer_of(conn, owner)
            facts = [
                as_said(subject, settlement, AuditKind.ADOPTED, doer) for subject in told.values()
            ]
            append(conn, self._database, facts)
        return count

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

        def tell(subject: Subject, doer: Doer) -> Fact:
            return subject.fact(AuditKind.DEAD_LETTER, doer, note=message, error_class=error_class)

        return self._put_back(
            [entry_id],
            owner,
            EntryState.DEAD,
            tell,
            died_run_id=run_id,
            error_class=error_class,
            message=message,
            hint=hint,
        )

    def retry_later(
        self,
        entry_ids: Sequence[int],
        *,
        owner: str,
        not_before_at: datetime,
        reason: str,
        forget: bool = False,
    ) -> int:
        """Let entries rest until `not_before_at`; where a newer one waits, it succeeds them.

        `forget` is for those that may have been carried out: their links no longer vouch for what
        the target holds, so that whatever is wished next is sent.
        """

        def tell(subject: Subject, doer: Doer) -> Fact | None:
            return _not_done(subject, doer, note=reason)

        return self._put_back(
            entry_ids,
            owner,
            EntryState.RETRY_LATER,
            tell,
            forget=forget,
            not_before_at=not_before_at,
            reason=reason,
        )

    def set_aside(
        self,
        entry_ids: Sequence[int],
        *,
        owner: str,
        reason: str,
        merged_in: TenantId | None = None,
    ) -> int:
        """Give up entries whose record was changed by others, or is there already.

        With `merged_in`, the Xero organisation that holds the accounts' contacts, the next merge
        plans them anew.
        """
        with self._database.write() as conn:
            held = [
                (record, replace(entry, is_withdrawn=True))
                for record, entry in held_by(lock_records_of(conn, entry_ids), entry_ids, owner)
            ]
            told = subjects(conn, [entry.entry_id for _, entry in held])
            gone = {"open_attempt_id": None, "reason": reason}
            count = put_back(conn, self._database, held, EntryState.PENDING, **gone)
            if merged_in is not None:
                ids = {entry.key.source_id for _, entry in held}
                mark_due(conn, self._database, merged_in, ids)
            doer = doer_of(conn, owner)
            facts = (_not_done(subject, doer, note=reason) for subject in told.values())
            append(conn, self._database, [fact for fact in facts if fact is not None])
        return count

    def release(self, entry_ids: Sequence[int], *, owner: str) -> int:
        """Give back entries that surely were not sent; where a newer one waits, it succeeds."""
        return self._put_back(entry_ids, owner, EntryState.PENDING, _not_done)

    def amend(self, entry_id: int, *, owner: str, payload: str, content_hash: str) -> int:
        """Give an entry that the target refused other values, and let it go again."""

        def tell(subject: Subject, doer: Doer) -> Fact:
            return subject.fact(
                AuditKind.AMENDED,
                doer,
                before=subject.payload,
                after=payload,
                error_class=_REFUSED,
            )

        return self._put_back(
            [entry_id],
            owner,
            EntryState.PENDING,
            tell,
            payload=payload,
            content_hash=content_hash,
        )

    def replay(
        self,
        entry_ids: Sequence[int],
        *,
        actor: str | None = None,
        run_id: RunId | None = None,
        reason: str | None = None,
    ) -> int:
        """Put dead letters back in the outbox; where a newer one waits, it succeeds them.

        What a person refused to approve stays dead, and so does what is not wanted any more, see
        `not_replayable`. `actor` is who asked for it; without one, the actor of the run `run_id`.
        """
        with self._database.write() as conn:
            dead = [one for one in _dead(conn, entry_ids) if one[1].may_be_replayed]
            told = subjects(conn, [entry.entry_id for _, entry in dead])
            count = put_back(conn, self._database, dead, EntryState.PENDING, **_ANEW)
            doer = person(conn, actor, run_id)
            facts = [one.fact(AuditKind.REPLAYED, doer, note=reason) for one in told.values()]
            append(conn, self._database, facts)
        return count

    def discard(
        self,
        entry_ids: Sequence[int],
        *,
        actor: str | None = None,
        run_id: RunId | None = None,
        reason: str | None = None,
    ) -> int:
        """Let dead letters rest for good: a person decided that these values shall not be sent."""
        now = self._database.clock.now()
        with self._database.write() as conn:
            dead = [entry.entry_id for _, entry in _dead(conn, entry_ids)]
            doer = person(conn, actor, run_id)
            marked = (
                update(entries)
                .where(entries.c.entry_id.in_(dead), entries.c.discarded_at.is_(None))
                .values(discarded_at=now, discarded_by=doer.actor)
                .returning(entries.c.entry_id)
            )
            told = subjects(conn, [row.entry_id for row in conn.execute(marked)])
            facts = [one.fact(AuditKind.DISCARDED, doer, note=reason) for one in told.values()]
            append(conn, self._database, facts)
        return len(facts)

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
        self,
        entry_ids: Sequence[int],
        owner: str,
        after: EntryState,
        tell: Callable[[Subject, Doer], Fact | None],
        *,
        forget: bool = False,
        **values: Any,
    ) -> int:
        """Take entries to `after`; `tell` says what is logged of each, if anything."""
        with self._database.write() as conn:
            held = list(held_by(lock_records_of(conn, entry_ids), entry_ids, owner))
            told = subjects(conn, [entry.entry_id for _, entry in held])
            count = put_back(conn, self._database, held, after, open_attempt_id=None, **values)
            if forget:
                _forget_values(conn, [entry.key for _, entry in held])
            doer = doer_of(conn, owner)
            facts = (tell(subject, doer) for subject in told.values())
            append(conn, self._database, [fact for fact in facts if fact is not None])
        return count

    def _link(
        self,
        conn: Connection,
        held: Sequence[LiveEntry],
        said: Mapping[int, Settlement],
        told: Mapping[int, Subject],
    ) -> None:
        now = self._database.clock.now()
        rows = [
            {
                **entry.key._asdict(),
                "target_id": said[entry.entry_id].target_id,
                "target_number": said[entry.entry_id].target_number,
                "content_hash": entry.content_hash,
                "stamp_at": entry.version.stamp_at,
                "read_at": entry.version.read_at,
                "mapping_version": entry.mapping_version,
                "source_snapshot": told[entry.entry_id].payload,
                "target_snapshot": said[entry.entry_id].target_snapshot,
                "settled_at": now,
            }
            for entry in held
        ]
        put(conn, links, rows, update=_LINK_COLUMNS)
        agreed: dict[tuple[TenantId, bool], dict[SourceId, Mapping[str, Pair]]] = {}
        for entry in held:
            settlement = said[entry.entry_id]
            if settlement.agreed:
                is_account = settlement.agreed_in is not None
                where = settlement.agreed_in or entry.key.tenant
                agreed.setdefault((where, is_account), {})[entry.key.source_id] = settlement.agreed
        for (tenant, is_account), changed in sorted(agreed.items()):
            agree(conn, tenant, changed, account_at=now if is_account else None)
        _agree_as_written(conn, (one.key for one in held if _is_whole(one, said, told)))


def _is_whole(
    entry: LiveEntry, said: Mapping[int, Settlement], told: Mapping[int, Subject]
) -> bool:
    """Say whether a contact was written whole, of which a two-way route has noted fields."""
    is_contact = entry.key.entity is Entity.CONTACT
    has_agreed = told[entry.entry_id].row.agreed is not None
    return is_contact and has_agreed and not said[entry.entry_id].agreed


def _agree_as_written(conn: Connection, keys: Iterable[RecordKey]) -> None:
    """Let links agree on what was written to the contact now, and not on what was noted before."""
    names = tuple(f"b_{name}" for name in RecordKey._fields)
    rows = [{**dict(zip(names, key, strict=True)), "agreed": None} for key in keys]
    if rows:
        conn.execute(refresh_link(), rows)


def _forget_values(conn: Connection, keys: Sequence[RecordKey]) -> None:
    """Keep the links of records, but not as a word on the values that the target holds."""
    rows = [
        {
            "b_tenant": key.tenant,
            "b_entity": key.entity,
            "b_source_id": key.source_id,
            "content_hash": "",
        }
        for key in keys
    ]
    if rows:
        conn.execute(refresh_link(), rows)


def _ends(subject: Subject) -> bool:
    """Say whether the entry wished that the record be void."""
    return bool(json.loads(subject.row.meta).get(ON_CHANGE) == ChangePolicy.VOID)


def _dead(conn: Connection, entry_ids: Iterable[int]) -> list[tuple[LiveRecord, LiveEntry]]:
    """Lock those of the entries that are dead letters."""
    wanted = set(entry_ids)
    return [
        (record, record.dead)
        for record in lock_records_of(conn, wanted).values()
        if record.dead is not None and record.dead.entry_id in wanted
    ]


def _settled(
    told: Mapping[int, Subject], said: Mapping[int, Settlement], doer: Doer
) -> Iterator[Fact]:
    for entry_id, subject in told.items():
        kind = AuditKind.FOUND if said[entry_id].is_looked_up else AuditKind.SETTLED
        yield as_said(subject, said[entry_id], kind, doer)


def _not_done(subject: Subject, doer: Doer, *, note: str | None = None) -> Fact | None:
    """Tell that a request was in vain; an entry that none carried was never written."""
    if subject.request is None:
        return None
    return subject.fact(AuditKind.NOT_DONE, doer, note=note)
