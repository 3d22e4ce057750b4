"""Tokens: encrypted at rest, one refresher at a time.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table of tokens."""
    op.create_table(
        "tokens",
        *_texts("connection", "client_id", "token_url", "api_url", "state"),
        sa.Column("version", sa.Integer(), nullable=False),
        *_texts("key_id", "access_token", "refresh_token"),
        *_texts("previous_refresh_token", nullable=True),
        *_moments("previous_until_us", nullable=True),
        *_moments("issued_us", "expires_us", "refresh_until_us"),
        *_texts("scopes", "tenants"),
        *_texts("lease_owner", nullable=True),
        *_moments("lease_until_us", nullable=True),
        sa.PrimaryKeyConstraint("connection", name=op.f("pk_tokens")),
        sa.CheckConstraint("state IN ('good', 'revoked')", name=op.f("ck_tokens_state")),
    )


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _moments(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]
