"""Who is linked with whom over time: merges on either side, archived contacts, deletions."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.contract.sync.kit import TENANT, World
from tests.contract.sync.test_history import migrate
from tests.contract.sync.test_history_overlaps import read_the_past

from sfxero.ledger.link_moves import LinkEnds
from sfxero.model.ids import SourceId, TargetId
from sfxero.model.states import Entity
from sfxero.sandbox.xero.models import Contact
from sfxero.staging.reader import read_latest
from sfxero.sync.identity import by_hand
from sfxero.sync.identity.identity import Identity
from sfxero.sync.scope import OBJECT_OF

pytestmark = pytest.mark.contract

HOUR = 3600


def synced(world: World, *names: str, **fields: Any) -> list[str]:
    """Accounts whose contacts are in step."""
    accounts = [world.account(name, **fields) for name in names]
    world.run()
    world.sleep(HOUR)
    world.forget_calls()
    return accounts


def later(world: World, **options: Any) -> Any:
    """The next run, when the windows of earlier ones are over."""
    report = world.run(**options)
    assert report.missing_count == 0
    world.sleep(HOUR)
    return report


def contact_of(world: World, account: str) -> Contact:
    return world.books.contacts[world.link(account).target_id]


def names(world: World) -> list[str]:
    return sorted(one.name for one in world.contacts if one.status == "ACTIVE")


def ends(report: Any, entity: Entity = Entity.ACCOUNT) -> dict[tuple[str, str | None], int]:
    return {(one.disposition, one.rule): one.n for one in report.counts if one.entity is entity}


def rules(world: World) -> list[str]:
    changes = world.ledger.link_changes.listing(TENANT, Entity.CONTACT)
    return [one.rule for one in changes]


# Merges in Salesforce.


def test_the_contact_of_a_merged_account_goes_to_its_master(world: World) -> None:
    world.switch(unique_contact_numbers=True)
    loser = world.account("Acme", BillingCity="Perth", ABN__c="53004085616")
    world.run()
    held = world.link(loser).target_id
    world.sleep(HOUR)
    master = world.account("Acme Group")
    world.merge("Account", master, loser)

    later(world)

    assert world.link(loser) is None
    assert world.link(master).target_id == held
    (contact,) = world.contacts
    assert (contact.name, contact.texts["ContactNumber"]) == ("Acme Group", loser)
    # What the master does not have, the contact has no more.
    assert "TaxNumber" not in contact.texts
    assert rules(world) == ["account_merged"]
    world.forget_calls()
    later(world, full=True)
    assert world.writes() == []


def test_a_name_that_both_have_stays_with_the_contact(world: World) -> None:
    (loser,) = synced(world, "Acme")
    master = world.account("ACME", AccountNumber="A-2")
    world.merge("Account", master, loser)
    later(world)
    assert names(world) == ["ACME"]


def test_the_suffix_of_a_merged_account_is_never_given_to_another(world: World) -> None:
    world.account("Acme")
    world.run()
    (loser,) = synced(world, "Acme", AccountNumber="A-1")
    assert names(world) == ["Acme", "Acme (A-1)"]
    master = world.account("Birch")
    world.merge("Account", master, loser)
    later(world)
    world.account("Acme", AccountNumber="A-1")
    later(world)
    assert names(world)[0] == "Acme"
    assert "Acme (A-1)" not in names(world)
    assert len(set(names(world))) == 3


def test_opportunities_of_a_merged_account_stay_with_its_contact(
    world: World,
) -> None:
    loser = world.account("Acme")
    paid, open_ = world.won(loser, "100"), world.won(loser, "200")
    world.run()
    world.pay(next(one for one in world.invoices if one.totals.sub_total == 100))
    world.sleep(HOUR)
    master = world.account("Acme")
    world.forget_calls()

    world.merge("Account", master, loser)
    new = world.won(master, "300")
    report = later(world)

    assert world.writes() == ["POST Contacts", "PUT Invoices"]
    assert {one.contact_id for one in world.invoices} == {contact_of(world, master).contact_id}
    assert ends(report, Entity.OPPORTUNITY) == {("in_step", None): 3}
    assert world.letters() == []
    assert {paid, open_, new} == {one["Id"] for one in world.rows("Opportunity")}


def test_moved_opportunities_are_read_even_if_their_stamps_stand_still(world: World) -> None:
    loser, master = synced(world, "Acme", "Birch")
    opportunity = world.won(loser, "100")
    later(world)
    world.merge("Account", master, loser)
    stored = world.sandbox.org.records.tables["Opportunity"][opportunity]
    stored["SystemModstamp"] = stored["CreatedDate"]
    later(world)
    (invoice,) = world.invoices
    assert invoice.contact_id == contact_of(world, master).contact_id


def test_two_contacts_of_one_account_are_a_persons_to_merge(world: World) -> None:
    loser, master = synced(world, "Acme", "Birch")
    opportunity = world.won(loser, "100")
    later(world)
    world.merge("Account", master, loser)

    report = later(world)

    assert world.quarantined(Entity.ACCOUNT) == {loser: ["merged_with_contact"]}
    assert ends(report)[("quarantined", "merged_with_contact")] == 1
    (invoice,) = world.invoices
    assert invoice.contact_id == contact_of(world, master).contact_id
    assert world.quarantined(Entity.OPPORTUNITY) == {}
    assert opportunity == world.rows("Opportunity")[0]["Id"]
    # It is named until it is cured, and nothing is written meanwhile.
    world.forget_calls()
    later(world)
    assert world.quarantined(Entity.ACCOUNT) == {loser: ["merged_with_contact"]}
    assert world.writes() == []

    world.merge_contacts(contact_of(world, master).contact_id, contact_of(world, loser).contact_id)
    later(world)

    assert world.quarantined() == {}
    assert world.link(loser) is None
    assert rules(world) == ["contact_merged", "account_merged"]


def test_a_suffix_stays_though_the_account_with_the_plain_name_was_merged(world: World) -> None:
    master, other = (world.account(name, AccountNumber="A-1") for name in ("Old", "Acme"))
    world.run()
    kept, gone = (world.link(one).target_id for one in (master, other))
    world.merge_contacts(kept, gone)
    later(world)
    world.restore(gone)
    world.merge("Account", master, other)
    later(world)
    world.edit("Account", master, Name="Birch")
    later(world)
    world.edit("Account", master, Name="Acme")
    later(world)
    assert world.books.contacts[kept].name == "Acme (A-1)"
    world.forget_calls()

    later(world, full=True)

    assert world.writes() == []
    assert world.books.contacts[kept].name == "Acme (A-1)"


def test_two_contacts_of_one_account_are_named_for_as_long_as_they_are_two(world: World) -> None:
    """Long after the merge has left every window."""
    loser, master = synced(world, "Acme", "Birch")
    world.merge("Account", master, loser)
    for _ in range(3):
        later(world)
        assert world.quarantined() == {loser: ["merged_with_contact"]}


def test_a_paid_invoice_stays_with_the_contact_it_was_made_out_to(world: World) -> None:
    loser, master = synced(world, "Acme", "Birch")
    world.won(loser, "100")
    later(world)
    (invoice,) = world.invoices
    world.pay(invoice)
    world.merge("Account", master, loser)

    report = later(world)

    assert world.letters() == []
    assert ends(report, Entity.OPPORTUNITY) == {("in_step", None): 1}
    assert world.quarantined() == {loser: ["merged_with_contact"]}
    assert world.invoices[0].contact_id == contact_of(world, loser).contact_id


def test_a_merged_account_whose_contact_is_archived_needs_nobody(world: World) -> None:
    loser, master = synced(world, "Acme", "Birch")
    world.archive(contact_of(world, loser))
    world.merge("Account", master, loser)
    report = later(world)
    assert world.quarantined() == {}
    assert ends(report) == {("in_step", None): 1, ("removed", None): 1}


def test_a_chain_of_merges_leads_to_its_end(world: World) -> None:
    (first,) = synced(world, "Acme")
    second, third = world.account("Birch"), world.account("Cedar")
    world.merge("Account", second, first)
    world.merge("Account", third, second)
    later(world)
    assert names(world) == ["Cedar"]
    assert world.link(third) is not None


def test_a_chain_of_merges_that_straddles_the_end_of_a_window_leads_to_its_end(
    world: World,
) -> None:
    """The first merge lies in the window, the second after it."""
    (first,) = synced(world, "Acme")
    second, third = world.account("Birch"), world.account("Cedar")
    world.merge("Account", second, first)
    world.sleep(HOUR)
    scope = world.begin()
    world.sleep(5)
    world.merge("Account", third, second)
    world.stage(scope)
    world.prepare(scope)
    world.publish()
    world.sleep(HOUR)
    later(world)
    assert names(world) == ["Cedar"]
    assert world.link(third) is not None


def test_a_master_that_is_read_before_the_merge_gets_no_contact_of_its_own(world: World) -> None:
    """The merge lies after the window; what waits in quarantine is read as it is now."""
    (loser,) = synced(world, "Acme")
    opportunity = world.won(loser)
    (line,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.delete("OpportunityLineItem", line["Id"])
    later(world)
    assert opportunity in world.quarantined()
    scope = world.begin()
    world.sleep(5)
    master = world.account("Birch")
    world.merge("Account", master, loser)
    world.stage(scope)
    world.prepare(scope)
    world.publish()
    world.sleep(HOUR)
    later(world)
    assert names(world) == ["Birch"]
    assert world.quarantined(Entity.ACCOUNT) == {}


def test_a_run_over_history_gives_a_master_no_contact_of_its_own(world: World) -> None:
    """It reads an old opportunity of the account that was merged a moment ago."""
    (loser,) = synced(world, "Acme")
    world.won(loser, "100", CloseDate="2026-06-10")
    later(world)
    master = world.account("Birch")
    world.merge("Account", master, loser)
    migrate(world)
    assert names(world) == ["Birch"]
    assert world.link(loser) is None
    later(world)
    assert names(world) == ["Birch"]
    assert world.quarantined() == {}


def test_of_two_merged_accounts_one_gives_its_contact(world: World) -> None:
    first, second = synced(world, "Acme", "Birch")
    master = world.account("Cedar")
    world.merge("Account", master, first, second)
    later(world)
    assert world.link(first) is None
    assert world.quarantined() == {second: ["merged_with_contact"]}
    assert len(world.contacts) == 2


def test_a_link_is_not_moved_while_its_contact_is_written(world: World) -> None:
    (loser,) = synced(world, "Acme")
    world.edit("Account", loser, BillingCity="Perth")
    world.run(publishes=False)
    (entry,) = world.claim()
    master = world.account("Birch")
    world.merge("Account", master, loser)

    world.run(publishes=False)
    # The master waits, too: it would get a contact of its own.
    assert world.quarantined() == {loser: ["link_under_way"], master: ["link_under_way"]}
    world.ledger.outbox.release([entry.entry_id], owner="dead worker")
    later(world)

    assert world.quarantined() == {}
    assert names(world) == ["Birch"]


@pytest.mark.parametrize("arrives", [True, False])
def test_an_account_merged_while_its_first_write_is_under_way_makes_one_contact(
    world: World, arrives: bool
) -> None:
    loser = world.account("Acme")
    world.run(publishes=False)
    world.claim()
    world.sleep(HOUR)
    master = world.account("Birch")
    world.merge("Account", master, loser)
    if arrives:
        world.put_in_xero("Contacts", json.dumps({"Name": "Acme", "ContactNumber": loser}))

    later(world)
    assert world.quarantined() == {loser: ["link_under_way"], master: ["link_under_way"]}
    # The worker died; what became of its request is known by now.
    later(world)

    assert world.quarantined() == {}
    assert len(world.contacts) == 1
    assert names(world) == ["Birch"]
    assert world.link(loser) is None


# Back again.


def test_an_account_that_comes_back_from_a_merge_is_asked_about(world: World) -> None:
    (loser,) = synced(world, "Acme")
    master = world.account("Birch")
    world.merge("Account", master, loser)
    later(world)
    world.undelete("Account", loser)

    later(world)
    assert world.quarantined() == {loser: ["contact_moved_on"]}
    assert len(world.contacts) == 1

    (change,) = world.ledger.link_changes.successions(TENANT, Entity.CONTACT)
    world.ledger.link_changes.undo(
        TENANT, Entity.CONTACT, change.change_id, actor="pat", reason="it is back"
    )
    later(world)
    assert world.quarantined() == {}
    assert names(world) == ["Acme", "Birch"]
    assert contact_of(world, loser).name == "Acme"


def test_what_a_person_took_back_is_not_done_again(world: World) -> None:
    (loser,) = synced(world, "Acme")
    master = world.account("Birch")
    world.merge("Account", master, loser)
    later(world)
    (change,) = world.ledger.link_changes.successions(TENANT, Entity.CONTACT)
    world.ledger.link_changes.undo(
        TENANT, Entity.CONTACT, change.change_id, actor="pat", reason="apart"
    )
    later(world, full=True)
    assert world.link(loser) is not None
    assert world.link(master).target_id != world.link(loser).target_id
    assert len(set(names(world))) == 2


# Deleted accounts.


def test_a_deleted_account_keeps_its_link_and_goes_on_when_it_is_back(world: World) -> None:
    (account,) = synced(world, "Acme")
    before = world.link(account)
    world.delete("Account", account)
    report = later(world)
    assert ends(report) == {("removed", None): 1}
    assert world.link(account) == before

    world.undelete("Account", account)
    world.edit("Account", account, Name="Acme Two")
    later(world)
    assert names(world) == ["Acme Two"]
    assert world.calls("PUT") == []


def test_what_waited_for_a_deleted_account_goes_when_it_is_back(world: World) -> None:
    account = world.account("Acme")
    world.run(publishes=False)
    world.sleep(HOUR)
    world.delete("Account", account)
    later(world)
    assert world.contacts == []
    world.undelete("Account", account)
    later(world)
    assert names(world) == ["Acme"]


# Merges in Xero.


def test_a_link_follows_the_contact_into_the_one_that_survived(world: World) -> None:
    (account,) = synced(world, "Acme")
    world.put_in_xero("Contacts", '{"Name":"Acme Holdings","EmailAddress":"a@b.example"}')
    (stranger,) = (one for one in world.contacts if one.name == "Acme Holdings")
    world.merge_contacts(stranger.contact_id, world.link(account).target_id)

    later(world)

    assert contact_of(world, account).contact_id == stranger.contact_id
    assert names(world) == ["Acme"]
    assert contact_of(world, account).texts["EmailAddress"] == "a@b.example"
    assert rules(world) == ["contact_merged"]
    opportunity = world.won(account, "100")
    later(world)
    assert [one.contact_id for one in world.invoices] == [stranger.contact_id]
    assert world.link(opportunity, Entity.INVOICE) is not None
    world.forget_calls()
    later(world, full=True)
    assert world.writes() == []


def test_of_two_accounts_of_one_contact_one_writes(world: World) -> None:
    first, second = synced(world, "Acme", "Birch")
    keeper = contact_of(world, second)
    world.merge_contacts(keeper.contact_id, world.link(first).target_id)
    later(world)
    assert world.link(first).target_id == keeper.contact_id
    assert names(world) == ["Birch"]
    world.forget_calls()

    world.edit("Account", first, Name="Acme Two", BillingCity="Perth")
    report = later(world)
    assert world.writes() == []
    assert ends(report)[("skipped", "contact_shared")] == 1

    world.edit("Account", second, Name="Birch Two")
    world.won(first, "100")
    later(world)
    assert names(world) == ["Birch Two"]
    assert [one.contact_id for one in world.invoices] == [keeper.contact_id]


def test_when_the_writer_is_deleted_the_other_account_writes(world: World) -> None:
    first, second = synced(world, "Acme", "Birch")
    world.merge_contacts(contact_of(world, second).contact_id, world.link(first).target_id)
    later(world)
    world.delete("Account", second)
    later(world)
    assert names(world) == ["Acme"]
    world.undelete("Account", second)
    later(world)
    assert names(world) == ["Birch"]


@pytest.mark.parametrize("is_purged", [True, False])
def test_an_account_writes_on_long_after_the_writer_was_deleted(
    world: World, is_purged: bool
) -> None:
    first, second = synced(world, "Acme", "Birch")
    world.merge_contacts(contact_of(world, second).contact_id, world.link(first).target_id)
    later(world)
    world.delete("Account", second)
    later(world)
    if is_purged:
        world.purge("Account", second)
    world.edit("Account", first, Name="Acme Two")
    later(world)
    assert names(world) == ["Acme Two"]


def test_a_run_over_history_takes_back_nothing_of_who_writes_for_a_deleted_account(
    world: World,
) -> None:
    first, second = synced(world, "Acme", "Birch")
    world.merge_contacts(contact_of(world, second).contact_id, world.link(first).target_id)
    later(world)
    world.delete("Account", second)
    before = world.clock.now() - timedelta(days=60)
    world.sandbox.org.records.tables["Account"][second]["SystemModstamp"] = before
    world.edit("Account", first, Name="Acme Two")
    world.run(publishes=False)

    world.prepare(read_the_past(world))

    world.publish()
    assert names(world) == ["Acme Two"]


def test_the_other_account_writes_again_when_the_last_writer_is_merged_into_it(
    world: World,
) -> None:
    first, second = synced(world, "Acme", "Birch")
    world.merge_contacts(contact_of(world, first).contact_id, world.link(second).target_id)
    later(world)
    world.delete("Account", first)
    later(world)
    assert names(world) == ["Birch"]
    world.undelete("Account", first)
    later(world)
    assert names(world) == ["Acme"]
    world.merge("Account", second, first)
    later(world)
    assert names(world) == ["Birch"]
    world.forget_calls()
    later(world, full=True)
    assert world.writes() == []


def test_a_link_that_is_moved_while_a_run_compares_is_compared_by_the_next(world: World) -> None:
    (account,) = synced(world, "Acme")
    world.put_in_xero("Contacts", '{"Name":"Birch"}')
    (other,) = (one for one in world.contacts if one.name == "Birch")
    world.edit("Account", account, BillingCity="Perth")
    scope = world.begin()
    world.stage(scope)
    identity = Identity(scope, read_latest(scope.staged(OBJECT_OF[Entity.ACCOUNT])))
    identity.follow()

    by_hand.follow(
        world.ledger,
        scope.route,
        TENANT,
        LinkEnds(SourceId(account), TargetId(other.contact_id)),
        salesforce=world.salesforce,
        accounting=world.accounting,
        actor="pat",
        reason="it is this one",
    )
    identity.note_prepared()

    assert world.ledger.link_changes.unprepared(TENANT, Entity.CONTACT) == [account]


def test_an_account_may_take_a_name_that_one_of_a_shared_contact_would_like(world: World) -> None:
    first, second = synced(world, "Acme", "Birch")
    world.merge_contacts(contact_of(world, second).contact_id, world.link(first).target_id)
    later(world)
    world.edit("Account", first, Name="Cedar")
    later(world)
    world.account("Cedar")
    later(world)
    assert names(world) == ["Birch", "Cedar"]


# Archived contacts.


def test_nothing_is_written_to_an_archived_contact(world: World) -> None:
    (account,) = synced(world, "Acme")
    opportunity = world.won(account, "100")
    later(world)
    world.archive(contact_of(world, account))
    world.edit("Account", account, BillingCity="Perth")
    another = world.won(account, "200")
    world.forget_calls()

    for _ in range(3):
        later(world)
    assert world.writes() == []
    assert world.letters() == []
    assert world.quarantined() == {
        account: ["contact_archived"],
        another: ["account_contact_archived"],
    }
    assert world.link(opportunity, Entity.INVOICE) is not None

    world.restore(contact_of(world, account).contact_id)
    later(world)
    assert world.quarantined() == {}
    assert contact_of(world, account).addresses["POBOX"]["City"] == "Perth"
    assert len(world.invoices) == 2


@pytest.mark.parametrize("is_claimed", [True, False])
def test_what_was_to_be_written_to_a_contact_that_is_archived_is_taken_back(
    world: World, is_claimed: bool
) -> None:
    (account,) = synced(world, "Acme")
    world.edit("Account", account, BillingCity="Perth")
    world.run(publishes=False)
    assert not is_claimed or world.claim()
    world.archive(contact_of(world, account))
    world.sleep(HOUR)

    later(world)
    assert world.quarantined() == {account: ["contact_archived"]}
    assert (world.writes(), world.letters()) == ([], [])

    world.restore(contact_of(world, account).contact_id)
    later(world)
    assert world.quarantined() == {}
    assert contact_of(world, account).addresses["POBOX"]["City"] == "Perth"


def test_an_invoice_of_an_account_that_did_not_change_waits_for_its_contact(world: World) -> None:
    (account,) = synced(world, "Acme")
    later(world)
    world.archive(contact_of(world, account))
    opportunity = world.won(account, "100")
    later(world)
    assert world.quarantined() == {opportunity: ["account_contact_archived"]}
    assert world.letters() == []


@pytest.mark.parametrize("waits", ["account", "opportunity"])
def test_an_archived_contact_is_asked_after_for_as_long_as_something_waits_for_it(
    world: World, waits: str
) -> None:
    """A merge of what is archived may move no time of change."""
    account, other = synced(world, "Acme", "Birch")
    archived, survivor = contact_of(world, account), contact_of(world, other)
    world.archive(archived)
    if waits == "account":
        world.edit("Account", account, BillingCity="Perth")
    else:
        world.won(account, "100")
    later(world)
    world.account("Cedar")  # else the directory would list the newest change again and again
    for name in ("first", "second"):
        later(world, run_id=name)
        (row,) = world.ledger.quarantine.listing(world.scope("any").route)
        assert row.rule.endswith("contact_archived")
        assert "merge it" in row.hint
        assert row.last_run_id == f"demo/{name}"
    merged = world.books.contacts[archived.contact_id]
    world.books.put_contact(replace(merged, merged_to=survivor.contact_id))

    later(world)

    assert world.link(account).target_id == survivor.contact_id
    assert world.quarantined() == {}


def test_an_archived_contact_that_nothing_waits_for_is_asked_after_once(world: World) -> None:
    (account,) = synced(world, "Acme")
    world.archive(contact_of(world, account))
    later(world)
    world.account("Birch")  # else the directory would list the newest change again and again
    later(world)
    later(world)
    world.forget_calls()

    later(world)

    asked = [one["query"] for one in world.journal() if one["path"].endswith("/Contacts")]
    assert not any("IDs" in query for query in asked)


def test_an_archived_contact_that_is_merged_later_is_followed(world: World) -> None:
    account, other = synced(world, "Acme", "Birch")
    world.archive(contact_of(world, account))
    world.edit("Account", account, BillingCity="Perth")
    later(world)
    assert world.quarantined() == {account: ["contact_archived"]}
    world.restore(contact_of(world, account).contact_id)
    world.merge_contacts(contact_of(world, other).contact_id, contact_of(world, account).contact_id)
    later(world)
    assert world.quarantined() == {}
    assert world.link(account).target_id == world.link(SourceId(other)).target_id
