"""Invoices, lines and payments are mirrored in the org: to the cent, once, and quietly."""

from decimal import Decimal

import pytest
from tests.contract.sync.kit import World
from tests.contract.sync.mirroring import INVOICES, LINES, PAYMENTS, Mirror
from tests.contract.sync.showing import Showing
from tests.contract.sync.tamperings import Case
from tests.contract.sync.test_leads import LEADS
from tests.contract.sync.test_money_rules import sell

from sfxero.errors import ConfigurationError
from sfxero.model.states import Entity
from sfxero.sync.draining import MIRRORED
from sfxero.sync.status_prepare import prepare_statuses

pytestmark = pytest.mark.contract

HOUR = 3600


@pytest.fixture
def mirror(world: World) -> Mirror:
    return Mirror(Showing(world))


def test_an_invoice_is_mirrored_with_its_lines_payments_opportunity_and_account(
    mirror: Mirror,
) -> None:
    showing = mirror.showing
    opportunity, invoice = showing.invoiced("100", "23.4567")
    showing.hands.pay(invoice.invoice_id, Decimal("30.01"), reference="by card")

    showing.run()

    mirror.assert_right(showing.invoice_of(opportunity))
    found = mirror.invoice(invoice.invoice_id)
    (deal,) = mirror.world.rows("Opportunity", Id=opportunity)
    assert (found["Opportunity__c"], found["Account__c"]) == (opportunity, deal["AccountId"])
    assert (found["Payment_Status__c"], found["Currency__c"]) == ("Part paid", "AUD")
    assert found["Link__c"].endswith(invoice.invoice_id)
    assert found["Last_Synced_At__c"]
    (payment,) = mirror.of(PAYMENTS, invoice.invoice_id)
    assert payment["Reference__c"] == "by card"
    lines = mirror.of(LINES, invoice.invoice_id)
    assert [Decimal(one["Position__c"]) for one in lines] == [1, 2]


def test_it_is_off_unless_the_route_says_otherwise(mirror: Mirror) -> None:
    mirror.world.respec(mirror={"enabled": False})
    mirror.showing.invoiced("100")
    mirror.showing.run()
    assert [mirror.rows(one) for one in (INVOICES, LINES, PAYMENTS)] == [{}, {}, {}]


def test_what_was_shown_already_is_mirrored_once_the_mirror_is_switched_on(mirror: Mirror) -> None:
    mirror.world.respec(mirror={"enabled": False})
    opportunity, _ = mirror.showing.invoiced("100")
    mirror.showing.run()
    mirror.world.sleep(24 * HOUR)
    mirror.world.respec(mirror={"enabled": True})

    mirror.showing.run()

    mirror.assert_right(mirror.showing.invoice_of(opportunity))


def test_a_quiet_run_writes_nothing(mirror: Mirror) -> None:
    showing = mirror.showing
    _, invoice = showing.invoiced("100")
    showing.hands.pay(invoice.invoice_id, Decimal(1))
    showing.run()
    mirror.world.sleep(HOUR)
    mirror.world.forget_calls()

    showing.run(full=True)

    assert showing.org_writes() == []


def test_a_change_writes_what_changed_and_nothing_else(mirror: Mirror) -> None:
    showing = mirror.showing
    opportunity, invoice = showing.invoiced("100", "50")
    showing.run()
    lines = {one["Id"]: one["SystemModstamp"] for one in mirror.world.rows(LINES)}
    mirror.world.sleep(HOUR)
    showing.hands.pay(invoice.invoice_id)

    showing.run()

    mirror.assert_right(showing.invoice_of(opportunity))
    assert {one["Id"]: one["SystemModstamp"] for one in mirror.world.rows(LINES)} == lines


def test_a_deleted_payment_is_shown_as_deleted(mirror: Mirror) -> None:
    showing = mirror.showing
    opportunity, invoice = showing.invoiced("100")
    showing.hands.pay(invoice.invoice_id, Decimal(10))
    showing.hands.pay(invoice.invoice_id, Decimal(20))
    showing.run()
    first, second = showing.invoice_of(opportunity).payments
    mirror.world.sleep(HOUR)
    showing.hands.delete_payment(first)

    showing.run()

    mirror.assert_right(showing.invoice_of(opportunity))
    states = {key: one["Status__c"] for key, one in mirror.rows(PAYMENTS).items()}
    assert states == {first: "DELETED", second: "AUTHORISED"}


