"""Differences: what reconciliations found, with its age.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the table of differences."""
    moment = sa.DateTime(timezone=True)
    is_open = sa.text("resolved_at IS NULL")
    op.create_table(
        "differences",
        sa.Column(
            "difference_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            nullable=False,
        ),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text),
        sa.Column("target_id", sa.Text),
        sa.Column("number", sa.Text),
        sa.Column("salesforce", sa.Text),
        sa.Column("ledger", sa.Text),
        sa.Column("xero", sa.Text),
        sa.Column("amount", sa.Text),
        sa.Column("currency", sa.Text),
        sa.Column("dated_on", sa.Date),
        sa.Column("first_seen_at", moment, nullable=False),
        sa.Column("last_seen_at", moment, nullable=False),
        sa.Column("last_run_id", sa.Text, nullable=False),
        sa.Column("resolved_at", moment),
        sa.Column("resolved_run_id", sa.Text),
        sa.Column("accepted_at", moment),
        sa.Column("accepted_by", sa.Text),
        sa.Column("accepted_reason", sa.Text),
        sa.PrimaryKeyConstraint("difference_id", name="pk_differences"),
        sa.UniqueConstraint(
            "route", "kind", "key", "field", name="uq_differences_route_kind_key_field"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_differences_open",
        "differences",
        ["route", "kind"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
