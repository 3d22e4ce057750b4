"""A year of won deals by `airflow backfill create`, on PostgreSQL, beside the sync."""

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from tests.e2e.live import LiveAirflow, postgres_server, running_airflow
from tests.e2e.world import (
    DAG_ID,
    ROOT,
    ROUTE,
    Books,
    SandboxProcess,
    own_route,
    running_sandbox,
    wait_for,
)

from sfxero.ledger import Ledger
from sfxero.mapping.loader import load_route
from sfxero.model.ids import RouteName, RunId
from sfxero.model.states import Entity

HISTORY_ID = f"migrate_history__{ROUTE}"
ZONE = "Australia/Sydney"
MONTHS = 12
LIMIT_S = 800.0
ENTITIES = (Entity.ACCOUNT, Entity.OPPORTUNITY, Entity.OPPORTUNITY_LINE)

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, pytest.mark.timeout(1000)]


def first_of_month(today: date, *, months_ago: int) -> date:
    month = today.year * 12 + today.month - 1 - months_ago
    return date(month // 12, month % 12 + 1, 1)


def midnight(day: date) -> str:
    """Return when a day begins in the route's zone: Airflow would take a bare date for UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE)).isoformat()


@dataclass(frozen=True, slots=True)
class Year:
    """The twelve months that the test migrates, as days `[from_on, to_on)`."""

    from_on: date
    to_on: date

    @classmethod
    def before(cls, today: date) -> "Year":
        return cls(first_of_month(today, months_ago=MONTHS), first_of_month(today, months_ago=0))

    def has(self, day: str) -> bool:
        return self.from_on <= date.fromisoformat(day[:10]) < self.to_on


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder, accounts=12, opportunities=400) as running:
        yield running


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxProcess
) -> Iterator[LiveAirflow]:
    """An Airflow whose sync is scheduled for each of the next minutes."""
    home = tmp_path_factory.mktemp("live")
    shutil.copytree(ROOT / "include", home / "own")
    own_route(home / "own" / "mappings")
    path = home / "own" / "mappings" / f"{ROUTE}.yaml"
    minutes = (datetime.now(UTC) + timedelta(minutes=ahead) for ahead in (2, 3))
    schedule = f'"{",".join(str(one.minute) for one in minutes)} * * * *"\ntimezone: {ZONE}'
    text = path.read_text(encoding="utf-8")
    for old, new in (('"@hourly"', schedule), ("lanes: 2", "lanes: 1")):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    with (
        postgres_server() as server,
        running_airflow(
            home,
            f"dags unpause {DAG_ID}",
            server=server,
            include=home / "own",
            sandbox_url=sandbox.url,
        ) as running,
    ):
        yield running


def sync_since(airflow: LiveAirflow, mark: datetime) -> None:
    """Let the ledger know of a sync that has read everything up to a moment."""
    spec = load_route(airflow.home / "own" / "mappings" / f"{ROUTE}.yaml")
    route, run_id = RouteName(ROUTE), RunId(f"{ROUTE}/before")
    with Ledger(airflow.ledger_url.replace("postgresql://", "postgresql+psycopg://")) as ledger:
        ledger.migrate()
        ledger.runs.start(
            run_id, route, kind="changes", mapping_version=spec.mapping_version, actor="-",
            params="{}",
        )  # fmt: skip
        windows = [
            ledger.windows.open(
                run_id, route, entity, from_at=None, to_at=mark, moves_watermark=True
            )
            for entity in ENTITIES
        ]
        for window in windows:
            ledger.windows.mark_staged(window, manifest="-", row_count=0)
        ledger.windows.mark_prepared(windows)


def win_deal(sandbox: SandboxProcess, close_on: date) -> str:
    """Win a deal now, whatever its close date."""
    deal = sandbox.post(
        "/salesforce/Opportunity",
        Name="Won just now",
        AccountId=sandbox.rows("Account")[0]["Id"],
        StageName="Closed Won",
        CloseDate=close_on.isoformat(),
    )["Id"]
    price = sandbox.rows("PricebookEntry")[0]["Id"]
    sandbox.post(
        "/salesforce/OpportunityLineItem",
        OpportunityId=deal, PricebookEntryId=price, Quantity="2", UnitPrice="150.25",
    )  # fmt: skip
    return str(deal)


def test_a_year_is_migrated_month_by_month_beside_the_sync(
    airflow: LiveAirflow, sandbox: SandboxProcess
) -> None:
    year = Year.before(datetime.now(UTC).date())
    sync_since(airflow, datetime.now(UTC) - timedelta(hours=12))
    seen_by_both = win_deal(sandbox, year.to_on - timedelta(days=1))
    seen_by_the_sync = win_deal(sandbox, year.to_on)

    airflow.command(
        "backfill", "create", "--dag-id", HISTORY_ID, "--max-active-runs", "4",
        "--from-date", midnight(year.from_on),
        "--to-date", midnight(first_of_month(year.to_on, months_ago=1)),
    )  # fmt: skip
    wait_for(lambda: has_ended(airflow), limit_s=LIMIT_S, what="the end of all runs", every_s=1)

    runs = airflow.ask("SELECT run_type, state FROM dag_run WHERE dag_id = %s", HISTORY_ID)
    assert runs == [("backfill", "success")] * MONTHS, airflow.last_words()
    assert_windows_are_the_months(airflow, year)

    books = Books.read(sandbox)
    by_deal = books.invoices_by_opportunity()
    wanted = {one for one in books.good if year.has(books.opportunities[one]["CloseDate"])}
    assert len(wanted) > 4 * MONTHS
    assert set(by_deal) == wanted | {seen_by_both, seen_by_the_sync}
    assert [one for one, found in by_deal.items() if len(found) != 1] == []
    for deal, (invoice,) in by_deal.items():
        assert Decimal(invoice["sub_total"]) == Decimal(books.won[deal]["amount"])
    assert books.refused_by_limit == dict.fromkeys(books.refused_by_limit, 0)


def has_ended(airflow: LiveAirflow) -> bool:
    """Say whether every run of the backfill has, and a run of the sync."""
    airflow.check()
    ended = airflow.ask(
        "SELECT dag_id, count(*) FROM dag_run WHERE state IN ('success', 'failed')"
        " AND NOT EXISTS (SELECT 1 FROM dag_run WHERE state IN ('queued', 'running'))"
        " GROUP BY dag_id"
    )
    found = dict(ended)
    return found.get(HISTORY_ID, 0) == MONTHS and found.get(DAG_ID, 0) >= 1


def assert_windows_are_the_months(airflow: LiveAirflow, year: Year) -> None:
    """Each run has read its own month by the close date; only the sync has moved a watermark."""
    bounds = airflow.ask_ledger(
        "SELECT (from_at AT TIME ZONE 'UTC')::date, (to_at AT TIME ZONE 'UTC')::date"
        " FROM windows w JOIN runs r USING (run_id) WHERE kind = 'history'"
        " AND measure = 'close_date' AND w.state = 'prepared' AND entity = 'opportunity'"
        " AND NOT moves_watermark ORDER BY 1"
    )
    months = [first_of_month(year.to_on, months_ago=ago) for ago in range(MONTHS, -1, -1)]
    assert bounds == list(itertools.pairwise(months))
    kinds = airflow.ask_ledger(
        "SELECT DISTINCT kind, verdict IS NOT NULL FROM watermarks"
        " JOIN windows USING (window_id) JOIN runs USING (run_id)"
    )
    assert kinds == [("changes", True)]
