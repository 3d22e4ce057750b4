"""Approvals: who was asked about an entry, who approved it, and the log's words for it.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

from sfxero.ledger.migrations.audit_kinds import allow_kinds_of

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the columns of approvals, and let the log tell of them."""
    moment = sa.DateTime(timezone=True)
    op.add_column("entries", sa.Column("approved_at", moment))
    op.add_column("entries", sa.Column("approved_by", sa.Text))
    op.add_column("entries", sa.Column("asked_until_at", moment))
    op.add_column("entries", sa.Column("asked_run_id", sa.Text))
    allow_kinds_of(revision)
