"""Org usage: what an org's day has left, and what runs under way have reserved of it.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add what each org last said of its day, and the reservations of runs."""
    op.create_table(
        "org_usage",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("calls_used", sa.BigInteger()),
        sa.Column("calls_allowed", sa.BigInteger()),
        sa.Column("query_jobs_used", sa.BigInteger()),
        sa.Column("query_jobs_allowed", sa.BigInteger()),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("org", name=op.f("pk_org_usage")),
    )
    op.create_table(
        "org_reservations",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("query_jobs", sa.Integer(), nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_org_reservations")),
    )
