"""Outages: deferred runs; dead letters that a person has discarded.

Revision ID: 0005
"""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what this revision is about."""
