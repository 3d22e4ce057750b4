"""Changes of what is in step: one write each, and none where the target forbids it."""

from typing import Any

import httpx
import pytest
from tests.contract.sync.kit import (
    ACCOUNT,
    OPPORTUNITY,
    Forward,
    World,
    contact_wish,
    invoice_wish,
)

from sfxero.model.outbox import PlanOutcome
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

INVOICE = Entity.INVOICE
ABN = "51824753556"


@pytest.fixture
def synced(world: World) -> World:
    """One contact and one invoice in step."""
    world.plan(contact_wish(), invoice_wish())
    world.publish()
    world.publish(INVOICE)
    world.forget_calls()
    return world


def test_an_editable_invoice_takes_its_change_with_one_post(synced: World) -> None:
    synced.plan(invoice_wish(amount="120.00", age=1))

    report = synced.publish(INVOICE)

    assert synced.writes() == ["POST Invoices"]
    assert (report.created, report.updated) == (0, 1)
    assert [str(one.totals.total) for one in synced.invoices] == ["132.00"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"status": "VOIDED"}, "VOIDED"),
        ({"status": "DELETED"}, "DELETED"),
        ({"status": "PAID"}, "PAID"),
        ({"amount_paid": 10}, "payment or credit"),
        ({"amount_credited": 10}, "payment or credit"),
    ],
)
def test_what_may_not_be_edited_is_a_dead_letter_without_a_write(
    synced: World, state: dict[str, Any], words: str
) -> None:
    synced.change_invoice(synced.invoices[0], **state)
    synced.plan(invoice_wish(amount="120.00", age=1))

    synced.publish(INVOICE)

    assert synced.writes() == []
    assert words in synced.letters()[0]


def test_an_invoice_that_is_gone_is_a_dead_letter(synced: World) -> None:
    synced.books.invoices.clear()
    synced.plan(invoice_wish(amount="120.00", age=1))

    synced.publish(INVOICE)

    assert "no longer has this invoice" in synced.letters()[0]


def test_a_state_that_cannot_be_read_leaves_the_edit_pending(synced: World) -> None:
    synced.fail("error_before", "/Invoices", method="GET", count=3)
    synced.plan(invoice_wish(amount="120.00", age=1))

    with pytest.raises(Exception, match="503"):
        synced.publish(INVOICE)

    assert synced.states()[-1] == "pending"


def test_what_was_given_and_is_gone_is_cleared(world: World) -> None:
    address = {"AddressType": "POBOX", "AddressLine1": "1 Main St", "City": "Perth"}
    world.plan(contact_wish(TaxNumber=ABN, Addresses=[address]))
    world.publish()

    world.plan(contact_wish(age=1, Addresses=[{"AddressType": "POBOX", "City": "Perth"}]))
    world.publish()
    contact = world.contacts[0]
    assert "TaxNumber" not in contact.texts
    assert contact.addresses["POBOX"] == {"City": "Perth"}

    world.plan(contact_wish(age=2))
    world.publish()
    assert world.contacts[0].addresses["POBOX"] == {}
    assert world.contacts[0].texts == {"ContactNumber": ACCOUNT}


def test_a_reference_that_is_gone_is_cleared(synced: World) -> None:
    synced.plan(invoice_wish(age=1, Reference=None))

    synced.publish(INVOICE)

    assert synced.invoices[0].reference is None
    assert synced.states()[-1] == "settled"


def test_what_a_person_added_in_the_target_is_left_alone(world: World) -> None:
    world.put_in_xero(
        "Contacts", f'{{"Name":"Old","ContactNumber":"{ACCOUNT}","TaxNumber":"{ABN}"}}'
    )
    world.plan(contact_wish())
    world.publish()

    world.plan(contact_wish(name="Acme Pty Ltd", age=1))
    world.publish()

    assert world.contacts[0].name == "Acme Pty Ltd"
    assert world.contacts[0].texts["TaxNumber"] == ABN


@pytest.mark.parametrize("is_committed", [True, False])
def test_there_and_back_again_leaves_the_target_with_the_last_values(
    world: World, is_committed: bool
) -> None:
    world.plan(contact_wish())
    world.publish()

    def die(request: httpx.Request, forward: Forward) -> httpx.Response:
        if is_committed:
            forward(request).close()
        raise KeyboardInterrupt

    world.plan(contact_wish(name="Bcme", age=1, TaxNumber=ABN))
    world.seam.plans = [die]
    with pytest.raises(KeyboardInterrupt):
        world.publish()
    world.plan(contact_wish(age=2))
    world.sleep(61)

    world.publish(owner="next")

    assert (world.contacts[0].name, "TaxNumber" in world.contacts[0].texts) == ("Acme", False)
    assert world.link(ACCOUNT).content_hash == contact_wish().content_hash
    assert "pending" not in world.states()


def test_what_an_update_was_to_clear_and_never_did_is_cleared_by_the_next(world: World) -> None:
    def die(_request: httpx.Request, _forward: Forward) -> httpx.Response:
        raise KeyboardInterrupt

    world.plan(contact_wish(TaxNumber=ABN))
    world.publish()
    world.plan(contact_wish(age=1))
    world.seam.plans = [die]
    with pytest.raises(KeyboardInterrupt):
        world.publish()
    world.plan(contact_wish(name="Acme Pty Ltd", age=2))
    world.sleep(61)

    world.publish(owner="next")

    assert world.contacts[0].name == "Acme Pty Ltd"
    assert "TaxNumber" not in world.contacts[0].texts


def test_there_and_back_again_before_anything_is_sent_needs_no_write(synced: World) -> None:
    synced.plan(invoice_wish(amount="120.00", age=1))
    back = synced.plan(invoice_wish(age=2))[0]

    report = synced.publish(INVOICE)

    assert back.outcome == PlanOutcome.UNCHANGED
    assert report.batches == 0
    assert synced.writes() == []


def test_an_update_whose_reply_was_lost_is_found_and_not_repeated(synced: World) -> None:
    synced.fail("lost_reply", "/Invoices", method="POST", count=3)
    synced.plan(invoice_wish(amount="120.00", age=1))

    report = synced.publish(INVOICE)

    assert report.found == 1
    assert synced.writes() == ["POST Invoices"] * 3  # one key, so one effect
    assert (
        synced.link(OPPORTUNITY, INVOICE).content_hash == invoice_wish(amount="120.00").content_hash
    )


def test_an_update_that_never_arrived_is_sent_again(synced: World) -> None:
    synced.fail("error_before", "/Invoices", method="POST", count=3, status=500)
    synced.plan(invoice_wish(amount="120.00", age=1))

    report = synced.publish(INVOICE)

    assert (report.updated, report.found) == (1, 0)
    assert str(synced.invoices[0].totals.total) == "132.00"


def test_a_taken_name_is_cured_in_an_update_too(synced: World) -> None:
    synced.put_in_xero("Contacts", '{"Name":"Beta"}')
    synced.plan(contact_wish(name="Beta", age=1))

    synced.publish()

    assert synced.contacts[0].name == "Beta (001AAA)"
