"""Currencies and differences of cents: what arrives in Xero, is logged, and stays quiet."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.contract.sync.comparing import Comparer
from tests.contract.sync.kit import World

from sfxero.model.audit import AuditKind
from sfxero.model.findings import Severity
from sfxero.model.ids import RouteName, SourceId
from sfxero.model.states import Entity

pytestmark = pytest.mark.contract

HOUR = 3600


@pytest.fixture
def global_org(world: World) -> Iterator[World]:
    """An org with several currencies and dated rates."""
    world.control("POST", "/salesforce/options", {"multi_currency": True, "dated_rates": True})
    yield world
    world.control("POST", "/salesforce/options", {"multi_currency": False, "dated_rates": False})


def sell(world: World, code: str, *prices: str) -> str:
    """A won opportunity in another currency; its price book has no such entry, so it is edited."""
    opportunity = world.won(world.account(), *prices)
    for name, record in (
        ("Opportunity", opportunity),
        *(("OpportunityLineItem", row["Id"])
          for row in world.rows("OpportunityLineItem", OpportunityId=opportunity)),
    ):  # fmt: skip
        table = world.sandbox.org.records.tables[name]
        table[record] = table[record] | {"CurrencyIsoCode": code}
    return opportunity


def writes_of_another_run(world: World) -> list[str]:
    world.sleep(HOUR)
    world.forget_calls()
    world.run(full=True)
    return world.writes()


def explained(world: World) -> list[str]:
    """What a reconciliation finds; nothing of it may be open."""
    world.sleep(HOUR)
    outcome = Comparer(world).compare()
    assert outcome.open == [], outcome.verdict
    return [one.difference.kind.value for one in outcome.stored]


def sent_notes(world: World, opportunity: str) -> list[str | None]:
    events = world.ledger.audit.export(RouteName("demo"), source_id=SourceId(opportunity))
    return [
        one.values.note
        for one in events
        if one.fields["kind"] == AuditKind.SENT and one.values is not None
    ]


@pytest.mark.shows("Invoice.CurrencyCode", "Invoice.CurrencyRate")
def test_a_currency_that_xero_has_goes_as_it_is_at_the_orgs_dated_rate(global_org: World) -> None:
    world = global_org
    world.respec(invoices={"currency": "CurrencyIsoCode", "exchange": {"rates": "salesforce"}})
    opportunity = sell(world, "NZD", "100")

    world.run()

    (invoice,) = world.invoices
    assert (invoice.currency_code, invoice.currency_rate) == ("NZD", Decimal("1.085"))
    assert invoice.totals.total == Decimal(110)
    assert sent_notes(world, opportunity) == ["NZD at 1.085000 by salesforce of 2026-11-20"]
    assert writes_of_another_run(world) == []
    assert explained(world) == []


def test_without_rates_of_ours_xero_takes_its_own_and_another_run_is_quiet(
    global_org: World,
) -> None:
    global_org.respec(invoices={"currency": "CurrencyIsoCode"})
    sold = sell(global_org, "NZD", "100")

    global_org.run()

    (invoice,) = global_org.invoices
    assert invoice.currency_rate == global_org.books.currencies["NZD"][1] != 1
    assert '"CurrencyRate":' not in global_org.link(sold, Entity.INVOICE).source_snapshot
    assert writes_of_another_run(global_org) == []


@pytest.mark.shows("Invoice.CurrencyCode")
def test_a_plan_with_one_currency_gets_converted_amounts_and_the_log_says_how(
    global_org: World,
) -> None:
    world = global_org
    world.switch(multi_currency=False)
    world.respec(
        invoices={
            "currency": "CurrencyIsoCode",
            "exchange": {"rates": "salesforce", "not_enabled": "convert"},
        }
    )
    opportunity = sell(world, "NZD", "100")

    world.run()

    (invoice,) = world.invoices
    # 100 NZD / 1.085 = 92.165..., and 10 % of it.
    assert (invoice.currency_code, invoice.totals.sub_total) == ("AUD", Decimal("92.17"))
    assert invoice.totals.total == Decimal("101.39")
    assert sent_notes(world, opportunity) == [
        "NZD at 1.085000 by salesforce of 2026-11-20, converted to AUD line by line"
    ]
    assert writes_of_another_run(world) == []
    assert explained(world) == []


def test_a_converted_sum_may_miss_the_converted_amount_by_cents_and_is_explained(
    global_org: World,
) -> None:
    world = global_org
    rates = {"rates": "table", "table": {"USD": "0.6"}, "not_enabled": "convert"}
    world.respec(invoices={"currency": "CurrencyIsoCode", "exchange": rates})
    sell(world, "USD", "10", "10", "10")

    world.run()

    # Three times 16.67, while 30 USD are 50.00.
    assert [str(one.totals.sub_total) for one in world.invoices] == ["50.01"]
    assert explained(world) == ["rounded_otherwise"]


def test_an_org_without_dated_rates_has_one_of_each_currency(global_org: World) -> None:
    world = global_org
    world.control("POST", "/salesforce/options", {"dated_rates": False})
    world.respec(invoices={"currency": "CurrencyIsoCode", "exchange": {"rates": "salesforce"}})
    sell(world, "NZD", "100")

    world.run()

    assert [one.currency_rate for one in world.invoices] == [Decimal("1.085")]


def test_a_later_rate_of_the_org_counts_from_its_day(global_org: World) -> None:
    world = global_org
    rates = world.sandbox.org.records.tables["DatedConversionRate"]
    (old,) = (row for row in rates.values() if row["IsoCode"] == "NZD")
    day = date(2026, 11, 20)
    rates[old["Id"]] = old | {"NextStartDate": day}
    later = {"Id": "04w000000000099AAA", "StartDate": day, "ConversionRate": Decimal("1.1")}
    rates[later["Id"]] = old | later
    world.respec(invoices={"currency": "CurrencyIsoCode", "exchange": {"rates": "salesforce"}})
    sell(world, "NZD", "100")

    world.run()

    assert [one.currency_rate for one in world.invoices] == [Decimal("1.1")]


def test_a_currency_that_is_added_in_xero_cures_by_itself(global_org: World) -> None:
    world = global_org
    world.switch(multi_currency=False)
    world.respec(invoices={"currency": "CurrencyIsoCode"})
    opportunity = sell(world, "NZD", "100")
    world.run()
    assert world.quarantined() == {opportunity: ["currency_not_enabled"]}
    world.switch(multi_currency=True)
    world.sleep(HOUR)

    world.run()

    assert [one.currency_code for one in world.invoices] == ["NZD"]
    assert world.quarantined() == {}


@pytest.mark.shows("Invoice.SubTotal")
def test_a_difference_of_cents_becomes_a_line_and_the_log_says_so(world: World) -> None:
    world.org_switch(allow_amount_mismatch=True)
    line: dict[str, Any] = {"account_code": "200", "tax_type": "EXEMPTOUTPUT"}
    world.respec(invoices={"rounding": {"tolerance": "0.05", "line": line}})
    opportunity = world.won(world.account(), "99.98", "0.01")
    world.edit("Opportunity", opportunity, Amount=Decimal("100.00"))

    world.run("rounded")
    world.org_switch(allow_amount_mismatch=False)

    (invoice,) = world.invoices
    assert [str(one.line_amount) for one in invoice.lines] == ["99.98", "0.01", "0.01"]
    assert str(invoice.totals.sub_total) == "100.00"
    warned = world.ledger.quarantine.counts_by_rule(
        world.scope("rounded").run_id, severity=Severity.WARN
    )
    assert warned == {"amount_rounded": 1}
    assert sent_notes(world, opportunity) == ["amount less lines 0.0100"]
    assert json.loads(world.link(opportunity, Entity.INVOICE).target_snapshot)["SubTotal"] == "100"
    assert writes_of_another_run(world) == []


def test_a_difference_that_stays_with_the_lines_is_explained(world: World) -> None:
    world.org_switch(allow_amount_mismatch=True)
    world.respec(invoices={"rounding": {"tolerance": "0.05"}})
    opportunity = world.won(world.account(), "99.98")
    world.edit("Opportunity", opportunity, Amount=Decimal("100.00"))
    world.run()
    world.org_switch(allow_amount_mismatch=False)

    assert explained(world) == ["rounded_otherwise"]
    assert [str(one.totals.sub_total) for one in world.invoices] == ["99.98"]
