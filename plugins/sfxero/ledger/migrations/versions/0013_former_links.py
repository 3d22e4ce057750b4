"""Former links: records that were voided so that others take their place.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

from sfxero.ledger.migrations.audit_kinds import allow_kinds_of

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the table, and let the log tell of voids."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "former_links",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("target_id", sa.Text, nullable=False),
        sa.Column("target_number", sa.Text),
        sa.Column("intended_at", moment, nullable=False),
        sa.Column("ended_at", moment),
        sa.PrimaryKeyConstraint("target_id", "tenant", "entity", name=op.f("pk_former_links")),
    )
    op.create_index("ix_former_links_source", "former_links", ["source_id", "tenant", "entity"])
    allow_kinds_of(revision)
