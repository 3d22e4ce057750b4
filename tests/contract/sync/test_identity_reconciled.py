"""Merges, leads and shared contacts are no differences to a reconciliation; what is open, is."""

import pytest
from tests.contract.sync.comparing import Comparer
from tests.contract.sync.kit import World
from tests.contract.sync.test_identity import contact_of, later, synced
from tests.contract.sync.test_leads import LEADS

pytestmark = pytest.mark.contract


def differences(world: World) -> dict[str, str]:
    """The open differences: kind by key."""
    return {one.difference.key: one.difference.kind for one in Comparer(world).compare().open}


@pytest.mark.parametrize("is_paid", [True, False])
def test_a_merged_account_is_in_step(world: World, is_paid: bool) -> None:
    (loser,) = synced(world, "Acme")
    world.won(loser, "100")
    later(world)
    if is_paid:
        world.pay(world.invoices[0])
    master = world.account("Birch")
    world.merge("Account", master, loser)
    later(world)
    assert differences(world) == {}


def test_a_merge_that_the_sync_has_not_read_yet_is_named_as_such(world: World) -> None:
    (loser,) = synced(world, "Acme")
    world.won(loser, "100")
    later(world)
    world.merge("Account", world.account("Birch"), loser)
    outcome = Comparer(world).compare()
    assert outcome.open == []
    assert {one.difference.key for one in outcome.stored} >= {loser}


def test_a_merged_contact_is_in_step(world: World) -> None:
    first, second = synced(world, "Acme", "Birch")
    world.won(first, "100")
    later(world)
    world.merge_contacts(contact_of(world, second).contact_id, world.link(first).target_id)
    later(world)
    assert differences(world) == {}


def test_a_lead_is_nobodys_missing_account(world: World) -> None:
    content = world.spec.model_dump(mode="json", by_alias=True) | {"leads": LEADS}
    world.spec = type(world.spec).model_validate(content)
    lead = world.lead(Status="Qualified")
    later(world)
    assert world.link(lead) is not None
    assert differences(world) == {}


def test_two_contacts_of_a_merged_account_stay_named(world: World) -> None:
    loser, master = synced(world, "Acme", "Birch")
    world.merge("Account", master, loser)
    later(world)
    assert differences(world) == {loser: "account_deleted"}
