"""The tables of a window's bulk jobs and of their pages, so that a download can go on."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from sfxero.ledger.tables import BigId, UtcDateTime, metadata

window_jobs = Table(
    "window_jobs",
    metadata,
    Column("window_id", BigId, primary_key=True, autoincrement=False),
    Column("job_id", Text, primary_key=True),
    Column("api_version", Text, nullable=False),
    Column("replaces", Text),
    Column("created_at", UtcDateTime, nullable=False),
)

# A page whose file has no name yet is still to be staged.
window_pages = Table(
    "window_pages",
    metadata,
    Column("window_id", BigId, primary_key=True, autoincrement=False),
    Column("job_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("locator", Text),
    Column("next_locator", Text),
    Column("owner", Text),
    Column("lease_until_at", UtcDateTime),
    Column("file_name", Text),
    Column("row_count", BigInteger),
    Column("size_bytes", BigInteger),
    Column("sha256", Text),
    Column("staged_at", UtcDateTime),
)
