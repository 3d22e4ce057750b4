"""`sfxero reconcile` and `sfxero differences`, for a person who wants to know now."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from tests.contract.sync.commands import Shop, plain
from tests.contract.sync.comparing import Comparer
from tests.contract.sync.kit import World

from sfxero.ledger.tables import links

pytestmark = pytest.mark.contract


@pytest.fixture
def shop(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("SFXERO_STAGING", f"file://{tmp_path / 'staging'}")
    monkeypatch.setenv("SFXERO_OUTPUTS", f"file://{tmp_path / 'outputs'}")
    return Shop(world, tmp_path, monkeypatch)


def invoiced(world: World, *prices: str, **fields: Any) -> str:
    """Invoice an opportunity; commands go by this machine's clock, which the world's runs ahead."""
    opportunity = Comparer(world).invoiced(*prices, **fields)
    with world.ledger._database.write() as conn:
        conn.execute(sa.update(links).values(settled_at=datetime(2026, 11, 1, tzinfo=UTC)))
    return opportunity


def test_in_step_ends_with_status_0_and_a_report(shop: Shop) -> None:
    invoiced(shop.world, "100")
    done = shop.run("reconcile", "--route", "demo")
    assert done.exit_code == 0, done.output
    assert "in step: 1 links, AUD 100.00 won, 100.00 invoiced; 0 explained" in done.output


def test_a_difference_ends_with_status_1_and_is_told_with_its_values(shop: Shop) -> None:
    opportunity = invoiced(shop.world, "100")
    shop.world.change_invoice(shop.world.invoices[0], reference="by hand")
    done = shop.run("reconcile", "--route", "demo")
    assert done.exit_code == 1
    row = f"edited_in_xero Reference {opportunity} {shop.world.invoices[0].number}"
    assert row in plain(done.output)
    accepted = shop.run("differences", "accept", "1", "--reason", "agreed")
    assert (accepted.exit_code, accepted.output) == (0, "1 of 1 accepted.\n")
    assert shop.run("reconcile", "--route", "demo").exit_code == 0
    assert "(accepted)" in shop.run("differences", "list", "--route", "demo").output


def test_the_marts_hold_what_customers_owe_and_what_stands_open(shop: Shop) -> None:
    invoiced(shop.world, "100", CloseDate="2026-08-01")
    shop.world.change_invoice(shop.world.invoices[0], reference="by hand")
    done = json.loads(shop.run("reconcile", "--route", "demo", "--json").output)
    (owed,) = pq.read_table(done["marts"]["receivables"].removeprefix("file://")).to_pylist()
    (open_,) = pq.read_table(done["marts"]["differences"].removeprefix("file://")).to_pylist()
    assert (str(owed["due"]), owed["ageing_bucket"]) == ("110.0000", "over 90")
    assert (open_["kind"], open_["xero"]) == ("edited_in_xero", "by hand")


def test_the_report_needs_nothing_but_itself_and_escapes_what_it_shows(shop: Shop) -> None:
    world = shop.world
    invoiced(world, "100", account=world.account("<script>alert(1)</script>"))
    world.change_invoice(world.invoices[0], reference="<img src=x onerror=alert(1)>")
    done = json.loads(shop.run("reconcile", "--route", "demo", "--json").output)
    page = Path(done["report"].removeprefix("file://")).read_text(encoding="utf-8")
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "&lt;script&gt;" in page
    assert not re.findall(r"<(?:script|link|img|iframe)\b|@import|url\(", page)
    assert "1 difference to clear up" in page


@pytest.mark.parametrize("days", [("--from", "2026-01-01"), ("--from", "x", "--to", "y")])
def test_a_period_needs_both_its_days(shop: Shop, days: tuple[str, ...]) -> None:
    invoiced(shop.world, "100")
    done = shop.run("reconcile", "--route", "demo", *days)
    assert done.exit_code == 1
    assert "a first and a last day" in done.output
