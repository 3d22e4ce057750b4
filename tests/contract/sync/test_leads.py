"""Qualified leads are contacts of Xero, and become those of the accounts that they turn into."""

import json
from typing import Any

import pytest
from tests.contract.sync.kit import RUN, TENANT, World
from tests.contract.sync.test_identity import HOUR, contact_of, ends, later, names, rules

from sfxero.errors import ConfigurationError
from sfxero.model.states import Entity
from sfxero.sandbox.xero.models import Contact
from sfxero.sync.replay import replay

pytestmark = pytest.mark.contract

LEADS = {
    "when": {"field": "Status", "equals": "Qualified"},
    "name": {"from": "Company"},
    "email": {"from": "Email"},
    "phones": {"default": {"from": "Phone"}},
}


@pytest.fixture
def fair(world: World) -> World:
    """A world whose route takes leads in."""
    content = world.spec.model_dump(mode="json", by_alias=True) | {"leads": LEADS}
    world.spec = type(world.spec).model_validate(content)
    return world


def qualified(world: World, company: str = "Acme", **fields: Any) -> str:
    return world.lead(company, Status="Qualified", **fields)


def prospect(world: World, lead: str) -> Contact:
    return world.books.contacts[world.link(lead).target_id]


def found(world: World) -> dict[str, list[str]]:
    return world.quarantined()


def test_only_qualified_leads_become_contacts(fair: World) -> None:
    lead = qualified(fair, Email="jo@acme.example", Phone="+61 2 9374 4000")
    fair.lead("Birch", Status="Open")

    report = later(fair)

    (contact,) = fair.contacts
    assert (contact.name, contact.texts["ContactNumber"]) == ("Acme", lead)
    assert contact.texts["EmailAddress"] == "jo@acme.example"
    assert contact.phones["DEFAULT"]["PhoneNumber"].replace(" ", "").endswith("4000")
    assert ends(report, Entity.LEAD) == {
        ("in_step", None): 1,
        ("skipped", "lead_not_qualified"): 1,
    }


def test_without_the_section_leads_are_left_alone(world: World) -> None:
    qualified(world)
    later(world)
    assert world.contacts == []


def test_a_change_of_a_lead_is_an_update_and_none_costs_no_write(fair: World) -> None:
    lead = qualified(fair, Email="jo@acme.example")
    later(fair)
    fair.forget_calls()
    later(fair)
    later(fair, full=True)
    assert fair.writes() == []
    fair.edit("Lead", lead, Company="Acme Two", Email=None, Phone="0293744000")
    later(fair)
    assert fair.writes() == ["POST Contacts"]
    assert names(fair) == ["Acme Two"]
    assert "EmailAddress" not in prospect(fair, lead).texts


def test_a_lead_that_is_not_qualified_any_more_keeps_its_contact(fair: World) -> None:
    lead = qualified(fair)
    later(fair)
    fair.edit("Lead", lead, Status="Open", Company="Birch")
    later(fair)
    assert names(fair) == ["Acme"]
    fair.edit("Lead", lead, Status="Qualified")
    later(fair)
    assert names(fair) == ["Birch"]
    fair.delete("Lead", lead)
    report = later(fair)
    assert ends(report, Entity.LEAD) == {("removed", None): 1}
    assert len(fair.contacts) == 1


def test_leads_and_accounts_share_one_supply_of_names(fair: World) -> None:
    fair.account("Acme")
    lead = qualified(fair)
    later(fair)
    assert names(fair) == ["Acme", f"Acme ({lead[-6:]})"]


def test_a_refused_lead_waits_and_is_cured(fair: World) -> None:
    lead = qualified(fair, "<>")
    later(fair)
    assert found(fair) == {lead: ["name_missing"]}
    later(fair)
    assert found(fair) == {lead: ["name_missing"]}
    fair.edit("Lead", lead, Company="Acme")
    later(fair)
    assert found(fair) == {}
    assert names(fair) == ["Acme"]


# Conversion.


def test_a_converted_lead_hands_its_contact_to_the_account(fair: World) -> None:
    lead = qualified(fair, Phone="0293744000")
    later(fair)
    held = fair.link(lead).target_id
    account = fair.convert(lead)
    fair.edit("Account", account, BillingCity="Perth")
    fair.won(account, "100")

    report = later(fair)

    assert fair.link(lead) is None
    assert fair.link(account).target_id == held
    assert names(fair) == ["Acme"]
    assert contact_of(fair, account).addresses["POBOX"]["City"] == "Perth"
    assert [one.contact_id for one in fair.invoices] == [held]
    assert rules(fair) == ["lead_became_account"]
    assert ends(report, Entity.LEAD) == {("skipped", "lead_converted"): 1}
    fair.forget_calls()
    later(fair, full=True)
    assert fair.writes() == []


