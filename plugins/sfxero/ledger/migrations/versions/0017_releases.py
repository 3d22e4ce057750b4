"""Releases: values that a person lets pass though a check refused them.

Revision ID: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_KEY = ("route", "entity", "source_id", "rule", "value")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "releases",
        *(sa.Column(name, sa.Text, nullable=False) for name in _KEY),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, name=op.f("pk_releases")),
    )
