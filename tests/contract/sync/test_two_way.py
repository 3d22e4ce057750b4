"""Accounts and contacts that people edit on both sides: what flows, and what never does."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.contract.sync.kit import Forward, World
from tests.contract.sync.showing import Showing

from sfxero.errors import ConfigurationError
from sfxero.ledger.outbox_reading import EntryFilter
from sfxero.ledger.runs import RunReport
from sfxero.ledger.tables import warnings
from sfxero.model.findings import Severity
from sfxero.model.ids import RouteName, RunId
from sfxero.model.states import ACTIVE, WAITING, Entity, WindowState
from sfxero.sandbox.xero.models import Contact, new_id
from sfxero.sync.contact_prepare import prepare_accounts
from sfxero.sync.status_prepare import prepare_statuses
from sfxero.sync.xero_lists import CONTACTS, due_lists

pytestmark = pytest.mark.contract

HOUR = 3600
ADDRESS = {
    "BillingStreet": "1 Main St",
    "BillingCity": "Sydney",
    "BillingState": "NSW",
    "BillingPostalCode": "2000",
    "BillingCountry": "Australia",
}
XERO_ADDRESS = {
    "AddressLine1": "1 Main St",
    "City": "Sydney",
    "Region": "NSW",
    "PostalCode": "2000",
    "Country": "Australia",
}
REACHED = {"Phone": "(02) 9374 4000", "Invoice_Email__c": "old@acme.au"}


class Both:
    """One account with its contact, in a route that lets both be edited."""

    def __init__(self, world: World, **masters: str) -> None:
        self.world = world
        self.showing = Showing(world)
        self.share(**masters)
        self.account = world.account("Acme", ABN__c="51824753556", **ADDRESS, **REACHED)
        world.run()
        self.pause()
        self.showing.run()
        self.pause()
        world.forget_calls()

    def share(self, **masters: str) -> None:
        shared = {"tax_number": "newest", "email": "newest", "phones": "newest"}
        self.world.respec(
            contacts={
                "email": {"from": "Invoice_Email__c"},
                "phones": {"region": "AU", "default": {"from": "Phone"}},
                "two_way": shared | {"postal_address": "newest"} | masters,
            }
        )

    def pause(self) -> None:
        self.world.sleep(HOUR)

    @property
    def contact(self) -> Contact:
        return self.world.books.contacts[self.world.link(self.account).target_id]

    @property
    def row(self) -> dict[str, Any]:
        (row,) = self.world.rows("Account", Id=self.account)
        return row

    @property
    def emails(self) -> tuple[Any, Any]:
        """That of the account, then that of the contact."""
        return self.row["Invoice_Email__c"], self.contact.texts.get("EmailAddress")

    def edit_xero(self, **fields: Any) -> None:
        self.showing.hands.write_contact(fields, self.contact.contact_id)
        self.pause()

    def edit_salesforce(self, **fields: Any) -> None:
        self.world.edit("Account", self.account, **fields)
        self.pause()

    def from_xero(self) -> RunReport:
        report = self.showing.run()
        self.pause()
        return report

    def to_xero(self) -> RunReport:
        report = self.world.run()
        self.pause()
        return report

    def conflicts(self) -> list[tuple[str, Any, Any]]:
        listed = self.world.ledger.merging.listing(None)
        return [(one.conflict.field, one.conflict.salesforce, one.conflict.xero) for one in listed]

    def decide(self, side: str) -> None:
        listed = self.world.ledger.merging.listing(None)
        ids = [one.conflict_id for one in listed]
        assert self.world.ledger.merging.decide(ids, side, actor="Jo") == len(ids)

    def is_quiet(self) -> bool:
        """Run both ways once more, and say whether nothing was written to either side."""
        self.world.forget_calls()
        self.from_xero()
        self.to_xero()
        return [*self.world.writes(), *self.showing.org_writes()] == []

    def notes(self) -> list[str]:
        events = self.world.ledger.audit.export(RouteName("demo"))
        return [one.values.note for one in events if one.values and one.values.note]


@pytest.fixture
def both(world: World) -> Both:
    return Both(world)


def phone(number: str, *, area: str = "3") -> dict[str, Any]:
    parts = {"PhoneCountryCode": "61", "PhoneAreaCode": area, "PhoneNumber": number}
    return {"Phones": [{"PhoneType": "DEFAULT", **parts}]}


def address(**parts: str) -> dict[str, Any]:
    return {"Addresses": [{"AddressType": "POBOX", **parts}]}


# One side changed.


def test_a_phone_that_was_changed_in_xero_comes_back_to_the_account(both: Both) -> None:
    both.edit_xero(**phone("8765 4321"))

    both.from_xero()

    assert both.row["Phone"] == "(03) 8765 4321"
    assert both.is_quiet()


def test_an_address_comes_back_as_one_with_its_street_in_lines(both: Both) -> None:
    both.edit_xero(
        **address(AddressLine1="Level 3", AddressLine2="5 Queen St", City="Brisbane", Region="QLD")
    )

    both.from_xero()

    assert both.row["BillingStreet"] == "Level 3\n5 Queen St"
    assert (both.row["BillingCity"], both.row["BillingState"]) == ("Brisbane", "QLD")
    assert both.row["BillingPostalCode"] is None
    assert both.is_quiet()


def test_what_was_emptied_in_xero_is_emptied_in_the_account(both: Both) -> None:
    both.edit_xero(EmailAddress="")

    both.from_xero()

    assert both.emails == (None, None)
    assert both.is_quiet()


def test_the_mapping_reads_what_came_back_as_what_xero_holds(both: Both) -> None:
    both.edit_xero(TaxNumber="53 004 085 616")

    both.from_xero()

    assert both.row["ABN__c"] == "53 004 085 616"
    assert both.is_quiet()


def test_each_side_takes_the_field_that_the_other_has_changed(both: Both) -> None:
    both.edit_xero(EmailAddress="new@acme.au")
    both.edit_salesforce(Phone="(07) 3000 0000")

    both.from_xero()
    both.to_xero()

    assert both.row["Invoice_Email__c"] == "new@acme.au"
    assert both.contact.phones["DEFAULT"]["PhoneAreaCode"] == "7"
    assert both.is_quiet()


def test_only_what_changed_is_sent_to_xero(both: Both) -> None:
    sent: list[dict[str, Any]] = []

    def keep(request: httpx.Request, forward: Forward) -> httpx.Response:
        sent.extend(json.loads(request.content)["Contacts"])
        return forward(request)

    both.world.seam.plans.append(keep)
    both.edit_salesforce(Invoice_Email__c="new@acme.au")

    both.to_xero()

    assert sent == [{"ContactID": both.contact.contact_id, "EmailAddress": "new@acme.au"}]


@pytest.mark.parametrize("more", [{}, {"Invoice_Email__c": "new@acme.au"}])
def test_a_name_that_a_stranger_took_meanwhile_gets_a_suffix(
    both: Both, more: dict[str, str]
) -> None:
    world = both.world
    world.edit("Account", both.account, Name="Bolt", **more)
    scope = world.begin()
    world.stage(scope)
    world.prepare(scope)
    world.put_in_xero("Contacts", '{"Name":"Bolt"}')

    world.publish(run_id=scope.run_id)

    assert both.contact.name.startswith("Bolt (")
    assert both.contact.texts["EmailAddress"] == more.get("Invoice_Email__c", "old@acme.au")
    both.pause()
    both.from_xero()
    both.to_xero()
    assert both.row["Name"] == "Bolt"
    assert both.is_quiet()


def test_what_else_an_address_holds_stays(both: Both) -> None:
    both.edit_xero(**address(AttentionTo="Jo", **XERO_ADDRESS))
    both.edit_salesforce(BillingCity="Perth")

    both.to_xero()

    assert both.contact.addresses["POBOX"]["City"] == "Perth"
    assert both.contact.addresses["POBOX"]["AttentionTo"] == "Jo"


def test_a_field_that_is_not_shared_stays_as_salesforce_has_it(both: Both) -> None:
    both.edit_xero(Name="Acme Holdings")

    both.from_xero()

    assert both.row["Name"] == "Acme"
    assert both.is_quiet()


def test_a_contact_renames_its_account_only_if_the_route_says_so(world: World) -> None:
    both = Both(world, name="newest")
    both.edit_xero(Name="Acme Holdings")

    both.from_xero()

    assert both.row["Name"] == "Acme Holdings"
    assert both.is_quiet()
    assert both.contact.name == "Acme Holdings"


def test_a_suffix_of_ours_does_not_come_back_with_a_name(world: World) -> None:
    world.account("Acme", AccountNumber="1")
    both = Both(world, name="newest")
    both.edit_salesforce(AccountNumber="2")
    suffix = both.contact.name.removeprefix("Acme")
    assert suffix.startswith(" (")
    both.edit_xero(Name=f"Acme Holdings{suffix}")

    both.from_xero()

    assert both.row["Name"] == "Acme Holdings"
    assert both.is_quiet()


def test_what_the_mapping_would_make_nothing_of_stays_in_xero(both: Both) -> None:
    both.edit_xero(TaxNumber="12 345")

    both.from_xero()

    assert both.row["ABN__c"] == "51824753556"
    assert both.contact.texts["TaxNumber"] == "12 345"
    run = RunId("demo/show/run-2")
    warned = both.world.ledger.quarantine.counts_by_rule(run, severity=Severity.WARN)
    assert warned == {"cannot_flow_back": 1}
    assert both.is_quiet()


def test_a_value_that_the_mapping_refuses_keeps_no_other_from_the_account(both: Both) -> None:
    both.world.respec(
        contacts={"tax_number": {"from": "ABN__c", "with": "abn", "on_invalid": "refuse"}}
    )
    both.edit_xero(TaxNumber="12 345", EmailAddress="new@acme.au", **phone("8765 4321"))

    both.from_xero()

    assert both.row["ABN__c"] == "51824753556"
    assert both.row["Invoice_Email__c"] == "new@acme.au"
    assert both.row["Phone"] == "(03) 8765 4321"
    assert both.contact.texts["TaxNumber"] == "12 345"
    run = RunId("demo/show/run-2")
    warned = both.world.ledger.quarantine.counts_by_rule(run, severity=Severity.WARN)
    assert warned == {"cannot_flow_back": 1}
    both.to_xero()  # other rules: all is read once
    assert both.is_quiet()


def test_what_an_account_is_not_given_in_the_end_reserves_no_name(world: World) -> None:
    both = Both(world, name="newest")
    both.edit_xero(Name="Acme Holdings")
    scope = both.showing.begin()
    both.showing.read(scope)
    both.showing.prepare(scope)
    both.edit_xero(Name="Acme")
    both.from_xero()

    other = world.account("Acme Holdings")
    both.to_xero()

    assert world.books.contacts[world.link(other).target_id].name == "Acme Holdings"


def persons(both: Both) -> list[tuple[str, str]]:
    return [(one["LastName"], one["EmailAddress"]) for one in both.contact.persons]


def told_of_persons(both: Both, run: str) -> list[str]:
    """Run from Xero, and return what the warnings about persons say."""
    scope = both.showing.begin(run)
    both.showing.read(scope)
    both.showing.prepare(scope)
    both.pause()
    with both.world.ledger._database.read() as conn:
        rows = conn.execute(warnings.select().where(warnings.c.run_id == scope.run_id)).all()
    return [row.value for row in rows if row.rule == "persons_changed"]


@pytest.fixture
def with_persons(world: World) -> Both:
    """A pair with one contact person, Ann."""
    world.respec(contacts={"persons": {"object": "Contact", "of": "AccountId"}})
    both = Both(world)
    world.new("Contact", AccountId=both.account, LastName="Ann", Email="ann@acme.au")
    both.to_xero()
    both.from_xero()
    assert persons(both) == [("Ann", "ann@acme.au")]
    return both


@pytest.mark.parametrize(
    ("edited", "told"),
    [
        ([{"LastName": "Ann", "EmailAddress": "a@acme.au"}], "Ann a@acme.au"),
        ([{"LastName": "Ann", "EmailAddress": "ann@acme.au"}, {"LastName": "Bob"}],
         "Ann ann@acme.au; Bob"),
        ([], None),
    ],
)  # fmt: skip
def test_persons_that_were_edited_in_xero_are_told_and_touch_nobody(
    with_persons: Both, edited: list[dict[str, str]], told: str | None
) -> None:
    both = with_persons
    both.edit_xero(ContactPersons=edited)

    assert told_of_persons(both, "told") == [told]

    rows = both.world.rows("Contact")
    assert [(row["LastName"], row["Email"]) for row in rows] == [("Ann", "ann@acme.au")]
    assert both.is_quiet()
    assert len(both.contact.persons) == len(edited)


def test_persons_that_only_salesforce_changed_are_nothing_to_tell(with_persons: Both) -> None:
    both = with_persons
    both.world.new("Contact", AccountId=both.account, LastName="Bob", Email="bob@acme.au")
    both.to_xero()

    assert told_of_persons(both, "quiet") == []
    assert persons(both) == [("Ann", "ann@acme.au"), ("Bob", "bob@acme.au")]


def test_persons_of_the_account_replace_those_that_were_edited_and_the_log_keeps_them(
    with_persons: Both,
) -> None:
    both = with_persons
    both.edit_xero(ContactPersons=[{"LastName": "Ann", "EmailAddress": "a@acme.au"}])
    both.world.new("Contact", AccountId=both.account, LastName="Bob", Email="bob@acme.au")
    both.to_xero()
    both.from_xero()
    both.to_xero()

    assert persons(both) == [("Ann", "ann@acme.au"), ("Bob", "bob@acme.au")]
    assert any("a@acme.au" in one for one in both.notes())
    assert both.is_quiet()


def test_a_contact_of_no_account_is_passed_over(both: Both) -> None:
    both.showing.hands.write_contact({"Name": "Stranger"})

    report = both.from_xero()

    assert ("contact", "skipped", "not_linked", 1) in report.counts
    assert both.is_quiet()


def test_a_pair_without_any_change_costs_no_call_of_its_own(both: Both) -> None:
    both.from_xero()
    both.world.forget_calls()

    both.from_xero()

    assert both.world.calls().count("GET Contacts") == 1
    org = [one for one in both.world.control("GET", "/journal") if "/query" in one["path"]]
    assert org == []


# Both sides changed.


def clash(both: Both) -> None:
    both.edit_xero(EmailAddress="xero@acme.au")
    both.edit_salesforce(Invoice_Email__c="sf@acme.au")


@pytest.mark.parametrize(
    ("master", "winner"),
    [("salesforce", "sf@acme.au"), ("xero", "xero@acme.au"), ("newest", "sf@acme.au")],
)
@pytest.mark.parametrize("first", ["from_xero", "to_xero"])
def test_the_master_wins_whichever_way_goes_first(
    world: World, master: str, winner: str, first: str
) -> None:
    both = Both(world, email=master)
    clash(both)

    for name in [first, "from_xero", "to_xero"]:
        getattr(both, name)()

    assert both.emails == (winner, winner)
    assert both.is_quiet()
    loser = {"sf@acme.au": "xero@acme.au", "xero@acme.au": "sf@acme.au"}[winner]
    assert any("both changed" in one and loser in one for one in both.notes())


def test_the_newest_change_wins_if_it_is_that_of_the_contact(both: Both) -> None:
    both.edit_salesforce(Invoice_Email__c="sf@acme.au")
    both.edit_xero(EmailAddress="xero@acme.au")

    both.from_xero()
    both.to_xero()

    assert both.emails == ("xero@acme.au", "xero@acme.au")


def test_both_sides_may_come_to_hold_the_same_by_themselves(both: Both) -> None:
    both.edit_xero(EmailAddress="same@acme.au")
    both.edit_salesforce(Invoice_Email__c="same@acme.au")
    assert both.is_quiet()
    both.edit_salesforce(Invoice_Email__c="next@acme.au")

    both.to_xero()

    assert both.emails == ("next@acme.au", "next@acme.au")


def test_a_change_in_xero_since_the_last_reading_is_not_written_over(world: World) -> None:
    both = Both(world, email="xero")
    clash(both)

    both.to_xero()

    assert both.emails == ("sf@acme.au", "xero@acme.au")
    both.from_xero()
    assert both.emails == ("xero@acme.au", "xero@acme.au")


def test_a_change_of_the_account_since_it_was_read_is_not_written_over(world: World) -> None:
    both = Both(world, email="salesforce")
    both.edit_xero(EmailAddress="xero@acme.au")
    scope = both.showing.begin()
    both.showing.read(scope)
    both.showing.prepare(scope)
    both.edit_salesforce(Invoice_Email__c="sf@acme.au")

    report = both.showing.publish(Entity.ACCOUNT_UPDATE)

    assert (report.written, report.set_aside) == (0, 1)
    assert both.row["Invoice_Email__c"] == "sf@acme.au"
    both.from_xero()
    both.to_xero()
    assert both.emails == ("sf@acme.au", "sf@acme.au")
    assert both.is_quiet()


# A person decides.


@pytest.mark.parametrize("first", ["from_xero", "to_xero"])
def test_a_conflict_is_listed_and_its_field_left_alone(world: World, first: str) -> None:
    both = Both(world, email="ask")
    clash(both)
    both.edit_salesforce(Phone="(07) 3000 0000")

    for name in [first, "from_xero", "to_xero"]:
        getattr(both, name)()

    assert both.conflicts() == [("email", "sf@acme.au", "xero@acme.au")]
    assert both.emails == ("sf@acme.au", "xero@acme.au")
    assert both.contact.phones["DEFAULT"]["PhoneAreaCode"] == "7"
    assert both.is_quiet()


@pytest.mark.parametrize(
    ("side", "winner"), [("salesforce", "sf@acme.au"), ("xero", "xero@acme.au")]
)
def test_a_decision_is_carried_out_and_logged(world: World, side: str, winner: str) -> None:
    both = Both(world, email="ask")
    clash(both)
    both.from_xero()

    both.decide(side)
    both.from_xero()
    both.to_xero()

    assert both.emails == (winner, winner)
    assert both.is_quiet()
    assert both.conflicts() == []
    assert any("Jo decided" in one for one in both.notes())
    kinds = [one.fields["kind"] for one in both.world.ledger.audit.export(RouteName("demo"))]
    assert "decided" in kinds


def test_a_decision_is_of_the_values_that_it_saw(world: World) -> None:
    both = Both(world, email="ask")
    clash(both)
    both.from_xero()
    both.decide("salesforce")
    both.edit_xero(EmailAddress="later@acme.au")

    both.from_xero()
    both.to_xero()

    assert both.conflicts() == [("email", "sf@acme.au", "later@acme.au")]
    assert both.emails == ("sf@acme.au", "later@acme.au")


def test_a_conflict_that_people_settle_by_an_edit_is_closed(world: World) -> None:
    both = Both(world, email="ask")
    clash(both)
    both.from_xero()
    both.edit_xero(EmailAddress="sf@acme.au")

    both.from_xero()

    assert both.conflicts() == []
    assert both.is_quiet()


# What it costs, and how it begins.


def test_ten_thousand_contacts_are_read_in_ten_calls(both: Both) -> None:
    world = both.world
    with world.books.writing():
        for number in range(9_999):
            world.books.put_contact(Contact(new_id(), f"Other {number}", world.clock.now()))
    both.pause()
    world.forget_calls()
    scope = both.showing.begin()

    rows = both.showing.read(scope, lists=[CONTACTS], full=True)

    assert rows[CONTACTS] == 10_000
    assert world.calls().count("GET Contacts") == 10
    # Else a row that moves while they are read would be missed.
    asked = [one["query"] for one in world.journal() if one["path"].endswith("/Contacts")]
    assert all("order=ContactID" in query for query in asked)


def test_contacts_are_read_every_hour_and_only_in_two_way_routes(both: Both) -> None:
    world, read_at = both.world, both.world.clock.now()
    both.showing.run()
    scope = both.showing.begin()

    assert CONTACTS in due_lists(scope, now=read_at + timedelta(minutes=59))
    assert CONTACTS not in due_lists(scope, now=read_at + timedelta(minutes=50))
    world.respec(contacts={"two_way": None})
    assert CONTACTS not in due_lists(both.showing.begin(), now=read_at + timedelta(days=1))


def test_an_archived_contact_is_left_alone(both: Both) -> None:
    both.edit_xero(EmailAddress="late@acme.au")
    both.world.archive(both.contact)

    report = both.from_xero()

    assert ("contact", "skipped", "contact_not_active", 1) in report.counts
    assert both.row["Invoice_Email__c"] == "old@acme.au"


def test_a_deleted_account_takes_nothing(both: Both) -> None:
    both.edit_xero(EmailAddress="late@acme.au")
    both.world.delete("Account", both.account)

    report = both.from_xero()

    assert ("contact", "skipped", "account_gone", 1) in report.counts
    assert both.is_quiet()


def test_a_change_waits_until_its_account_is_cured(both: Both) -> None:
    both.edit_salesforce(Name="<>")
    both.to_xero()
    both.edit_xero(EmailAddress="new@acme.au")

    report = both.from_xero()
    assert ("contact", "skipped", "account_refused", 1) in report.counts
    both.edit_salesforce(Name="Acme")
    both.from_xero()

    assert both.row["Invoice_Email__c"] == "new@acme.au"


def test_a_route_that_begins_to_share_compares_with_what_was_written_last(world: World) -> None:
    both = Both(world)
    world.respec(contacts={"two_way": None})
    both.edit_xero(**phone("8765 4321"))
    both.edit_salesforce(Invoice_Email__c="sf@acme.au")

    both.share()
    both.from_xero()
    both.to_xero()

    assert both.row["Phone"] == "(03) 8765 4321"
    assert both.emails == ("sf@acme.au", "sf@acme.au")
    assert both.is_quiet()


# How it ends, and begins again.


def kinds(both: Both) -> list[str]:
    return [str(one.fields["kind"]) for one in both.world.ledger.audit.export(RouteName("demo"))]


def waiting(both: Both) -> list[str]:
    listed = both.world.ledger.outbox.listing(EntryFilter(states=WAITING | ACTIVE))
    return [one.entity for one in listed]


@pytest.mark.parametrize("first", ["from_xero", "to_xero"])
def test_without_the_section_nothing_is_left_to_decide_or_to_write(
    world: World, first: str
) -> None:
    both = Both(world, email="ask")
    clash(both)
    both.edit_xero(**phone("8765 4321"))
    scope = both.showing.begin()
    both.showing.read(scope)
    both.showing.prepare(scope)
    assert (len(both.conflicts()), waiting(both)) == (1, ["account_update"])
    world.respec(contacts={"two_way": None})

    getattr(both, first)()

    assert (both.conflicts(), waiting(both)) == ([], [])
    assert kinds(both)[-1 if first == "from_xero" else -3] == "closed"
    assert world.ledger.audit.verify(RouteName("demo")).is_valid
    both.to_xero()
    assert both.emails == ("sf@acme.au", "sf@acme.au")
    assert both.row["Phone"] == "(02) 9374 4000"
    assert both.is_quiet()


def test_a_section_that_comes_back_takes_what_was_sent_meanwhile_for_agreed(world: World) -> None:
    both = Both(world, email="ask")
    world.respec(contacts={"two_way": None})
    both.edit_salesforce(Invoice_Email__c="sent@acme.au")
    both.to_xero()
    both.edit_xero(EmailAddress="later@acme.au")
    both.from_xero()

    both.share(email="ask")
    both.from_xero()
    both.to_xero()  # other rules: all is read once

    assert both.conflicts() == []
    assert both.emails == ("later@acme.au", "later@acme.au")
    assert both.is_quiet()


def test_a_section_that_comes_back_finds_what_was_taken_back(both: Both) -> None:
    both.edit_xero(**phone("8765 4321"))
    scope = both.showing.begin()
    both.showing.read(scope)
    both.showing.prepare(scope)
    both.world.respec(contacts={"two_way": None})
    both.from_xero()
    both.pause()

    both.share()
    both.from_xero()
    both.to_xero()  # other rules: all is read once

    assert both.row["Phone"] == "(03) 8765 4321"
    assert both.is_quiet()


@pytest.mark.parametrize("is_carried_out", [True, False])
def test_a_write_of_unknown_outcome_is_not_made_twice(both: Both, is_carried_out: bool) -> None:
    def lose(request: httpx.Request, forward: Forward) -> httpx.Response:
        if is_carried_out:
            forward(request)
        raise httpx.ReadTimeout("no answer", request=request)

    both.edit_salesforce(Invoice_Email__c="sf@acme.au")
    both.world.seam.plans += [lose, lose, lose]

    both.to_xero()
    both.to_xero()

    assert both.emails == ("sf@acme.au", "sf@acme.au")
    assert both.is_quiet()


def test_of_accounts_that_share_a_contact_only_the_writer_takes_from_it(both: Both) -> None:
    world = both.world
    other = world.account("Bolt", Invoice_Email__c="bolt@firm.au")
    both.to_xero()
    loser = world.link(other).target_id
    both.showing.hands.merge(loser, both.contact.contact_id)
    both.to_xero()
    both.from_xero()
    assert world.link(other).target_id == both.contact.contact_id
    both.edit_xero(EmailAddress="new@acme.au")

    both.from_xero()

    assert both.row["Invoice_Email__c"] == "new@acme.au"
    (row,) = world.rows("Account", Id=other)
    assert row["Invoice_Email__c"] == "bolt@firm.au"
    assert both.is_quiet()


def test_accounts_that_cannot_be_written_stop_neither_payments_nor_the_next_run(both: Both) -> None:
    showing, world = both.showing, both.world
    opportunity, invoice = showing.invoiced("100")
    showing.run()
    both.edit_xero(**phone("8765 4321"))
    showing.hands.pay(invoice.invoice_id)
    world.org_switch(read_only_fields=["Account.Phone"])
    try:
        with pytest.raises(ConfigurationError, match="Phone is read-only"):
            showing.run()
        assert showing.amounts(opportunity)[0] == "Paid"
    finally:
        world.org_switch(read_only_fields=[])

    both.from_xero()

    assert both.row["Phone"] == "(03) 8765 4321"


def test_contacts_that_could_not_be_prepared_are_read_again_and_hold_up_no_status(
    both: Both,
) -> None:
    ledger, showing = both.world.ledger, both.showing
    scope = showing.begin()
    showing.read(scope)
    before = ledger.windows.watermark(scope.route, Entity.CONTACT)

    prepare_statuses(scope)

    states = {one.entity: one.state for one in ledger.windows.of_run(scope.run_id)}
    assert states.pop(Entity.CONTACT) is WindowState.STAGED
    assert set(states.values()) == {WindowState.PREPARED}
    assert ledger.windows.watermark(scope.route, Entity.CONTACT) == before
    prepare_accounts(scope, both.world.salesforce)
    after = ledger.windows.watermark(scope.route, Entity.CONTACT)
    assert before is not None
    assert after is not None
    assert after > before
