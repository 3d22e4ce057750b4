"""Pages: which pages of a bulk job are staged already, so that a download can go on.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add a window's jobs and their pages."""
    op.create_table(
        "window_jobs",
        sa.Column("window_id", _Id, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("api_version", sa.Text(), nullable=False),
        sa.Column("replaces", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("window_id", "job_id", name=op.f("pk_window_jobs")),
    )
    op.create_table(
        "window_pages",
        sa.Column("window_id", _Id, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("locator", sa.Text()),
        sa.Column("next_locator", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until_at", sa.DateTime(timezone=True)),
        sa.Column("file_name", sa.Text()),
        sa.Column("row_count", sa.BigInteger()),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("sha256", sa.Text()),
        sa.Column("staged_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("window_id", "job_id", "number", name=op.f("pk_window_pages")),
    )
