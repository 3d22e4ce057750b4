"""Invoice and credit notes are one sale: what Xero holds of both is looked at before any step."""

from typing import Any

import pytest
from tests.contract.sync.crediting import (
    HOUR,
    INVOICE,
    dies,
    lowered,
    note,
    reprice,
)
from tests.contract.sync.kit import World, die, die_before

pytestmark = pytest.mark.contract


def allocation_of_unknown_outcome(world: World) -> None:
    world.fail("error_after", "/Allocations$", method="PUT", count=1, status=500)
    world.publish(INVOICE)


def allocation_refused(world: World) -> None:
    world.fail("error_before", "/Allocations$", method="PUT", count=1, status=400)
    world.publish(INVOICE)


def death_before_allocation(world: World) -> None:
    dies(world, die_before)
    world.publish(INVOICE, owner="next")


@pytest.mark.parametrize(
    "trouble",
    [allocation_of_unknown_outcome, allocation_refused, death_before_allocation],
)
def test_a_price_that_is_back_while_its_credit_note_stands_is_not_settled_by_a_look_up(
    world: World, sold: str, trouble: Any
) -> None:
    lowered(world, sold, "80", die)
    reprice(world, sold, "100", of="80")
    world.sleep(HOUR)
    world.run(publishes=False)

    trouble(world)

    # The invoice holds what is wished, and its customer has a credit of 22 besides.
    assert world.states()[-1] == "dead"
    assert str(note(world).totals.total) == "22.00"
