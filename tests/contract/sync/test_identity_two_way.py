"""Merges, shared contacts and leads in a route that lets people edit both sides."""

import pytest
from tests.contract.sync.kit import TENANT, World
from tests.contract.sync.test_leads import LEADS
from tests.contract.sync.test_two_way import ADDRESS, REACHED, Both

pytestmark = pytest.mark.contract


@pytest.fixture
def both(world: World) -> Both:
    content = world.spec.model_dump(mode="json", by_alias=True) | {"leads": LEADS}
    world.spec = type(world.spec).model_validate(content)
    return Both(world)


def second(both: Both) -> str:
    """Another account that shares the contact, and whose own was merged into it."""
    world = both.world
    other = world.account("Birch", Invoice_Email__c="birch@x.org")
    both.to_xero()
    both.from_xero()
    world.merge_contacts(both.contact.contact_id, world.link(other).target_id)
    both.pause()
    both.to_xero()
    assert world.link(other).target_id == both.contact.contact_id
    return other


def email_of(both: Both, account: str) -> str | None:
    (row,) = both.world.rows("Account", Id=account)
    email: str | None = row["Invoice_Email__c"]
    return email


def test_an_edit_of_a_shared_contact_goes_to_the_account_that_writes_it(both: Both) -> None:
    other = second(both)
    both.edit_xero(EmailAddress="new@acme.au")
    both.from_xero()
    assert both.emails == ("new@acme.au", "new@acme.au")
    assert email_of(both, other) == "birch@x.org"
    both.world.edit("Account", other, Invoice_Email__c="birch@y.org")
    both.pause()
    both.to_xero()
    both.from_xero()
    assert both.emails == ("new@acme.au", "new@acme.au")
    assert both.is_quiet()


def test_an_edit_of_a_merged_accounts_contact_flows_to_the_master(both: Both) -> None:
    world, loser = both.world, both.account
    master = world.account("Acme Group", Invoice_Email__c="old@acme.au", Phone="(02) 9374 4000")
    world.merge("Account", master, loser)
    both.pause()
    both.to_xero()
    both.account = master
    both.from_xero()
    both.edit_xero(EmailAddress="new@acme.au")
    both.from_xero()
    assert both.emails == ("new@acme.au", "new@acme.au")
    assert both.contact.name == "Acme Group"
    assert both.is_quiet()


def test_an_edit_that_was_read_before_the_link_followed_flows_to_the_master(both: Both) -> None:
    """By then the account was gone, and the master did not stand for the contact yet."""
    world, loser = both.world, both.account
    master = world.account("Acme", ABN__c="51824753556", **ADDRESS, **REACHED)
    world.merge("Account", master, loser)
    both.edit_xero(EmailAddress="new@acme.au")
    both.from_xero()
    both.to_xero()
    both.account = master
    both.from_xero()
    assert both.emails == ("new@acme.au", "new@acme.au")
    assert both.is_quiet()
    assert world.ledger.merging.due(TENANT) == {}


def test_an_edit_that_was_read_while_the_account_was_deleted_flows_when_it_is_back(
    both: Both,
) -> None:
    both.world.delete("Account", both.account)
    both.pause()
    both.to_xero()
    both.edit_xero(EmailAddress="new@acme.au")
    both.from_xero()
    assert both.is_quiet()
    both.world.undelete("Account", both.account)
    both.pause()
    both.to_xero()
    both.from_xero()
    assert both.emails == ("new@acme.au", "new@acme.au")
    assert both.is_quiet()


def test_an_account_that_is_deleted_for_good_is_waited_for_no_more(both: Both) -> None:
    both.world.delete("Account", both.account)
    both.edit_xero(EmailAddress="new@acme.au")
    both.from_xero()
    assert set(both.world.ledger.merging.due(TENANT)) == {both.account}
    both.world.purge("Account", both.account)
    both.from_xero()
    assert both.world.ledger.merging.due(TENANT) == {}


def test_what_people_changed_in_a_leads_contact_flows_to_the_account_that_it_became(
    both: Both,
) -> None:
    world = both.world
    lead = world.lead("Cedar", Status="Qualified", Email="lead@x.org")
    both.to_xero()
    contact_id = world.link(lead).target_id
    both.showing.hands.write_contact({"EmailAddress": "hand@x.org"}, contact_id)
    both.pause()
    both.from_xero()
    both.account = world.convert(lead)
    world.edit("Account", both.account, Invoice_Email__c="lead@x.org")
    both.pause()
    both.to_xero()
    both.from_xero()
    assert both.emails == ("hand@x.org", "hand@x.org")
    assert both.is_quiet()


def test_a_survivor_is_merged_field_by_field_before_anything_is_written(both: Both) -> None:
    world = both.world
    world.put_in_xero("Contacts", '{"Name":"Acme Holdings","EmailAddress":"holdings@x.org"}')
    (survivor,) = (one for one in world.contacts if one.name == "Acme Holdings")
    both.share(email="xero")
    world.merge_contacts(survivor.contact_id, both.contact.contact_id)
    both.pause()
    both.to_xero()
    both.from_xero()
    both.from_xero()
    both.to_xero()
    assert both.contact.contact_id == survivor.contact_id
    assert both.emails == ("holdings@x.org", "holdings@x.org")
    assert both.contact.texts["TaxNumber"] == "51824753556"
    assert both.is_quiet()


def test_a_leads_contact_that_people_edit_is_no_accounts_matter(both: Both) -> None:
    world = both.world
    lead = world.lead("Cedar", Status="Qualified", Email="lead@x.org")
    both.to_xero()
    both.from_xero()
    contact_id = world.link(lead).target_id
    both.showing.hands.write_contact({"EmailAddress": "hand@x.org"}, contact_id)
    both.pause()
    report = both.from_xero()
    assert report.missing_count == 0
    world.edit("Lead", lead, Email="lead@y.org")
    both.pause()
    both.to_xero()
    assert world.books.contacts[contact_id].texts["EmailAddress"] == "lead@y.org"
    account = world.convert(lead)
    both.pause()
    both.to_xero()
    both.from_xero()
    assert world.link(account).target_id == contact_id
    assert both.is_quiet()