def test_an_account_that_was_there_takes_the_leads_contact_though_it_did_not_change(
    fair: World,
) -> None:
    fair.switch(unique_contact_numbers=True)
    later(fair)
    lead = qualified(fair, "Acme Prospect")
    later(fair)
    account = fair.account("Acme")
    stored = fair.sandbox.org.records.tables["Account"][account]
    long_ago = stored["CreatedDate"].replace(year=2020)
    stored["SystemModstamp"] = stored["LastModifiedDate"] = long_ago
    fair.convert(lead, account)
    later(fair)
    assert names(fair) == ["Acme"]
    assert fair.link(account) is not None


def test_a_lead_of_a_customer_that_has_a_contact_is_a_persons_to_merge(fair: World) -> None:
    account = fair.account("Acme")
    lead = qualified(fair, "Acme Prospect")
    later(fair)
    fair.convert(lead, account)
    later(fair)
    assert found(fair) == {lead: ["merged_with_contact"]}
    fair.merge_contacts(contact_of(fair, account).contact_id, prospect(fair, lead).contact_id)
    later(fair)
    assert found(fair) == {}
    assert fair.link(lead) is None
    assert names(fair) == ["Acme"]


def test_it_stays_named_though_the_customer_is_merged_on(fair: World) -> None:
    account, master = fair.account("Acme"), fair.account("Cedar")
    lead = qualified(fair, "Acme Prospect")
    later(fair)
    fair.convert(lead, account)
    later(fair)
    fair.merge("Account", master, account)
    for _ in range(3):
        later(fair)
        assert found(fair) == {lead: ["merged_with_contact"], account: ["merged_with_contact"]}


def test_the_contact_of_a_lead_that_is_deleted_after_its_conversion_goes_to_the_account(
    fair: World,
) -> None:
    lead = qualified(fair)
    later(fair)
    held = fair.link(lead).target_id
    account = fair.convert(lead)
    fair.delete("Lead", lead)
    report = later(fair)
    assert names(fair) == ["Acme"]
    assert fair.link(account).target_id == held
    assert ends(report, Entity.LEAD) == {("removed", None): 1}


def test_a_lead_converted_before_its_first_write_makes_one_contact(fair: World) -> None:
    lead = qualified(fair)
    fair.run(publishes=False)
    account = fair.convert(lead)
    later(fair)
    assert [one.texts["ContactNumber"] for one in fair.contacts] == [account]
    assert fair.link(lead) is None


def test_a_dead_letter_of_a_converted_lead_makes_no_second_contact(fair: World) -> None:
    qualified(fair)
    fair.run(publishes=False)
    (entry,) = fair.claim()
    bury(fair, entry.entry_id)
    account = fair.convert(entry.source_id)
    later(fair)
    outbox, route = fair.ledger.outbox, fair.scope("any").route

    with pytest.raises(ConfigurationError, match="the lead was converted"):
        replay(outbox, [entry.entry_id], route=route, run_id=None, actor="kim")
    assert replay(outbox, "all", route=route, run_id=None, actor="kim") == 0
    fair.publish()

    assert [one.texts["ContactNumber"] for one in fair.contacts] == [account]
    assert fair.link(account) is not None


def bury(world: World, entry_id: int) -> None:
    """Give up what a dead worker had claimed."""
    world.ledger.outbox.bury(
        entry_id, owner="dead worker", run_id=RUN, error_class="Refused", message="no", hint="x"
    )


@pytest.mark.parametrize("arrives", [True, False])
def test_a_lead_converted_while_its_first_write_is_under_way_makes_one_contact(
    fair: World, arrives: bool
) -> None:
    lead = qualified(fair)
    fair.run(publishes=False)
    (entry,) = fair.claim()
    account = fair.convert(lead)
    if arrives:
        body = {"Name": "Acme", "ContactNumber": lead}
        fair.put_in_xero("Contacts", json.dumps(body))

    fair.run(publishes=False)
    assert found(fair) == {lead: ["link_under_way"], account: ["link_under_way"]}
    # The worker died; the next one looks up what became of its request.
    fair.sleep(HOUR)
    fair.publish()
    later(fair)

    assert found(fair) == {}
    assert len(fair.contacts) == 1
    assert fair.link(account) is not None
    assert fair.link(lead) is None
    assert names(fair) == ["Acme"]
    assert entry.source_id == lead


def test_a_conversion_that_straddles_the_end_of_a_window_makes_one_contact(fair: World) -> None:
    """The account's stamp lies in the window, the lead's after it."""
    lead = qualified(fair)
    later(fair)
    account = fair.convert(lead)
    stored = fair.sandbox.org.records.tables["Account"][account]
    stored["SystemModstamp"] = fair.clock.now()
    scope = fair.begin()
    fair.sleep(5)
    changed = fair.sandbox.org.records.tables["Lead"][lead]
    changed["SystemModstamp"] = fair.clock.now()
    fair.stage(scope)
    fair.prepare(scope)
    fair.publish()
    assert len(fair.contacts) == 1
    assert fair.link(account) is not None


