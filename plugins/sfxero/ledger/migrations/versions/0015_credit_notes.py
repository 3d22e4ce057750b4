"""Credit notes of invoices.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

from sfxero.ledger.migrations.audit_kinds import allow_kinds_of

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the table, and let the log tell of credit notes."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "credit_notes",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("target_id", sa.Text),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("sub_total", sa.Text),
        sa.Column("total", sa.Text),
        sa.Column("begun_at", moment, nullable=False),
        sa.Column("ended_at", moment),
        sa.PrimaryKeyConstraint(
            "source_id", "tenant", "entity", "number", name=op.f("pk_credit_notes")
        ),
    )
    allow_kinds_of(revision)
