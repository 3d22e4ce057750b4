"""Names and numbers that the target gives to nobody twice."""

from dataclasses import replace
from typing import Any

import pytest
from tests.contract.sync.kit import ACCOUNT, OPPORTUNITY, World, contact_wish, invoice_wish

from sfxero.model.outbox import PlanOutcome
from sfxero.model.states import Entity
from sfxero.sandbox.xero.models import Invoice
from sfxero.sync import preflight

pytestmark = pytest.mark.contract

INVOICE = Entity.INVOICE


@pytest.mark.shows("Contact.Name")
def test_a_strangers_name_gets_a_suffix_that_the_next_prepare_keeps(world: World) -> None:
    world.account('Zürich "Ünit"', AccountNumber="A-7")
    scope = world.begin()
    # After the directory was read, a person creates the same name.
    world.put_in_xero("Contacts", '{"Name":"Zürich \\"Ünit\\""}')
    world.stage(scope)
    world.prepare(scope)

    report = world.publish()

    assert report.created == 1
    assert [one.name for one in world.contacts][1:] == ['Zürich "Ünit" (A-7)']
    world.forget_calls()
    world.run(full=True)
    assert world.writes() == []


def test_without_an_account_number_the_suffix_is_a_part_of_the_id(world: World) -> None:
    world.put_in_xero("Contacts", '{"Name":"ACME"}')
    world.plan(contact_wish())

    world.publish()

    assert [one.name for one in world.contacts] == ["ACME", "Acme (001AAA)"]
    assert world.link(ACCOUNT).content_hash == contact_wish(name="Acme (001AAA)").content_hash


def test_when_the_suffixed_name_is_taken_too_a_longer_one_is_found(world: World) -> None:
    for name in ("Acme", "Acme (001AAA)"):
        world.put_in_xero("Contacts", f'{{"Name":"{name}"}}')
    world.plan(contact_wish())

    world.publish()

    assert world.contacts[-1].name == "Acme (0001AAA)"


def test_a_name_that_the_directory_knows_as_taken_is_not_even_tried(world: World) -> None:
    world.put_in_xero("Contacts", '{"Name":"Acme (001AAA)"}')
    preflight.refresh_directory(world.scope("run"), world.accounting)
    world.put_in_xero("Contacts", '{"Name":"Acme"}')
    world.plan(contact_wish())

    world.publish()

    assert world.writes() == ["PUT Contacts"] * 2
    assert world.contacts[-1].name == "Acme (0001AAA)"


def test_a_name_is_found_however_many_others_are_taken_meanwhile(world: World) -> None:
    for name in ("Acme", *(f"Acme ({ACCOUNT[-length:]})" for length in range(6, 18))):
        world.put_in_xero("Contacts", f'{{"Name":"{name}"}}')
    world.plan(contact_wish())

    report = world.publish()

    assert world.contacts[-1].name == f"Acme ({ACCOUNT})"
    assert world.states() == ["settled"]
    assert report.batches == 14


def test_when_all_names_are_taken_a_person_is_asked(world: World) -> None:
    for name in ("Acme", *(f"Acme ({ACCOUNT[-length:]})" for length in range(6, 19))):
        world.put_in_xero("Contacts", f'{{"Name":"{name}"}}')
    world.plan(contact_wish())

    report = world.publish()

    assert world.states() == ["dead"]
    assert report.batches == 14
    assert "rename or merge" in world.letters()[0]


def test_a_contact_that_carries_our_number_is_adopted_without_a_write(world: World) -> None:
    world.put_in_xero("Contacts", contact_wish().payload)
    world.plan(contact_wish())

    report = world.publish()

    assert world.writes() == ["PUT Contacts"]
    assert len(world.contacts) == 1
    assert world.link(ACCOUNT).target_id == world.contacts[0].contact_id
    assert report.found == 1


def test_an_adopted_contact_with_other_values_is_updated(world: World) -> None:
    world.put_in_xero("Contacts", f'{{"Name":"Old","ContactNumber":"{ACCOUNT}"}}')
    world.plan(contact_wish(TaxNumber="51824753556"))

    report = world.publish()

    assert world.writes() == ["PUT Contacts", "POST Contacts"]
    assert (world.contacts[0].name, world.contacts[0].texts["TaxNumber"]) == ("Acme", "51824753556")
    assert report.updated == 1


def test_an_archived_contact_of_ours_is_a_dead_letter_with_a_hint(world: World) -> None:
    world.put_in_xero("Contacts", contact_wish().payload)
    world.archive(world.contacts[0])
    world.plan(contact_wish())

    report = world.publish()

    assert report.refused == 1
    assert "archived" in world.letters()[0]
    assert "Restore it in Xero" in world.letters()[0]


