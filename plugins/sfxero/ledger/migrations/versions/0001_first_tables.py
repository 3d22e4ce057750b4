"""First tables: runs, windows, outbox, links, quarantine, names, quota.

Revision ID: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_WAITING = "state IN ('awaiting_approval', 'pending', 'retry_later')"
_ACTIVE = "state IN ('claimed', 'in_doubt')"
_DUE = "state IN ('pending', 'retry_later')"
_DEAD = "state IN ('dead')"
_LIVE = "state IN ('awaiting_approval', 'claimed', 'dead', 'in_doubt', 'pending', 'retry_later')"


def upgrade() -> None:
    """Create all tables."""
    _create_runs()
    _create_windows()
    _create_entries()
    _create_attempts()
    _create_links()
    _create_quarantine()
    _create_names()
    _create_quota()


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _moments(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _key(table: str, *names: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*names, name=op.f(f"pk_{table}"))


def _check(table: str, column: str, *values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=op.f(f"ck_{table}_{column}"))


def _create_runs() -> None:
    op.create_table(
        "runs",
        *_texts("run_id", "route", "kind", "mapping_version", "actor", "params", "state"),
        *_texts("verdict", nullable=True),
        *_moments("started_at"),
        *_moments("finished_at", nullable=True),
        _key("runs", "run_id"),
        _check("runs", "state", "failed", "running", "succeeded"),
    )
    op.create_table(
        "run_records",
        *_texts("run_id", "entity", "source_id"),
        _key("run_records", "run_id", "entity", "source_id"),
    )
    op.create_table(
        "dispositions",
        *_texts("run_id", "entity", "source_id", "disposition"),
        *_texts("rule", nullable=True),
        sa.Column("entry_id", _Id),
        _key("dispositions", "run_id", "entity", "source_id"),
        _check(
            "dispositions",
            "disposition",
            "awaiting_approval",
            "dead_letter",
            "in_flight",
            "in_step",
            "quarantined",
            "removed",
            "skipped",
            "superseded",
            "waiting",
        ),
    )


def _create_windows() -> None:
    op.create_table(
        "windows",
        sa.Column("window_id", _Id, nullable=False),
        *_texts("run_id", "route", "entity"),
        *_moments("from_at", nullable=True),
        *_moments("to_at"),
        sa.Column("moves_watermark", sa.Boolean(), nullable=False),
        *_texts("state"),
        *_texts("job_id", "api_version", "manifest", nullable=True),
        sa.Column("row_count", sa.BigInteger()),
        *_moments("opened_at"),
        _key("windows", "window_id"),
        sa.UniqueConstraint("run_id", "entity", name=op.f("uq_windows_run_id_entity")),
        _check("windows", "state", "open", "prepared", "staged", "superseded"),
    )
    op.create_index("ix_windows_route_state", "windows", ["route", "state"])
    op.create_table(
        "watermarks",
        *_texts("route", "entity"),
        *_moments("upper_at"),
        sa.Column("window_id", _Id, nullable=False),
        _key("watermarks", "route", "entity"),
    )


def _create_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("entry_id", _Id, nullable=False),
        *_texts("route", "tenant", "entity", "source_id", "state", "payload", "content_hash"),
        *_moments("stamp_at", "read_at"),
        *_texts("mapping_version"),
        *_texts("parent_entity", "parent_source_id", nullable=True),
        *_texts("meta", "run_id"),
        sa.Column("tries", sa.Integer(), nullable=False),
        *_moments("not_before_at", nullable=True),
        *_texts("owner", nullable=True),
        *_moments("lease_until_at", nullable=True),
        *_texts("reason", "error_class", "message", "hint", "died_run_id", nullable=True),
        *_moments("planned_at", "changed_at"),
        _key("entries", "entry_id"),
        _check(
            "entries",
            "state",
            "awaiting_approval",
            "claimed",
            "dead",
            "in_doubt",
            "pending",
            "retry_later",
            "settled",
            "stale",
            "superseded",
        ),
        sqlite_autoincrement=True,
    )
    record = ["source_id", "tenant", "entity"]
    _index_entries("uq_entries_waiting", record, where=_WAITING, unique=True)
    _index_entries("uq_entries_active", record, where=_ACTIVE, unique=True)
    _index_entries("ix_entries_live", record, where=_LIVE)
    _index_entries("ix_entries_due", ["tenant", "entity", "entry_id"], where=_DUE)
    _index_entries("ix_entries_died", ["died_run_id"], where=_DEAD)


def _index_entries(name: str, columns: list[str], *, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        "entries",
        columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("attempt_id", _Id, nullable=False),
        *_texts("operation", "body_hash", "idempotency_key", "owner"),
        *_moments("sent_at", "deadline_at"),
        *_texts("outcome", nullable=True),
        sa.Column("status", sa.Integer()),
        *_moments("finished_at", nullable=True),
        _key("attempts", "attempt_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "attempt_entries",
        sa.Column("attempt_id", _Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("entry_id", _Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.attempt_id"], name=op.f("fk_attempt_entries_attempt_id")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entries.entry_id"], name=op.f("fk_attempt_entries_entry_id")
        ),
        _key("attempt_entries", "attempt_id", "position"),
    )
    op.create_index(op.f("ix_attempt_entries_entry_id"), "attempt_entries", ["entry_id"])


def _create_links() -> None:
    op.create_table(
        "links",
        *_texts("tenant", "entity", "source_id", "target_id"),
        *_texts("target_number", nullable=True),
        *_texts("content_hash"),
        *_moments("stamp_at", "read_at"),
        *_texts("mapping_version", "source_snapshot", "target_snapshot"),
        *_moments("settled_at"),
        _key("links", "source_id", "tenant", "entity"),
    )
    op.create_index("ix_links_target", "links", ["target_id", "tenant", "entity"])


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        *_texts("route", "entity", "source_id", "rule", "field"),
        *_texts("value", nullable=True),
        *_texts("hint"),
        *_moments("first_seen_at", "last_seen_at"),
        *_texts("last_run_id"),
        *_moments("cleared_at", nullable=True),
        *_texts("cleared_run_id", nullable=True),
        _key("quarantine", "route", "entity", "source_id", "rule", "field"),
    )
    op.create_index("ix_quarantine_last_run_id", "quarantine", ["last_run_id"])
    op.create_table(
        "warnings",
        *_texts("run_id", "route", "entity", "source_id", "rule", "field"),
        *_texts("value", nullable=True),
        *_texts("hint"),
        _key("warnings", "run_id", "route", "entity", "source_id", "rule", "field"),
    )


def _create_names() -> None:
    op.create_table(
        "reserved_names",
        *_texts("tenant", "name_key", "source_id", "name"),
        sa.Column("chosen_no", sa.BigInteger(), nullable=False),
        *_moments("reserved_at"),
        _key("reserved_names", "tenant", "name_key"),
    )
    op.create_index("ix_reserved_names_source", "reserved_names", ["tenant", "source_id"])
    op.create_index("ix_reserved_names_chosen", "reserved_names", ["tenant", "chosen_no"])
    op.create_table(
        "target_contacts",
        *_texts("tenant", "contact_id", "name_key", "name"),
        *_texts("contact_number", "account_number", nullable=True),
        *_texts("status"),
        *_moments("updated_at"),
        _key("target_contacts", "tenant", "contact_id"),
    )
    op.create_index("ix_target_contacts_updated", "target_contacts", ["tenant", "updated_at"])


def _create_quota() -> None:
    op.create_table(
        "quota",
        *_texts("tenant"),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.Column("minute_started_us", sa.BigInteger(), nullable=False),
        sa.Column("minute_remaining", sa.Integer()),
        sa.Column("day_resets_us", sa.BigInteger(), nullable=False),
        sa.Column("day_used", sa.Integer(), nullable=False),
        sa.Column("day_remaining", sa.Integer()),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        *_texts("last_problem", nullable=True),
        _key("quota", "tenant"),
    )
