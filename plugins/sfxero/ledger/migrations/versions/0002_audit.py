"""Audit: append-only events, their erasable values, the chain's heads.

Revision ID: 0002
"""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KINDS = (
    "adopted", "amended", "dead_letter", "discarded", "erased", "found", "held_already", "not_done",
    "replayed", "sent", "settled", "unknown",
)  # fmt: skip

_NOT_ERASED = """NOT EXISTS (
    SELECT 1 FROM audit_erasures AS e WHERE e.route = OLD.route AND e.seq = OLD.seq
)"""
_REFUSALS = {
    # table: (operation, where it is refused; always if there is no condition)
    "audit_events": (("UPDATE", ""), ("DELETE", "")),
    "audit_erasures": (("UPDATE", ""), ("DELETE", "")),
    "audit_values": (
        ("UPDATE", ""),
        ("DELETE", _NOT_ERASED),
    ),
    "audit_heads": (
        (
            "UPDATE",
            "NEW.seq <= OLD.seq OR NEW.route <> OLD.route OR NEW.began_after <> OLD.began_after",
        ),
        ("DELETE", ""),
    ),
}


def upgrade() -> None:
    """Create the log, and begin a chain for each route that has entries already."""
    op.add_column("entries", sa.Column("open_attempt_id", _Id))
    _create_tables()
    if op.get_bind().dialect.name == "sqlite":
        _refuse_on_sqlite()
    else:
        _refuse_on_postgresql()
    _begin_chains()


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _create_tables() -> None:
    listed = ", ".join(f"'{kind}'" for kind in _KINDS)
    op.create_table(
        "audit_events",
        *_texts("route"),
        *_numbers("seq"),
        *_texts("kind"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *_texts("actor", "run_id", "mapping_version", "rule", nullable=True),
        *_texts("tenant", "entity", "source_id", "target_id", nullable=True),
        sa.Column("entry_id", _Id),
        sa.Column("attempt_id", _Id),
        *_texts("idempotency_key", "error_class", nullable=True),
        *_texts("values_hash", "previous_hash", "event_hash"),
        sa.PrimaryKeyConstraint("route", "seq", name=op.f("pk_audit_events")),
        sa.CheckConstraint(f"kind IN ({listed})", name=op.f("ck_audit_events_kind")),
    )
    op.create_index("ix_audit_events_source", "audit_events", ["route", "source_id"])
    op.create_table(
        "audit_values",
        *_texts("route"),
        *_numbers("seq"),
        *_texts("salt"),
        *_texts("before", "after", "request_hash", "response_hash", "note", nullable=True),
        sa.PrimaryKeyConstraint("route", "seq", name=op.f("pk_audit_values")),
    )
    op.create_table(
        "audit_heads",
        *_texts("route"),
        *_numbers("seq"),
        *_texts("event_hash"),
        *_numbers("began_after"),
        sa.PrimaryKeyConstraint("route", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "audit_erasures",
        *_texts("route"),
        *_numbers("seq", "erased_by_seq"),
        sa.PrimaryKeyConstraint("route", "seq", name=op.f("pk_audit_erasures")),
    )


def _refuse_on_sqlite() -> None:
    for table, refusals in _REFUSALS.items():
        key = "route = NEW.route"
        if table != "audit_heads":
            key += " AND seq = NEW.seq"
        # INSERT OR REPLACE deletes what it replaces without asking the triggers of DELETE.
        replaces = ("INSERT", f"EXISTS (SELECT 1 FROM {table} WHERE {key})")  # noqa: S608 - constants
        for operation, condition in (*refusals, replaces):
            when = f"WHEN {condition} " if condition else ""
            op.execute(
                f"CREATE TRIGGER {table}_no_{operation.lower()} BEFORE {operation} ON {table} "
                f"{when}BEGIN SELECT RAISE(ABORT, '{_message(table, operation)}'); END"
            )


def _refuse_on_postgresql() -> None:
    for table, refusals in _REFUSALS.items():
        for operation, condition in refusals:
            _trigger(table, operation, "ROW", condition)
        _trigger(table, "TRUNCATE", "STATEMENT", "")


def _trigger(table: str, operation: str, level: str, condition: str) -> None:
    name = f"{table}_no_{operation.lower()}"
    refuse = (
        f"RAISE EXCEPTION '{_message(table, operation)}'"
        " USING ERRCODE = 'integrity_constraint_violation';"
    )
    let = "NEW" if operation == "UPDATE" else "OLD"
    body = f"IF {condition} THEN {refuse} END IF; RETURN {let};" if condition else refuse
    # The tables it reads are those beside it, whatever path the caller searches.
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT "
        f"AS $$ BEGIN {body} END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} "
        f"FOR EACH {level} EXECUTE FUNCTION {name}()"
    )


def _message(table: str, operation: str) -> str:
    return f"{table} admits no such {operation}"


def _begin_chains() -> None:
    """Write down what is older than the log, so that nobody misses it there."""
    bind = op.get_bind()
    found = bind.execute(sa.text("SELECT route, max(entry_id) AS last FROM entries GROUP BY route"))
    for route, last in found.all():
        begin = json.dumps(
            {"began_after": last, "route": route}, ensure_ascii=False, separators=(",", ":")
        )
        bind.execute(
            sa.text("INSERT INTO audit_heads VALUES (:route, 0, :hash, :last)"),
            {"route": route, "hash": hashlib.sha256(begin.encode()).hexdigest(), "last": last},
        )
