"""Items, tracking, themes and lock dates: what an invoice refers to in the organisation."""

from dataclasses import replace
from datetime import date

import pytest

RULES = {
    "item_code": "Description",
    "tracking": [
        {"category": "Region",
         "option": {"from": "Product2.Family", "table": {"Hardware": "Eastside"}}},
        {"category": "Team", "option": {"value": "Sales"}},
    ],
}  # fmt: skip


@pytest.fixture
def facts(organisation):
    return replace(
        organisation,
        items=frozenset({"R-1"}),
        tracking={"Region": frozenset({"Eastside"}), "Team": frozenset({"Sales"})},
        branding_themes={"Special": "theme-1"},
    )


@pytest.fixture
def made(demo, build, invoices, facts):
    """Return the invoice of one line by a route that refers to this and that, and its rules."""

    def run(
        line=None, opportunity=None, *, rules=RULES, organisation=facts, written=None, **sections
    ):
        spec = build.respec(demo, invoices={"lines": rules, **sections})
        record = build.opportunity(1, **(opportunity or {}))
        result = invoices(
            [record], [build.line(1, **(line or {}))], spec=spec, facts=organisation,
            written={record["Id"]: written} if written else {},
        )  # fmt: skip
        payloads = list(build.payloads(result).values())
        return (payloads or [None])[0], [rule for _, rule in build.rules(result)]

    return run


@pytest.mark.shows("LineItems.ItemCode", "LineItems.Tracking")
def test_a_line_names_its_item_and_its_tracking(made):
    payload, rules = made({"Description": "R-1"})
    (line,) = payload["LineItems"]
    assert line["ItemCode"] == "R-1"
    assert line["Tracking"] == [
        {"Name": "Region", "Option": "Eastside"}, {"Name": "Team", "Option": "Sales"},
    ]  # fmt: skip
    assert rules == []


@pytest.mark.shows("LineItems.ItemCode", "LineItems.Tracking")
def test_an_empty_item_or_option_is_left_out(made):
    payload, rules = made({"Description": None, "Product2.Family": None})
    (line,) = payload["LineItems"]
    assert "ItemCode" not in line
    assert line["Tracking"] == [{"Name": "Team", "Option": "Sales"}]
    assert rules == []


def test_a_line_in_no_category_has_no_tracking(made):
    payload, _ = made({"Product2.Family": None}, rules={"tracking": RULES["tracking"][:1]})
    assert "Tracking" not in payload["LineItems"][0]


@pytest.mark.shows("LineItems.ItemCode", "LineItems.Tracking")
def test_an_unknown_item_or_option_holds_the_invoice_back(made, facts):
    assert made({"Description": "R-2"}) == (None, ["item_code_unknown"])
    without = replace(facts, tracking={**facts.tracking, "Team": frozenset()})
    assert made({"Description": "R-1"}, organisation=without) == (None, ["tracking_option_unknown"])


def test_theme_and_sending_are_as_the_route_says(made):
    payload, _ = made(branding_theme="Special", sent_to_contact=True)
    assert (payload["BrandingThemeID"], payload["SentToContact"]) == ("theme-1", True)
    payload, _ = made()
    assert not {"BrandingThemeID", "SentToContact"} & set(payload)


@pytest.mark.shows("Invoice.Date")
@pytest.mark.parametrize(
    ("close", "policy", "dated", "rules"),
    [
        (date(2026, 10, 31), "refuse", None, ["period_locked"]),
        (date(2026, 11, 1), "refuse", "2026-11-01", []),
        (date(2026, 10, 1), "first_open_day", "2026-11-01", []),
        (date(2026, 11, 20), "first_open_day", "2026-11-20", []),
    ],
)
def test_a_locked_period_is_respected(made, facts, close, policy, dated, rules):
    locked = replace(facts, locked_until_on=date(2026, 10, 31))
    payload, found = made(opportunity={"CloseDate": close}, organisation=locked, lock_dates=policy)
    assert (payload and payload["Date"], found) == (dated, rules)
    if payload:
        assert payload["DueDate"] > payload["Date"]


@pytest.mark.parametrize(
    ("close", "policy", "dated", "rules"),
    [
        (date(2026, 10, 15), "refuse", "2026-10-15", []),
        (date(2026, 10, 16), "refuse", None, ["period_locked"]),
        (date(2026, 10, 16), "first_open_day", "2026-10-15", []),
        (date(2026, 11, 20), "first_open_day", "2026-11-20", []),
    ],
)
def test_an_invoice_that_xero_has_keeps_its_date_in_a_locked_period(
    made, facts, close, policy, dated, rules
):
    payload, found = made(
        opportunity={"CloseDate": close},
        organisation=replace(facts, locked_until_on=date(2026, 10, 31)),
        written=date(2026, 10, 15),
        lock_dates=policy,
    )
    assert (payload and payload["Date"], found) == (dated, rules)


ONE_LINE = {
    "without_lines": "one_line",
    "single_line": {"description": "StageName", "account_code": "260", "tax_type": "OUTPUT"},
}


@pytest.mark.shows("LineItems.UnitAmount", "LineItems.Description")
def test_an_opportunity_without_products_becomes_one_line_of_its_amount(demo, build, invoices):
    spec = build.respec(demo, invoices=ONE_LINE)
    opportunities = [
        build.opportunity(1),
        build.opportunity(2, Amount=build.cents(12345), StageName="Sold"),
        build.opportunity(3),
    ]
    lines = [build.line(1), build.line(2, parent=3), build.line(3, parent=2, IsDeleted=True)]
    result = invoices(opportunities, lines, spec=spec)
    payloads = list(build.payloads(result).values())
    (line,) = payloads[1]["LineItems"]
    assert (line["Description"], line["AccountCode"], str(line["LineAmount"])) == (
        "Sold", "260", "123.45",
    )  # fmt: skip
    assert str(payloads[1]["Total"]) == "135.80"
    assert [one["LineItems"][0]["Description"] for one in payloads] == ["Thing", "Sold", "Thing"]
    assert build.rules(result) == []


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        ({"StageName": None}, ["description_missing"]),
        ({"StageName": "Sold", "Amount": None}, ["unit_price_missing", "amount_missing"]),
    ],
)
def test_a_single_line_meets_the_same_rules(demo, build, invoices, fields, rules):
    spec = build.respec(demo, invoices=ONE_LINE)
    result = invoices([build.opportunity(1, **fields)], [], spec=spec)
    assert [rule for _, rule in build.rules(result)] == rules
