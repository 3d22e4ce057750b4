"""Audit: append-only events, their erasable values, the chain's heads.

Revision ID: 0002
"""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what this revision is about."""
