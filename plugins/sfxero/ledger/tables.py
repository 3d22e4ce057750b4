"""The ledger's tables, with the constraints that keep its promises."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    literal_column,
)

from sfxero.model.states import ACTIVE, WAITING, Disposition, EntryState, WindowState


class RunState(StrEnum):
    """States of a run."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    DEFERRED = "deferred"
    """A service was down or its day spent; the next run goes on where this one stopped."""
    FAILED = "failed"


DUE: Final = frozenset({EntryState.PENDING, EntryState.RETRY_LATER})
DEAD: Final = frozenset({EntryState.DEAD})


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes to the microsecond; SQLite keeps them as text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes: their moment is a guess."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the ledger stores aware datetimes only")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back that SQLite does not store."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def one_of(column: ColumnElement[Any], values: Iterable[StrEnum]) -> ColumnElement[bool]:
    """Return `column IN (...)` with the values spelled out.

    Both databases use a partial index only if the query repeats the index's own condition, and
    SQLite never looks behind a bound parameter.
    """
    return column.in_([literal_column(f"'{value}'") for value in sorted(values)])


def _closed(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in sorted(values))
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _moment(name: str) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=False)


runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    _text("route"),
    _text("kind"),
    _text("mapping_version"),
    _text("actor"),
    _text("params"),
    _text("state"),
    Column("verdict", Text),
    Column("reason", Text),  # why it was deferred, in the first task's words
    _moment("started_at"),
    Column("finished_at", UtcDateTime),
    _closed("state", RunState),
)

run_records = Table(
    "run_records",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
)

dispositions = Table(
    "dispositions",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    _text("disposition"),
    Column("rule", Text),
    Column("entry_id", BigId),
    _closed("disposition", Disposition),
)

windows = Table(
    "windows",
    metadata,
    Column("window_id", BigId, primary_key=True),
    _text("run_id"),
    _text("route"),
    _text("entity"),
    Column("from_at", UtcDateTime),
    _moment("to_at"),
    Column("moves_watermark", Boolean, nullable=False),
    Column("measure", Text, nullable=False, server_default="stamp"),
    _text("state"),
    Column("job_id", Text),
    Column("api_version", Text),
    Column("manifest", Text),
    Column("row_count", BigInteger),
    _moment("opened_at"),
    UniqueConstraint("run_id", "entity"),
    _closed("state", WindowState),
)
Index("ix_windows_route_state", windows.c.route, windows.c.state)

