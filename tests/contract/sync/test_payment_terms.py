"""Payment terms: they arrive, follow the account, flow back, and leave those of bills alone."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.contract.sync.kit import ACCOUNT, Forward, World, contact_wish
from tests.contract.sync.test_two_way import Both

from sfxero.model.findings import Severity
from sfxero.model.ids import RunId
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

HOUR = 3600
TABLE = {
    "7 days": {"days": 7},
    "30 days": {"days": 30},
    "20th of next month": {"days": 20, "terms": "day_of_next_month"},
}
TERMS = {"by": "Payment_Terms__c", "table": TABLE}
SEVEN = {"Day": 7, "Type": "DAYSAFTERBILLDATE"}
THIRTY = {"Day": 30, "Type": "DAYSAFTERBILLDATE"}
TWENTIETH = {"Day": 20, "Type": "OFFOLLOWINGMONTH"}
UNKNOWN = {"Day": 14, "Type": "OFCURRENTMONTH"}
BILLS = {"Day": 15, "Type": "DAYSAFTERBILLMONTH"}


def set_terms(world: World, contact_id: str, **terms: Any) -> None:
    """Set a contact's terms, as a bookkeeper does; none takes them away."""
    with world.books.writing():
        held = world.books.contacts[contact_id]
        world.books.put_contact(
            replace(held, payment_terms=terms or None, updated_at=world.clock.now())
        )


class Pair(Both):
    """An account with its contact, whose payment terms people edit on both sides."""

    def __init__(self, world: World, master: str = "newest", **fields: Any) -> None:
        self._master = master
        super().__init__(world, payment_terms=master)
        self.edit_salesforce(**{"Payment_Terms__c": "30 days"} | fields)
        self.to_xero()
        self.is_quiet()

    def share(self, **masters: str) -> None:
        self.world.respec(contacts={"payment_terms": TERMS})
        super().share(**{"payment_terms": self._master} | masters)

    @property
    def terms(self) -> tuple[Any, Any]:
        """What the account says, then what the contact has for sales."""
        held = self.contact.payment_terms or {}
        return self.row["Payment_Terms__c"], held.get("Sales")

    @property
    def bills(self) -> Any:
        return (self.contact.payment_terms or {}).get("Bills")

    def say(self, said: str | None) -> None:
        self.edit_salesforce(Payment_Terms__c=said)

    def enter(self, sales: dict[str, Any] | None, bills: dict[str, Any] | None = None) -> None:
        given = {"Sales": sales, "Bills": bills}
        terms = {name: one for name, one in given.items() if one}
        set_terms(self.world, self.contact.contact_id, **terms)
        self.pause()

    def both_ways(self) -> None:
        self.from_xero()
        self.to_xero()
        self.from_xero()


# One way.


@pytest.fixture
def one_way(world: World) -> World:
    world.respec(contacts={"payment_terms": TERMS})
    return world


def held(world: World) -> Any:
    (contact,) = world.contacts
    return contact.payment_terms


def run(world: World, *, full: bool = False) -> list[str]:
    """The writes of a run an hour later."""
    world.sleep(HOUR)
    world.forget_calls()
    world.run(full=full)
    return world.writes()


@pytest.mark.shows("Contact.PaymentTerms")
@pytest.mark.parametrize("replaced", [True, False])
def test_terms_arrive_follow_the_account_and_leave_those_of_bills(
    one_way: World, replaced: bool
) -> None:
    one_way.switch(payment_terms_replaced=replaced)
    account = one_way.account(Payment_Terms__c="30 days")
    one_way.run()
    assert held(one_way) == {"Sales": THIRTY}
    assert run(one_way, full=True) == []

    set_terms(one_way, one_way.contacts[0].contact_id, Sales=THIRTY, Bills=BILLS)
    one_way.edit("Account", account, Payment_Terms__c="20th of next month")

    assert run(one_way) == ["POST Contacts"]
    assert held(one_way) == {"Sales": TWENTIETH, "Bills": BILLS}
    assert run(one_way, full=True) == []


def test_another_change_of_the_account_leaves_the_terms_of_bills(one_way: World) -> None:
    account = one_way.account(Payment_Terms__c="30 days")
    one_way.run()
    set_terms(one_way, one_way.contacts[0].contact_id, Sales=THIRTY, Bills=BILLS)
    one_way.edit("Account", account, BillingCity="Perth")

    assert run(one_way) == ["POST Contacts"]
    assert one_way.contacts[0].addresses["POBOX"]["City"] == "Perth"
    assert held(one_way) == {"Sales": THIRTY, "Bills": BILLS}


