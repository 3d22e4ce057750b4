"""Releases are events of the audit log.

Revision ID: 0018
"""

from sfxero.ledger.migrations.audit_kinds import allow_kinds_of

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Let the log tell of releases; those of before stay in their own table alone."""
    allow_kinds_of(revision)
