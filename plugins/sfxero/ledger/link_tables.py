"""The table of what became of links: which record took over whose, when, by which rule."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, false

from sfxero.ledger.tables import BigId, UtcDateTime, metadata

# Rules are not closed by a constraint: each release may add one, and SQLite would copy the table.
link_changes = Table(
    "link_changes",
    metadata,
    Column("change_id", BigId, primary_key=True),
    Column("route", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("source_before", Text, nullable=False),
    Column("target_before", Text),  # none: it was not linked
    Column("source_after", Text, nullable=False),
    Column("target_after", Text),  # none: it is not linked any more
    # The successor had that link before, so that the other one was dropped only.
    Column("was_held", Boolean, nullable=False, server_default=false()),
    Column("note", Text),
    Column("actor", Text),
    Column("run_id", Text),
    Column("made_at", UtcDateTime, nullable=False),
    Column("prepared_at", UtcDateTime),  # a run has compared the records since
    Column("undone_by", BigInteger),  # the change that took it back
    sqlite_autoincrement=True,
)
_RECORD = (link_changes.c.tenant, link_changes.c.entity)
Index("ix_link_changes_source_before", link_changes.c.source_before, *_RECORD)
Index("ix_link_changes_source_after", link_changes.c.source_after, *_RECORD)
IS_UNPREPARED = link_changes.c.prepared_at.is_(None)
Index(
    "ix_link_changes_unprepared",
    *_RECORD,
    sqlite_where=IS_UNPREPARED,
    postgresql_where=IS_UNPREPARED,
)
