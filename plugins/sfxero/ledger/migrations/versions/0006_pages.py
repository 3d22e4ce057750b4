"""Pages: which pages of a bulk job are staged already, so that a download can go on.

Revision ID: 0006
"""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what this revision is about."""
