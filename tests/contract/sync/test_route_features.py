"""What a route may state beyond the demo's: it arrives in Xero, and stays quiet afterwards."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.contract.sync.kit import World

from sfxero.ledger.outbox_reading import EntryFilter
from sfxero.model.states import Disposition, Entity, EntryState

pytestmark = pytest.mark.contract

HOUR = 3600


def lines_of(world: World, **changes: Any) -> dict[str, Any]:
    return world.spec.invoices.lines.model_dump(mode="json", by_alias=True) | changes


def writes_of_another_run(world: World) -> list[str]:
    """The writes of another full run, which should make none."""
    world.sleep(HOUR)
    world.forget_calls()
    world.run(full=True)
    return world.writes()


@pytest.mark.shows("LineItems.ItemCode", "LineItems.Tracking", "Invoice.DueDate")
def test_items_tracking_theme_and_terms_arrive_and_a_second_run_is_quiet(world: World) -> None:
    lines = lines_of(
        world,
        item_code={"value": "CONSULT"},
        tracking=[{"category": "Region", "option": {"value": "East"}}],
    )
    world.respec(
        invoices={
            "lines": lines,
            "branding_theme": "Standard",
            "sent_to_contact": True,
            "due": {"days": 20, "terms": "day_of_next_month"},
        }
    )
    world.won(world.account(), "100", CloseDate="2026-11-20")

    world.run()

    (invoice,) = world.invoices
    (line,) = invoice.lines
    assert (line.item_code, dict(line.tracking)) == ("CONSULT", {"Region": "East"})
    assert (invoice.due_on.isoformat(), invoice.sent_to_contact) == ("2026-12-20", True)
    assert invoice.branding_theme_id in world.books.branding_themes
    assert writes_of_another_run(world) == []


def test_an_option_that_changes_is_an_edit_of_the_invoice(world: World) -> None:
    option = {"from": "Description", "table": {"Alpha": "East", "Beta": "West"}}
    world.respec(
        invoices={"lines": lines_of(world, tracking=[{"category": "Region", "option": option}])}
    )
    opportunity = world.won(world.account(), "100")
    (row,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.edit("OpportunityLineItem", row["Id"], Description="Alpha")
    world.run()
    world.sleep(HOUR)
    world.edit("OpportunityLineItem", row["Id"], Description="Beta")

    world.run()

    assert [dict(line.tracking) for line in world.invoices[0].lines] == [{"Region": "West"}]
    (held,) = json.loads(world.link(opportunity, Entity.INVOICE).target_snapshot)["LineItems"]
    assert held["Tracking"] == {"Region": "West"}


def test_an_edit_that_only_takes_an_option_away_is_found_undone_after_a_lost_request(
    world: World,
) -> None:
    option = {"from": "Description", "table": {"Alpha": "East"}}
    world.respec(
        invoices={"lines": lines_of(world, tracking=[{"category": "Region", "option": option}])}
    )
    opportunity = world.won(world.account(), "100")
    (row,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.edit("OpportunityLineItem", row["Id"], Description="Alpha")
    world.run()
    world.sleep(HOUR)
    world.respec(
        invoices={"lines": lines_of(world, tracking=[])},
    )

    def lost(_request: httpx.Request, _forward: Any) -> httpx.Response:
        raise httpx.ReadTimeout("no answer")

    world.seam.plans = [lost] * 3
    world.run(full=True)
    world.sleep(61)
    world.publish(Entity.INVOICE)

    assert [dict(line.tracking) for line in world.invoices[0].lines] == [{}]


@pytest.mark.shows("Contact.Addresses", "Contact.TaxNumber")
def test_region_and_tax_number_follow_the_country_and_a_second_run_is_quiet(world: World) -> None:
    world.control("POST", "/salesforce/options", {"state_codes": True})
    country = {"country": ["BillingCountryCode"], "country_default": "AU"}
    address = world.spec.contacts.model_dump(mode="json", by_alias=True)["postal_address"]
    region = {"from": ["BillingStateCode"], "with": "state_name", **country}
    world.respec(
        contacts={
            "postal_address": address | {"region": region},
            "tax_number": {"from": ["ABN__c"], "with": "tax_number", "on_invalid": "warn"}
            | country,
        }
    )
    there = {"BillingCountry": "New Zealand", "ABN__c": "49-091-850"}
    world.account("Home", BillingState="NSW", BillingCountry="Australia", ABN__c="51824753556")
    world.account("There", **there)
    world.account("Wrong", **there | {"ABN__c": "51824753556"})

    world.run()

    told = {
        one.name: (one.addresses["POBOX"].get("Region"), one.texts.get("TaxNumber"))
        for one in world.contacts
    }
    assert told == {
        "Home": ("New South Wales", "51824753556"),
        "There": (None, "49091850"),
        "Wrong": (None, None),
    }
    assert writes_of_another_run(world) == []


@pytest.mark.shows("Contact.Phones")
def test_phones_arrive_and_one_that_is_emptied_is_cleared(world: World) -> None:
    world.respec(contacts={"phones": {"default": {"from": ["Phone"]}}})
    account = world.account(Phone="(03) 9123 4567")
    world.run()

    def phone() -> Any:
        return world.contacts[0].phones["DEFAULT"]

    assert phone()["PhoneNumber"] == "91234567"
    assert writes_of_another_run(world) == []
    world.sleep(HOUR)
    world.edit("Account", account, Phone=None)

    world.run()

    assert phone().get("PhoneNumber", "") == ""
    assert writes_of_another_run(world) == []


def test_opportunities_outside_the_condition_are_passed_over_until_they_meet_it(
    world: World,
) -> None:
    world.respec(invoices={"when": {"field": "Amount", "at_least": "100"}})
    account = world.account()
    world.won(account, "100")
    small = world.won(account, "99")
    report = world.run()
    assert ("skipped", "out_of_scope") in {(one.disposition, one.rule) for one in report.counts}
    assert len(world.invoices) == 1
    world.sleep(HOUR)
    (row,) = world.rows("OpportunityLineItem", OpportunityId=small)
    world.edit("OpportunityLineItem", row["Id"], UnitPrice=150)

    world.run()

    assert len(world.invoices) == 2


def test_an_invoiced_opportunity_that_leaves_the_condition_is_named(world: World) -> None:
    world.respec(invoices={"when": {"field": "Amount", "at_least": "100"}})
    opportunity = world.won(world.account(), "100")
    world.run()
    world.sleep(HOUR)
    (row,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.edit("OpportunityLineItem", row["Id"], UnitPrice=50)

    world.run()

    assert world.quarantined() == {opportunity: ["invoiced_but_out_of_scope"]}
    assert [str(one.totals.sub_total) for one in world.invoices] == ["100.00"]


def test_a_locked_period_is_left_alone_until_it_is_opened(world: World) -> None:
    world.switch(period_lock_date="2026-10-31")
    opportunity = world.won(world.account(), "100", CloseDate="2026-10-15")
    world.run()
    assert world.quarantined() == {opportunity: ["period_locked"]}
    world.switch(period_lock_date=None)
    world.sleep(HOUR)

    world.run()

    assert [one.dated_on.isoformat() for one in world.invoices] == ["2026-10-15"]


@pytest.mark.shows("Invoice.Date")
def test_an_invoice_of_a_locked_period_may_be_dated_on_the_first_open_day(world: World) -> None:
    world.respec(invoices={"lock_dates": "first_open_day"})
    world.switch(period_lock_date="2026-10-31")
    world.won(world.account(), "100", CloseDate="2026-10-15")

    world.run()

    assert [one.dated_on.isoformat() for one in world.invoices] == ["2026-11-01"]
    assert writes_of_another_run(world) == []


@pytest.mark.parametrize("policy", ["refuse", "first_open_day"])
def test_an_invoice_whose_period_is_locked_later_stays_in_step(world: World, policy: str) -> None:
    world.respec(invoices={"lock_dates": policy})
    opportunity = world.won(world.account(), "100", CloseDate="2026-10-15")
    world.run()
    world.switch(period_lock_date="2026-10-31")
    world.sleep(HOUR)
    world.forget_calls()

    world.run(full=True)

    assert (world.quarantined(), world.writes()) == ({}, [])
    (row,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.edit("OpportunityLineItem", row["Id"], UnitPrice=150)
    world.sleep(HOUR)
    world.run()
    assert (world.quarantined(), world.writes()) == ({opportunity: ["period_locked"]}, [])
    assert [one.dated_on.isoformat() for one in world.invoices] == ["2026-10-15"]


@pytest.mark.parametrize(
    ("policy", "rules"), [("refuse", ["period_locked"]), ("first_open_day", [])]
)
def test_a_date_that_moves_into_a_locked_period_is_refused_or_stays_as_it_was(
    world: World, policy: str, rules: list[str]
) -> None:
    world.respec(invoices={"lock_dates": policy})
    world.switch(period_lock_date="2026-10-31")
    opportunity = world.won(world.account(), "100", CloseDate="2026-11-20")
    world.run()
    world.edit("Opportunity", opportunity, CloseDate="2026-10-15")
    world.sleep(HOUR)
    world.forget_calls()

    world.run()

    assert world.quarantined() == ({opportunity: rules} if rules else {})
    assert world.writes() == []


def awaiting(world: World) -> list[int]:
    """The entries that wait for a person's word."""
    wanted = EntryFilter(states=frozenset({EntryState.AWAITING_APPROVAL}))
    return [one.entry_id for one in world.ledger.outbox.listing(wanted, limit=9)]


