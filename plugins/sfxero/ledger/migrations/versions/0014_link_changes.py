"""Link changes: which record took over whose link, and what became of contacts that were merged.

The directory is read anew, since it did not keep which contact another was merged into.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the table of link changes, and empty the directory: the next run fills it."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "link_changes",
        sa.Column("change_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("source_before", sa.Text, nullable=False),
        sa.Column("target_before", sa.Text),
        sa.Column("source_after", sa.Text, nullable=False),
        sa.Column("target_after", sa.Text),
        sa.Column("was_held", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("note", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("run_id", sa.Text),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("prepared_at", moment),
        sa.Column("undone_by", sa.BigInteger),
        sa.PrimaryKeyConstraint("change_id", name="pk_link_changes"),
        sqlite_autoincrement=True,
    )
    for end in ("source_before", "source_after"):
        op.create_index(f"ix_link_changes_{end}", "link_changes", [end, "tenant", "entity"])
    is_unprepared = sa.text("prepared_at IS NULL")
    op.create_index(
        "ix_link_changes_unprepared",
        "link_changes",
        ["tenant", "entity"],
        sqlite_where=is_unprepared,
        postgresql_where=is_unprepared,
    )
    op.execute("DELETE FROM target_contacts")
    op.add_column("target_contacts", sa.Column("merged_to", sa.Text))
