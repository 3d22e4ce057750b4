"""The tables of an org's day: what it last said, and what runs under way may still need."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from sfxero.ledger.tables import UtcDateTime, metadata

org_usage = Table(
    "org_usage",
    metadata,
    Column("org", Text, primary_key=True),
    Column("calls_used", BigInteger),
    Column("calls_allowed", BigInteger),
    Column("query_jobs_used", BigInteger),
    Column("query_jobs_allowed", BigInteger),
    Column("read_at", UtcDateTime, nullable=False),
)

# Counts while its run is running, and for a day at most.
org_reservations = Table(
    "org_reservations",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("org", Text, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("query_jobs", Integer, nullable=False),
    Column("reserved_at", UtcDateTime, nullable=False),
)
