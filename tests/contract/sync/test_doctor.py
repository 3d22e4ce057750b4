"""`sfxero doctor`: each trouble is named with its line and its cure, and none hides another."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.ledger.auditing import run_sql
from tests.contract.sync.commands import Shop, plain
from tests.contract.sync.kit import World, contact_wish

from sfxero.errors import ConfigurationError
from sfxero.ledger import Ledger
from sfxero.ledger.migrations import VERSION_TABLE
from sfxero.ledger.tables import entries, reserved_names, runs, target_contacts, windows
from sfxero.mapping.loader import read_route
from sfxero.orchestration.hooks.xero import XeroHook
from sfxero.orchestration.looking import Look
from sfxero.sync import doctor

pytestmark = pytest.mark.contract

SETTINGS_SCOPES = (
    "accounting.contacts accounting.invoices accounting.payments.read accounting.settings.read"
)


@pytest.fixture
def shop(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    accounts, connections = (
        dict(world.books.accounts),
        list(world.sandbox.xero.identity.connections),
    )
    yield Shop(world, tmp_path, monkeypatch)
    world.books.accounts.update(accounts)
    world.control("POST", "/salesforce/options", {"multi_currency": False, "dated_rates": False})
    world.sandbox.xero.identity.connections[:] = connections
    world.org_switch(hidden_fields=[])


def examine(shop: Shop) -> dict[str, Any]:
    result = shop.run("doctor", "--route", "demo", "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["has_failed"] == (result.exit_code == 1)
    return report


def look_at(shop: Shop) -> dict[str, Any]:
    """The use case as the command calls it, but without the limiter, which takes its time."""
    spec, file = read_route(shop.file)
    with Look(spec, None) as look:
        report = doctor.examine(
            (spec, file),
            ledger=shop.world.ledger,
            salesforce=lambda: look.salesforce,
            xero=lambda: look,
        )
    return asdict(report)


def told(report: dict[str, Any], verdict: str = "failed") -> list[str]:
    """Each check of a verdict as `line: message. hint`."""
    return [
        f"{one['line']}: {one['message']}. {one['hint']}"
        for one in report["checks"]
        if one["verdict"] == verdict
    ]


@dataclass(frozen=True)
class Trouble:
    """What is done, the text whose line is named, and what is said of it."""

    provoke: Callable[[Shop], None]
    stands: str
    message: str
    hint: str
    verdict: str = "failed"


def hide(*fields: str) -> Callable[[Shop], None]:
    return lambda shop: shop.world.org_switch(hidden_fields=list(fields))


def edit(old: str, new: str) -> Callable[[Shop], None]:
    return lambda shop: shop.edit(old, new)


def archive(code: str) -> Callable[[Shop], None]:
    def provoke(shop: Shop) -> None:
        accounts = shop.world.books.accounts
        accounts[code] = replace(accounts[code], status="ARCHIVED")

    return provoke


def tracked(rule: str) -> Callable[[Shop], None]:
    return edit("    account_code:\n", f"    tracking:\n      - {rule}\n    account_code:\n")


def app_with(scopes: list[str]) -> Callable[[Shop], None]:
    """Let the connection be an app that has these scopes."""

    def provoke(shop: Shop) -> None:
        order = {"client_id": "narrow", "client_secret": "s3cret", "scopes": scopes}
        shop.world.control("POST", "/xero/apps", order)
        shop.connect_books(login="narrow", password="s3cret")

    return provoke


def aged_by_nobody(shop: Shop) -> None:
    """Let the app read aged receivables, though the route asks for none."""
    app_with([*SETTINGS_SCOPES.split(), "accounting.reports.aged.read"])(shop)
    shop.edit("# Account -> contact.", "reconcile:\n  aged_contacts: 0\n\n# Account -> contact.")


def exchanging(exchange: str) -> Callable[[Shop], None]:
    """Give the org several currencies, and the route a say on them."""

    def provoke(shop: Shop) -> None:
        options = {"multi_currency": True, "dated_rates": True}
        shop.world.control("POST", "/salesforce/options", options)
        currency = f"  currency: CurrencyIsoCode\n  exchange: {exchange}\n"
        shop.edit("  date: CloseDate\n", f"  date: CloseDate\n{currency}")

    return provoke


GRANT = "Correct the route file, or grant read access to the field."
CODE = "Add or restore the {} in Xero, or correct the route file."
TYPE = "Name a field of that type in the route file."
APP = "app in Xero, then authorise the app again."

TROUBLES = {
    "a hidden field": Trouble(
        hide("Account.ABN__c"),
        "tax_number:",
        "Account has no field ABN__c that the integration user may see",
        GRANT,
    ),
    "a hidden field of the sync itself": Trouble(
        hide("Opportunity.StageName"),
        "invoices:",
        "Opportunity has no field StageName that the integration user may see",
        GRANT,
    ),
    "the number's field": Trouble(
        edit('"SF-{Opportunity_Number__c}"', '"SF-{Order_Number__c}"'),
        'number: "SF-',
        "Opportunity has no field Order_Number__c that the integration user may see",
        GRANT,
    ),
    "a number made of an amount": Trouble(
        edit('"SF-{Opportunity_Number__c}"', '"SF-{Amount}"'),
        'number: "SF-',
        "Opportunity.Amount is of type currency, not a text or auto number",
        TYPE,
    ),
    "a parent's field": Trouble(
        edit(
            "by: Product2.Family\n      table:\n        Export",
            "by: Product2.Sort\n      table:\n        Export",
        ),
        "by: Product2.Sort",
        "OpportunityLineItem has no parent path Product2.Sort that the integration user may see",
        GRANT,
    ),
    "an amount that is no number": Trouble(
        edit("amount: Amount", "amount: StageName"),
        "amount: StageName",
        "Opportunity.StageName is of type picklist, not a number",
        TYPE,
    ),
    "a quantity that is no number": Trouble(
        edit("quantity: Quantity", "quantity: Name"),
        "quantity: Name",
        "OpportunityLineItem.Name is of type string, not a number",
        TYPE,
    ),
    "a date with a time": Trouble(
        edit("date: CloseDate", "date: SystemModstamp"),
        "date: SystemModstamp",
        "Opportunity.SystemModstamp is of type datetime, not a date",
        TYPE,
    ),
    "an account that is none": Trouble(
        edit("account: AccountId", "account: OwnerId"),
        "account: OwnerId",
        "Opportunity.OwnerId is of type reference, not a reference to Account",
        TYPE,
    ),
    "a compound field": Trouble(
        edit("{from: BillingStreet}", "{from: BillingAddress}"),
        "BillingAddress",
        "Account.BillingAddress is of type address, which cannot be extracted",
        "Name its parts, such as BillingStreet.",
    ),
    "an archived account": Trouble(
        archive("260"),
        'Freight: "260"',
        "account code 260 is archived",
        "Restore the account in Xero, or name another in the route file.",
    ),
    "an unknown account": Trouble(
        edit('Services: "200"', 'Services: "999"'),
        'Services: "999"',
        "account code 999 does not exist",
        CODE.format("account code"),
    ),
    "an unknown tax type": Trouble(
        edit("Export: EXEMPTEXPORT", "Export: ZERORATED"),
        "Export: ZERORATED",
        "tax type ZERORATED does not exist, or is not active",
        CODE.format("tax type"),
    ),
    "a tax type of purchases": Trouble(
        edit("default: OUTPUT", "default: INPUT"),
        "default: INPUT",
        "tax type INPUT cannot be used on revenue account 200",
        "Name a tax type for sales, such as OUTPUT, or let this one apply to revenue in Xero.",
    ),
    "a tax type of sales on an account of costs": Trouble(
        edit('Freight: "260"', 'Freight: "429"'),
        "default: OUTPUT",
        "tax type OUTPUT cannot be used on expense account 429",
        "Name a tax type for sales, such as OUTPUT, or let this one apply to expense in Xero.",
    ),
    "the scope of aged receivables that nobody asks for": Trouble(
        aged_by_nobody,
        "connection: xero_demo",
        "the token has the scope accounting.reports.aged.read, which the sync does not need",
        f"Take it from the {APP}",
        verdict="warning",
    ),
    "an unknown tracking option": Trouble(
        tracked("{category: Region, option: {value: Nowhere}}"),
        "value: Nowhere",
        "tracking option Nowhere of Region does not exist, or is archived",
        CODE.format("tracking option"),
    ),
    "an unknown tracking category": Trouble(
        tracked("{category: Moon, option: {value: Dark side}}"),
        "category: Moon",
        "tracking category Moon does not exist, or is archived",
        CODE.format("tracking category"),
    ),
    "an unknown item": Trouble(
        edit("    account_code:\n", "    item_code: {value: R-9}\n    account_code:\n"),
        "item_code:",
        "item R-9 does not exist",
        CODE.format("item"),
    ),
    "an unknown branding theme": Trouble(
        edit("without_lines: refuse", "without_lines: refuse\n  branding_theme: Golden"),
        "branding_theme:",
        "branding theme Golden does not exist",
        CODE.format("branding theme"),
    ),
    "a missing scope": Trouble(
        app_with(["accounting.contacts", "accounting.payments.read", "accounting.settings.read"]),
        "connection: xero_demo",
        "the token lacks the scope accounting.invoices",
        f"Add it to the {APP}",
    ),
    "a field of rows that lend": Trouble(
        edit(
            "  name_suffix: AccountNumber\n",
            "  related:\n    lead: {object: Contact, of: AccountId}\n  email: lead.E_mail__c\n",
        ),
        "email: lead",
        "Contact has no field E_mail__c that the integration user may see",
        GRANT,
    ),
    "numbers that are left to Xero": Trouble(
        edit('  number: "SF-{Opportunity_Number__c}"\n', "  numbering: xero\n"),
        "numbering:",
        "invoice numbers are Xero's own, so Xero itself refuses no second invoice",
        "What a lost reply left behind is found by its link alone: keep the ledger safe, and leave "
        "the links of invoices as they are.",
        verdict="warning",
    ),
    "a rate of a currency that the organisation lacks": Trouble(
        exchanging('{rates: table, table: {NZD: "1.1", USD: "0.7"}}'),
        "exchange:",
        "the organisation does not have USD, of which the route has rates",
        "Add the currency in Xero, or let the route convert: not_enabled.",
        verdict="warning",
    ),
    "a missing scope to read payments": Trouble(
        app_with(["accounting.contacts", "accounting.invoices", "accounting.settings.read"]),
        "connection: xero_demo",
        "the token lacks the scope accounting.payments.read: payments cannot be shown",
        f"Add it to the {APP[:-1]}; or leave xero_to_salesforce without a schedule.",
        verdict="warning",
    ),
    "a scope too many": Trouble(
        app_with([*SETTINGS_SCOPES.split(), "accounting.manualjournals"]),
        "connection: xero_demo",
        "the token has the scope accounting.manualjournals, which the sync does not need",
        f"Take it from the {APP}",
        verdict="warning",
    ),
    "a missing Salesforce connection": Trouble(
        lambda shop: shop.disconnect("SALESFORCE_DEMO"),
        "connection: salesforce_demo",
        "there is no connection salesforce_demo",
        "Create one of type salesforce in Airflow, or name another in the route file.",
    ),
    "a missing Xero connection": Trouble(
        lambda shop: shop.disconnect("XERO_DEMO"),
        "connection: xero_demo",
        "there is no connection xero_demo",
        "Create one of type xero in Airflow, or name another in the route file.",
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_each_trouble_is_named_once_with_its_line_and_its_cure(shop: Shop, name: str) -> None:
    trouble = TROUBLES[name]
    trouble.provoke(shop)

    report = look_at(shop)

    line = shop.line_of(trouble.stands)
    assert line > 0
    expected = [f"{line}: {trouble.message}. {trouble.hint}"]
    others = {"failed", "warning"} - {trouble.verdict}
    assert told(report, trouble.verdict) == expected
    assert [one for verdict in others for one in told(report, verdict)] == []


def test_a_field_that_cannot_show_anything_is_a_warning(shop: Shop) -> None:
    shop.world.org_switch(hidden_fields=["Opportunity.Xero_Amount_Due__c"])

    report = look_at(shop)

    (warning,) = told(report, "warning")
    assert "Xero_Amount_Due__c is missing or hidden" in warning
    assert "include/salesforce" in warning
    assert told(report, "failed") == []


def test_a_mirror_is_looked_at_if_the_route_has_one(shop: Shop) -> None:
    name = "objects that mirror Xero"
    assert name not in {one["name"] for one in look_at(shop)["checks"]}
    shop.edit("xero:\n", "mirror: {enabled: true}\nxero:\n")
    in_order = {one["name"]: one["message"] for one in look_at(shop)["checks"]}
    assert in_order[name] == "3 objects, all fields writable"
    shop.edit("{enabled: true}", "{enabled: true, payments: {object_name: Money__c}}")
    shop.world.org_switch(hidden_fields=["Xero_Invoice_Line__c.Quantity__c"])

    warnings = told(look_at(shop), "warning")

    line = shop.line_of("mirror:")
    assert [one.split(". ")[0] for one in warnings] == [
        f"{line}: Xero_Invoice_Line__c: Quantity__c is missing or hidden",
        f"{line}: Money__c: Money__c is missing or hidden",
    ]
    assert all("manifest/mirror.xml" in one for one in warnings)


def test_a_field_that_cannot_take_what_flows_back_is_refused(shop: Shop) -> None:
    shop.edit("  source: Account\n", "  source: Account\n  two_way: {tax_number: ask}\n")
    shop.world.org_switch(read_only_fields=["Account.ABN__c"])

    (failure,) = told(look_at(shop), "failed")

    line = shop.line_of("two_way:")
    assert failure.startswith(f"{line}: ABN__c is read-only for the integration user")
    shop.world.org_switch(read_only_fields=[])
    in_order = {one["name"]: one["message"] for one in look_at(shop)["checks"]}
    assert in_order["fields that flow back"] == "1 fields, all writable"


def test_a_route_in_order_passes_every_check(shop: Shop) -> None:
    result = shop.run("doctor", "--route", "demo")

    assert result.exit_code == 0
    text = plain(result.stdout)
    for words in (
        "route file ok mapping version",
        "ledger ok sqlite:///",
        "salesforce connection ok",
        "fields of Account ok",
        "fields of Opportunity ok",
        "fields of OpportunityLineItem ok",
        "fields that show Xero ok 11 fields, all writable",
        "xero connection ok connected to Sandbox Trading Pty Ltd",
        "xero scopes ok accounting.contacts accounting.invoices",
        "xero organisation ok Sandbox Trading Pty Ltd",
        "xero account codes ok 200, 260: active",
        "xero tax types ok EXEMPTEXPORT, OUTPUT: active",
        "xero currency ok AUD",
    ):
        assert words in text
    assert "failed" not in text
    assert "warning" not in text


def test_the_currencies_and_rates_that_a_route_uses_are_told(shop: Shop) -> None:
    exchanging("{rates: salesforce, not_enabled: convert}")(shop)

    told_well = {one["name"]: one["message"] for one in look_at(shop)["checks"]}

    assert told_well["rates of the org"] == "AUD, NZD, USD: one of each currency"
    assert told_well["xero currency"] == "AUD, the organisation's own; also NZD"


def test_all_troubles_are_told_at_once_and_the_table_has_their_lines(shop: Shop) -> None:
    names = ("a hidden field", "an amount that is no number", "an archived account",
             "an unknown tax type", "a missing scope")  # fmt: skip
    for name in names:
        TROUBLES[name].provoke(shop)

    result = shop.run("doctor", "--route", "demo")

    assert result.exit_code == 1
    text = plain(result.stdout)
    for name in names:
        trouble = TROUBLES[name]
        place = f"demo.yaml:{shop.line_of(trouble.stands)}"
        assert f"failed {trouble.message}. {trouble.hint} {place}" in text


def test_a_key_that_the_file_leaves_to_its_default_is_told_by_its_section(shop: Shop) -> None:
    shop.edit("  date: CloseDate\n", "")
    shop.world.org_switch(hidden_fields=["Opportunity.CloseDate"])

    (one,) = [check for check in look_at(shop)["checks"] if check["verdict"] == "failed"]

    assert (one["key"], one["line"]) == ("invoices.date", shop.line_of("invoices:"))


def test_a_wrong_secret_of_the_org_is_no_reason_to_leave_xero_unseen(shop: Shop) -> None:
    shop.connect_org(consumer_secret="wrong")

    report = look_at(shop)

    (failed,) = told(report)
    assert failed.startswith(f"{shop.line_of('connection: salesforce_demo')}: ")
    assert "wrong" not in failed
    assert "xero organisation" in {one["name"] for one in report["checks"]}


def test_an_organisation_that_is_not_connected_is_told_at_its_tenant_id(shop: Shop) -> None:
    shop.edit("connection: xero_demo\n", "connection: xero_demo\n  tenant_id: elsewhere\n")

    (failed,) = told(look_at(shop))

    assert failed.startswith(f"{shop.line_of('tenant_id: elsewhere')}: tenant elsewhere is not")
    assert "Sandbox Trading Pty Ltd" in failed


def test_an_app_without_an_organisation_fails_at_the_connection(shop: Shop) -> None:
    shop.world.control("POST", "/xero/disconnect")
    try:
        (failed,) = told(look_at(shop))
    finally:
        shop.world.control("POST", "/xero/reconnect")

    assert failed.startswith(f"{shop.line_of('connection: xero_demo')}: no organisation is")


def test_a_missing_ledger_is_a_warning_and_is_not_made(shop: Shop, tmp_path: Path) -> None:
    shop.ledger_at(f"sqlite:///{tmp_path / 'none.db'}")

    report = examine(shop)

    line = shop.line_of("connection: sfxero_ledger")
    (warning,) = told(report, "warning")
    assert warning.startswith(f"{line}: the ledger at sqlite:///")
    assert warning.endswith("The first task of the next run brings its tables up to date.")
    assert not (tmp_path / "none.db").exists()
    assert told(report) == []


def test_a_ledger_out_of_reach_fails_and_the_services_are_looked_at(shop: Shop) -> None:
    shop.ledger_at("postgresql://127.0.0.1:1/nowhere")

    report = examine(shop)

    (failed,) = told(report)
    assert failed.startswith(f"{shop.line_of('connection: sfxero_ledger')}: ")
    assert "xero organisation" in {one["name"] for one in report["checks"]}


def test_a_ledger_of_a_later_version_is_not_taken_for_an_older_one(
    shop: Shop, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'later.db'}"
    with Ledger(url) as ledger:
        ledger.migrate()
        run_sql(ledger, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608 - a constant
    shop.ledger_at(url)

    (failed,) = told(examine(shop))

    assert "are of a later version, 9999" in failed


def test_a_ledger_connection_that_names_none_is_told_as_a_failure(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SFXERO_LEDGER_URL")
    monkeypatch.setenv("AIRFLOW_CONN_SFXERO_LEDGER", "mysql://u:s3cret@h/db")

    (failed,) = told(examine(shop))

    assert failed.startswith(f"{shop.line_of('connection: sfxero_ledger')}: ")
    assert "has type mysql" in failed


def test_a_mistake_in_the_file_is_the_one_failure(shop: Shop) -> None:
    shop.edit("batch_size:", "batchsize:")

    (failed,) = told(examine(shop))

    assert f":{shop.line_of('batchsize')}: 'publish.batchsize' is unknown" in failed
    assert failed.endswith("Did you mean 'batch_size'?")


def test_an_unknown_route_is_a_usage_error_that_names_the_known_ones(shop: Shop) -> None:
    result = shop.run("doctor", "--route", "other")

    assert result.exit_code == 2
    assert "There is no route other" in result.stderr
    assert "Known routes: demo." in result.stderr


def test_nothing_is_written_to_a_service_or_into_the_ledger_but_the_calls(shop: Shop) -> None:
    shop.world.forget_calls()

    examine(shop)

    assert {one["method"] for one in shop.world.journal()} == {"GET"}
    with Ledger(shop.world.url) as ledger, ledger._database.read() as conn:
        for table in (runs, entries, reserved_names, target_contacts, windows):
            assert conn.execute(table.select()).all() == [], table.name


def test_the_first_task_of_a_run_refuses_a_token_that_lacks_a_scope(shop: Shop) -> None:
    TROUBLES["a missing scope"].provoke(shop)

    with pytest.raises(ConfigurationError, match=r"lacks the scopes accounting\.invoices"):
        XeroHook("xero_demo").find_tenant(None, shop.world.ledger)


@pytest.mark.shows("LineItems.TaxType")
def test_a_run_refuses_a_tax_type_that_its_account_does_not_take(world: World) -> None:
    lines = world.spec.invoices.lines.model_dump(mode="json", by_alias=True)
    lines["tax_type"]["default"] = "INPUT"
    world.respec(invoices={"lines": lines})

    with pytest.raises(ConfigurationError, match="tax type INPUT on account 200"):
        world.begin()


def test_contacts_that_were_never_matched_are_a_warning(shop: Shop) -> None:
    world = shop.world
    world.put_in_xero("Contacts", '{"Name":"Acme"}')
    assert "sfxero match --route demo" in told(examine(shop), "warning")[0]

    world.plan(contact_wish(name="Other"))
    world.publish()
    assert told(examine(shop), "warning") == []
