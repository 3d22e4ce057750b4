"""What a run knows of the organisation before it reads anything."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from tests.contract.sync.kit import TENANT, World

from sfxero.errors import ConfigurationError, StagingError
from sfxero.model.ids import SourceId, TenantId
from sfxero.sync import preflight, prepare

pytestmark = pytest.mark.contract


def test_codes_that_the_organisation_lacks_are_all_named(world: World) -> None:
    lines = world.spec.invoices.lines.model_dump(mode="json", by_alias=True)
    lines["account_code"]["default"] = "999"
    lines["tax_type"]["table"]["Services"] = "OUTPUT9"
    world.respec(invoices={"lines": lines})

    with pytest.raises(ConfigurationError, match="account code 999, tax type OUTPUT9") as caught:
        world.begin()

    assert "the route file's invoices" in str(caught.value)


def test_what_the_route_refers_to_is_read_and_held_against_the_organisation(world: World) -> None:
    lines = world.spec.invoices.lines.model_dump(mode="json", by_alias=True)
    region = {"category": "Region", "option": {"value": "East"}}
    lines |= {"item_code": {"value": "CONSULT"}, "tracking": [region]}
    world.respec(invoices={"lines": lines, "branding_theme": "Standard"})

    facts = preflight.read_organisation(world.scope("run"), world.accounting)

    assert "CONSULT" in facts.items
    assert "East" in facts.tracking["Region"]
    assert set(facts.branding_themes) >= {"Standard"}
    assert preflight.stored_organisation(world.scope("run")) == facts


def test_items_tracking_and_themes_that_are_missing_are_all_named(world: World) -> None:
    lines = world.spec.invoices.lines.model_dump(mode="json", by_alias=True)
    lines |= {
        "item_code": {"from": "Name", "table": {"Router": "R-9"}},
        "tracking": [
            {"category": "Region", "option": {"value": "Nowhere"}},
            {"category": "Moon", "option": {"value": "Dark side"}},
        ],
    }
    world.respec(invoices={"lines": lines, "branding_theme": "Golden"})

    words = (
        "item R-9, tracking option Nowhere of Region, tracking category Moon, branding theme Golden"
    )
    with pytest.raises(ConfigurationError, match=words):
        preflight.read_organisation(world.scope("run"), world.accounting)


def test_a_locked_period_is_known_by_its_later_lock(world: World) -> None:
    world.switch(period_lock_date="2026-06-30", end_of_year_lock_date="2025-06-30")

    facts = preflight.read_organisation(world.scope("run"), world.accounting)

    assert facts.locked_until_on == date(2026, 6, 30)


@pytest.mark.shows("LineItems.AccountCode")
def test_an_archived_account_holds_back_its_own_invoices_only(world: World) -> None:
    account = world.books.accounts["260"]
    world.books.accounts["260"] = replace(account, status="ARCHIVED")
    try:
        facts = preflight.read_organisation(world.scope("run"), world.accounting)
        assert facts.accounts["260"].status == "ARCHIVED"
    finally:
        world.books.accounts["260"] = account


def test_what_was_read_is_kept_with_the_run_to_the_last_digit(world: World) -> None:
    scope = world.scope("run")

    read = preflight.read_organisation(scope, world.accounting)

    assert preflight.stored_organisation(scope) == read
    assert read.tax_rates["OUTPUT"] == Decimal(10)
    assert isinstance(read.tax_rates["OUTPUT"], Decimal)


def test_a_run_without_facts_says_which_task_to_clear(world: World) -> None:
    with pytest.raises(StagingError, match="Clear its first task"):
        preflight.stored_organisation(world.scope("never begun"))


def test_the_directory_is_read_whole_once_and_then_by_changes(world: World) -> None:
    world.put_in_xero("Contacts", '{"Name":"Acme"}')
    world.sleep(3600)
    world.put_in_xero("Contacts", '{"Name":"Beta","ContactNumber":"ours"}')
    scope = world.scope("run")
    assert preflight.refresh_directory(scope, world.accounting) == 2
    assert world.ledger.names.owners(TENANT) == {
        "acme": f"contact:{world.contacts[0].contact_id}",
        "beta": "ours",
    }
    world.sleep(3600)
    world.put_in_xero("Contacts", '{"Name":"Gamma"}')

    # The newest known one lies in the overlap, and the older one before it.
    assert preflight.refresh_directory(scope, world.accounting) == 2


def test_a_contact_that_was_renamed_gives_its_name_back(world: World) -> None:
    world.put_in_xero("Contacts", '{"Name":"Acme"}')
    scope = world.scope("run")
    preflight.refresh_directory(scope, world.accounting)
    world.sleep(3600)
    world.books.put_contact(replace(world.contacts[0], name="Other", updated_at=world.clock.now()))

    preflight.refresh_directory(scope, world.accounting)

    assert set(world.ledger.names.owners(TENANT)) == {"other"}


@pytest.mark.shows("Contact.Name")
def test_the_name_of_an_archived_contact_is_known_and_not_given_again(world: World) -> None:
    world.put_in_xero("Contacts", '{"Name":"Acme"}')
    world.books.put_contact(replace(world.contacts[0], status="ARCHIVED"))
    world.account("ACME", AccountNumber="A-7")

    world.run()

    assert [one.name for one in world.contacts] == ["Acme", "ACME (A-7)"]


def test_a_name_that_another_run_takes_meanwhile_is_chosen_anew(world: World) -> None:
    class Late:
        """The ledger's names, but the first look at them comes too early."""

        looks = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(world.ledger.names, name)

        def owners(self, tenant: TenantId) -> Any:
            self.looks += 1
            return {} if self.looks == 1 else world.ledger.names.owners(tenant)

    account = world.account("Acme")
    scope = world.begin()
    world.stage(scope)
    world.ledger.names.reserve(TENANT, [(SourceId("rival"), "acme", "Acme")])
    ledger: Any = SimpleNamespace(
        names=Late(),
        link_changes=world.ledger.link_changes,
        links=world.ledger.links,
        outbox=world.ledger.outbox,
        quarantine=world.ledger.quarantine,
        runs=world.ledger.runs,
        windows=world.ledger.windows,
    )

    prepare.prepare_contacts(replace(scope, ledger=ledger))
    world.publish()

    assert world.contacts[0].name == f"Acme ({account[-6:]})"
