"""Pairs of which something changes besides their fields: no edit is lost, and no question stays."""

from collections.abc import Callable

import orjson
import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.test_two_way import XERO_ADDRESS, Both, address, clash, kinds, phone

from sfxero.ledger.link_moves import LinkEnds, Move
from sfxero.model.ids import SourceId, TargetId
from sfxero.model.states import Entity
from sfxero.sandbox.xero.models import Contact
from sfxero.sync.identity.by_hand import BY_HAND

pytestmark = pytest.mark.contract


def with_attention(world: World, master: str) -> Both:
    """A pair whose contact's address has a part that the route does not map."""
    both = Both(world, postal_address=master)
    both.edit_xero(**address(AttentionTo="Jo", **XERO_ADDRESS))
    both.from_xero()
    return both


def moved_to(both: Both, contact: Contact | None) -> None:
    """Let a person link the account with another contact, or with none."""
    account, scope = SourceId(both.account), both.showing.scope("any")
    after = None if contact is None else TargetId(contact.contact_id)
    ends = LinkEnds(account, TargetId(both.contact.contact_id)), LinkEnds(account, after)
    changes = both.world.ledger.link_changes
    changes.make(scope.route, scope.tenant, Entity.CONTACT, [Move(*ends, BY_HAND)], actor="Jo")


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


# What a person was asked.


@pytest.fixture
def asked(world: World) -> Both:
    """A pair about whose e-mail address a person is asked."""
    both = Both(world, email="ask")
    clash(both)
    both.from_xero()
    assert len(both.conflicts()) == 1
    return both


def test_a_decision_waits_for_a_run_that_reads_contacts(asked: Both) -> None:
    asked.decide("salesforce")
    asked.showing.run(lists=["Payments", "Invoices"])

    asked.from_xero()
    asked.to_xero()

    assert asked.emails == ("sf@acme.au", "sf@acme.au")
    assert asked.is_quiet()


def test_a_decision_since_the_contacts_were_read_waits_for_the_next_run(asked: Both) -> None:
    scope = asked.showing.begin()
    asked.showing.read(scope)
    asked.decide("salesforce")
    asked.showing.prepare(scope)
    asked.pause()

    asked.from_xero()
    asked.to_xero()

    assert asked.emails == ("sf@acme.au", "sf@acme.au")


def ended(both: Both) -> list[str]:
    """What the log says of questions that ended."""
    return [one for one in both.notes() if one.startswith("email: ")]


@pytest.mark.parametrize("is_decided", [True, False])
def test_a_question_about_a_contact_that_was_archived_ends(asked: Both, is_decided: bool) -> None:
    if is_decided:
        asked.decide("xero")
    asked.world.archive(asked.contact)
    asked.pause()

    asked.from_xero()

    assert asked.conflicts() == []
    assert kinds(asked)[-1] == "closed"
    assert ended(asked)[-1] == "email: its contact is not active in Xero any more"
    assert asked.world.ledger.audit.verify(asked.showing.scope("any").route).is_valid
    assert asked.is_quiet()


@pytest.mark.parametrize("first", ["from_xero", "to_xero"])
def test_a_question_about_an_account_that_was_deleted_ends(asked: Both, first: str) -> None:
    asked.world.delete("Account", asked.account)
    if first == "from_xero":
        asked.edit_xero(**phone("8765 4321"))
    asked.pause()

    getattr(asked, first)()

    assert asked.conflicts() == []
    assert ended(asked)[-1] == "email: the account is gone"


def test_a_question_about_an_account_that_was_merged_goes_on_with_its_master(asked: Both) -> None:
    world = asked.world
    master = world.account("Acme Group", Invoice_Email__c="sf@acme.au", Phone="(02) 9374 4000")
    world.merge("Account", master, asked.account)
    asked.pause()

    asked.to_xero()
    asked.from_xero()

    listed = world.ledger.merging.listing(None)
    assert [one.conflict.source_id for one in listed] == [master]


def test_a_question_about_an_account_without_a_link_ends(asked: Both) -> None:
    moved_to(asked, None)

    asked.from_xero()

    assert asked.conflicts() == []


def test_a_question_about_an_account_whose_contact_another_one_writes_ends(asked: Both) -> None:
    world = asked.world
    other = world.account("Birch", Invoice_Email__c="birch@x.org")
    asked.to_xero()
    asked.from_xero()
    writer = world.link(other).target_id
    world.merge_contacts(writer, asked.contact.contact_id)
    asked.pause()

    asked.to_xero()
    asked.from_xero()

    assert world.link(asked.account).target_id == writer
    assert asked.conflicts() == []
    assert ended(asked)[-1] == "email: another account writes to its contact now"


