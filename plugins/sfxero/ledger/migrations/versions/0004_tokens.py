"""Tokens: encrypted at rest, one refresher at a time.

Revision ID: 0004
"""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what this revision is about."""
