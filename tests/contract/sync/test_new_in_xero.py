"""Contacts that were made in Xero become accounts, once, if the route says so."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.sync.commands import Shop
from tests.contract.sync.kit import World
from tests.contract.sync.showing import Showing
from tests.contract.sync.test_doctor import look_at

from sfxero.errors import ConfigurationError
from sfxero.ledger.linking import Pair as LinkedPair
from sfxero.ledger.outbox_reading import EntryFilter
from sfxero.ledger.runs import RunReport
from sfxero.model.findings import Severity
from sfxero.model.ids import RouteName, RunId, SourceId, TargetId, TenantId
from sfxero.model.outbox import SourceVersion
from sfxero.model.states import Entity, EntryState
from sfxero.salesforce.client import SalesforceClient
from sfxero.sandbox.xero.models import Contact
from sfxero.sync.org_records import new_account_troubles

pytestmark = pytest.mark.contract

CREATE = Entity.ACCOUNT_CREATE
HOUR = 3600
ABN = "53004085616"
OTHER_ABN = "51824753556"
MAKING = "/composite/sobjects/Account/"
ACME: dict[str, Any] = {
    "Name": "Acme Pty Ltd",
    "TaxNumber": ABN,
    "EmailAddress": "pay@acme.au",
    "Phones": [
        {
            "PhoneType": "DEFAULT",
            "PhoneCountryCode": "61",
            "PhoneAreaCode": "2",
            "PhoneNumber": "93744000",
        }
    ],
    "Addresses": [
        {
            "AddressType": "POBOX",
            "AddressLine1": "Level 3",
            "AddressLine2": "1 Main St",
            "City": "Sydney",
            "Region": "NSW",
            "PostalCode": "2000",
            "Country": "Australia",
        }
    ],
}
TWO_WAY = {
    "name": "newest",
    "tax_number": "newest",
    "email": "newest",
    "phones": "newest",
    "postal_address": "newest",
}


class Born:
    """A route in which contacts of Xero's may become accounts."""

    def __init__(self, world: World, *, two_way: bool = True, **section: Any) -> None:
        self.world = world
        self.showing = Showing(world)
        self.hands = self.showing.hands
        world.respec(
            contacts={
                "email": {"from": "Invoice_Email__c"},
                "phones": {"region": "AU", "default": {"from": "Phone"}},
                "two_way": TWO_WAY if two_way else None,
                "new_in_xero": {"when": {"field": "Name", "is_empty": False}} | section,
            }
        )

    def contact(self, **fields: Any) -> Contact:
        """A contact that somebody makes in Xero."""
        made = self.hands.write_contact(ACME | fields)
        self.world.sleep(HOUR)
        return made

    def from_xero(self) -> RunReport:
        report = self.showing.run()
        self.world.sleep(HOUR)
        return report

    def to_xero(self) -> RunReport:
        report = self.world.run()
        self.world.sleep(HOUR)
        return report

    def planned(self) -> None:
        """Read and plan, and publish nothing."""
        scope = self.showing.begin()
        self.showing.read(scope)
        self.showing.prepare(scope)
        self.world.sleep(HOUR)

    @property
    def accounts(self) -> list[dict[str, Any]]:
        return [one for one in self.world.rows("Account") if not one["IsDeleted"]]

    @property
    def account(self) -> dict[str, Any]:
        (row,) = self.accounts
        return row

    def is_quiet(self, *, times: int = 2) -> bool:
        """Run both ways, and say whether nothing was written to either side."""
        self.world.forget_calls()
        for _ in range(times):
            self.to_xero()
            self.from_xero()
        # A job that reads is made by a POST, too.
        to_org = [one for one in self.showing.org_writes() if not one.endswith("jobs/query")]
        return [*self.world.writes(), *to_org] == []

    def entries(self) -> list[EntryState]:
        listed = self.world.ledger.outbox.listing(EntryFilter(entity=CREATE))
        return [one.state for one in listed]

    def letter(self) -> str:
        (one,) = self.world.ledger.outbox.listing(EntryFilter(states=frozenset({EntryState.DEAD})))
        return f"{one.message} {one.hint}"


def release(shop: Shop, contact: Contact) -> None:
    """Say that a contact is another company than those that it looks like."""
    done = shop.run(
        "quarantine", "release", contact.contact_id, "--route", "demo",
        "--rule", "looks_like_account", "--reason", "sister company",
    )  # fmt: skip
    assert done.exit_code == 0, done.output


@pytest.fixture
def born(world: World) -> Born:
    return Born(world)


