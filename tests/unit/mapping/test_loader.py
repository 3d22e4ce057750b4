"""Route files: what is read, and how mistakes are named."""

from decimal import Decimal

import pytest

from sfxero.errors import ConfigurationError, MappingFileError
from sfxero.mapping.loader import load_route, load_routes


@pytest.fixture
def edited(tmp_path, build):
    """Return the demo file with one text replaced by another."""

    def run(old, new, *, name="demo.yaml"):
        text = build.demo_file.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / name
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return path

    return run


def line_of(path, text):
    return next(
        number
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if text in line
    )


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("postal_address:", "postal_adress:", "'contacts.postal_adress' is unknown.",
         "Did you mean 'postal_address'?"),
        ("date: CloseDate", "zzz: CloseDate", "'invoices.zzz' is unknown.", "Known here: account,"),
        ("{from: ABN__c,", "{form: ABN__c,",
         "'contacts.tax_number.form' is unknown.",
         "Did you mean 'from'?"),
        ("lanes: 3", "lanes: 9",
         "'publish.lanes': input should be less than or equal to 5, not '9'.", None),
        ("status: AUTHORISED", "status: PAID",
         "'invoices.status': input should be 'DRAFT', 'SUBMITTED' or 'AUTHORISED', not 'PAID'.",
         None),
        ("max_share: 0.10", "max_share: 1.01",
         "'quarantine.max_share': input should be less than or equal to 1, not '1.01'.", None),
        ("days: 14", "days: 1.5", "'invoices.due.days': input should be a valid integer", None),
        ("with: abn", "with: abm",
         "'contacts.tax_number.with': there is no function 'abm'; known: abn, state_code, state_",
         None),
        ("with: abn", "with: tax_number",
         "'contacts.tax_number': this function needs 'country' or 'country_default'.", None),
        ("with: abn", "with: abn, country: BillingCountry",
         "'contacts.tax_number': 'country' and 'on_unknown' are for functions that differ", None),
        ("with: abn", "with: abn, on_unknown: warn",
         "'contacts.tax_number': 'country' and 'on_unknown' are for functions that differ", None),
        ("with: abn", "with: tax_number, country_default: Australia",
         "'contacts.tax_number.country_default' cannot be 'Australia'.", None),
        ("from: BillingCity", "from: 'Billing City'",
         "'contacts.postal_address.city.from.0' cannot be 'Billing City'.", None),
        ("{Id}", "{OwnerId}", "'invoices.url': the url must hold {Id}", None),
        ("lightning/", "xero/", "'invoices.url': Xero refuses a url", None),
        ('"SF-{', '"SF-{{', "'invoices.number': 'SF-{' has a brace without a field", None),
        ('"SF-{Opportunity_Number__c}"', "SF", "'invoices.number': a number needs a field", None),
        ('"@hourly"', "hourly", "'schedule': a schedule is a cron text", None),
        ('"@hourly"', "15 24 * * *",
         "'schedule': no such schedule: [15 24 * * *] is not acceptable, out of range", None),
        ('"@hourly"', "0 5 * * Mo", "'schedule': no such schedule: [0 5 * * mo] is not", None),
        ('"@hourly"', "H * * * *", "'schedule': no such schedule: Hashed definitions must", None),
        ('"@hourly"', '"@hourly"\ntimezone: Sydney', "'timezone': a time zone is a name", None),
        ('"@hourly"', '"@hourly"\ntimezone: ../etc', "'timezone': a time zone is a name", None),
        ('number: "SF-{Opportunity_Number__c}"', "numbering: template",
         "'invoices': 'number' is needed, unless 'numbering: xero' stands in its place.", None),
        ("date: CloseDate", "numbering: xero",
         "'invoices': 'number' is needed, unless 'numbering: xero' stands in its place.", None),
        ("name_suffix: AccountNumber", "related: {Lead: {object: Contact, of: AccountId}}",
         "'contacts.related.Lead.[key]' cannot be 'Lead'.", None),
        ("name_suffix: AccountNumber",
         "related: {lead: {object: Contact, of: AccountId}}\n  name_suffix: lead.Name",
         "'lead.Name' can stand in texts only, not where 'contacts' needs fields of the", None),
        ("account: AccountId",
         "related: {buyer: {object: Contact, of: X__c}}\n  when: {field: buyer.A, equals: '1'}",
         "'buyer.A' can stand in texts only, not where 'invoices' needs fields of the", None),
        ("status: AUTHORISED", "status: DRAFT\n  email: true",
         "'invoices': 'email' needs status AUTHORISED: a draft is not sent.", None),
        ("status: AUTHORISED", "status: AUTHORISED\n  email: true\n  sent_to_contact: true",
         "'invoices': 'email' marks invoices as sent itself: leave 'sent_to_contact' out.", None),
        ("name_suffix: AccountNumber", "persons: {object: Contact}",
         "'contacts.persons.of' is missing.", None),
        ("date: CloseDate", "exchange: {rates: salesforce}",
         "'invoices': 'exchange' needs 'currency', the field that says which one it is.", None),
        ("date: CloseDate", "exchange: {rates: table}",
         "'invoices.exchange': 'rates: table' and 'table' belong together.", None),
        ("date: CloseDate", "exchange: {not_enabled: convert}",
         "'invoices.exchange': 'not_enabled: convert' needs rates of 'table' or", None),
        ("date: CloseDate", "exchange: {rates: table, table: {USD: '0'}}",
         "'invoices.exchange.table.USD.0001-01-01': input should be greater than 0,", None),
        ("date: CloseDate", "exchange: {rates: table, table: {USD: {2026-13-01: '1'}}}",
         "'invoices.exchange.table.USD.2026-13-01.[key]': input should be a valid date", None),
        ("date: CloseDate", "exchange: {rates: table, table: {usd: '1'}}",
         "'invoices.exchange.table.usd.[key]' cannot be 'usd'.", None),
        ("date: CloseDate", "rounding: {tolerance: '2'}",
         "'invoices.rounding.tolerance': input should be less than or equal to 1, not '2'.", None),
        ("date: CloseDate", "rounding: {line: {account_code: '1', tax_type: X}}",
         "'invoices.rounding': 'line' needs a 'tolerance' above 0.", None),
        ("max_share: 0.10", "max_share: 0.10\n  max_share: 0.20", "'max_share' is given twice.",
         "The first is on line"),
        ("account: AccountId", "account: &a AccountId\n  currency: *a",
         "repeats a value by an alias", "Write the value out."),
        ("route: demo", "route: Demo Route", "'route' cannot be 'Demo Route'.", None),
        ("lanes: 3", "lanes: [3", "is not YAML:", None),
        ("{from: BillingCity}", "{from: []}",
         "'contacts.postal_address.city.from': name at least one field.", None),
        ('number: "SF-', 'number: "SF-{instance_url}',
         "'invoices.number': {instance_url} belongs into the url only.", None),
        ("  connection: sfxero_ledger", "", "'ledger': input should be a valid", None),
        ("lanes: 3", "lanes: {a: 1}",
         "'publish.lanes': input should be a valid integer, not a section.", None),
        ("lanes: 3", "lanes: [1]",
         "'publish.lanes': input should be a valid integer, not a list.", None),
        ("{from: BillingCity}", "{default: Perth}",
         "'contacts.postal_address.city': a field rule has one of 'from', 'template' and 'value'.",
         None),
        ("{from: BillingCity}", "{from: BillingCity, value: Perth}",
         "'contacts.postal_address.city': a field rule has one of 'from', 'template' and 'value'.",
         None),
        ("{from: BillingCity}", "{from: BillingCity, join: ' '}",
         "'contacts.postal_address.city': 'join' needs several fields in 'from'.", None),
        ("{from: BillingCity}", "{template: Perth}",
         "'contacts.postal_address.city.template': a template needs a field, such as {Name}; for",
         None),
        ("{from: BillingCity}", '{template: "{instance_url}"}',
         "'contacts.postal_address.city.template': {instance_url} belongs into the url", None),
        ("{days: 14}", "{days: 0, terms: day_of_month}",
         "'invoices.due': with terms 'day_of_month', days is a day of a month: 1 to 31.", None),
        ("{days: 14}", "{days: 14, terms: sometime}",
         "'invoices.due.terms': input should be 'after_date', 'after_month_end',", None),
        ("  without_lines: refuse", "  without_lines: one_line",
         "'invoices': 'without_lines: one_line' and 'single_line' belong together.", None),
        ("status: AUTHORISED", "status: DRAFT\n  sent_to_contact: true",
         "'invoices': 'sent_to_contact' needs status AUTHORISED: a draft is not sent.", None),
        ("  without_lines: refuse", "  when: {field: Type}",
         "'invoices.when': a comparison has one of: equals, is_not, one_of,", None),
        ("  without_lines: refuse", "  when: {equals: New}",
         "'invoices.when': a condition has one of 'all', 'any', 'not' and 'field'.", None),
        ("  without_lines: refuse", "  when: {all: [], any: []}",
         "'invoices.when': a condition has one of 'all', 'any', 'not' and 'field'.", None),
        ("  without_lines: refuse", "  when: {any: []}", "'invoices.when': 'any' is empty.", None),
        ("  without_lines: refuse", "  when: {field: Type, equals: A, above: B}",
         "'invoices.when': a comparison has one of: equals, is_not, one_of,", None),
        ("  without_lines: refuse", "  when: {field: 'No Name', equals: A}",
         "'invoices.when.field' cannot be 'No Name'.", None),
        ("  without_lines: refuse", "  when: {all: [{feild: Type, equals: A}]}",
         "'invoices.when.all.0.feild' is unknown", "Did you mean 'field'?"),
        ("lanes: 3", "? [a]\n  : 3", "a key must be plain text.", None),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_a_hint(edited, old, new, message, hint):
    path = edited(old, new)
    with pytest.raises(MappingFileError) as caught:
        load_route(path)
    assert caught.value.file == str(path)
    assert f"{path}:{caught.value.line}: {message}" in caught.value.message
    assert (caught.value.hint or "").startswith(hint or "")


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("  lanes: 3", "  lanes: 9", "lanes: 9"),
        ("    city: {from: BillingCity}", "    city: {form: BillingCity}", "form: BillingCity"),
        ("  due: {days: 14}", "  # no terms", "invoices:"),
        ("  max_share: 0.10", "  max_share: 0.10\n  max_share: 0.20", "max_share: 0.20"),
        ("route: demo", "route: demo_two", "route: demo_two"),
        ("      default: OUTPUT", "      default: OUTPUT\n      fallback: X", "fallback: X"),
    ],
)
def test_the_line_is_the_one_to_correct(edited, old, new, at):
    path = edited(old, new)
    with pytest.raises(MappingFileError) as caught:
        load_route(path)
    assert caught.value.line == line_of(path, at)


