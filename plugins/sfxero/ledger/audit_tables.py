"""The audit log's tables; triggers of the migration keep them as they were written."""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text

from sfxero.ledger.tables import BigId, UtcDateTime, metadata
from sfxero.model.audit import AuditKind

_KINDS: Final = ", ".join(f"'{kind}'" for kind in sorted(AuditKind))

audit_events = Table(
    "audit_events",
    metadata,
    Column("route", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text),
    Column("run_id", Text),
    Column("mapping_version", Text),
    Column("rule", Text),
    Column("tenant", Text),
    Column("entity", Text),
    Column("source_id", Text),
    Column("target_id", Text),
    Column("entry_id", BigId),
    Column("attempt_id", BigId),
    Column("idempotency_key", Text),
    Column("error_class", Text),
    Column("values_hash", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("event_hash", Text, nullable=False),
    CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
)
Index("ix_audit_events_source", audit_events.c.route, audit_events.c.source_id)

# Apart from the events, so that a person's values can go while the chain stays.
audit_values = Table(
    "audit_values",
    metadata,
    Column("route", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("salt", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("request_hash", Text),
    Column("response_hash", Text),
    Column("note", Text),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("route", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("event_hash", Text, nullable=False),
    Column("began_after", BigInteger, nullable=False),  # entries up to this id are older
)

audit_erasures = Table(
    "audit_erasures",
    metadata,
    Column("route", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("erased_by_seq", BigInteger, nullable=False),
)