def test_large_invoices_wait_for_approval_and_all_others_go(world: World) -> None:
    world.respec(invoices={"approval": {"when": {"field": "Amount", "above": "1000"}}})
    account = world.account()
    world.won(account, "100")
    large = world.won(account, "2000")

    report = world.run()

    assert [str(one.totals.sub_total) for one in world.invoices] == ["100.00"]
    ends = {one.disposition: one.n for one in report.counts if one.entity is Entity.OPPORTUNITY}
    assert ends == {Disposition.IN_STEP: 1, Disposition.AWAITING_APPROVAL: 1}
    (entry_id,) = awaiting(world)
    question = world.ledger.outbox.question(entry_id)
    assert question is not None
    assert (question.source_id, question.customer) == (large, "Acme")
    assert (question.total, question.why) == (Decimal(2200), "Amount above 1000")

    world.ledger.outbox.approve([entry_id], actor="kim")
    world.publish(Entity.INVOICE)

    assert sorted(str(one.totals.sub_total) for one in world.invoices) == ["100.00", "2000.00"]
    assert writes_of_another_run(world) == []


def test_an_opportunity_edited_while_its_invoice_waits_is_asked_about_anew(world: World) -> None:
    world.respec(invoices={"approval": {"when": {"field": "Amount", "above": "1000"}}})
    opportunity = world.won(world.account(), "2000")
    world.run()
    (first,) = awaiting(world)
    world.sleep(HOUR)
    (line,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)

    world.edit("OpportunityLineItem", line["Id"], UnitPrice=3000)
    world.run()
    (second,) = awaiting(world)
    assert second != first
    assert world.ledger.outbox.approve([first], actor="kim") == 0
    world.sleep(HOUR)
    world.edit("OpportunityLineItem", line["Id"], UnitPrice=900)
    world.run()

    assert awaiting(world) == []
    assert [str(one.totals.sub_total) for one in world.invoices] == ["900.00"]


def test_the_first_invoice_of_an_account_waits_and_the_next_ones_do_not(world: World) -> None:
    world.respec(invoices={"approval": {"first_of_account": True}})
    account = world.account()
    world.won(account)
    world.run()
    (entry_id,) = awaiting(world)
    world.ledger.outbox.approve([entry_id], actor="kim")
    world.publish(Entity.INVOICE)
    world.sleep(HOUR)

    world.won(account)
    world.run()

    assert awaiting(world) == []
    assert len(world.invoices) == 2
