"""Outages: deferred runs; dead letters that a person has discarded.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_STATES = "state IN ('deferred', 'failed', 'running', 'succeeded')"


def upgrade() -> None:
    """Let runs end deferred, for a reason; let dead letters be discarded, by somebody."""
    _widen_states()
    op.add_column("runs", sa.Column("reason", sa.Text()))
    op.add_column("entries", sa.Column("discarded_at", sa.DateTime(timezone=True)))
    op.add_column("entries", sa.Column("discarded_by", sa.Text()))


def _widen_states() -> None:
    name = op.f("ck_runs_state")
    # SQLite changes no constraint: the batch copies the table.
    with op.batch_alter_table("runs") as batch:
        batch.drop_constraint(name, type_="check")
        batch.create_check_constraint(name, _STATES)