def test_lines_that_were_replaced_are_shown_as_removed(mirror: Mirror) -> None:
    showing = mirror.showing
    opportunity, invoice = showing.invoiced("100", "50")
    showing.run()
    former = set(mirror.rows(LINES))
    for price in ("149", "148"):
        mirror.world.sleep(HOUR)
        line = {"Description": "All", "Quantity": 1, "UnitAmount": Decimal(price),
                "AccountCode": "200", "TaxType": "OUTPUT"}  # fmt: skip
        path = f"/xero/invoices/{invoice.invoice_id}/edit"
        mirror.world.control("POST", path, {"LineItems": [line]})
        showing.run()
        mirror.assert_right(showing.invoice_of(opportunity))
    removed = {key for key, one in mirror.rows(LINES).items() if one["Removed__c"]}
    assert removed >= former
    assert len(mirror.rows(LINES)) == len(removed) + 1


@pytest.mark.parametrize("most_by_collections", [2_000, 0])
def test_a_line_that_is_gone_before_it_was_written_is_not_left_behind(
    mirror: Mirror, most_by_collections: int
) -> None:
    showing, world = mirror.showing, mirror.world
    opportunity, invoice = showing.invoiced("100")
    (former,) = showing.invoice_of(opportunity).lines
    scope = showing.begin()
    showing.read(scope)
    prepare_statuses(scope)
    world.sleep(HOUR)
    line = {"Description": "Other", "Quantity": 1, "UnitAmount": Decimal(7), "AccountCode": "200"}
    path = f"/xero/invoices/{invoice.invoice_id}/edit"
    world.control("POST", path, {"LineItems": [line]})

    mirror.show(most_by_collections=most_by_collections)

    mirror.assert_right(showing.invoice_of(opportunity))
    (now,) = showing.invoice_of(opportunity).lines
    removed = {one["Xero_Id__c"]: one["Removed__c"] for one in world.rows(LINES)}
    assert removed == {former.line_id: True, now.line_id: False}
    assert len(mirror.of(LINES, invoice.invoice_id)) == len(removed)


def test_a_payment_that_is_deleted_before_it_was_written_belongs_to_its_invoice(
    mirror: Mirror,
) -> None:
    showing, world = mirror.showing, mirror.world
    opportunity, invoice = showing.invoiced("100")
    showing.hands.pay(invoice.invoice_id, Decimal(10))
    scope = showing.begin()
    showing.read(scope)
    prepare_statuses(scope)
    world.sleep(HOUR)
    showing.hands.delete_payment(showing.invoice_of(opportunity).payments[0])

    showing.run()

    mirror.assert_right(showing.invoice_of(opportunity))
    (payment,) = mirror.of(PAYMENTS, invoice.invoice_id)
    assert payment["Status__c"] == "DELETED"
    assert len(world.rows(PAYMENTS)) == 1


def test_a_voided_invoice_is_shown_as_voided(mirror: Mirror) -> None:
    showing = mirror.showing
    opportunity, invoice = showing.invoiced("100")
    showing.run()
    mirror.world.sleep(HOUR)
    showing.hands.void(invoice.invoice_id)

    showing.run()

    mirror.assert_right(showing.invoice_of(opportunity))
    assert mirror.invoice(invoice.invoice_id)["Payment_Status__c"] == "Voided"


def test_an_invoice_that_was_issued_anew_is_mirrored_to_its_end(mirror: Mirror) -> None:
    showing, world = mirror.showing, mirror.world
    world.respec(invoices={"on_change": "reissue"})
    opportunity, former = showing.invoiced("100")
    showing.run()
    world.sleep(HOUR)
    (line,) = world.rows("OpportunityLineItem", OpportunityId=opportunity)
    world.edit("OpportunityLineItem", line["Id"], UnitPrice=Decimal(150))
    world.run()
    world.sleep(HOUR)
    showing.run()
    current = showing.invoice_of(opportunity)
    assert current.invoice_id != former.invoice_id
    for one in (current, world.books.invoices[former.invoice_id]):
        mirror.assert_right(one)
        assert mirror.invoice(one.invoice_id)["Opportunity__c"] == opportunity
    assert mirror.invoice(former.invoice_id)["Status__c"] == "VOIDED"


def test_its_void_is_seen_also_where_nothing_else_is_read(mirror: Mirror) -> None:
    showing, world = mirror.showing, mirror.world
    opportunity, invoice = showing.invoiced("100")
    showing.run()
    world.sleep(24 * HOUR)
    showing.run()
    Case(world, opportunity, "", invoice, invoice).drop_link()
    showing.hands.void(invoice.invoice_id)
    world.sleep(HOUR)

    showing.run()

    mirror.assert_right(world.books.invoices[invoice.invoice_id])