def test_the_file_is_named_after_its_route(edited):
    path = edited("", "", name="other.yaml")
    with pytest.raises(
        MappingFileError, match=r"the route is 'demo' but the file is 'other\.yaml'"
    ):
        load_route(path)


def test_values_are_not_what_yaml_makes_of_them_but_what_was_written(edited):
    path = edited('Freight: "260"', "Freight: 0260\n        NO: 12:30")
    table = load_route(path).invoices.lines.account_code.table
    assert table["Freight"] == "0260"
    assert table["NO"] == "12:30"


def test_a_share_never_was_a_float(edited):
    spec = load_route(edited("max_share: 0.10", "max_share: 0.1000000000000000055"))
    assert spec.quarantine.max_share == Decimal("0.1000000000000000055")


def test_a_rule_may_be_given_by_its_source_alone(edited):
    spec = load_route(edited("name: {from: Name, required: true}", "name: [Alias__c, Name]"))
    assert spec.contacts.name.from_ == ("Alias__c", "Name")


def test_a_lookup_needs_a_table_or_a_default(edited):
    path = edited(
        "        Export: EXEMPTEXPORT\n      default: OUTPUT", "        {}\n      default:"
    )
    with pytest.raises(MappingFileError, match="tax_type has neither a table nor a default"):
        load_route(path)


