"""Takes entries through the outbox for the tests of the audit log, and reads the log back."""

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from tests.contract.ledger.making import CONTACT, ROUTE, claim, plan, wish

from sfxero.ledger import Ledger, migrations
from sfxero.model.audit import AuditEvent, AuditKind
from sfxero.model.ids import RunId, TargetId
from sfxero.model.outbox import Entry, PlannedEntry, Settlement
from sfxero.model.owners import owner_name
from sfxero.model.states import Operation

PUBLISHING = RunId("demo/manual__1")
OWNER = owner_name(PUBLISHING, CONTACT, 0, token="aa")
ACTOR = "airflow:pat"
SNAPSHOT = '{"ContactID":"T-s1","Name":"A"}'
KINDS = AuditKind


def begin(ledger: Ledger, *wishes: PlannedEntry, run_id: RunId = PUBLISHING) -> list[Entry]:
    """Plan wishes in one run and claim them in another, whose actor is known."""
    ledger.runs.start(run_id, ROUTE, kind="changes", mapping_version="m1", actor=ACTOR, params="{}")
    plan(ledger, *wishes)
    return claim(ledger, owner=OWNER)


def store(ledger: Ledger, claimed: Iterable[Entry], *, key: str = "k1", owner: str = OWNER) -> int:
    """Store the request that carries these entries."""
    carried = list(claimed)
    return ledger.outbox.store_attempt(
        [entry.entry_id for entry in carried],
        owner=owner,
        operation=carried[0].operation if carried else Operation.CREATE,
        body_hash=f"body of {key}",
        idempotency_key=key,
        deadline_at=ledger._database.clock.now() + timedelta(minutes=1),
    )


def reply(entry: Entry, *, snapshot: str = SNAPSHOT, is_looked_up: bool = False) -> Settlement:
    target = TargetId(f"T-{entry.source_id}")
    return Settlement(entry.entry_id, target, "N1", snapshot, is_looked_up=is_looked_up)


def write(ledger: Ledger, *wishes: PlannedEntry, key: str = "k1") -> None:
    """Take wishes through one request to their settlement."""
    claimed = begin(ledger, *wishes)
    store(ledger, claimed, key=key)
    ledger.outbox.settle([reply(entry) for entry in claimed], owner=OWNER)


def three_writes(ledger: Ledger) -> None:
    """Leave six events: each record's request, then its settlement."""
    for number in (1, 2, 3):
        write(ledger, wish(f"s{number}"), key=f"k{number}")


def events(ledger: Ledger) -> list[AuditEvent]:
    return list(ledger.audit.export(ROUTE))


def kinds(ledger: Ledger) -> list[str]:
    return [str(event.fields["kind"]) for event in events(ledger)]


def last(ledger: Ledger) -> AuditEvent:
    return events(ledger)[-1]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def run_sql(ledger: Ledger, *statements: str | sa.Executable) -> None:
    with ledger._database.write() as conn:
        for statement in statements:
            conn.execute(sa.text(statement) if isinstance(statement, str) else statement)


def change(table: sa.Table, at_seq: int | None = None, /, **values: object) -> sa.Executable:
    """Return an update of one row, or of all."""
    statement = sa.update(table).values(values)
    return statement if at_seq is None else statement.where(table.c.seq == at_seq)


def drop_triggers(ledger: Ledger) -> None:
    """Do what an owner of the database can do who wants to change the log."""
    is_sqlite = ledger._database.is_sqlite
    listed = (
        "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
        if is_sqlite
        else "SELECT DISTINCT tgname, tgrelid::regclass::text FROM pg_trigger "
        "WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'audit%%'"
    )
    with ledger._database.write() as conn:
        for name, table in conn.exec_driver_sql(listed).all():
            on = "" if is_sqlite else f" ON {table}"
            conn.exec_driver_sql(f"DROP TRIGGER {name}{on}")


def rows(ledger: Ledger, table: sa.Table) -> list[sa.Row[Any]]:
    with ledger._database.read() as conn:
        return list(conn.execute(sa.select(table).order_by(*table.primary_key)))


def migrate_to(ledger: Ledger, revision: str) -> None:
    """Take an empty ledger to an older version of its tables."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with ledger._database.write() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, revision)
