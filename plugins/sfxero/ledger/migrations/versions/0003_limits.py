"""Limits: budgets, leased permits, circuits, alerts.

Revision ID: 0003
"""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what this revision is about."""
