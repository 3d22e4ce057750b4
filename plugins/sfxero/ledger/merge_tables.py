"""The tables of two-way routes: fields that a person decides about, and pairs to merge again."""

from sqlalchemy import Column, Index, Table, Text

from sfxero.ledger.tables import BigId, UtcDateTime, metadata

conflicts = Table(
    "conflicts",
    metadata,
    Column("conflict_id", BigId, primary_key=True),
    Column("route", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("target_id", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("agreed", Text),  # JSON, as are the two below: what both sides held, then each of them
    Column("salesforce", Text),
    Column("xero", Text),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("last_run_id", Text, nullable=False),
    Column("decision", Text),  # the side that a person chose, for these values only
    Column("decided_at", UtcDateTime),
    Column("decided_by", Text),
    Column("closed_at", UtcDateTime),
    Column("closed_run_id", Text),
    sqlite_autoincrement=True,
)
IS_OPEN = conflicts.c.closed_at.is_(None)
Index(
    "uq_conflicts_open",
    conflicts.c.source_id,
    conflicts.c.tenant,
    conflicts.c.field,
    unique=True,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)

merges_due = Table(
    "merges_due",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("since_at", UtcDateTime, nullable=False),
)
