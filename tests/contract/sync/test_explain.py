"""`sfxero mapping explain`: what one record becomes, by which line of the route file."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.contract.sync.commands import Shop, plain
from tests.contract.sync.kit import TENANT, World

from sfxero.ledger import Ledger
from sfxero.ledger.outbox_reading import EntryFilter
from sfxero.ledger.tables import entries, quarantine, reserved_names, runs, target_contacts
from sfxero.mapping.loader import read_route
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity
from sfxero.orchestration.looking import Look
from sfxero.sync.explain import Surroundings, explain
from sfxero.sync.explaining import Explanation, FieldStory, Outcome
from sfxero.sync.memory import Memory
from sfxero.sync.preflight import read_facts

pytestmark = pytest.mark.contract

ABN = "53 004 085 616"


@pytest.fixture
def shop(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(world, tmp_path, monkeypatch)


def explained(shop: Shop, record_id: str) -> Explanation:
    """The use case without suites and limiter, which take their time."""
    spec, file = read_route(shop.file)
    names = shop.world.ledger.names
    around = Surroundings(
        read_facts(spec, shop.world.accounting),
        Memory(shop.world.ledger, TENANT),
        owners=names.owners(TENANT),
        own_names={str(one): name for one, name in names.names_of(TENANT).items()},
    )
    with Look(spec, None) as look:
        return explain(record_id, (spec, file), client=look.salesforce, around=around)


def by_target(fields: tuple[FieldStory, ...]) -> dict[str, FieldStory]:
    return {one.target: one for one in fields}


def test_each_field_has_its_source_its_rule_its_line_and_its_value(shop: Shop) -> None:
    account = shop.world.account("Acme\t& Sons", ABN__c=ABN, BillingStreet="1 High St\nLevel 2")

    (contact,) = explained(shop, account).records

    fields = by_target(contact.fields)
    name, tax = fields["Name"], fields["TaxNumber"]
    assert contact.outcome is Outcome.SENT
    assert name.sources == {"Name": "Acme\t& Sons", "AccountNumber": None}
    assert name.value == "Acme & Sons"
    assert tax.sources == {"ABN__c": ABN}
    assert tax.value == "53004085616"
    assert [(one.key, one.text, one.line) for one in tax.rules] == [
        (
            "contacts.tax_number",
            "{from: ABN__c, with: abn, on_invalid: warn}",
            shop.line_of("tax_number:"),
        )
    ]
    lines = {place: fields.get(f"Addresses[POBOX].AddressLine{place}") for place in (1, 2, 3)}
    assert [one and one.value for one in lines.values()] == ["1 High St", "Level 2", None]


def test_payment_terms_are_told_with_the_line_of_their_table(shop: Shop) -> None:
    terms = "{by: Payment_Terms__c, table: {30 days: {days: 30}}}"
    shop.edit(
        "  name_suffix: AccountNumber\n",
        f"  name_suffix: AccountNumber\n  payment_terms: {terms}\n",
    )
    account = shop.world.account("Acme", Payment_Terms__c="30 days")

    (contact,) = explained(shop, account).records

    fields = by_target(contact.fields)
    day, kind = fields["PaymentTerms.Sales.Day"], fields["PaymentTerms.Sales.Type"]
    assert (day.value, kind.value) == ("30", "DAYSAFTERBILLDATE")
    assert day.sources == {"Payment_Terms__c": "30 days"}
    assert [(one.key, one.line) for one in day.rules] == [
        ("contacts.payment_terms", shop.line_of("payment_terms:"))
    ]


def test_a_sale_is_told_with_its_contact_and_each_of_its_lines(shop: Shop) -> None:
    world = shop.world
    account = world.account("Acme")
    sale = world.won(account, "100", "50.5")

    contact, invoice = explained(shop, sale[:15]).records

    fields = by_target(invoice.fields)
    first, second = (by_target(one.fields) for one in invoice.lines)
    assert (contact.outcome, invoice.outcome) == (Outcome.SENT, Outcome.SENT)
    assert invoice.source_id == sale
    assert fields["Contact"].value == account
    assert (fields["SubTotal"].value, fields["Total"].value) == ("150.50", "165.55")
    assert fields["DueDate"].rules[0].text == "{days: 14}"
    assert (first["UnitAmount"].value, second["UnitAmount"].value) == ("100.0000", "50.5000")
    assert second["UnitAmount"].sources == {"UnitPrice": "50.5"}
    assert first["AccountCode"].sources == {"Product2.Family": "Hardware"}
    assert first["AccountCode"].rules[0].line == shop.line_of("account_code:")


def test_a_number_that_is_finer_than_its_field_is_told_as_it_is(shop: Shop) -> None:
    world = shop.world
    world.org_switch(keeps_digits=True)
    sale = world.won(world.account("Acme"), "100")
    world.line(sale, "3", Quantity="33.333")
    refused = world.won(world.account("Birch"), "100")
    world.line(refused, "5", Quantity="33.33333")

    _, invoice = explained(shop, sale).records
    _, other = explained(shop, refused).records

    fine = by_target(invoice.lines[-1].fields)
    assert fine["Quantity"].sources == {"Quantity": "33.333"}
    assert fine["Quantity"].value == "33.3330"
    assert by_target(invoice.fields)["SubTotal"].value == "200.00"
    assert (other.outcome, [one.rule for one in other.findings]) == (
        Outcome.REFUSED,
        ["quantity_scale"],
    )


def test_what_rows_of_other_objects_lend_is_told_with_its_source(shop: Shop) -> None:
    of_account = "{object: Contact, of: AccountId}"
    shop.edit(
        "  name_suffix: AccountNumber\n",
        f"  related:\n    lead: {of_account}\n  email: lead.Email\n  persons: {of_account}\n",
    )
    account = shop.world.account()
    shop.world.new("Contact", AccountId=account, LastName="Ann", Email="ann@acme.example")

    (contact,) = explained(shop, account).records

    fields = by_target(contact.fields)
    assert fields["EmailAddress"].sources == {"lead.Email": "ann@acme.example"}
    assert fields["EmailAddress"].value == "ann@acme.example"
    assert fields["ContactPersons[1].LastName"].value == "Ann"
    assert "ContactPersons[2].LastName" not in fields


def test_a_converted_amount_is_told_with_its_rate_and_a_difference_with_its_line(
    shop: Shop,
) -> None:
    rounding = '{tolerance: "0.05", line: {account_code: "200", tax_type: EXEMPTEXPORT}}'
    exchange = '{rates: table, table: {USD: "2"}, not_enabled: convert}'
    shop.edit(
        "  date: CloseDate\n",
        f"  date: CloseDate\n  currency: StageName\n  exchange: {exchange}\n"
        f"  rounding: {rounding}\n",
    )
    world = shop.world
    world.org_switch(allow_amount_mismatch=True)
    sale = world.won(world.account(), "99.98")
    world.edit("Opportunity", sale, Amount=Decimal(100))
    world.org_switch(allow_amount_mismatch=False)
    records = world.sandbox.org.records.tables["Opportunity"]
    records[sale] = records[sale] | {"StageName": "USD"}

    _, invoice = explained(shop, sale).records

    fields = by_target(invoice.fields)
    first, second = (by_target(one.fields) for one in invoice.lines)
    assert (fields["CurrencyCode"].value, fields["SubTotal"].value) == ("AUD", "50.00")
    assert fields["CurrencyCode"].rules[1].text == exchange.replace('"', "")
    assert fields["(note)"].value == (
        "USD at 2.000000 by table of 2026-11-20, converted to AUD line by line; "
        "amount less lines 0.0200"
    )
    assert (first["LineAmount"].value, second["UnitAmount"].value) == ("49.99", "0.0100")
    assert second["AccountCode"].rules[0].key == "invoices.rounding.line.account_code"


def test_a_default_that_the_file_does_not_state_is_told_as_one(shop: Shop) -> None:
    shop.edit("  date: CloseDate\n", "")
    sale = shop.world.won(shop.world.account(), "100")

    _, invoice = explained(shop, sale).records

    (rule, _) = by_target(invoice.fields)["Date"].rules
    assert (rule.text, rule.line) == ("CloseDate (default)", None)


def test_what_is_told_is_what_a_run_sends(shop: Shop) -> None:
    world = shop.world
    sale = world.won(world.account("Acme", ABN__c=ABN, BillingCity="Sydney"), "99.99", "0.0125")
    contact, invoice = explained(shop, sale).records

    world.run()

    (sent,), (customer,) = world.invoices, world.contacts
    told = by_target(invoice.fields)
    assert told["InvoiceNumber"].value == sent.number
    assert Decimal(told["Total"].value or 0) == sent.totals.total
    assert by_target(contact.fields)["Name"].value == customer.name
    assert [by_target(one.fields)["Description"].value for one in invoice.lines] == [
        one.description for one in sent.lines
    ]


def test_the_name_is_the_one_that_would_be_sent(shop: Shop) -> None:
    world = shop.world
    account = world.account("Acme", AccountNumber="A-7")
    world.ledger.names.reserve(TENANT, [(SourceId("rival"), "acme", "Acme")])

    (contact,) = explained(shop, account).records

    assert by_target(contact.fields)["Name"].value == "Acme (A-7)"


def test_a_refused_sale_shows_each_finding_and_no_value(shop: Shop) -> None:
    shop.edit('        Hardware: "200"\n', "")
    shop.edit('      default: "200"\n', "")
    sale = shop.world.won(None, "100")

    (invoice,) = explained(shop, sale).records

    found = {one.rule: one for one in invoice.findings}
    assert invoice.outcome is Outcome.REFUSED
    assert {"no_account", "account_code_missing"} <= set(found)
    assert found["no_account"].field == "AccountId"
    assert found["account_code_missing"].hint == (
        "Give account_code a row for this value in the route file, or a default."
    )
    assert {one.value for one in invoice.fields} == {None}
    code = by_target(invoice.lines[0].fields)["AccountCode"]
    assert code.sources == {"Product2.Family": "Hardware"}


def test_the_account_that_holds_a_sale_back_is_named(shop: Shop) -> None:
    shop.edit("on_invalid: warn", "on_invalid: refuse")
    world = shop.world
    sale = world.won(world.account("Acme", ABN__c="123"), "100")

    contact, invoice = explained(shop, sale).records

    assert [one.rule for one in contact.findings] == ["abn_invalid"]
    assert [one.rule for one in invoice.findings] == ["account_quarantined"]
    assert by_target(invoice.fields)["Total"].value == "110.00"


def test_a_deleted_account_holds_its_sale_back(shop: Shop) -> None:
    world = shop.world
    account = world.account("Acme")
    sale = world.won(account, "100")
    world.sandbox.org.records.tables["Account"][account]["IsDeleted"] = True

    *_, invoice = explained(shop, sale).records

    assert [one.rule for one in invoice.findings] == ["account_missing"]


def test_why_a_sale_is_skipped_is_told_with_the_condition_and_its_values(shop: Shop) -> None:
    shop.edit(
        "  lines_source: OpportunityLineItem\n",
        "  lines_source: OpportunityLineItem\n  when: {field: Type, equals: Renewal}\n",
    )
    world = shop.world
    account = world.account()
    other = world.won(account, "100", Type="New Business")
    wanted = world.won(account, "100", Type="Renewal")
    open_ = world.won(account, "100", Type="Renewal", StageName="Prospecting")

    stories = [explained(shop, one).records[-1] for one in (other, wanted, open_)]

    assert [one.rule for one in stories] == ["out_of_scope", None, "not_won"]
    conditions = [one.condition for one in stories]
    assert [one and one.value for one in conditions] == ["not met", "met", None]
    assert conditions[0] is not None
    assert conditions[0].sources == {"Type": "New Business"}
    assert conditions[0].rules[0].line == shop.line_of("when:")


def test_a_deleted_record_is_removed(shop: Shop) -> None:
    account = shop.world.account()
    shop.world.delete("Account", account)

    (contact,) = explained(shop, account).records

    assert contact.outcome is Outcome.REMOVED


def test_the_one_line_of_a_sale_without_products_comes_from_the_sale(shop: Shop) -> None:
    shop.edit(
        "without_lines: refuse",
        "without_lines: one_line\n"
        "  single_line: {description: Name, account_code: '200', tax_type: OUTPUT}",
    )
    world = shop.world
    sale = world.new(
        "Opportunity", AccountId=world.account(), Name="Deal", StageName="Closed Won",
        CloseDate="2026-11-20", Amount=Decimal(70),
    )  # fmt: skip

    _, invoice = explained(shop, sale).records

    (line,) = invoice.lines
    fields = by_target(line.fields)
    assert line.source_id is None
    assert fields["UnitAmount"].sources == {"Amount": "70.0"}
    assert (fields["UnitAmount"].value, fields["Description"].value) == ("70.0000", "Deal")
    assert fields["AccountCode"].rules[0].line == shop.line_of("single_line:")


APPROVAL = '{first_of_account: true, when: {field: Amount, above: "1000"}}'


def test_an_invoice_that_waits_for_a_person_is_told_with_the_reason_until_one_agrees(
    shop: Shop,
) -> None:
    shop.edit("  date: CloseDate\n", f"  date: CloseDate\n  approval: {APPROVAL}\n")
    world = shop.world
    world.spec, _ = read_route(shop.file)
    sale = world.won(world.account(), "2000")
    _, before = explained(shop, sale).records
    world.run(publishes=False)
    _, waiting = explained(shop, sale).records
    (entry,) = world.ledger.outbox.listing(EntryFilter(entity=Entity.INVOICE), limit=9)
    world.ledger.outbox.approve([entry.entry_id], actor="kim")

    _, agreed = explained(shop, sale).records
    for entity in (Entity.CONTACT, Entity.INVOICE):
        world.publish(entity)
    _, sent = explained(shop, sale).records

    stories = (before, waiting, agreed, sent)
    assert [one.outcome for one in stories] == [
        Outcome.AWAITING_APPROVAL, Outcome.AWAITING_APPROVAL, Outcome.SENT, Outcome.SENT,
    ]  # fmt: skip
    why = "Amount above 1000; first invoice of the account"
    assert [one.approval and one.approval.value for one in stories] == [why, why, None, None]
    assert before.approval is not None
    assert before.approval.sources == {"Amount": "2000.0"}
    assert before.approval.rules[0].line == shop.line_of("approval:")
    assert [str(one.totals.total) for one in world.invoices] == ["2200.00"]


def test_what_changes_after_a_person_agreed_waits_again(shop: Shop) -> None:
    shop.edit("  date: CloseDate\n", f"  date: CloseDate\n  approval: {APPROVAL}\n")
    world = shop.world
    world.spec, _ = read_route(shop.file)
    sale = world.won(world.account(), "2000")
    world.run(publishes=False)
    (entry,) = world.ledger.outbox.listing(EntryFilter(entity=Entity.INVOICE), limit=9)
    world.ledger.outbox.approve([entry.entry_id], actor="kim")
    (line,) = world.rows("OpportunityLineItem", OpportunityId=sale)
    world.edit("OpportunityLineItem", line["Id"], UnitPrice=Decimal(3000))

    _, invoice = explained(shop, sale).records

    assert invoice.outcome is Outcome.AWAITING_APPROVAL


def test_a_route_that_asks_nobody_tells_nothing_of_approval(shop: Shop) -> None:
    _, invoice = explained(shop, shop.world.won(shop.world.account(), "100")).records

    assert (invoice.outcome, invoice.approval) == (Outcome.SENT, None)


def test_the_date_is_the_one_that_would_be_written_and_why_it_is_another_is_told(
    shop: Shop,
) -> None:
    shop.edit("  date: CloseDate\n", "  date: CloseDate\n  lock_dates: first_open_day\n")
    world = shop.world
    world.spec, _ = read_route(shop.file)
    world.switch(period_lock_date="2026-10-31")
    sale = world.won(world.account(), "100", CloseDate="2026-10-15")
    _, new = explained(shop, sale).records
    world.run()
    world.switch(period_lock_date="2026-11-15")

    _, written = explained(shop, sale).records

    for story, last in ((new, "2026-10-31"), (written, "2026-11-15")):
        fields = by_target(story.fields)
        assert story.outcome is Outcome.SENT
        assert fields["Date"].sources == {"CloseDate": "2026-10-15"}
        assert (fields["Date"].value, fields["DueDate"].value) == ("2026-11-01", "2026-11-15")
        assert fields["(note)"].value == (
            f"dated 2026-11-01 and not 2026-10-15, since the organisation is locked to {last}"
        )


def test_an_invoice_that_nobody_may_change_any_more_is_told_as_refused(shop: Shop) -> None:
    world = shop.world
    sale = world.won(world.account(), "100", CloseDate="2026-10-15")
    world.run()
    world.switch(period_lock_date="2026-10-31")
    _, unchanged = explained(shop, sale).records
    (line,) = world.rows("OpportunityLineItem", OpportunityId=sale)
    world.edit("OpportunityLineItem", line["Id"], UnitPrice=Decimal(150))

    _, changed = explained(shop, sale).records

    assert (unchanged.outcome, unchanged.findings) == (Outcome.SENT, ())
    assert [one.rule for one in changed.findings] == ["period_locked"]


def run(shop: Shop, *words: str) -> Any:
    return shop.run("mapping", "explain", *words, "--route", "demo")


def test_the_command_prints_tables_with_places_in_the_file_and_stores_nothing(shop: Shop) -> None:
    world = shop.world
    sale = world.won(world.account("Acme", ABN__c="123"), "100")
    world.forget_calls()

    result = run(shop, sale)

    text = plain(result.stdout)
    assert result.exit_code == 0, result.output
    assert "warn abn_invalid: ABN__c = 123. Correct the ABN in Salesforce" in text
    place = f"demo.yaml:{shop.line_of('unit_amount:')}"
    assert f"UnitAmount UnitPrice = 100.0 UnitPrice ({place}) 100.0000" in text
    assert {one["method"] for one in world.journal()} == {"GET"}
    with Ledger(world.url) as ledger, ledger._database.read() as conn:
        for table in (runs, entries, quarantine, reserved_names, target_contacts):
            assert conn.execute(table.select()).all() == [], table.name


def test_for_machines_the_refusals_of_the_suites_are_there_too(shop: Shop, tmp_path: Path) -> None:
    shop.ledger_at(f"sqlite:///{tmp_path / 'none.db'}")
    sale = shop.world.won(shop.world.account(), "100", "-300")

    result = run(shop, sale, "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["is_refused"] is True
    assert told["notes"] == [
        "The ledger cannot be read: other contacts and former invoices are not known."
    ]
    assert "amount_negative" in {one["rule"] for one in told["records"][1]["findings"]}
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("record_id", ["00kSb0000001008IAA", "001", "nonsense"])
def test_an_id_of_something_else_is_a_usage_error(shop: Shop, record_id: str) -> None:
    result = run(shop, record_id)

    assert result.exit_code == 2
    assert "It has 15 or 18 characters and begins with 001 or 006." in result.stderr


def test_a_record_that_the_org_does_not_show_is_said(shop: Shop) -> None:
    result = run(shop, "001000000000001AAA")

    assert result.exit_code == 1
    assert "the org shows no Account 001000000000001AAA" in result.stderr


def test_a_route_that_is_not_there_is_a_usage_error(shop: Shop) -> None:
    result = shop.run("mapping", "explain", "001000000000001AAA", "--route", "none")

    assert result.exit_code == 2
    assert "Known routes: demo." in result.stderr