@pytest.fixture
def shop(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(world, tmp_path, monkeypatch)


# Made, once.


def test_a_contact_becomes_an_account_with_all_that_it_holds(world: World) -> None:
    born = Born(world, values={"Type": "Other", "Industry": "Retail"})
    contact = born.contact()

    report = born.from_xero()

    account = born.account
    told = {
        name: account[name]
        for name in ("Name", "ABN__c", "Invoice_Email__c", "Phone", "BillingStreet", "BillingCity",
                     "BillingState", "BillingPostalCode", "BillingCountry", "Type", "Industry",
                     "Xero_Contact_Id__c")
    }  # fmt: skip
    assert told == {
        "Name": "Acme Pty Ltd",
        "ABN__c": ABN,
        "Invoice_Email__c": "pay@acme.au",
        "Phone": "(02) 9374 4000",
        "BillingStreet": "Level 3\n1 Main St",
        "BillingCity": "Sydney",
        "BillingState": "NSW",
        "BillingPostalCode": "2000",
        "BillingCountry": "Australia",
        "Type": "Other",
        "Industry": "Retail",
        "Xero_Contact_Id__c": contact.contact_id,
    }
    assert world.link(account["Id"]).target_id == contact.contact_id
    assert ("contact", "in_step", None, 1) in report.counts


@pytest.mark.parametrize(
    ("day", "said", "warned"), [(30, "Net 30", {}), (31, None, {"cannot_flow_back": 1})]
)
def test_a_new_account_has_the_terms_that_the_table_names(
    world: World, day: int, said: str | None, warned: dict[str, int]
) -> None:
    born = Born(world)
    terms = {"by": "Payment_Terms__c", "table": {"Net 30": {"days": 30}}}
    two_way = TWO_WAY | {"payment_terms": "newest"}
    world.respec(contacts={"payment_terms": terms, "two_way": two_way})
    sales = {"Day": day, "Type": "DAYSAFTERBILLDATE"}
    contact = born.contact(PaymentTerms={"Sales": sales})

    born.from_xero()

    assert born.account["Payment_Terms__c"] == said
    run = RunId("demo/show/run-1")
    assert world.ledger.quarantine.counts_by_rule(run, severity=Severity.WARN) == warned
    assert born.is_quiet()
    assert world.books.contacts[contact.contact_id].payment_terms == {"Sales": sales}


@pytest.mark.parametrize("two_way", [True, False])
def test_the_next_runs_make_no_second_contact_and_write_nothing(
    world: World, two_way: bool
) -> None:
    born = Born(world, two_way=two_way)
    contact = born.contact()
    born.from_xero()

    assert born.is_quiet()
    assert [one.contact_id for one in world.contacts] == [contact.contact_id]
    assert world.books.contacts[contact.contact_id].number == contact.number
    assert len(born.accounts) == 1


def test_without_the_section_no_account_is_made(world: World) -> None:
    born = Born(world, two_way=True)
    world.respec(contacts={"new_in_xero": None})
    born.contact()
    world.forget_calls()

    born.from_xero()

    assert born.accounts == []
    assert born.showing.org_writes() == []


def test_a_contact_of_the_sync_itself_is_none_of_them(born: Born) -> None:
    account = born.world.account("Acme", ABN__c=ABN)
    born.to_xero()
    born.world.ledger.linking.unlink(
        RouteName("demo"),
        born.world.scope("x").tenant,
        Entity.CONTACT,
        {account: born.world.link(account).target_id},
        actor="pat",
        reason="test",
    )
    born.world.sleep(HOUR)

    born.from_xero()

    assert len(born.accounts) == 1
    assert born.entries() == []


@pytest.mark.parametrize("kind", ["lost_reply", "error_after", "truncated_json", "timeout_before"])
def test_after_a_lost_reply_there_is_one_account(born: Born, kind: str) -> None:
    contact = born.contact()
    born.world.fail(kind, MAKING, method="PATCH")

    born.from_xero()
    born.to_xero()
    born.from_xero()

    assert len(born.accounts) == 1
    assert born.world.link(born.account["Id"]).target_id == contact.contact_id
    assert len(born.world.contacts) == 1
    assert born.is_quiet()


def test_an_edit_of_an_account_whose_making_was_in_doubt_is_not_written_over(born: Born) -> None:
    born.contact()
    born.world.fail("lost_reply", MAKING, method="PATCH")
    born.from_xero()
    born.world.edit("Account", born.account["Id"], Phone="(07) 3000 0000")
    born.world.sleep(HOUR)

    born.from_xero()
    born.to_xero()

    assert born.account["Phone"] == "(07) 3000 0000"
    (contact,) = born.world.contacts
    assert contact.phones["DEFAULT"]["PhoneAreaCode"] == "7"
    assert born.is_quiet()


def test_an_account_that_is_in_doubt_gets_no_contact_of_its_own(born: Born) -> None:
    born.contact()
    born.world.fail("lost_reply", MAKING, method="PATCH")
    born.from_xero()
    account = born.account["Id"]
    won = born.world.won(account)

    born.to_xero()

    assert born.world.quarantined(Entity.ACCOUNT) == {account: ["made_of_contact"]}
    assert len(born.world.contacts) == 1
    born.from_xero()
    born.to_xero()
    assert born.world.quarantined() == {}
    assert born.world.link(won, Entity.INVOICE) is not None
    assert [one.name for one in born.world.contacts] == ["Acme Pty Ltd"]


def test_an_account_of_another_organisations_contact_gets_one_in_this(born: Born) -> None:
    elsewhere = TargetId("11111111-2222-4333-8444-555555555555")
    account = born.world.account("Acme", Xero_Contact_Id__c=elsewhere)
    born.to_xero()
    assert born.world.quarantined() == {account: ["made_of_contact"]}
    now = born.world.clock.now()
    pair = LinkedPair(SourceId(account), elsewhere, "{}", None, SourceVersion(now, now), "test")
    born.world.ledger.linking.link(
        RouteName("other"), TenantId("other"), Entity.CONTACT, [pair], actor="pat"
    )

    born.to_xero()

    assert born.world.quarantined() == {}
    (contact,) = born.world.contacts
    assert contact.number == account


def test_an_account_that_is_in_doubt_waits_though_the_section_is_taken_out(born: Born) -> None:
    contact = born.contact()
    born.world.fail("lost_reply", MAKING, method="PATCH")
    born.from_xero()
    account = born.account["Id"]
    bystander = born.world.account("Bystander")
    section = born.world.spec.contacts.new_in_xero
    born.world.respec(contacts={"new_in_xero": None})

    for _ in range(2):
        born.to_xero()
        born.from_xero()

    assert born.world.quarantined(Entity.ACCOUNT) == {account: ["made_of_contact"]}
    assert born.world.link(bystander) is not None
    assert sorted(one.name for one in born.world.contacts) == ["Acme Pty Ltd", "Bystander"]
    assert section is not None
    born.world.respec(contacts={"new_in_xero": section.model_dump(by_alias=True)})
    born.from_xero()
    born.to_xero()
    assert born.world.link(account).target_id == contact.contact_id
    assert born.world.quarantined() == {}
    assert len(born.world.contacts) == 2


@pytest.mark.parametrize("arrives", [True, False])
def test_a_publisher_that_died_while_sending_leaves_one_account(
    born: Born, monkeypatch: pytest.MonkeyPatch, arrives: bool
) -> None:
    contact = born.contact()
    network = born.world.seam._network
    forward = network.handle_request

    def die(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            if arrives:
                forward(request).close()
            raise KeyboardInterrupt
        return forward(request)

    with monkeypatch.context() as patched:
        patched.setattr(network, "handle_request", die)
        with pytest.raises(KeyboardInterrupt):
            born.from_xero()
    assert len(born.accounts) == arrives
    born.world.sleep(HOUR)

    born.to_xero()
    born.from_xero()

    assert born.world.link(born.account["Id"]).target_id == contact.contact_id
    assert len(born.world.contacts) == 1
    assert born.is_quiet()


def test_an_account_that_was_made_late_is_found_by_the_next_try(
    born: Born, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact = born.contact()
    network = born.world.seam._network
    forward = network.handle_request
    late: list[httpx.Request] = []

    def make_late(request: httpx.Request) -> httpx.Response:
        if request.method != "PATCH":
            return forward(request)
        late.append(request)
        if len(late) == 1:
            raise httpx.ReadTimeout("no answer", request=request)
        forward(late[0]).close()
        message = "duplicate value found: Xero_Contact_Id__c duplicates value on record with id"
        errors = [{"statusCode": "DUPLICATE_VALUE", "message": message, "fields": []}]
        return httpx.Response(200, json=[{"success": False, "errors": errors}])

    with monkeypatch.context() as patched:
        patched.setattr(network, "handle_request", make_late)
        born.from_xero()
        born.hands.write_contact({"EmailAddress": "new@acme.au"}, contact.contact_id)
        born.world.sleep(HOUR)
        born.from_xero()

    for _ in range(2):
        born.from_xero()
    assert born.world.letters() == []
    assert born.account["Invoice_Email__c"] == "new@acme.au"
    assert born.world.link(born.account["Id"]).target_id == contact.contact_id
    assert born.is_quiet()


def test_a_contact_that_changed_while_its_account_was_in_doubt_flows_as_two_way_says(
    born: Born,
) -> None:
    contact = born.contact()
    born.world.fail("lost_reply", MAKING, method="PATCH")
    born.from_xero()
    born.hands.write_contact({"EmailAddress": "new@acme.au"}, contact.contact_id)
    born.world.sleep(HOUR)

    for _ in range(3):
        born.from_xero()

    assert born.account["Invoice_Email__c"] == "new@acme.au"
    assert born.is_quiet()


def test_what_changes_later_flows_as_two_way_says(born: Born) -> None:
    contact = born.contact()
    born.from_xero()
    born.hands.write_contact({"EmailAddress": "new@acme.au"}, contact.contact_id)
    born.world.sleep(HOUR)
    born.from_xero()
    assert born.account["Invoice_Email__c"] == "new@acme.au"
    born.world.edit("Account", born.account["Id"], BillingCity="Perth")
    born.world.sleep(HOUR)
    born.to_xero()
    assert born.world.contacts[0].addresses["POBOX"]["City"] == "Perth"
    assert born.is_quiet()


def test_a_route_that_brings_nothing_back_reads_only_contacts_that_changed(world: World) -> None:
    born = Born(world, two_way=False)
    born.contact()
    born.from_xero()
    born.to_xero()
    scope = born.showing.begin()

    assert born.showing.read(scope)["Contacts"] == 0


# Who does not qualify.


def test_a_contact_that_was_archived_in_between_becomes_none(born: Born) -> None:
    contact = born.contact()
    born.planned()
    assert born.entries() == [EntryState.PENDING]
    born.world.archive(contact)
    born.world.sleep(HOUR)

    report = born.from_xero()

    assert born.accounts == []
    assert born.entries() == [EntryState.SUPERSEDED]
    assert ("contact", "skipped", "contact_not_active", 1) in report.counts


def test_an_account_that_was_made_before_its_contact_was_archived_is_linked(born: Born) -> None:
    contact = born.contact()
    born.world.fail("lost_reply", MAKING, method="PATCH")
    born.from_xero()
    born.world.archive(contact)
    born.world.sleep(HOUR)

    born.from_xero()

    assert born.world.link(born.account["Id"]).target_id == contact.contact_id
    assert born.is_quiet()


def test_a_contact_that_does_not_meet_the_condition_becomes_none(world: World) -> None:
    born = Born(world, when={"field": "IsCustomer", "equals": "true"})
    supplier = born.contact()
    customer = born.contact(Name="Birch", TaxNumber=OTHER_ABN, EmailAddress="", Phones=[],
                            Addresses=[])  # fmt: skip
    with world.books.writing():
        known = world.books.contacts[customer.contact_id]
        world.books.put_contact(replace(known, is_customer=True))

    report = born.from_xero()

    assert [one["Name"] for one in born.accounts] == ["Birch"]
    assert ("contact", "skipped", "contact_out_of_scope", 1) in report.counts
    assert supplier.contact_id not in {one["Xero_Contact_Id__c"] for one in born.accounts}


def test_a_contact_that_no_longer_qualifies_is_withdrawn(world: World) -> None:
    born = Born(world, when={"not": {"field": "Name", "contains": "Test"}})
    contact = born.contact()
    born.planned()
    born.hands.write_contact({"Name": "Acme Test"}, contact.contact_id)
    born.world.sleep(HOUR)

    born.from_xero()

    assert born.accounts == []
    assert born.entries() == [EntryState.SUPERSEDED]


LOOKS_LIKE: list[tuple[str, dict[str, str], str]] = [
    ("Other", {"ABN__c": "53 004 085 616"}, "tax_number"),
    ("ACME", {}, "name"),
    ("Acme Group", {"Invoice_Email__c": "PAY@acme.au"}, "email"),
    ("Acme Group", {"Website": "https://www.acme.au", "Phone": "02 93744000"}, "phone"),
    ("<>", {"ABN__c": ABN}, "tax_number"),
]


@pytest.mark.parametrize(("name", "fields", "shared"), LOOKS_LIKE)
def test_an_account_that_a_contact_could_be_is_not_doubled(
    born: Born, name: str, fields: dict[str, str], shared: str
) -> None:
    account = born.world.account(name, **fields)
    contact = born.contact()

    report = born.from_xero()

    assert len(born.accounts) == 1
    assert ("contact", "quarantined", "looks_like_account", 1) in report.counts
    (row,) = born.world.ledger.quarantine.listing(RouteName("demo"))
    assert (row.source_id, row.value) == (contact.contact_id, account)
    assert shared in str(row.field)
    assert "sfxero match" in row.hint


def test_a_second_try_of_the_step_looks_at_its_contacts_again(born: Born) -> None:
    account = born.world.account("Acme")
    born.contact()
    scope = born.showing.begin()
    born.showing.read(scope)
    born.showing.prepare(scope)

    born.showing.prepare(scope)

    report = born.world.ledger.runs.settle(scope.run_id)
    assert ("contact", "quarantined", "looks_like_account", 1) in report.counts
    born.world.delete("Account", account)
    born.showing.prepare(scope)
    assert born.world.quarantined() == {}
    assert born.entries() == [EntryState.PENDING]


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("Black & White Cafe", "Black & White Cafe Pty Ltd"),
        ("Smith and Sons", "The Smith & Sons Ltd"),
        ("Smith + Sons", "Smith and Sons"),
        ("O'Brien Plumbing", "O'Brien Plumbing Pty Ltd"),
        ("A.B.C. Cleaning", "ABC Cleaning Pty Ltd"),
        ("Café Straßer", "Café Straßer GmbH"),
        ("한국상사", "한국상사 Ltd"),
    ],
)
def test_an_account_is_found_by_its_name_whatever_stands_in_it(
    born: Born, name: str, held: str
) -> None:
    account = born.world.account(held)
    born.world.account("Bystander")
    born.contact(Name=name, TaxNumber="", EmailAddress="", Phones=[], Addresses=[])

    born.from_xero()

    (row,) = born.world.ledger.quarantine.listing(RouteName("demo"))
    assert (row.rule, row.value) == ("looks_like_account", account)


@pytest.mark.parametrize("name", ["O'Brien & 100% \\ _Sons\"", "Ça va", "A", "的"])
def test_any_name_can_be_looked_up(born: Born, name: str) -> None:
    born.world.account("Bystander")
    born.contact(Name=name)

    born.from_xero()

    assert [one["Name"] for one in born.accounts] == ["Bystander", name]


def test_many_contacts_are_looked_up_ten_at_a_time(born: Born) -> None:
    for number in range(25):
        fields = {"Name": f"Firm {number}", "TaxNumber": "", "EmailAddress": "", "Phones": []}
        born.hands.write_contact({**ACME, **fields, "Addresses": []})
    twin = born.world.account("Firm 24")
    born.world.sleep(HOUR)
    scope = born.showing.begin()
    born.showing.read(scope)
    born.world.forget_calls()

    born.showing.prepare(scope)

    asked = [one for one in born.world.control("GET", "/journal") if "/query" in one["path"]]
    assert len(asked) == 3
    assert born.entries() == [EntryState.PENDING] * 24
    (row,) = born.world.ledger.quarantine.listing(RouteName("demo"))
    assert row.value == twin


def test_a_contact_that_could_be_too_many_accounts_is_left_to_a_person(
    born: Born, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sfxero.sync.similar_accounts._MOST_ROWS", 1)
    for number in range(3):
        born.world.account(f"Acme {number}")
    born.contact()
    born.contact(Name="Birch", TaxNumber=OTHER_ABN, EmailAddress="", Phones=[], Addresses=[])

    born.from_xero()

    (row,) = born.world.ledger.quarantine.listing(RouteName("demo"))
    assert (row.rule, row.value) == ("looks_like_account", "too many accounts to compare")
    assert [one["Name"] for one in born.accounts][3:] == ["Birch"]


@pytest.mark.parametrize(
    ("held", "fields", "shared"),
    [
        (
            {"Name": "Acme Services", "TaxNumber": ""},
            {
                "Name": "Acme Servces",
                "BillingStreet": "Level 3\n1 Main Street",
                "BillingPostalCode": "2000",
            },
            "name_similar, address",
        ),
        (
            {"AccountNumber": "A-77", "TaxNumber": ""},
            {"Name": "Acme Group", "AccountNumber": "a-77"},
            "account_number",
        ),
    ],
)
def test_an_account_is_found_by_its_place_or_its_number(
    born: Born, held: dict[str, str], fields: dict[str, str], shared: str
) -> None:
    account = born.world.new("Account", **fields)
    born.contact(**held)

    born.from_xero()

    (row,) = born.world.ledger.quarantine.listing(RouteName("demo"))
    assert row.value == account
    assert set(shared.split(", ")) <= set(str(row.field).split(", "))


@pytest.mark.parametrize("two_way", [True, False])
def test_without_the_section_no_contact_stays_in_quarantine(world: World, two_way: bool) -> None:
    born = Born(world, two_way=two_way)
    world.account("Acme")
    contact = born.contact()
    born.from_xero()
    assert world.quarantined() == {contact.contact_id: ["looks_like_account"]}
    section = world.spec.contacts.new_in_xero
    assert section is not None
    world.respec(contacts={"new_in_xero": None})

    born.from_xero()

    assert world.quarantined() == {}
    world.respec(contacts={"new_in_xero": section.model_dump(by_alias=True)})
    born.showing.run(full=two_way)
    assert world.quarantined() == {contact.contact_id: ["looks_like_account"]}


def test_two_contacts_of_one_company_make_one_account(born: Born) -> None:
    first = born.contact()
    second = born.contact(Name="Acme Holdings", EmailAddress="", Phones=[], Addresses=[])

    born.from_xero()

    assert len(born.accounts) == 1
    assert len(born.world.quarantined()) == 1
    made = born.account["Xero_Contact_Id__c"]
    other = ({first.contact_id, second.contact_id} - {made}).pop()
    assert born.world.quarantined() == {other: ["looks_like_account"]}
    born.from_xero()
    (row,) = born.world.ledger.quarantine.listing(RouteName("demo"))
    assert (row.source_id, row.value) == (other, born.account["Id"])


def test_of_one_company_whose_account_is_still_to_be_made_there_is_no_second(born: Born) -> None:
    first = born.contact()
    born.planned()
    other = born.contact(Name="Acme Holdings", EmailAddress="", Phones=[], Addresses=[])

    born.from_xero()

    assert born.account["Xero_Contact_Id__c"] == first.contact_id
    (row,) = born.world.ledger.quarantine.listing(RouteName("demo"))
    assert (row.source_id, row.value) == (other.contact_id, first.contact_id)


def test_who_waits_for_an_account_goes_before_another_of_its_company(born: Born) -> None:
    waiting = [born.contact(), born.contact(Name="Birch", TaxNumber=OTHER_ABN, EmailAddress="",
                                            Phones=[], Addresses=[])]  # fmt: skip
    born.planned()
    for one in waiting:
        born.hands.write_contact({"AccountNumber": one.name}, one.contact_id)
        born.contact(Name=f"{one.name} Two", EmailAddress="", Phones=[], Addresses=[],
                     TaxNumber=one.texts["TaxNumber"])  # fmt: skip

    born.from_xero()

    made = {one["Xero_Contact_Id__c"] for one in born.accounts}
    assert made == {one.contact_id for one in waiting}


def test_a_released_contact_counts_for_the_others_of_its_run(born: Born, shop: Shop) -> None:
    born.world.account("Acme")
    first = born.contact(TaxNumber="")
    born.from_xero()
    release(shop, first)
    born.hands.write_contact({"TaxNumber": OTHER_ABN}, first.contact_id)
    other = born.contact(Name="Birch", TaxNumber=OTHER_ABN, EmailAddress="", Phones=[],
                         Addresses=[])  # fmt: skip

    born.from_xero()

    assert [one["Name"] for one in born.accounts] == ["Acme", "Acme Pty Ltd"]
    assert born.world.quarantined() == {other.contact_id: ["looks_like_account"]}


def test_the_contact_that_another_was_merged_into_gets_its_account(world: World) -> None:
    born = Born(world, when={"not": {"field": "Name", "contains": "Test"}})
    loser = born.contact()
    born.from_xero()
    born.to_xero()
    winner = born.contact(Name="Test", TaxNumber="", EmailAddress="", Phones=[], Addresses=[])
    born.from_xero()
    born.hands.write_contact({"Name": "Birch"}, winner.contact_id)
    world.merge_contacts(winner.contact_id, loser.contact_id)
    world.sleep(HOUR)

    born.from_xero()

    account = born.account["Id"]
    (row,) = world.ledger.quarantine.listing(RouteName("demo"))
    assert (row.source_id, row.value) == (winner.contact_id, account)
    born.to_xero()
    born.from_xero()
    assert world.quarantined() == {}
    assert born.account["Id"] == account
    assert world.link(account).target_id == winner.contact_id


def test_a_contact_that_a_person_links_is_quarantined_no_more(born: Born, shop: Shop) -> None:
    account = born.world.account("Acme", ABN__c=ABN)
    contact = born.contact()
    born.from_xero()
    done = shop.run("match", "--route", "demo", "--output", str(shop.include.parent), "--json")
    path = json.loads(done.stdout)["csv"]

    shop.run("match", "apply", path, "--route", "demo", "--by", "pat")
    born.from_xero()

    assert born.world.link(account).target_id == contact.contact_id
    assert born.world.quarantined() == {}
    assert len(born.accounts) == 1


def test_what_a_person_releases_becomes_an_account(born: Born, shop: Shop) -> None:
    born.world.account("Other", ABN__c=ABN)
    contact = born.contact()
    born.from_xero()

    release(shop, contact)

    born.from_xero()
    assert [one["Name"] for one in born.accounts] == ["Other", "Acme Pty Ltd"]
    assert born.world.quarantined() == {}


def test_a_released_contact_whose_account_was_deleted_gets_another(born: Born, shop: Shop) -> None:
    contact = born.contact()
    born.from_xero()
    account = born.account["Id"]
    born.world.delete("Account", account)
    born.world.ledger.linking.unlink(
        RouteName("demo"),
        born.world.scope("x").tenant,
        Entity.CONTACT,
        {SourceId(account): TargetId(contact.contact_id)},
        actor="pat",
        reason="test",
    )
    born.showing.run(full=True)
    (row,) = born.world.ledger.quarantine.listing(RouteName("demo"))
    assert (row.source_id, row.value) == (contact.contact_id, account)
    release(shop, contact)

    born.from_xero()

    assert born.account["Id"] != account
    assert born.world.link(born.account["Id"]).target_id == contact.contact_id
    assert born.is_quiet()


def test_an_account_that_names_the_contact_is_left_alone(born: Born) -> None:
    contact = born.contact()
    account = born.world.account("Quite Another", Xero_Contact_Id__c=contact.contact_id)

    born.from_xero()

    assert born.account["Name"] == "Quite Another"
    (row,) = born.world.ledger.quarantine.listing(RouteName("demo"))
    assert (row.source_id, row.field, row.value) == (contact.contact_id, "ContactID", account)


def test_an_account_that_came_to_name_the_contact_meanwhile_is_not_written_over(
    born: Born,
) -> None:
    contact = born.contact()
    born.planned()
    born.world.account("Quite Another", Xero_Contact_Id__c=contact.contact_id)

    report = born.showing.publish(CREATE)

    assert (report.written, report.refused) == (0, 1)
    assert born.account["Name"] == "Quite Another"
    assert "sfxero match" in born.letter()


def test_a_contact_that_was_linked_meanwhile_makes_no_account(born: Born, shop: Shop) -> None:
    contact = born.contact()
    born.planned()
    account = born.world.account("Acme Pty Ltd", ABN__c=ABN)
    done = shop.run("match", "--route", "demo", "--output", str(shop.include.parent), "--json")
    path = json.loads(done.stdout)["csv"]
    shop.run("match", "apply", path, "--route", "demo", "--by", "pat")
    assert born.world.link(account).target_id == contact.contact_id

    report = born.showing.publish(CREATE)

    assert (report.written, report.set_aside) == (0, 1)
    assert born.account["Id"] == account
    assert born.entries() == [EntryState.SUPERSEDED]


# What the org refuses, and what the mapping would.


def test_what_a_duplicate_rule_refuses_is_a_dead_letter_with_its_cure(born: Born) -> None:
    born.contact()
    born.planned()
    born.world.org_switch(duplicate_rule=True)
    born.world.account("Acme Pty Ltd")

    report = born.showing.publish(CREATE)

    assert (report.written, report.refused) == (0, 1)
    assert len(born.accounts) == 1
    letter = born.letter()
    assert letter.startswith("DUPLICATES_DETECTED")
    assert "sfxero match" in letter


def test_what_the_mapping_would_make_nothing_of_stays_in_xero(born: Born) -> None:
    contact = born.contact(TaxNumber="12 345")

    born.from_xero()

    assert born.account["ABN__c"] is None
    run_id = RunId("demo/show/run-1")
    warned = born.world.ledger.quarantine.counts_by_rule(run_id, severity=Severity.WARN)
    assert warned == {"cannot_flow_back": 1}
    assert born.is_quiet()
    assert born.world.books.contacts[contact.contact_id].texts["TaxNumber"] == "12 345"


def test_an_account_that_the_route_would_refuse_is_not_made(born: Born) -> None:
    born.world.respec(
        contacts={"tax_number": {"from": "ABN__c", "with": "abn", "on_invalid": "refuse"}}
    )
    contact = born.contact(TaxNumber="12 345")

    born.from_xero()

    assert born.accounts == []
    (row,) = born.world.ledger.quarantine.listing(RouteName("demo"))
    assert (row.source_id, row.rule) == (contact.contact_id, "cannot_become_account")
    assert row.value == "abn_invalid: 12 345"
    born.hands.write_contact({"TaxNumber": ABN}, contact.contact_id)
    born.world.sleep(HOUR)
    born.from_xero()
    assert born.world.quarantined() == {}
    assert born.account["ABN__c"] == ABN


# The org.


def hide(world: World) -> None:
    world.org_switch(hidden_fields=["Account.Xero_Contact_Id__c"])


def test_nothing_is_sent_if_an_account_could_be_made_twice(world: World) -> None:
    born = Born(world, external_id="Legacy_Id__c")
    born.contact()
    born.planned()
    world.forget_calls()

    with pytest.raises(ConfigurationError, match="Legacy_Id__c is not unique"):
        born.showing.publish(CREATE)

    assert born.accounts == []
    assert born.entries() == [EntryState.PENDING]


def test_without_the_field_for_the_id_no_contact_is_looked_up(born: Born) -> None:
    born.contact()
    hide(born.world)

    with pytest.raises(ConfigurationError, match="Xero_Contact_Id__c"):
        born.planned()


def test_a_field_of_numbers_cannot_take_what_a_contact_holds(
    born: Born, monkeypatch: pytest.MonkeyPatch
) -> None:
    born.contact(TaxNumber="12 345")
    account = born.world.salesforce.describe("Account")
    number = replace(account.fields["ABN__c"], type="double", precision=18)
    with_number = replace(account, fields=dict(account.fields) | {"ABN__c": number})
    monkeypatch.setattr(
        SalesforceClient,
        "describe",
        lambda _, name: with_number if name == "Account" else pytest.fail(name),
    )

    with pytest.raises(ConfigurationError, match="ABN__c is of type double, not text"):
        born.planned()

    assert new_account_troubles(with_number, born.world.spec.contacts) == [
        "ABN__c is of type double, not text"
    ]


SECTION = "  source: Account\n  new_in_xero:\n    when: {field: IsCustomer, equals: 'true'}\n"


@pytest.mark.parametrize(
    ("spoil", "more", "message"),
    [
        (hide, "", "Xero_Contact_Id__c is missing or hidden"),
        (lambda _: None, "    external_id: Site\n", "Site is missing or hidden"),
        (lambda _: None, "    external_id: Website\n", "Website is no external id"),
        (lambda _: None, "    external_id: Legacy_Id__c\n", "Legacy_Id__c is not unique"),
        (lambda _: None, "    values: {Kind__c: A}\n", "Kind__c is missing or hidden"),
        (
            lambda world: world.org_switch(read_only_fields=["Account.ABN__c"]),
            "",
            "ABN__c cannot be set by the integration user",
        ),
    ],
)
def test_the_doctor_names_what_keeps_accounts_from_being_made_once(
    shop: Shop, spoil: Callable[[World], None], more: str, message: str
) -> None:
    shop.edit("  source: Account\n", SECTION + more)
    spoil(shop.world)

    checks = look_at(shop)["checks"]

    failed = {one["message"]: one for one in checks if one["name"] == "accounts from Xero"}
    assert message in failed
    assert failed[message]["verdict"] == "failed"
    assert failed[message]["line"] == shop.line_of("new_in_xero:")


def test_the_doctor_passes_an_org_that_takes_new_accounts(shop: Shop) -> None:
    shop.edit("  source: Account\n", SECTION)

    told = {one["name"]: one["message"] for one in look_at(shop)["checks"]}

    assert told["accounts from Xero"] == "by Xero_Contact_Id__c, which is unique"


def test_each_step_is_in_the_log(born: Born) -> None:
    contact = born.contact()
    born.from_xero()
    events = born.world.ledger.audit.export(RouteName("demo"))
    told = [
        (one.fields["kind"], one.fields["entity"], one.fields["rule"], one.fields["target_id"])
        for one in events
    ]
    account = born.account["Id"]
    assert told == [
        ("sent", CREATE, "new_in_xero", None),
        ("settled", CREATE, "new_in_xero", account),
        ("linked", Entity.CONTACT, "new_in_xero", contact.contact_id),
    ]