def test_a_merged_contact_is_followed_and_later_updates_reach_the_survivor(world: World) -> None:
    world.put_in_xero("Contacts", contact_wish().payload)
    world.put_in_xero("Contacts", '{"Name":"Acme Group"}')
    loser, survivor = world.contacts
    world.archive(loser)
    archived = world.books.contacts[loser.contact_id]
    world.books.put_contact(replace(archived, merged_to=survivor.contact_id))
    world.plan(contact_wish())
    world.publish()
    assert world.books.contacts[survivor.contact_id].name == "Acme"

    world.plan(contact_wish(age=1, TaxNumber="51824753556"))
    world.publish()

    assert world.states() == ["settled", "settled"]
    assert world.link(ACCOUNT).target_id == survivor.contact_id
    now = world.books.contacts[survivor.contact_id]
    assert (now.name, now.texts["TaxNumber"]) == ("Acme", "51824753556")


def test_two_active_contacts_of_our_number_are_for_a_person(world: World) -> None:
    world.put_in_xero("Contacts", contact_wish().payload)
    world.put_in_xero("Contacts", '{"Name":"Twin"}')
    # Real organisations hold such pairs, though the API would not make one.
    twin = world.contacts[1]
    world.books.put_contact(replace(twin, texts={"ContactNumber": ACCOUNT}))
    world.plan(contact_wish())

    world.publish()

    assert "2 active Xero contacts" in world.letters()[0]


@pytest.fixture
def linked(world: World) -> World:
    """A world whose contact is in step and whose invoice waits."""
    world.plan(contact_wish(), invoice_wish())
    world.publish()
    return world


def create_invoice(world: World, **fields: Any) -> Invoice:
    """An invoice in Xero that is not in our ledger."""
    contact = f'{{"Contact":{{"ContactID":"{world.contacts[0].contact_id}"}},'
    world.put_in_xero("Invoices", contact + invoice_wish(**fields).payload[1:])
    return world.invoices[-1]


@pytest.mark.shows("Invoice.InvoiceNumber")
def test_a_foreign_invoice_under_our_number_is_a_dead_letter(linked: World) -> None:
    create_invoice(linked, Url="https://shop.example/order/1")

    report = linked.publish(INVOICE)

    assert report.refused == 1
    assert linked.link(OPPORTUNITY, INVOICE) is None
    assert "another Xero invoice has this number" in linked.letters()[0]
    assert "number template" in linked.letters()[0]


@pytest.mark.shows("Invoice.InvoiceNumber", "Invoice.Url")
def test_our_own_unlinked_invoice_is_adopted(linked: World) -> None:
    ours = create_invoice(linked)

    report = linked.publish(INVOICE)

    assert report.found == 1
    assert linked.link(OPPORTUNITY, INVOICE).target_id == ours.invoice_id


def test_our_own_unlinked_invoice_with_other_values_is_corrected(linked: World) -> None:
    create_invoice(linked, amount="90.00")

    linked.publish(INVOICE)

    assert [str(one.totals.total) for one in linked.invoices] == ["110.00"]
    assert linked.states()[-1] == "settled"


@pytest.mark.parametrize("status", ["VOIDED", "DELETED"])
def test_a_voided_or_deleted_invoice_of_ours_is_for_a_person(linked: World, status: str) -> None:
    linked.change_invoice(create_invoice(linked), status=status)

    linked.publish(INVOICE)

    assert "voided or deleted" in linked.letters()[0]
    assert len(linked.invoices) == 1


def test_two_live_invoices_of_one_opportunity_are_for_a_person(linked: World) -> None:
    first = create_invoice(linked)
    create_invoice(linked, number="SF-1-again")
    linked.change_invoice(linked.invoices[-1], number=first.number)

    linked.publish(INVOICE)

    assert "2 live Xero invoices" in linked.letters()[0]


def test_an_element_that_the_rules_forbid_is_a_dead_letter_with_the_services_words(
    linked: World,
) -> None:
    linked.switch(period_lock_date="2026-12-31")

    linked.publish(INVOICE)

    (letter,) = linked.letters()
    assert letter.startswith("Refused: The document date cannot be before the period lock date")
    assert "move the lock date or the date" in letter


def test_a_dead_letter_stays_one_until_its_record_changes(linked: World) -> None:
    linked.switch(period_lock_date="2026-12-31")
    linked.publish(INVOICE)
    linked.switch(period_lock_date=None)

    same = linked.plan(invoice_wish(age=1))[0]
    changed = linked.plan(invoice_wish(age=2, Date="2027-01-05"))[0]
    linked.publish(INVOICE)

    assert (same.outcome, same.state) == (PlanOutcome.UNCHANGED, "dead")
    assert changed.outcome == PlanOutcome.ADDED
    assert linked.states() == ["settled", "superseded", "settled"]
