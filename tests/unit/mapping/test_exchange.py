"""Other currencies: which one a document is in, its rate, and converted amounts to the cent."""

import random
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor

import pyarrow as pa
import pytest

from sfxero.mapping.exchange import RATE, convert_lines, rates_on
from sfxero.mapping.totals import AMOUNT, FACTOR, PERCENT, line_amounts
from sfxero.model.findings import Severity

ID = "006000000000001AAA"
TABLE = {"USD": {"2026-01-01": "0.65", "2026-11-20": "0.655"}, "EUR": "0.6"}


def cents(value: Fraction) -> Fraction:
    """Round to cents, halves away from zero."""
    size = Fraction(floor(abs(value) * 100 + Fraction(1, 2)), 100)
    return size if value >= 0 else -size


@pytest.fixture
def sell(invoices, build, demo, organisation):
    """Sell one thing of 100.00 in a currency; returns the result."""

    def run(code, *, exchange=None, price="100", on="2026-11-20", org_rates=None, **changes):
        spec = build.respec(
            demo, invoices={"currency": "CurrencyIsoCode", "exchange": exchange or {}}
        )
        deal = build.opportunity(1, CurrencyIsoCode=code, CloseDate=date.fromisoformat(on))
        deal["Amount"] = Decimal(price) * changes.get("Quantity", 1)
        line = build.line(1, UnitPrice=Decimal(price), **changes)
        facts = replace(organisation, currencies=frozenset({"AUD", "USD"}))
        return invoices([deal], [line], spec=spec, facts=facts, org_rates=org_rates or {})

    return run


def one(build, result):
    assert build.rules(result) == []
    (payload,) = build.payloads(result).values()
    return payload


@pytest.mark.shows("Invoice.CurrencyCode", "Invoice.CurrencyRate")
def test_a_currency_that_xero_has_goes_as_it_is_and_xero_takes_its_own_rate(sell, build):
    payload = one(build, sell("USD"))
    assert (payload["CurrencyCode"], payload["Total"]) == ("USD", Decimal(110))
    assert "CurrencyRate" not in payload


@pytest.mark.shows("Invoice.CurrencyRate")
def test_amounts_of_the_organisations_own_currency_have_no_rate(sell, build):
    for exchange in ({}, {"rates": "table", "table": TABLE, "not_enabled": "convert"}):
        payload = one(build, sell("AUD", exchange=exchange))
        assert (payload["CurrencyCode"], payload["Total"]) == ("AUD", Decimal(110))
        assert "CurrencyRate" not in payload


@pytest.mark.shows("Invoice.CurrencyRate")
@pytest.mark.parametrize(
    ("on", "rate"),
    [
        ("2026-01-01", "0.65"),
        ("2026-11-19", "0.65"),
        ("2026-11-20", "0.655"),
        ("2029-01-01", "0.655"),
    ],
)
def test_a_rate_holds_from_its_day_until_the_next_one(sell, build, on, rate):
    result = sell("USD", exchange={"rates": "table", "table": TABLE}, on=on)
    assert one(build, result)["CurrencyRate"] == Decimal(rate)
    (document,) = result.documents
    assert document.meta["note"] == f"USD at {Decimal(rate):.6f} by table of {on}"


@pytest.mark.shows("Invoice.CurrencyRate")
def test_a_day_before_the_first_rate_has_none(sell, build):
    result = sell("USD", exchange={"rates": "table", "table": TABLE}, on="2025-12-31")
    (finding,) = result.findings
    assert (finding.rule, finding.value) == ("rate_missing", "USD of 2025-12-31")


@pytest.mark.shows("Invoice.CurrencyCode", "Invoice.CurrencyRate")
@pytest.mark.parametrize(
    ("code", "exchange", "rule"),
    [
        ("EUR", {}, "currency_not_enabled"),
        ("EUR", {"rates": "table", "table": TABLE}, "currency_not_enabled"),
        ("NZD", {"rates": "table", "table": TABLE, "not_enabled": "convert"}, "rate_missing"),
        ("EUR", {"rates": "salesforce", "not_enabled": "convert"}, "rate_missing"),
        (None, {}, "currency_missing"),
    ],
)
def test_what_has_no_currency_or_no_rate_is_refused_by_name(sell, build, code, exchange, rule):
    result = sell(code, exchange=exchange)
    assert (ID, rule) in build.rules(result)
    assert len(result.documents) == 0