def test_merged_leads_keep_one_contact(fair: World) -> None:
    first = qualified(fair)
    later(fair)
    second = qualified(fair, "Acme Two")
    fair.merge("Lead", second, first)
    later(fair)
    assert fair.link(first) is None
    assert names(fair) == ["Acme Two"]
    assert rules(fair) == ["lead_merged"]


def test_two_contacts_of_merged_leads_are_named_for_as_long_as_they_are_two(fair: World) -> None:
    first, second = qualified(fair), qualified(fair, "Birch")
    later(fair)
    fair.merge("Lead", second, first)
    for _ in range(3):
        later(fair)
        assert found(fair) == {first: ["merged_with_contact"]}


@pytest.mark.parametrize("arrives", [True, False])
def test_a_lead_merged_while_its_first_write_is_under_way_makes_one_contact(
    fair: World, arrives: bool
) -> None:
    first = qualified(fair)
    fair.run(publishes=False)
    fair.claim()
    fair.sleep(HOUR)
    second = qualified(fair, "Birch")
    fair.merge("Lead", second, first)
    if arrives:
        fair.put_in_xero("Contacts", json.dumps({"Name": "Acme", "ContactNumber": first}))
    later(fair)
    assert found(fair) == {first: ["link_under_way"], second: ["link_under_way"]}
    later(fair)
    assert found(fair) == {}
    assert len(fair.contacts) == 1
    assert names(fair) == ["Birch"]


def test_a_lead_that_comes_back_from_a_merge_is_asked_about(fair: World) -> None:
    first = qualified(fair)
    later(fair)
    second = qualified(fair, "Birch")
    fair.merge("Lead", second, first)
    later(fair)
    fair.undelete("Lead", first)
    later(fair)
    assert found(fair) == {first: ["contact_moved_on"]}
    assert names(fair) == ["Birch"]
    # What is to have no contact needs no decision.
    fair.edit("Lead", first, Status="Open")
    later(fair)
    assert found(fair) == {}


def test_a_lead_merged_and_converted_and_its_account_merged_leads_to_the_last(fair: World) -> None:
    first = qualified(fair)
    later(fair)
    second = qualified(fair, "Birch")
    fair.merge("Lead", second, first)
    account = fair.convert(second)
    master = fair.account("Cedar")
    fair.merge("Account", master, account)
    later(fair)
    assert names(fair) == ["Cedar"]
    assert fair.link(master) is not None


def test_the_contact_of_a_lead_that_is_archived_is_named(fair: World) -> None:
    lead = qualified(fair)
    later(fair)
    fair.archive(prospect(fair, lead))
    fair.edit("Lead", lead, Company="Birch")
    later(fair)
    assert found(fair) == {lead: ["contact_archived"]}
    fair.restore(prospect(fair, lead).contact_id)
    later(fair)
    assert names(fair) == ["Birch"]


def test_a_lead_and_an_account_of_one_contact_the_account_writes(fair: World) -> None:
    lead = qualified(fair, "Prospect")
    account = fair.account("Acme")
    later(fair)
    fair.merge_contacts(prospect(fair, lead).contact_id, contact_of(fair, account).contact_id)
    later(fair)
    assert names(fair) == ["Acme"]
    fair.edit("Lead", lead, Company="Prospect Two")
    report = later(fair)
    assert names(fair) == ["Acme"]
    assert ends(report, Entity.LEAD) == {("skipped", "contact_shared"): 1}
    changes = fair.ledger.link_changes.listing(TENANT, Entity.CONTACT)
    assert [one.rule for one in changes] == ["contact_merged"]


def test_when_the_writing_lead_is_deleted_the_other_one_writes(fair: World) -> None:
    first, second = qualified(fair), qualified(fair, "Birch")
    later(fair)
    fair.merge_contacts(prospect(fair, first).contact_id, prospect(fair, second).contact_id)
    later(fair)
    assert names(fair) == ["Acme"]
    fair.delete("Lead", first)
    later(fair)
    assert names(fair) == ["Birch"]
    fair.edit("Lead", second, Company="Cedar")
    later(fair)
    assert names(fair) == ["Cedar"]


def test_when_the_account_of_a_shared_contact_is_deleted_the_lead_writes(fair: World) -> None:
    lead, account = qualified(fair, "Prospect"), fair.account("Acme")
    later(fair)
    fair.merge_contacts(prospect(fair, lead).contact_id, contact_of(fair, account).contact_id)
    later(fair)
    fair.delete("Account", account)
    later(fair)
    assert names(fair) == ["Prospect"]
    fair.edit("Lead", lead, Company="Prospect Two")
    later(fair)
    assert names(fair) == ["Prospect Two"]
