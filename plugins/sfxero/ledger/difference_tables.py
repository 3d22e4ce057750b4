"""The table of differences that reconciliations found, each with its age and what became of it."""

from sqlalchemy import Column, Date, Index, Table, Text, UniqueConstraint

from sfxero.ledger.tables import BigId, UtcDateTime, metadata

# Kinds are not closed by a constraint: each release may add one, and SQLite would copy the table.
differences = Table(
    "differences",
    metadata,
    Column("difference_id", BigId, primary_key=True),
    Column("route", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("field", Text, nullable=False),  # '' for none: a unique key treats NULLs as unlike
    Column("source_id", Text),
    Column("target_id", Text),
    Column("number", Text),
    Column("salesforce", Text),
    Column("ledger", Text),
    Column("xero", Text),
    Column("amount", Text),  # exact: SQLite would keep a number as floating point
    Column("currency", Text),
    Column("dated_on", Date),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("last_run_id", Text, nullable=False),
    Column("resolved_at", UtcDateTime),
    Column("resolved_run_id", Text),
    Column("accepted_at", UtcDateTime),  # a person said that it may stay, as long as it is the same
    Column("accepted_by", Text),
    Column("accepted_reason", Text),
    UniqueConstraint("route", "kind", "key", "field"),
    sqlite_autoincrement=True,
)
IS_OPEN = differences.c.resolved_at.is_(None)
Index(
    "ix_differences_open",
    differences.c.route,
    differences.c.kind,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
