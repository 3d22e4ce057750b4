"""Approvals: who was asked about an entry, who approved it, and the log's words for it.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_KINDS = (
    "adopted",
    "amended",
    "approved",
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
)


def upgrade() -> None:
    """Add the columns of approvals, and let the log tell of them."""
    moment = sa.DateTime(timezone=True)
    op.add_column("entries", sa.Column("approved_at", moment))
    op.add_column("entries", sa.Column("approved_by", sa.Text))
    op.add_column("entries", sa.Column("asked_until_at", moment))
    op.add_column("entries", sa.Column("asked_run_id", sa.Text))
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
