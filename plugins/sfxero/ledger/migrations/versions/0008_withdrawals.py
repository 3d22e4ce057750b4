"""Withdrawals: entries under way that shall not go again.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add when an entry was withdrawn that could not be taken back."""
    op.add_column("entries", sa.Column("withdrawn_at", sa.DateTime(timezone=True)))