watermarks = Table(
    "watermarks",
    metadata,
    Column("route", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    _moment("upper_at"),
    Column("window_id", BigId, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("entry_id", BigId, primary_key=True),
    _text("route"),
    _text("tenant"),
    _text("entity"),
    _text("source_id"),
    _text("state"),
    _text("payload"),
    _text("content_hash"),
    _moment("stamp_at"),
    _moment("read_at"),
    _text("mapping_version"),
    Column("parent_entity", Text),
    Column("parent_source_id", Text),
    _text("meta"),
    _text("run_id"),
    Column("tries", Integer, nullable=False),
    Column("is_migration", Boolean, nullable=False, server_default=false()),
    Column("not_before_at", UtcDateTime),
    Column("owner", Text),
    Column("lease_until_at", UtcDateTime),
    Column("reason", Text),
    Column("error_class", Text),
    Column("message", Text),
    Column("hint", Text),
    Column("died_run_id", Text),
    Column("discarded_at", UtcDateTime),  # a person said that these values shall not be sent
    Column("discarded_by", Text),
    Column("withdrawn_at", UtcDateTime),  # under way then, and not to go again
    Column("approved_at", UtcDateTime),  # a person said that it may go
    Column("approved_by", Text),
    Column("asked_until_at", UtcDateTime),  # a person is being asked; before that, nobody else is
    Column("asked_run_id", Text),
    Column("open_attempt_id", BigId),  # carried it, and what became of it is not stored yet
    _moment("planned_at"),
    _moment("changed_at"),
    _closed("state", EntryState),
    sqlite_autoincrement=True,
)


def _index_where(
    name: str, columns: tuple[str, ...], states: Iterable[StrEnum], *, unique: bool = False
) -> None:
    where = one_of(entries.c.state, states)
    Index(
        name,
        *(entries.c[column] for column in columns),
        unique=unique,
        sqlite_where=where,
        postgresql_where=where,
    )


# The most selective column leads: PostgreSQL, while it has no statistics yet, is content with a
# prefix, and one tenant's contacts may be all rows there are.
RECORD: Final = ("source_id", "tenant", "entity")
_index_where("uq_entries_waiting", RECORD, WAITING, unique=True)
_index_where("uq_entries_active", RECORD, ACTIVE, unique=True)
_index_where("ix_entries_live", RECORD, WAITING | ACTIVE | DEAD)
_index_where("ix_entries_due", ("tenant", "entity", "is_migration", "entry_id"), DUE)
_index_where("ix_entries_died", ("died_run_id",), DEAD)

attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", BigId, primary_key=True),
    _text("operation"),
    _text("body_hash"),
    _text("idempotency_key"),
    _text("owner"),
    _moment("sent_at"),
    _moment("deadline_at"),
    Column("outcome", Text),
    Column("status", Integer),
    Column("finished_at", UtcDateTime),
    sqlite_autoincrement=True,
)

attempt_entries = Table(
    "attempt_entries",
    metadata,
    Column("attempt_id", BigId, ForeignKey("attempts.attempt_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("entry_id", BigId, ForeignKey("entries.entry_id"), nullable=False, index=True),
)

links = Table(
    "links",
    metadata,
    _text("tenant"),
    _text("entity"),
    _text("source_id"),
    _text("target_id"),
    Column("target_number", Text),
    _text("content_hash"),
    _moment("stamp_at"),
    _moment("read_at"),
    _text("mapping_version"),
    _text("source_snapshot"),
    _text("target_snapshot"),
    _moment("settled_at"),
    Column("agreed", Text),  # in two-way routes: what both sides held of each field when they met
    PrimaryKeyConstraint(*RECORD),
)
Index("ix_links_target", links.c.target_id, links.c.tenant, links.c.entity)

former_links = Table(
    "former_links",
    metadata,
    _text("tenant"),
    _text("entity"),
    _text("source_id"),
    _text("target_id"),
    Column("target_number", Text),
    _moment("intended_at"),  # stored before the void is sent
    Column("ended_at", UtcDateTime),  # void, and another may take its place
    PrimaryKeyConstraint("target_id", "tenant", "entity"),
)
Index("ix_former_links_source", *(former_links.c[column] for column in RECORD))

credit_notes = Table(
    "credit_notes",
    metadata,
    _text("tenant"),
    _text("entity"),
    _text("source_id"),
    _text("number"),
    _text("invoice_id"),
    Column("target_id", Text),  # the credit note's, once it is known
    _text("payload"),  # what the invoice and its credit notes are together, once it is used up
    _text("content_hash"),
    Column("sub_total", Text),
    Column("total", Text),
    _moment("begun_at"),  # stored before the credit note is sent
    Column("ended_at", UtcDateTime),
    PrimaryKeyConstraint(*RECORD, "number"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("route", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("field", Text, primary_key=True),  # '' for none: a key holds no NULL
    Column("value", Text),
    _text("hint"),
    _moment("first_seen_at"),
    _moment("last_seen_at"),
    _text("last_run_id"),
    Column("cleared_at", UtcDateTime),
    Column("cleared_run_id", Text),
)
Index("ix_quarantine_last_run_id", quarantine.c.last_run_id)

warnings = Table(
    "warnings",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("route", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("value", Text),
    _text("hint"),
)

releases = Table(
    "releases",
    metadata,
    Column("route", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("value", Text, primary_key=True),  # '' for none
    _moment("released_at"),
    _text("released_by"),
    _text("reason"),
)

reserved_names = Table(
    "reserved_names",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("name_key", Text, primary_key=True),
    _text("source_id"),
    _text("name"),
    Column("chosen_no", BigInteger, nullable=False),  # a source's greatest is its present name
    _moment("reserved_at"),
)
Index("ix_reserved_names_source", reserved_names.c.tenant, reserved_names.c.source_id)
Index("ix_reserved_names_chosen", reserved_names.c.tenant, reserved_names.c.chosen_no)

target_contacts = Table(
    "target_contacts",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("contact_id", Text, primary_key=True),
    _text("name_key"),
    _text("name"),
    Column("contact_number", Text),
    Column("account_number", Text),
    _text("status"),
    _moment("updated_at"),
    Column("merged_to", Text),  # the contact that took it over, '' for none, NULL if not asked
)
Index("ix_target_contacts_updated", target_contacts.c.tenant, target_contacts.c.updated_at)

# Moments of the quota are whole microseconds since 1970: exact to add and compare in SQL.
quota = Table(
    "quota",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("next_us", BigInteger, nullable=False),
    Column("minute_started_us", BigInteger, nullable=False),
    Column("minute_remaining", Integer),
    Column("day_resets_us", BigInteger, nullable=False),
    Column("day_used", Integer, nullable=False),
    Column("day_remaining", Integer),
    Column("calls", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("last_problem", Text),
    Column("gap_us", BigInteger, nullable=False, server_default="0"),
    Column("tickets", BigInteger, nullable=False, server_default="0"),
    Column("blocked_until_us", BigInteger, nullable=False, server_default="0"),
    Column("day_said", Integer),  # what the service said last is left
    Column("day_limit", Integer),  # what it said when it had most
    Column("app", Text, nullable=False, server_default=""),
)