@pytest.mark.shows("Invoice.CurrencyCode")
def test_amounts_of_a_currency_that_xero_lacks_are_converted_line_by_line(sell, build):
    exchange = {"rates": "table", "table": TABLE, "not_enabled": "convert"}
    result = sell("EUR", exchange=exchange, Quantity=Decimal(3))
    payload = one(build, result)
    (line,) = payload["LineItems"]
    # 300 EUR / 0.6 = 500 AUD; 100 EUR / 0.6 = 166.6667 AUD, three of which are 500.00.
    assert (line["Quantity"], line["UnitAmount"], line["LineAmount"]) == (
        Decimal(3), Decimal("166.6667"), Decimal(500),
    )  # fmt: skip
    totals = [payload[name] for name in ("SubTotal", "TotalTax", "Total")]
    assert totals == [Decimal(500), Decimal(50), Decimal(550)]
    assert payload["CurrencyCode"] == "AUD"
    assert "CurrencyRate" not in payload
    (document,) = result.documents
    assert document.meta["note"] == (
        "EUR at 0.600000 by table of 2026-11-20, converted to AUD line by line"
    )
    assert result.findings == []


def test_a_line_whose_converted_price_misses_its_amount_goes_as_one_piece(sell, build):
    exchange = {"rates": "table", "table": {"EUR": "0.6"}, "not_enabled": "convert"}
    result = sell("EUR", exchange=exchange, price="0.01", Quantity=Decimal(100_000))
    payload = one(build, result)
    # 1000 EUR are 1666.67 AUD; 100,000 times 0.0167 AUD would be 1670.00.
    (line,) = payload["LineItems"]
    assert (line["Quantity"], line["UnitAmount"], line["LineAmount"]) == (
        1, Decimal("1666.67"), Decimal("1666.67"),
    )  # fmt: skip
    assert build.rules(result, Severity.WARN) == [(ID, "converted_as_piece")]


def test_a_converted_line_that_is_too_large_is_refused(sell, build):
    exchange = {"rates": "table", "table": {"EUR": "0.000001"}, "not_enabled": "convert"}
    result = sell("EUR", exchange=exchange, price="10000.00")
    assert build.rules(result) == [(ID, "converted_range")]


@pytest.mark.shows("Invoice.CurrencyRate")
def test_salesforces_rates_are_crossed_if_its_currency_is_not_the_organisations(sell, build):
    day = date(2020, 1, 1)
    org_rates = {code: {day: Decimal(rate)} for code, rate in
                 (("GBP", "1"), ("AUD", "1.9"), ("USD", "1.25"))}  # fmt: skip
    result = sell("USD", exchange={"rates": "salesforce"}, org_rates=org_rates)
    assert one(build, result)["CurrencyRate"] == Decimal("0.657895")  # 1.25 / 1.9
    (document,) = result.documents
    assert document.meta["note"] == "USD at 0.657895 by salesforce of 2026-11-20"


def test_rates_that_cannot_divide_are_none():
    days = pa.array([date(2026, 1, 1)] * 3, pa.date32())
    table = {"AAA": {date.min: Decimal(0)}, "BBB": {date.min: Decimal(1_000_000)},
             "CCC": {date.min: Decimal("0.0000004")}}  # fmt: skip
    assert rates_on(pa.array(sorted(table), pa.large_string()), days, table).to_pylist() == (
        [None, None, None]
    )


@pytest.mark.shows("Invoice.CurrencyCode")
def test_thousands_of_converted_lines_come_to_what_exact_fractions_say():
    seed = 20261129
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    chance = random.Random(seed)  # noqa: S311 - test data, repeatable
    count = 10_000
    quantity = [Decimal(chance.randint(-(10**6), 10**7)).scaleb(-4) for _ in range(count)]
    price = [
        Decimal(chance.randint(0, 10 ** chance.randint(1, 9))).scaleb(-4) for _ in range(count)
    ]
    discount = [Decimal(chance.choice([0, chance.randint(0, 10**4)])) / 100 for _ in range(count)]
    rate = [Decimal(chance.randint(1, 10 ** chance.randint(3, 9))).scaleb(-6) for _ in range(count)]
    columns = {"Quantity": pa.array(quantity, FACTOR), "UnitAmount": pa.array(price, FACTOR),
               "DiscountRate": pa.array(discount, PERCENT)}  # fmt: skip
    columns["LineAmount"] = line_amounts(*columns.values()).cast(AMOUNT)

    converted, pieces = convert_lines(columns, pa.array(rate, RATE))

    rows = zip(*(converted[name].to_pylist() for name in columns), strict=True)
    for place, (q, p, d, amount) in enumerate(rows):
        told = cents(
            Fraction(quantity[place])
            * Fraction(price[place])
            * (100 - Fraction(discount[place]))
            / 100
        )
        expected = cents(told / Fraction(rate[place]))
        if abs(expected) >= 10**10:
            assert amount is None
            continue
        assert amount == expected
        assert cents(Fraction(q) * Fraction(p) * (100 - Fraction(d)) / 100) == expected
        assert pieces[place] or (q, d) == (quantity[place], discount[place])
    assert 0 < pieces.sum() < count
