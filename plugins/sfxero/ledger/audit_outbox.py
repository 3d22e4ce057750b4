"""Holds the audit log against the outbox: what the one knows, the other must tell."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import CompoundSelect, Connection, Select, except_, func, null, select

from sfxero.ledger.audit_tables import audit_events
from sfxero.ledger.tables import attempt_entries, entries
from sfxero.model.audit import ENDING, SETTLING, AuditKind, Unlogged
from sfxero.model.ids import RouteName
from sfxero.model.states import EntryState

_SAMPLE: Final = 20


def unlogged(
    conn: Connection, route: RouteName, *, began_after: int
) -> tuple[int, tuple[Unlogged, ...]]:
    """Count what the log does not tell of the route's entries, and name the first few.

    Entries up to `began_after` are older than the log.
    """
    count = 0
    sample: list[Unlogged] = []
    for message, lost in _comparisons(route, began_after):
        found = lost.subquery()
        count += conn.execute(select(func.count()).select_from(found)).scalar_one()
        first = select(found).order_by(found.c.entry_id, found.c.attempt_id).limit(_SAMPLE)
        sample += [Unlogged(row.entry_id, row.attempt_id, message) for row in conn.execute(first)]
    return count, tuple(sample[:_SAMPLE])


def _comparisons(route: RouteName, began_after: int) -> Iterator[tuple[str, CompoundSelect[Any]]]:
    """Yield what must be empty. EXCEPT and no join: it stays linear without statistics."""
    of_route = (entries.c.route == route, entries.c.entry_id > began_after)
    settled = select(entries.c.entry_id, null().label("attempt_id")).where(
        *of_route, entries.c.state == EntryState.SETTLED
    )
    told_settled = _events(route, *SETTLING).with_only_columns(audit_events.c.entry_id, null())
    yield "settled, and the log does not say so", except_(settled, told_settled)

    stored = (
        select(attempt_entries.c.entry_id, attempt_entries.c.attempt_id)
        .join(entries, entries.c.entry_id == attempt_entries.c.entry_id)
        .where(*of_route)
    )
    sent = _events(route, AuditKind.SENT)
    yield "a request carried it, and the log does not say so", except_(stored, sent)

    replied = _events(route, AuditKind.SETTLED).where(audit_events.c.entry_id > began_after)
    yield "settled by the reply to a request that the log does not know", except_(replied, sent)

    open_ones = select(entries.c.entry_id, entries.c.open_attempt_id).where(
        *of_route, entries.c.open_attempt_id.is_not(None)
    )
    yield (
        "a request carried it, and the log does not say what became of it",
        except_(sent, _events(route, *ENDING), open_ones),
    )


def _events(route: RouteName, *kinds: AuditKind) -> Select[Any]:
    return select(audit_events.c.entry_id, audit_events.c.attempt_id).where(
        audit_events.c.route == route, audit_events.c.kind.in_(kinds)
    )
