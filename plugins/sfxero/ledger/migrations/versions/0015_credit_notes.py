"""Credit notes of invoices.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_KINDS = (
    "adopted",
    "amended",
    "approved",
    "credited",
    "dead_letter",
    "discarded",
    "erased",
    "found",
    "held_already",
    "linked",
    "not_done",
    "refused",
    "replayed",
    "sent",
    "settled",
    "unknown",
    "unlinked",
    "voided",
)


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
    # SQLite makes the table anew, without the triggers that keep it as it was written.
    triggers = _triggers()
    name = op.f("ck_audit_events_kind")
    listed = ", ".join(f"'{kind}'" for kind in _KINDS)
    with op.batch_alter_table("audit_events") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, f"kind IN ({listed})")
    for trigger in triggers:
        op.execute(trigger)


def _triggers() -> list[str]:
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        return []
    found = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_events'"
    return list(bind.execute(sa.text(found)).scalars())
