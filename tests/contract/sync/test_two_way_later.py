"""Pairs of which something changes besides their fields: no edit is lost, and no question stays."""

import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.test_two_way import (
    XERO_ADDRESS,
    Both,
    address,
)

pytestmark = pytest.mark.contract


def with_attention(world: World, master: str) -> Both:
    """A pair whose contact's address has a part that the route does not map."""
    both = Both(world, postal_address=master)
    both.edit_xero(**address(AttentionTo="Jo", **XERO_ADDRESS))
    both.from_xero()
    return both


# What is sent of a contact.


@pytest.mark.parametrize("master", ["xero", "ask"])
def test_an_unmapped_part_of_an_address_is_no_change_of_xeros(world: World, master: str) -> None:
    both = with_attention(world, master)
    both.edit_salesforce(BillingCity="Perth")
    both.to_xero()
    both.edit_salesforce(BillingCity="Darwin")

    both.from_xero()
    both.to_xero()

    assert both.conflicts() == []
    assert both.row["BillingCity"] == "Darwin"
    assert both.contact.addresses["POBOX"]["City"] == "Darwin"
    assert both.contact.addresses["POBOX"]["AttentionTo"] == "Jo"
    assert both.is_quiet()


def test_a_name_clash_forgets_no_field_that_xero_holds_already(world: World) -> None:
    both = Both(world)
    more = {"BillingCity": "Perth", "Invoice_Email__c": "new@acme.au"}
    world.edit("Account", both.account, Name="Bolt", **more)
    scope = world.begin()
    world.stage(scope)
    world.prepare(scope)
    both.edit_xero(**address(**XERO_ADDRESS | {"City": "Perth"}))
    world.put_in_xero("Contacts", '{"Name":"Bolt"}')

    world.publish(run_id=scope.run_id)

    assert both.contact.name.startswith("Bolt (")
    assert both.contact.texts["EmailAddress"] == "new@acme.au"
    assert both.contact.addresses["POBOX"]["City"] == "Perth"
    both.pause()
    both.from_xero()
    both.to_xero()
    assert both.is_quiet()
