"""Two-way contacts: what both sides agreed on, what a person decides, what is merged again.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

from sfxero.ledger.migrations.audit_kinds import allow_kinds_of

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the column and the tables, and let the log tell of decisions."""
    op.add_column("links", sa.Column("agreed", sa.Text))
    _add_tables()
    allow_kinds_of(revision)


def _add_tables() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "conflicts",
        sa.Column("conflict_id", sa.BigInteger().with_variant(sa.Integer, "sqlite")),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("route", "tenant", "source_id", "target_id", "field")
        ),
        *(sa.Column(name, sa.Text) for name in ("agreed", "salesforce", "xero")),
        sa.Column("first_seen_at", moment, nullable=False),
        sa.Column("last_seen_at", moment, nullable=False),
        sa.Column("last_run_id", sa.Text, nullable=False),
        sa.Column("decision", sa.Text),
        sa.Column("decided_at", moment),
        sa.Column("decided_by", sa.Text),
        sa.Column("closed_at", moment),
        sa.Column("closed_run_id", sa.Text),
        sa.PrimaryKeyConstraint("conflict_id", name=op.f("pk_conflicts")),
        sqlite_autoincrement=True,
    )
    is_open = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_conflicts_open",
        "conflicts",
        ["source_id", "tenant", "field"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table(
        "merges_due",
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("since_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "source_id", name=op.f("pk_merges_due")),
    )