def test_many_records_go_by_ingest_jobs(mirror: Mirror) -> None:
    showing, world = mirror.showing, mirror.world
    wins = [showing.invoiced("100", "23.4567")[0] for _ in range(3)]
    showing.hands.pay(showing.invoice_of(wins[0]).invoice_id, Decimal(5))
    scope = showing.begin()
    showing.read(scope)
    prepare_statuses(scope)
    for entity in MIRRORED:
        report = showing.publish(entity, most_by_collections=0)
        assert (report.jobs, report.refused) == (1, 0)

    for one in wins:
        mirror.assert_right(showing.invoice_of(one))
    assert world.states().count("settled") >= 3 + 6 + 1


@pytest.mark.parametrize("text", ["one\rtwo", "one\r\ntwo", "one\ntwo", 'say "one", two'])
def test_texts_with_line_breaks_of_any_kind_go_by_ingest_jobs(mirror: Mirror, text: str) -> None:
    showing, world = mirror.showing, mirror.world
    opportunity, invoice = showing.invoiced("100")
    line = {"Description": text, "Quantity": 1, "UnitAmount": Decimal(7), "AccountCode": "200"}
    path = f"/xero/invoices/{invoice.invoice_id}/edit"
    world.control("POST", path, {"LineItems": [line]})
    scope = showing.begin()
    showing.read(scope)
    prepare_statuses(scope)

    for entity in MIRRORED:
        assert showing.publish(entity, most_by_collections=0).failed_batches == 0

    mirror.assert_right(showing.invoice_of(opportunity))


def test_after_a_lost_answer_the_same_record_is_there_once(mirror: Mirror) -> None:
    showing = mirror.showing
    opportunity, _ = showing.invoiced("100")
    mirror.world.fail("lost_reply", f"/composite/sobjects/{INVOICES}/", method="PATCH", count=2)
    mirror.world.forget_calls()

    showing.run()
    for _ in range(2):
        mirror.world.sleep(61)
        showing.run()

    mirror.assert_right(showing.invoice_of(opportunity))
    assert len(mirror.world.rows(INVOICES)) == 1
    upserts = f"PATCH composite/sobjects/{INVOICES}/Xero_Id__c"
    assert showing.org_writes().count(upserts) == 3


@pytest.mark.parametrize("most_by_collections", [2_000, 0])
@pytest.mark.parametrize("deleted", ["Opportunity", "Account"])
def test_an_invoice_whose_opportunity_or_account_is_gone_is_mirrored_without_it(
    mirror: Mirror, deleted: str, most_by_collections: int
) -> None:
    showing, world = mirror.showing, mirror.world
    opportunity, invoice = showing.invoiced("100")
    (deal,) = world.rows("Opportunity", Id=opportunity)
    parents = {"Opportunity": opportunity, "Account": deal["AccountId"]}
    showing.run()
    world.sleep(HOUR)
    # An account takes its opportunities along.
    world.delete(deleted, parents[deleted])
    showing.hands.pay(invoice.invoice_id)

    mirror.show(most_by_collections=most_by_collections)

    mirror.assert_right(showing.invoice_of(opportunity))
    found = mirror.invoice(invoice.invoice_id)
    left = None if deleted == "Account" else parents["Account"]
    assert (found["Opportunity__c"], found["Account__c"]) == (None, left)
    assert world.letters() == []
    world.forget_calls()
    assert showing.run().dead_letters == ()
    assert not [one for one in showing.org_writes() if INVOICES in one]


def test_an_invoice_to_a_leads_contact_is_of_no_account(mirror: Mirror) -> None:
    showing, world = mirror.showing, mirror.world
    content = world.spec.model_dump(mode="json", by_alias=True) | {"leads": LEADS}
    world.spec = type(world.spec).model_validate(content)
    lead = world.lead("Birch", Status="Qualified")
    opportunity, invoice = showing.invoiced("100")
    world.change_invoice(invoice, contact_id=world.link(lead).target_id)
    world.sleep(60)
    world.forget_calls()

    showing.run()

    mirror.assert_right(showing.invoice_of(opportunity))
    found = mirror.invoice(invoice.invoice_id)
    assert (found["Opportunity__c"], found["Account__c"]) == (opportunity, None)
    # The lead is not even tried.
    assert showing.org_writes().count(f"PATCH composite/sobjects/{INVOICES}/Xero_Id__c") == 1