@pytest.mark.parametrize(
    "content", [b"", b"- a\n", b"just text", b"\xff\xfe\x00", b"a: \x01", b"a: 1\n---\nb: 2"]
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    path = tmp_path / "demo.yaml"
    path.write_bytes(content)
    with pytest.raises(MappingFileError):
        load_route(path)


def test_routes_are_sorted_and_other_files_left_alone(tmp_path, build):
    text = build.demo_file.read_text(encoding="utf-8")
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(text.replace("route: demo", f"route: {name}"))
    (tmp_path / "notes.md").write_text("not a route")
    assert [spec.route for spec in load_routes(tmp_path)] == ["a", "b"]


def test_a_missing_folder_is_a_mistake_of_the_configuration(tmp_path):
    with pytest.raises(ConfigurationError, match="is no folder of route files"):
        load_routes(tmp_path / "none")


@pytest.mark.parametrize(
    ("written", "read"), [("", None), ("~", None), ("null", None), ("'~'", "~")]
)
def test_an_empty_value_is_none_unless_quoted(edited, written, read):
    spec = load_route(
        edited("  connection: xero_demo", f"  connection: xero_demo\n  tenant_id: {written}")
    )
    assert spec.xero.tenant_id == read


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(MappingFileError, match="cannot be read: No such file"):
        load_route(tmp_path / "demo.yaml")


def test_a_section_of_defaults_may_be_left_out(edited):
    assert load_route(edited("ledger:\n  connection: sfxero_ledger\n", "")).ledger.connection == (
        "sfxero_ledger"
    )