def test_an_update_of_unknown_outcome_keeps_the_terms_of_bills(one_way: World) -> None:
    def lose(request: httpx.Request, forward: Forward) -> httpx.Response:
        raise httpx.ReadTimeout("no answer", request=request)

    account = one_way.account(Payment_Terms__c="30 days")
    one_way.run()
    set_terms(one_way, one_way.contacts[0].contact_id, Sales=THIRTY, Bills=BILLS)
    one_way.edit("Account", account, Payment_Terms__c="7 days")
    one_way.seam.plans = [lose, lose, lose]

    run(one_way)
    run(one_way)

    assert held(one_way) == {"Sales": SEVEN, "Bills": BILLS}


def test_a_contact_that_is_renamed_on_a_clash_keeps_the_terms_of_bills(world: World) -> None:
    world.plan(contact_wish(PaymentTerms={"Sales": SEVEN}))
    world.publish()
    set_terms(world, world.contacts[0].contact_id, Sales=SEVEN, Bills=BILLS)
    world.put_in_xero("Contacts", '{"Name":"Bolt"}')
    world.plan(contact_wish(name="Bolt", age=1, PaymentTerms={"Sales": THIRTY}))

    world.publish()

    contact = world.books.contacts[world.link(ACCOUNT).target_id]
    assert contact.name.startswith("Bolt ")
    assert contact.payment_terms == {"Sales": THIRTY, "Bills": BILLS}
    assert "Bills" not in world.link(ACCOUNT).source_snapshot


@pytest.mark.shows("Contact.PaymentTerms")
def test_an_account_that_is_emptied_leaves_the_contacts_terms(one_way: World) -> None:
    account = one_way.account(Payment_Terms__c="30 days")
    one_way.run()
    one_way.edit("Account", account, Payment_Terms__c=None)

    run(one_way)

    assert held(one_way) == {"Sales": THIRTY}
    assert run(one_way, full=True) == []


def test_an_account_of_unknown_terms_waits_until_it_is_cured(one_way: World) -> None:
    account = one_way.account(Payment_Terms__c="45 days")
    one_way.run()
    assert one_way.contacts == []
    assert one_way.quarantined()[account] == ["payment_terms_unknown"]

    one_way.edit("Account", account, Payment_Terms__c="7 days")
    run(one_way)

    assert held(one_way) == {"Sales": SEVEN}


# Both ways.


@pytest.mark.shows("Contact.PaymentTerms")
def test_terms_that_were_changed_in_xero_come_back_to_the_account(world: World) -> None:
    pair = Pair(world)
    pair.enter(TWENTIETH, BILLS)

    pair.from_xero()

    assert pair.terms == ("20th of next month", TWENTIETH)
    assert pair.is_quiet()


def test_a_change_of_the_accounts_terms_keeps_those_of_bills(world: World) -> None:
    pair = Pair(world)
    pair.enter(THIRTY, BILLS)
    pair.say("7 days")

    pair.both_ways()

    assert pair.terms == ("7 days", SEVEN)
    assert pair.bills == BILLS
    assert pair.is_quiet()


def test_a_change_of_the_terms_of_bills_alone_is_nobodys_concern(world: World) -> None:
    pair = Pair(world)
    pair.world.forget_calls()
    pair.enter(THIRTY, BILLS)

    pair.both_ways()

    assert [*pair.world.writes(), *pair.showing.org_writes()] == []
    assert pair.bills == BILLS


def test_terms_that_were_taken_away_in_xero_empty_the_account(world: World) -> None:
    pair = Pair(world)
    pair.enter(None)

    pair.both_ways()

    assert pair.terms == (None, None)
    assert pair.is_quiet()


@pytest.mark.parametrize("first", ["from_xero", "to_xero"])
@pytest.mark.parametrize("master", ["salesforce", "xero", "newest", "ask"])
def test_an_emptied_account_takes_what_xero_cannot_be_emptied_of(
    world: World, master: str, first: str
) -> None:
    pair = Pair(world, master)
    pair.say(None)

    getattr(pair, first)()
    pair.both_ways()

    assert pair.terms == ("30 days", THIRTY)
    assert any("emptied in salesforce" in one for one in pair.notes())
    assert pair.conflicts() == []
    assert pair.is_quiet()