@pytest.fixture
def global_mirror(world: World) -> Mirror:
    """The mirror of an org that has several currencies, and takes invoices in them."""
    world.control("POST", "/salesforce/options", {"multi_currency": True})
    mirror = Mirror(Showing(world))
    world.respec(invoices={"currency": "CurrencyIsoCode"})
    return mirror


@pytest.mark.parametrize("most_by_collections", [2_000, 0])
def test_amounts_are_in_the_currency_of_their_invoice(
    global_mirror: Mirror, most_by_collections: int
) -> None:
    mirror, showing, world = global_mirror, global_mirror.showing, global_mirror.world
    opportunity = sell(world, "NZD", "100")
    world.run()
    invoice = showing.invoice_of(opportunity)
    showing.hands.pay(invoice.invoice_id, Decimal(10))

    mirror.show(most_by_collections=most_by_collections)

    mirror.assert_right(showing.invoice_of(opportunity))
    records = [one for name in (INVOICES, LINES, PAYMENTS) for one in world.rows(name)]
    assert [one["CurrencyIsoCode"] for one in records] == ["NZD"] * 3
    world.sleep(HOUR)
    world.forget_calls()
    showing.run(full=True)
    assert not [one for one in showing.org_writes() if "__c" in one]


def test_an_invoice_that_changes_its_currency_takes_its_lines_along(global_mirror: Mirror) -> None:
    mirror, showing, world = global_mirror, global_mirror.showing, global_mirror.world
    opportunity, invoice = showing.invoiced("100")
    showing.run()
    assert {one["CurrencyIsoCode"] for one in world.rows(LINES)} == {"AUD"}
    world.sleep(HOUR)
    world.change_invoice(showing.invoice_of(opportunity), currency_code="USD")

    showing.run()

    (line,) = mirror.of(LINES, invoice.invoice_id)
    assert line["CurrencyIsoCode"] == "USD"
    assert mirror.invoice(invoice.invoice_id)["CurrencyIsoCode"] == "USD"


@pytest.mark.parametrize("most_by_collections", [2_000, 0])
def test_a_currency_that_the_org_lacks_is_named(
    global_mirror: Mirror, most_by_collections: int
) -> None:
    showing, world = global_mirror.showing, global_mirror.world
    _, invoice = showing.invoiced("100")
    world.change_invoice(invoice, currency_code="CHF")

    global_mirror.show(most_by_collections=most_by_collections)

    assert global_mirror.rows(INVOICES) == {}
    (letter,) = world.letters()
    assert "CHF" in letter
    assert "Manage Currencies" in letter


def test_names_are_the_routes(mirror: Mirror) -> None:
    showing = mirror.showing
    mirror.world.respec(
        mirror={
            "invoices": {
                "object_name": INVOICES,
                "fields": {"reference": "Currency__c", "currency": None, "account": None},
            },
            "lines": {"object_name": LINES, "fields": {"is_removed": None}},
        }
    )
    _, invoice = showing.invoiced("100")
    mirror.world.change_invoice(invoice, reference="R-7")

    showing.run()

    found = mirror.invoice(invoice.invoice_id)
    assert (found["Currency__c"], found["Reference__c"], found["Account__c"]) == ("R-7", None, None)


def test_an_org_without_the_objects_says_what_to_deploy(mirror: Mirror) -> None:
    showing, world = mirror.showing, mirror.world
    opportunity, _ = showing.invoiced("100")
    world.org_switch(hidden_fields=[f"{LINES}.Quantity__c"], read_only_fields=[])
    try:
        with pytest.raises(ConfigurationError, match="Quantity__c is missing or hidden") as error:
            showing.run()
        assert "manifest/mirror.xml" in str(error.value.hint)
        # What opportunities show goes first, and does not wait for the mirror.
        assert showing.amounts(opportunity)[0] == "Unpaid"
    finally:
        world.org_switch(hidden_fields=[], read_only_fields=[])


def test_lines_and_payments_wait_for_their_invoice(mirror: Mirror) -> None:
    showing, world = mirror.showing, mirror.world
    opportunity, invoice = showing.invoiced("100")
    showing.hands.pay(invoice.invoice_id, Decimal(5))
    scope = showing.begin()
    showing.read(scope)
    prepare_statuses(scope)

    assert showing.publish(Entity.MIRROR_LINE).batches == 0
    assert showing.publish(Entity.MIRROR_PAYMENT).batches == 0
    for entity in MIRRORED:
        assert showing.publish(entity).written == 1

    mirror.assert_right(showing.invoice_of(opportunity))
    assert world.states().count("dead") == 0
