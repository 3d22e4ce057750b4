"""Alerts: what a person has to know, stored once however many workers meet it."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Row, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from sfxero.ledger.alert_tables import IS_OPEN, alerts
from sfxero.ledger.engine import Database
from sfxero.model.alerts import Alert, AlertKind

_Found = list[Alert]  # inside the class `list` is the method
_KEY: Final = [alerts.c.kind, alerts.c.subject]


class Alerts:
    """Troubles that outlast a run: one open row per kind and subject."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def raise_(self, kind: AlertKind, subject: str, *, message: str, hint: str) -> bool:
        """Open an alert and return True; if it is open already, count it and return False."""
        now = self._database.clock.now()
        with self._database.write() as conn:
            return raise_on(conn, kind, subject, message=message, hint=hint, at=now)

    def close(self, kind: AlertKind, subject: str) -> bool:
        """Close the open alert; False if there is none."""
        with self._database.write() as conn:
            return close_on(conn, kind, subject, at=self._database.clock.now())

    def list(self, *, with_closed: bool = False) -> _Found:
        """Return alerts, the newest first; closed ones too if asked for."""
        statement = select(alerts).order_by(alerts.c.alert_id.desc())
        if not with_closed:
            statement = statement.where(IS_OPEN)
        with self._database.read() as conn:
            return [_alert(row) for row in conn.execute(statement)]


def raise_on(
    conn: Connection, kind: AlertKind, subject: str, *, message: str, hint: str, at: datetime
) -> bool:
    """Raise an alert in a transaction of its cause; the words of the first sighting stay."""
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    statement = insert(alerts).values(
        kind=kind,
        subject=subject,
        message=message,
        hint=hint,
        opened_at=at,
        last_seen_at=at,
        times_seen=1,
    )
    later = statement.excluded.last_seen_at
    seen_again = statement.on_conflict_do_update(
        index_elements=_KEY,
        index_where=IS_OPEN,
        set_={
            "times_seen": alerts.c.times_seen + 1,
            # Machines disagree by a moment, and the last word must not go back.
            "last_seen_at": case(
                (alerts.c.last_seen_at > later, alerts.c.last_seen_at), else_=later
            ),
        },
    )
    return bool(conn.execute(seen_again.returning(alerts.c.times_seen)).scalar_one() == 1)


def close_on(conn: Connection, kind: AlertKind, subject: str, *, at: datetime) -> bool:
    """Close an alert in a transaction of what ended it."""
    statement = (
        update(alerts)
        .where(alerts.c.kind == kind, alerts.c.subject == subject, IS_OPEN)
        .values(closed_at=at)
    )
    return conn.execute(statement).rowcount > 0


def _alert(row: Row[tuple[object, ...]]) -> Alert:
    return Alert(
        kind=AlertKind(row.kind),
        subject=row.subject,
        message=row.message,
        hint=row.hint,
        opened_at=row.opened_at,
        last_seen_at=row.last_seen_at,
        times_seen=row.times_seen,
        closed_at=row.closed_at,
    )
