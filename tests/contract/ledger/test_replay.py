"""Dead letters that a person asks for go back, and no others."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from tests.contract.ledger.making import ROUTE, RUN, bury, claim, plan, states, wish

from sfxero.errors import ConfigurationError
from sfxero.ledger import Ledger
from sfxero.ledger.tables import entries
from sfxero.model.ids import RouteName
from sfxero.model.states import EntryState
from sfxero.sync.replay import Replayed, replay

DEAD, PENDING = EntryState.DEAD, EntryState.PENDING
OTHER = RouteName("other")

pytestmark = pytest.mark.contract


@pytest.fixture
def letters(ledger: Ledger) -> Ledger:
    """Three dead letters: two of the route, the last of another one."""
    plan(ledger, wish("s1"), wish("s2"), replace(wish("s3"), route=OTHER))
    for entry in claim(ledger):
        bury(ledger, entry.entry_id)
    return ledger


def ask(ledger: Ledger, asked: Any) -> int:
    return replay(ledger.outbox, asked, route=ROUTE, run_id=RUN, actor="Kim")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, [DEAD, DEAD, DEAD]),
        ([], [DEAD, DEAD, DEAD]),
        ("all", [PENDING, PENDING, DEAD]),
        (["all"], [PENDING, PENDING, DEAD]),
        ([2], [DEAD, PENDING, DEAD]),
        # Airflow's form sends lines of text.
        (["2", "1"], [PENDING, PENDING, DEAD]),
        ("1", [PENDING, DEAD, DEAD]),
    ],
)
def test_what_is_asked_for_goes_back(
    letters: Ledger, asked: Replayed, expected: list[EntryState]
) -> None:
    assert ask(letters, asked) == expected.count(PENDING)
    assert list(states(letters).values()) == expected


def test_a_first_task_that_is_tried_again_asks_twice_and_does_no_harm(letters: Ledger) -> None:
    assert ask(letters, [1]) == 1
    assert ask(letters, [1]) == 0
    assert list(states(letters).values()) == [PENDING, DEAD, DEAD]


@pytest.mark.parametrize("asked", [[3], [1, 99], ["x"], ["all", "1"], "every", [{}]])
def test_a_slip_of_the_pen_is_told_and_changes_nothing(letters: Ledger, asked: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ask(letters, asked)

    assert caught.value.hint
    assert set(states(letters).values()) == {DEAD}


def test_all_of_very_many_go_back(ledger: Ledger) -> None:
    plan(ledger, *(wish(f"s{number}") for number in range(2_500)))
    with ledger._database.write() as conn:
        conn.execute(sa.update(entries).values(state=DEAD))

    assert ask(ledger, "all") == 2_500
    assert set(states(ledger).values()) == {PENDING}
