import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.contract.ledger.making import CONTACT, ROUTE, RUN, TENANT, claim, plan, settle, wish

from sfxero.clock import FakeClock
from sfxero.errors import LedgerError, ServiceUnavailable
from sfxero.ledger import Ledger, migrations
from sfxero.ledger.audit_trail import Doer, Fact, append
from sfxero.ledger.tables import entries, metadata, runs
from sfxero.model.audit import AuditKind, AuditValues
from sfxero.model.ids import SourceId

pytestmark = pytest.mark.contract


def script() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def test_migrated_tables_are_those_of_the_code(ledger: Ledger) -> None:
    with ledger._database.read() as conn:
        context = MigrationContext.configure(
            conn, opts={"version_table": migrations.VERSION_TABLE, "compare_type": False}
        )
        assert compare_metadata(context, metadata) == []


def test_closed_states_are_the_same_in_migration_and_code(ledger: Ledger) -> None:
    with ledger._database.read() as conn:
        inspector = sa.inspect(conn)
        for table in metadata.sorted_tables:
            stored = {check["name"] for check in inspector.get_check_constraints(table.name)}
            declared = {str(c.name) for c in table.constraints if isinstance(c, sa.CheckConstraint)}
            assert stored == declared, table.name


@pytest.mark.parametrize("table", [entries, runs], ids=str)
def test_a_state_outside_the_closed_set_is_refused(ledger: Ledger, table: sa.Table) -> None:
    plan(ledger, wish())
    ledger.runs.start(RUN, "r", kind="k", mapping_version="1", actor="a", params="{}")
    with pytest.raises(LedgerError), ledger._database.write() as conn:
        conn.execute(sa.update(table).values(state="lost"))


@pytest.mark.parametrize(("first", "second"), [("pending", "retry_later"), ("claimed", "in_doubt")])
def test_the_database_refuses_two_waiting_or_two_active_entries_of_a_record(
    ledger: Ledger, first: str, second: str
) -> None:
    plan(ledger, wish())
    with ledger._database.write() as conn:
        conn.execute(sa.update(entries).values(state=first))
        row = dict(conn.execute(sa.select(entries)).one()._mapping)
    other = sa.insert(entries).values({**row, "entry_id": 99, "state": second})
    with pytest.raises(LedgerError), ledger._database.write() as conn:
        conn.execute(other)


def test_migrating_again_keeps_what_is_there(ledger: Ledger) -> None:
    plan(ledger, wish())
    ledger.migrate()
    assert plan(ledger, wish())[0].outcome == "unchanged"


@pytest.fixture
def of_old(url: str, clock: FakeClock) -> Iterator[Ledger]:
    """A ledger as it was four releases of its tables ago, with a link, a wish, and a log."""
    with Ledger(url, clock=clock) as old:
        with old._database.write() as conn:
            config = script()
            config.attributes["connection"] = conn
            command.upgrade(config, "0012")
            conn.execute(
                sa.text(
                    "INSERT INTO links VALUES (:tenant, 'contact', 's1', 't-s1', NULL, 'A', :at,"
                    " :at, 'm1', '{}', '{}', :at)"
                ),
                {"tenant": TENANT, "at": clock.now().isoformat(sep=" ")},
            )
            values = AuditValues(before="old", after="new")
            about = {"tenant": TENANT, "entity": CONTACT, "source_id": "s1"}
            told = [Fact(ROUTE, AuditKind.LINKED, Doer(actor="Jo"), values, about)]
            append(conn, old._database, told)
        yield old


def test_a_ledger_in_use_keeps_its_links_and_its_log(of_old: Ledger) -> None:
    of_old.migrate()

    link = of_old.links.get_many(TENANT, CONTACT, [SourceId("s1")])[SourceId("s1")]
    assert (link.target_id, link.agreed) == ("t-s1", None)
    (event,) = of_old.audit.export(ROUTE)
    assert event.values == AuditValues(before="old", after="new")
    assert of_old.audit.verify(ROUTE).is_valid
    with pytest.raises(LedgerError), of_old._database.write() as conn:
        conn.execute(sa.text("UPDATE audit_events SET actor = 'nobody'"))


def test_a_ledger_in_use_goes_on(of_old: Ledger) -> None:
    of_old.migrate()

    plan(of_old, wish("s1", "B"))
    claimed = claim(of_old)
    assert [(one.operation, one.target_id) for one in claimed] == [("update", "t-s1")]
    assert settle(of_old, claimed) == 1

    kinds = [event.fields["kind"] for event in of_old.audit.export(ROUTE)]
    assert (kinds[0], kinds[-1]) == ("linked", "settled")


@pytest.mark.parametrize("kind", AuditKind)
def test_the_log_may_tell_of_every_kind(ledger: Ledger, kind: AuditKind) -> None:
    about = {"tenant": TENANT, "entity": CONTACT, "source_id": "s1"}
    with ledger._database.write() as conn:
        append(conn, ledger._database, [Fact(ROUTE, kind, Doer(), AuditValues(), about)])
    assert [event.fields["kind"] for event in ledger.audit.export(ROUTE)] == [kind]


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(script()).get_current_head() == migrations.HEAD


def test_sqlite_keeps_a_write_ahead_log_and_full_durability(tmp_path: Path) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.migrate()
        with ledger._database.read() as conn:
            found = [conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    assert found == ["wal", 2, 1, 30_000]


def test_a_password_shows_nowhere() -> None:
    ledger = Ledger("postgresql+psycopg://u:hunter2@127.0.0.1:1/db", clock=FakeClock())
    with pytest.raises(ServiceUnavailable) as caught:
        ledger.migrate()
    shown = f"{ledger!r} {ledger._database!r} {caught.value} {caught.value.__cause__}"
    assert "hunter2" not in shown


def test_a_ledger_that_was_never_migrated_says_so(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    ledger = Ledger(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(ServiceUnavailable, match=r"no such table.*migrated"):
        plan(ledger, wish())
    ledger.close()


def test_an_unforeseen_row_is_refused_with_no_value_in_the_text(ledger: Ledger) -> None:
    plan(ledger, wish("person@example.com"))
    with pytest.raises(LedgerError) as caught, ledger._database.write() as conn:
        conn.execute(sa.update(entries).values(source_id=None))
    assert "person@example.com" not in str(caught.value)
