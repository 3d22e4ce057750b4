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

    def run(line=None, opportunity=None, *, rules=RULES, organisation=facts, **sections):
        spec = build.respec(demo, invoices={"lines": rules, **sections})
        result = invoices(
            [build.opportunity(1, **(opportunity or {}))], [build.line(1, **(line or {}))],
            spec=spec, facts=organisation,
        )  # fmt: skip
        payloads = list(build.payloads(result).values())
        return (payloads or [None])[0], [rule for _, rule in build.rules(result)]

    return run


def test_a_line_names_its_item_and_its_tracking(made):
    payload, rules = made({"Description": "R-1"})
    (line,) = payload["LineItems"]
    assert line["ItemCode"] == "R-1"
    assert line["Tracking"] == [
        {"Name": "Region", "Option": "Eastside"}, {"Name": "Team", "Option": "Sales"},
    ]  # fmt: skip
    assert rules == []


def test_an_empty_item_or_option_is_left_out(made):
    payload, rules = made({"Description": None, "Product2.Family": None})
    (line,) = payload["LineItems"]
    assert "ItemCode" not in line
    assert line["Tracking"] == [{"Name": "Team", "Option": "Sales"}]
    assert rules == []


def test_a_line_in_no_category_has_no_tracking(made):
    payload, _ = made({"Product2.Family": None}, rules={"tracking": RULES["tracking"][:1]})
    assert "Tracking" not in payload["LineItems"][0]


def test_an_unknown_item_or_option_holds_the_invoice_back(made, facts):
    assert made({"Description": "R-2"}) == (None, ["item_code_unknown"])
    without = replace(facts, tracking={**facts.tracking, "Team": frozenset()})
    assert made({"Description": "R-1"}, organisation=without) == (None, ["tracking_option_unknown"])


def test_theme_and_sending_are_as_the_route_says(made):
    payload, _ = made(branding_theme="Special", sent_to_contact=True)
    assert (payload["BrandingThemeID"], payload["SentToContact"]) == ("theme-1", True)
    payload, _ = made()
    assert not {"BrandingThemeID", "SentToContact"} & set(payload)


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