@pytest.mark.parametrize("side", ["xero", "salesforce"])
def test_a_decision_about_a_field_that_flows_back_no_more_ends(asked: Both, side: str) -> None:
    asked.decide(side)
    shared = {"phones": "newest", "email": None, "tax_number": None, "postal_address": None}
    asked.world.respec(contacts={"two_way": shared})

    for _ in range(2):
        asked.to_xero()
        asked.from_xero()

    assert asked.conflicts() == []
    assert asked.emails == ("sf@acme.au", "sf@acme.au")
    assert asked.is_quiet()


# The section ends and comes back; another contact takes over.


def test_an_account_that_is_set_back_after_the_end_reaches_its_contact(world: World) -> None:
    both = Both(world)
    before = both.row["Phone"]
    both.edit_xero(**phone("8765 4321"))
    both.from_xero()
    world.respec(contacts={"two_way": None})
    both.edit_salesforce(Phone=before)

    both.to_xero()

    assert both.contact.phones["DEFAULT"]["PhoneAreaCode"] == "2"
    assert both.is_quiet()


def test_what_came_back_before_comes_back_again_after_the_section_did(world: World) -> None:
    both = Both(world)
    before = both.row["Phone"]
    both.edit_xero(**phone("8765 4321"))
    both.from_xero()
    world.respec(contacts={"two_way": None})
    both.edit_salesforce(Phone=before)
    both.to_xero()
    both.share()
    both.from_xero()
    both.edit_xero(**phone("8765 4321"))

    both.from_xero()

    assert both.row["Phone"] == "(03) 8765 4321"


def test_a_contact_that_was_changed_long_ago_gives_back_what_it_holds(world: World) -> None:
    held = {"Name": "Acme Holdings", "EmailAddress": "holdings@x.org", "TaxNumber": "51824753556"}
    contact = held | phone("8765 4321") | address(**XERO_ADDRESS)
    world.put_in_xero("Contacts", orjson.dumps(contact).decode())
    (older,) = world.contacts
    world.sleep(3600)
    shared = ("name", "tax_number", "email", "phones", "postal_address")
    both = Both(world, **dict.fromkeys(shared, "xero"))
    both.edit_xero(**phone("8765 4321"))
    both.from_xero()
    moved_to(both, older)

    both.to_xero()
    both.from_xero()

    assert both.contact.contact_id == older.contact_id
    assert both.emails == ("holdings@x.org", "holdings@x.org")
    assert both.row["Name"] == "Acme Holdings"
    assert both.is_quiet()


# The other direction writes while a run is under way.


def test_what_a_contact_was_given_since_it_was_read_is_no_edit_of_it(world: World) -> None:
    both = Both(world)
    both.edit_xero(EmailAddress="xero@acme.au")
    scope = both.showing.begin()
    both.showing.read(scope)
    both.edit_salesforce(Phone="(07) 3000 0000")
    both.to_xero()

    both.showing.prepare(scope)
    both.showing.publish(Entity.ACCOUNT_UPDATE)

    assert both.row["Phone"] == "(07) 3000 0000"
    assert world.ledger.runs.settle(scope.run_id).missing_count == 0
    both.from_xero()
    assert both.emails == ("xero@acme.au", "xero@acme.au")
    assert both.row["Phone"] == "(07) 3000 0000"
    assert both.is_quiet()


@pytest.mark.parametrize("is_met", [True, False])
def test_what_an_account_came_to_hold_since_it_was_read_is_no_edit_of_it(
    world: World, is_met: bool
) -> None:
    both = Both(world)
    both.edit_salesforce(Website="acme.au")
    scope = world.begin()
    world.stage(scope)
    both.edit_xero(EmailAddress="xero@acme.au")
    if is_met:
        both.edit_salesforce(Invoice_Email__c="xero@acme.au")
    both.from_xero()

    world.prepare(scope)
    world.publish(run_id=scope.run_id)

    assert both.emails == ("xero@acme.au", "xero@acme.au")
    assert world.ledger.runs.settle(scope.run_id).missing_count == 0
    assert both.is_quiet()


# What waits for an account whose link is gone.


def part(both: Both) -> None:
    """Let a person take back that the contact stands for the account."""
    scope, pair = both.showing.scope("any"), {SourceId(both.account): both.contact.contact_id}
    both.world.ledger.linking.unlink(
        scope.route, scope.tenant, Entity.CONTACT, pair, actor="Jo", reason="mistaken"
    )


@pytest.mark.parametrize("away", [part, lambda both: moved_to(both, None)])
def test_what_a_contact_was_to_give_back_is_not_written_once_they_are_parted(
    world: World, away: Callable[[Both], None]
) -> None:
    both = Both(world)
    both.edit_xero(EmailAddress="stranger@bolt.au")
    scope = both.showing.begin()
    both.showing.read(scope)
    both.showing.prepare(scope)
    away(both)

    both.showing.publish(Entity.ACCOUNT_UPDATE, run_id=scope.run_id)

    assert both.row["Invoice_Email__c"] == "old@acme.au"
