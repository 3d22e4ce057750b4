"""History: windows that go by the close date, and entries that go by the migration's budget.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_DUE = sa.text("state IN ('pending', 'retry_later')")


def upgrade() -> None:
    """Add what bounds a window, and which entries come from one over history."""
    op.add_column(
        "windows", sa.Column("measure", sa.Text(), nullable=False, server_default="stamp")
    )
    op.add_column(
        "entries",
        sa.Column("is_migration", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.drop_index("ix_entries_due", table_name="entries")
    op.create_index(
        "ix_entries_due",
        "entries",
        ["tenant", "entity", "is_migration", "entry_id"],
        sqlite_where=_DUE,
        postgresql_where=_DUE,
    )
