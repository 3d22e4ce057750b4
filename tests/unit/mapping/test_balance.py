"""Lines against the opportunity's amount: what a small difference does, and what a greater one."""

from decimal import Decimal

import pytest

from sfxero.model.findings import Severity

ID = "006000000000001AAA"
LINE = {"account_code": "260", "tax_type": "EXEMPTEXPORT"}


@pytest.fixture
def sell(invoices, build, demo):
    """Sell lines of 60.00 and 40.00 for an amount, under a rounding policy."""

    def run(amount, *, mode="Exclusive", **rounding):
        spec = build.respec(demo, invoices={"rounding": rounding, "line_amount_types": mode})
        deal = build.opportunity(1, Amount=Decimal(amount))
        prices = ("60", "40")
        lines = [build.line(place, UnitPrice=Decimal(one)) for place, one in enumerate(prices, 1)]
        return invoices([deal], lines, spec=spec)

    return run


def totals(build, result):
    (payload,) = build.payloads(result).values()
    return [str(payload[name]) for name in ("SubTotal", "TotalTax", "Total")]


@pytest.mark.shows("Invoice.SubTotal")
def test_without_a_policy_a_cent_is_too_much(sell, build):
    for amount in ("100.01", "99.99"):
        assert build.rules(sell(amount)) == [(ID, "total_mismatch")]


@pytest.mark.shows("Invoice.SubTotal")
@pytest.mark.parametrize("amount", ["100.05", "99.95"])
def test_a_difference_within_the_tolerance_stays_with_the_lines_and_is_told(sell, build, amount):
    result = sell(amount, tolerance="0.05")
    assert totals(build, result) == ["100.00", "10.00", "110.00"]
    (finding,) = result.findings
    assert (finding.rule, finding.severity) == ("amount_rounded", Severity.WARN)
    assert finding.value == f"predicted subtotal 100.00, Amount {amount}"
    (document,) = result.documents
    assert document.meta["note"] == f"amount less lines {Decimal(amount) - 100:.4f}"


@pytest.mark.shows("Invoice.SubTotal")
@pytest.mark.parametrize("amount", ["100.06", "99.94", "-100"])
def test_a_difference_beyond_the_tolerance_is_refused(sell, build, amount):
    result = sell(amount, tolerance="0.05", line=LINE)
    assert build.rules(result) == [(ID, "total_mismatch")]
    assert build.rules(result, Severity.WARN) == []


@pytest.mark.shows("Invoice.SubTotal", "Invoice.Total")
@pytest.mark.parametrize(
    ("mode", "amount", "expected"),
    [
        ("Exclusive", "100.05", ["100.05", "10.00", "110.05"]),
        ("Exclusive", "99.95", ["99.95", "10.00", "109.95"]),
        ("Inclusive", "100.05", ["90.96", "9.09", "100.05"]),
        ("NoTax", "99.97", ["99.97", "0.00", "99.97"]),
    ],
)
def test_a_difference_becomes_a_line_if_the_route_names_one(sell, build, mode, amount, expected):
    result = sell(amount, mode=mode, tolerance="0.05", line=LINE)
    assert totals(build, result) == expected
    (payload,) = build.payloads(result).values()
    last = payload["LineItems"][-1]
    gap = Decimal(amount) - 100
    assert len(payload["LineItems"]) == 3
    assert (last["Description"], last["AccountCode"]) == ("Rounding", "260")
    assert (last["Quantity"], last["UnitAmount"], last["LineAmount"]) == (1, gap, gap)
    assert build.rules(result, Severity.WARN) == [(ID, "amount_rounded")]


def test_an_amount_that_fits_gets_no_line(sell, build):
    result = sell("100", tolerance="0.05", line=LINE)
    assert result.findings == []
    (payload,) = build.payloads(result).values()
    assert len(payload["LineItems"]) == 2
    assert [one.meta for one in result.documents] == [{"number": "SF-000001"}]