@pytest.mark.parametrize("master", ["salesforce", "ask"])
def test_an_emptied_account_takes_what_was_changed_in_xero_meanwhile(
    world: World, master: str
) -> None:
    pair = Pair(world, master)
    pair.enter(SEVEN)
    pair.say(None)

    pair.both_ways()

    assert pair.terms == ("7 days", SEVEN)
    assert pair.conflicts() == []
    assert pair.is_quiet()


@pytest.mark.parametrize("first", ["from_xero", "to_xero"])
@pytest.mark.parametrize(
    ("master", "said", "sales"),
    [
        ("salesforce", "7 days", SEVEN),
        ("xero", "20th of next month", TWENTIETH),
        ("newest", "7 days", SEVEN),
    ],
)
def test_where_both_changed_the_master_counts(
    world: World, master: str, said: str, sales: dict[str, Any], first: str
) -> None:
    pair = Pair(world, master)
    pair.enter(TWENTIETH, BILLS)
    pair.say("7 days")

    getattr(pair, first)()
    pair.both_ways()

    assert pair.terms == (said, sales)
    assert pair.bills == BILLS
    assert pair.is_quiet()


@pytest.mark.parametrize(
    ("side", "said", "sales"),
    [("salesforce", "7 days", SEVEN), ("xero", "20th of next month", TWENTIETH)],
)
def test_a_person_decides_if_the_route_says_so(
    world: World, side: str, said: str, sales: dict[str, Any]
) -> None:
    pair = Pair(world, "ask")
    pair.enter(TWENTIETH)
    pair.say("7 days")
    pair.from_xero()
    seven, twentieth = ({**one, "Day": str(one["Day"])} for one in (SEVEN, TWENTIETH))
    assert pair.conflicts() == [("payment_terms", seven, twentieth)]
    assert pair.terms == ("7 days", TWENTIETH)

    pair.decide(side)
    pair.both_ways()

    assert pair.terms == (said, sales)
    assert pair.conflicts() == []
    assert pair.is_quiet()


def test_terms_that_the_table_does_not_name_stay_in_xero_with_a_warning(world: World) -> None:
    pair = Pair(world)
    pair.enter(UNKNOWN)

    scope = pair.showing.begin("warned")
    pair.showing.read(scope)
    pair.showing.prepare(scope)
    pair.showing.publish(Entity.ACCOUNT_UPDATE)

    assert pair.terms == ("30 days", UNKNOWN)
    run_id = RunId("demo/show/warned")
    warned = pair.world.ledger.quarantine.counts_by_rule(run_id, severity=Severity.WARN)
    assert warned == {"cannot_flow_back": 1}
    assert pair.is_quiet()


def test_terms_that_are_unknown_in_salesforce_are_not_written_over(world: World) -> None:
    pair = Pair(world, "xero")
    pair.say("45 days")
    pair.to_xero()
    pair.enter(SEVEN)

    report = pair.from_xero()

    assert ("contact", "skipped", "account_refused", 1) in report.counts
    assert pair.terms == ("45 days", SEVEN)
    pair.say("30 days")
    pair.both_ways()
    assert pair.terms == ("7 days", SEVEN)
    assert pair.is_quiet()


def test_a_change_in_xero_since_the_last_reading_is_not_written_over(world: World) -> None:
    pair = Pair(world, "xero")
    pair.enter(TWENTIETH)
    pair.say("7 days")

    pair.to_xero()

    assert pair.terms == ("7 days", TWENTIETH)


def test_a_route_that_begins_to_share_terms_fills_the_side_that_has_none(world: World) -> None:
    both = Both(world)
    set_terms(world, both.contact.contact_id, Sales=SEVEN, Bills=BILLS)
    both.pause()
    both.from_xero()
    world.respec(contacts={"payment_terms": TERMS})

    both.share(payment_terms="salesforce")
    scope = both.showing.begin()
    both.showing.read(scope, full=True)
    both.showing.prepare(scope)
    both.showing.publish(Entity.ACCOUNT_UPDATE)
    both.pause()
    both.to_xero()

    assert both.row["Payment_Terms__c"] == "7 days"
    assert both.is_quiet()
