"""Doubts: entries of which nobody knows what became: no answer came, or their worker died."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from sfxero.ledger.audit_trail import Doer, append, doer_of, doers_of, subjects
from sfxero.ledger.engine import Database
from sfxero.ledger.tables import UtcDateTime, entries, one_of
from sfxero.model.audit import AuditKind
from sfxero.model.ids import TenantId
from sfxero.model.states import ACTIVE, EntryState

_CLAIMED: Final = frozenset({EntryState.CLAIMED})

_OVERDUE: Final = (
    select(entries.c.entry_id, entries.c.owner)
    .where(
        entries.c.tenant == bindparam("tenant"),
        one_of(entries.c.state, _CLAIMED),
        one_of(entries.c.state, ACTIVE),  # the condition of the index
        entries.c.lease_until_at <= bindparam("now", type_=UtcDateTime()),
    )
    # Not by the bare id: for that order the whole table would be gone through.
    .order_by(entries.c.entry_id + 0)
)
_ANY_LAPSED: Final = _OVERDUE.limit(1)
# Who settles an entry at this moment is late, but not dead.
_LAPSED: Final = _OVERDUE.with_for_update(skip_locked=True, key_share=True)


class Doubting:
    """The part of the outbox that leaves entries to a look-up."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def doubt(
        self, entry_ids: Sequence[int], *, owner: str, until_at: datetime | None = None
    ) -> int:
        """Say that it is unknown what became of entries, and let anybody look them up.

        Before `until_at` a look-up would tell nothing for certain, so nobody gets them.
        """
        with self._database.write() as conn:
            found = conn.execute(
                select(entries.c.entry_id, entries.c.state)
                .where(
                    entries.c.entry_id.in_(entry_ids),
                    one_of(entries.c.state, ACTIVE),  # one in doubt already only ends its lease
                    entries.c.owner == owner,
                )
                .order_by(entries.c.entry_id)
                .with_for_update(key_share=True)
            ).all()
            claimed = [row.entry_id for row in found if row.state == EntryState.CLAIMED]
            count = self._leave_in_doubt(conn, [row.entry_id for row in found], until_at=until_at)
            doer = doer_of(conn, owner)
            self._log_unknown(conn, dict.fromkeys(claimed, doer))
        return count

    def expire_leases(self, tenant: TenantId) -> int:
        """Put entries in doubt whose worker let the lease run out: it may have sent them."""
        given = {"tenant": tenant, "now": self._database.clock.now()}
        with self._database.read() as conn:
            if conn.execute(_ANY_LAPSED, given).first() is None:
                return 0
        with self._database.write() as conn:
            found = conn.execute(_LAPSED, given).all()
            count = self._leave_in_doubt(conn, [row.entry_id for row in found])
            doers = doers_of(conn, (row.owner for row in found))
            self._log_unknown(conn, {row.entry_id: doers[row.owner] for row in found})
        return count

    def _leave_in_doubt(
        self, conn: Connection, entry_ids: Sequence[int], *, until_at: datetime | None = None
    ) -> int:
        if not entry_ids:
            return 0
        statement = (
            update(entries)
            .where(entries.c.entry_id.in_(entry_ids))
            .values(
                state=EntryState.IN_DOUBT,
                owner=None,
                lease_until_at=until_at,
                changed_at=self._database.clock.now(),
            )
        )
        return conn.execute(statement).rowcount

    def _log_unknown(self, conn: Connection, doers: Mapping[int, Doer]) -> None:
        """Log that nobody knows what became of those entries that a request carried."""
        told = subjects(conn, doers)
        facts = [
            subject.fact(AuditKind.UNKNOWN, doers[entry_id])
            for entry_id, subject in told.items()
            if subject.request is not None
        ]
        append(conn, self._database, facts)
