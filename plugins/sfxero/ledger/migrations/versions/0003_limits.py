"""Limits: budgets, leased permits, circuits, alerts.

Revision ID: 0003
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what this revision is about."""
    _create_alerts()
    _extend_quota()
    _create_permits()
    _create_circuits()


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _moments(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", _Id, nullable=False),
        *_texts("kind", "subject", "message", "hint"),
        *_moments("opened_at", "last_seen_at"),
        sa.Column("times_seen", sa.Integer(), nullable=False),
        *_moments("closed_at", nullable=True),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
        sqlite_autoincrement=True,
    )
    condition = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_alerts_open",
        "alerts",
        ["kind", "subject"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _extend_quota() -> None:
    for name in ("gap_us", "tickets", "blocked_until_us"):
        op.add_column("quota", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    for name in ("day_said", "day_limit"):
        op.add_column("quota", sa.Column(name, sa.Integer()))
    op.add_column("quota", sa.Column("app", sa.Text(), nullable=False, server_default=""))


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _create_permits() -> None:
    op.create_table(
        "permits",
        *_texts("tenant"),
        sa.Column("place", sa.Integer(), nullable=False),
        *_counts("times_taken", "leased_until_us"),
        sa.PrimaryKeyConstraint("tenant", "place", name=op.f("pk_permits")),
    )


def _create_circuits() -> None:
    op.create_table(
        "circuits",
        *_texts("service", "name"),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        *_counts("probe", "ask_again_us"),
        sa.PrimaryKeyConstraint("service", "name", name=op.f("pk_circuits")),
    )
