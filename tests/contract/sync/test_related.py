"""Rows of other objects: contact persons and lent fields arrive, follow changes, and stay quiet."""

from typing import Any

import pytest
from tests.contract.sync.kit import World

pytestmark = pytest.mark.contract

HOUR = 3600
PRIMARY = {"field": "IsPrimary", "equals": "true"}
OF_ACCOUNT = {"object": "Contact", "of": "AccountId"}


def persons(world: World) -> list[tuple[str, str]]:
    (contact,) = world.contacts
    return [(one["LastName"], one["EmailAddress"]) for one in contact.persons]


def person(world: World, account: str, name: str, **fields: Any) -> str:
    values = {"LastName": name, "Email": f"{name.lower()}@acme.example"}
    return world.new("Contact", AccountId=account, **values | fields)


def writes_of_another_run(world: World, *, full: bool = False) -> list[str]:
    world.sleep(HOUR)
    world.forget_calls()
    world.run(full=full)
    return world.writes()


@pytest.mark.shows("Contact.ContactPersons")
def test_persons_arrive_and_follow_each_change_that_does_not_touch_the_account(
    world: World,
) -> None:
    world.respec(contacts={"persons": OF_ACCOUNT})
    account = world.account()
    ann, bob = person(world, account, "Ann"), person(world, account, "Bob")
    world.run()
    assert persons(world) == [("Ann", "ann@acme.example"), ("Bob", "bob@acme.example")]
    assert writes_of_another_run(world, full=True) == []
    world.sleep(HOUR)

    world.edit("Contact", bob, Email="robert@acme.example")
    assert writes_of_another_run(world) == ["POST Contacts"]
    assert persons(world) == [("Ann", "ann@acme.example"), ("Bob", "robert@acme.example")]

    world.delete("Contact", ann)
    assert writes_of_another_run(world) == ["POST Contacts"]
    assert persons(world) == [("Bob", "robert@acme.example")]

    world.delete("Contact", bob)
    assert writes_of_another_run(world) == ["POST Contacts"]
    assert persons(world) == []
    assert writes_of_another_run(world, full=True) == []


@pytest.mark.shows("Contact.ContactPersons", "Contact.EmailAddress")
def test_persons_may_be_those_of_an_accounts_opportunities_the_primary_one_first(
    world: World,
) -> None:
    role = {
        "object": "OpportunityContactRole",
        "of": "Opportunity.AccountId",
        "first": PRIMARY,
        "first_name": "Contact.FirstName",
        "last_name": "Contact.LastName",
        "email": "Contact.Email",
    }
    lead = {one: role[one] for one in ("object", "of", "first")}
    world.respec(
        contacts={
            "persons": role,
            "related": {"lead": lead},
            "email": {"from": ["lead.Contact.Email"]},
        }
    )
    account = world.account()
    opportunities = [world.won(account, "100"), world.won(account, "50")]
    ann, bob = person(world, account, "Ann"), person(world, account, "Bob")
    for opportunity, one, is_primary in (
        (opportunities[0], ann, False),
        (opportunities[0], bob, True),
        (opportunities[1], ann, False),
    ):
        world.new(
            "OpportunityContactRole",
            OpportunityId=opportunity,
            ContactId=one,
            IsPrimary=is_primary,
        )

    world.run()

    assert [name for name, _ in persons(world)] == ["Bob", "Ann"]
    assert world.contacts[0].texts["EmailAddress"] == "bob@acme.example"
    assert writes_of_another_run(world, full=True) == []


@pytest.mark.shows("Invoice.Reference")
def test_an_opportunity_takes_fields_of_its_primary_contact(world: World) -> None:
    role = {"object": "OpportunityContactRole", "of": "OpportunityId", "first": PRIMARY}
    world.respec(
        invoices={
            "related": {"buyer": role},
            "reference": {"template": "attn {buyer.Contact.Name}", "default": "no buyer"},
        }
    )
    account = world.account()
    opportunity = world.won(account, "100")
    ann = person(world, account, "Ann")
    world.run()
    assert [one.reference for one in world.invoices] == ["no buyer"]
    world.sleep(HOUR)
    world.new("OpportunityContactRole", OpportunityId=opportunity, ContactId=ann, IsPrimary=True)

    world.run()

    assert [one.reference for one in world.invoices] == ["attn Ann"]
    assert writes_of_another_run(world, full=True) == []
