"""Promise P2 as a property: every record that a run reads ends in one stored disposition."""

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.sync.kit import World, empty

from sfxero.model.states import Entity
from sfxero.sandbox.server import Sandbox
from sfxero.sync.scope import OBJECT_OF

pytestmark = pytest.mark.contract

OPPORTUNITIES = st.lists(
    st.fixed_dictionaries(
        {
            "account": st.sampled_from(["first", "second", "refused", "missing", None]),
            "stage": st.sampled_from(["Closed Won", "Closed Won", "Prospecting", "Closed Lost"]),
            "prices": st.lists(st.sampled_from(["100", "0.01", "33.3333"]), max_size=3),
            "is_deleted": st.booleans(),
            "loses_a_line": st.booleans(),
            "amount": st.sampled_from([None, None, "1.00"]),
        }
    ),
    max_size=6,
)


@pytest.fixture
def fresh(served: tuple[Sandbox, str], empty_ledger: Path, tmp_path: Path) -> Callable[[], Any]:
    """Make a new world for each example."""
    numbers = itertools.count()

    @contextmanager
    def make() -> Iterator[World]:
        sandbox, address = served
        empty(sandbox)
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        shutil.copy(empty_ledger, folder / "ledger.db")
        world = World(sandbox, address, folder, f"sqlite:///{folder / 'ledger.db'}")
        world.org_switch(job_delay_s=0, allow_amount_mismatch=True)
        try:
            yield world
        finally:
            world.org_switch(allow_amount_mismatch=False)
            world.close()

    return make


def fill(world: World, wishes: list[dict[str, Any]]) -> None:
    accounts = {
        "first": world.account("Same"),
        "second": world.account("Same"),
        "refused": world.account("<>"),
        "missing": world.account("Gone"),
        None: None,
    }
    for wish in wishes:
        opportunity = world.new(
            "Opportunity",
            Name="Deal",
            AccountId=accounts[wish["account"]],
            StageName=wish["stage"],
            CloseDate="2026-11-20",
        )
        lines = [world.line(opportunity, price) for price in wish["prices"]]
        if wish["loses_a_line"] and lines:
            world.delete("OpportunityLineItem", lines[0])
        if wish["amount"]:
            world.edit("Opportunity", opportunity, Amount=wish["amount"])
        if wish["is_deleted"]:
            world.delete("Opportunity", opportunity)
    world.purge("Account", str(accounts["missing"]))


def expected_end(world: World, opportunity: Any, truth: dict[str, Any]) -> str:
    if opportunity["IsDeleted"]:
        return "removed"
    if not opportunity["IsWon"]:
        return "skipped"
    accounts = world.rows("Account", Id=opportunity["AccountId"])
    has_contact = bool(accounts) and accounts[0]["Name"] != "<>"
    return "in_step" if truth[opportunity["Id"]]["good"] and has_contact else "quarantined"


@pytest.mark.timeout(180)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(wishes=OPPORTUNITIES)
def test_every_record_ends_where_its_rules_send_it(
    fresh: Callable[[], Any], wishes: list[dict[str, Any]]
) -> None:
    with fresh() as world:
        fill(world, wishes)
        report = world.run()

        truth = world.control("GET", "/salesforce/truth")
        expected = Counter(expected_end(world, one, truth) for one in world.rows("Opportunity"))
        found: Counter[str] = Counter()
        ended: Counter[Entity] = Counter()
        for entity, disposition, _rule, count in report.counts:
            ended[entity] += count
            if entity is Entity.OPPORTUNITY:
                found[disposition] += count
        assert found == expected
        assert report.missing_count == 0
        for entity in OBJECT_OF:
            rows = len(world.rows(OBJECT_OF[entity]))
            assert (report.records.get(entity, 0), ended[entity]) == (rows, rows)
        assert len(world.invoices) == expected["in_step"]

        world.forget_calls()
        again = world.run(full=True)
        assert world.writes() == []
        assert again.missing_count == 0
