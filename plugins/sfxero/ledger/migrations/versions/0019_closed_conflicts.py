"""Closed conflicts: the log tells of those that nobody has decided.

Revision ID: 0019
"""

from sfxero.ledger.migrations.audit_kinds import allow_kinds_of

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Let the log tell of them."""
    allow_kinds_of(revision)
