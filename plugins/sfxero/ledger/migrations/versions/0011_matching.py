"""Matching: the audit log may say that a person linked two records, or parted them.

Revision ID: 0011
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_KINDS = (
    "adopted", "amended", "dead_letter", "discarded", "erased", "found", "held_already", "linked",
    "not_done", "replayed", "sent", "settled", "unknown", "unlinked",
)  # fmt: skip
_CHECK = f"kind IN ({', '.join(f'{kind!r}' for kind in _KINDS)})"


def upgrade() -> None:
    """Widen the closed set of kinds."""
    if op.get_bind().dialect.name == "sqlite":
        _make_anew()
    else:
        op.drop_constraint(op.f("ck_audit_events_kind"), "audit_events", type_="check")
        op.create_check_constraint(op.f("ck_audit_events_kind"), "audit_events", sa.text(_CHECK))


def _make_anew() -> None:
    """Copy the table, since SQLite changes no constraint; its index and triggers go with it."""
    bind = op.get_bind()
    found = bind.execute(
        sa.text("SELECT name, sql FROM sqlite_master WHERE tbl_name = 'audit_events' AND sql <> ''")
    )
    made = {row.name: row.sql for row in found}
    table = re.sub(r"kind IN \([^)]*\)", _CHECK, made.pop("audit_events"), count=1)
    op.execute(table.replace("audit_events", "audit_events_new", 1))
    op.execute("INSERT INTO audit_events_new SELECT * FROM audit_events")
    op.execute("DROP TABLE audit_events")
    op.execute("ALTER TABLE audit_events_new RENAME TO audit_events")
    for statement in made.values():
        op.execute(sa.text(statement.replace(":", "\\:")))
