"""The table of alerts, where one trouble is one row however often it is met."""

from sqlalchemy import Column, Index, Integer, Table, Text

from sfxero.ledger.tables import BigId, UtcDateTime, metadata

# Kinds are not closed by a constraint: each release may add one, and SQLite would copy the table.
alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", BigId, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("times_seen", Integer, nullable=False),
    Column("closed_at", UtcDateTime),
    sqlite_autoincrement=True,
)
IS_OPEN = alerts.c.closed_at.is_(None)
Index(
    "uq_alerts_open",
    alerts.c.kind,
    alerts.c.subject,
    unique=True,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
