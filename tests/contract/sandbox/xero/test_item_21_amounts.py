"""Line amounts, tax and totals (item 21)."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxero.sandbox.xero.amounts import expected_amount, tax_on, totals_of
from sfxero.sandbox.xero.models import Line

pytestmark = pytest.mark.contract


def line(**fields: Any) -> dict[str, Any]:
    return {"Description": "x", "Quantity": 1, "UnitAmount": 100, "AccountCode": "200", **fields}


def figures(invoice):
    return tuple(str(invoice[name]) for name in ("SubTotal", "TotalTax", "Total"))


money = st.decimals("0.01", "99999", places=4)


def _taxed(quantity: Decimal, unit: Decimal, types: str) -> Line:
    bare = Line("id", quantity=quantity, unit_amount=unit)
    amount = expected_amount(bare, ROUND_HALF_UP)
    tax = tax_on(amount, Decimal(10), types=types, mode=ROUND_HALF_UP)
    return Line("id", quantity=quantity, unit_amount=unit, line_amount=amount, tax_amount=tax)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ("Exclusive", ("100.00", "10.00", "110.00")),
        ("Inclusive", ("90.91", "9.09", "100.00")),
        ("NoTax", ("100.00", "0.00", "100.00")),
    ],
)
def test_totals_follow_the_line_amount_types(xero, types, expected):
    assert figures(xero.put_invoice(LineAmountTypes=types, LineItems=[line()])) == expected


def test_tax_is_rounded_per_line_and_then_summed(xero):
    # At 10 %: 0.05 -> 0.01 each by half-up, while the sum's tax would be 0.02 (0.015).
    lines = [line(UnitAmount="0.05")] * 3
    assert figures(xero.put_invoice(LineItems=lines)) == ("0.15", "0.03", "0.18")


def test_the_documented_example_of_rounding():
    rate, mode = Decimal(15), ROUND_HALF_UP
    amounts = [Decimal(text) for text in ("25.06", "25.61", "25.63")]
    taxes = [tax_on(amount, rate, types="Exclusive", mode=mode) for amount in amounts]
    assert taxes == [Decimal("3.76"), Decimal("3.84"), Decimal("3.84")]
    assert sum(taxes) == Decimal("11.44")


def test_the_rounding_mode_is_a_switch(xero):
    xero.switch(rounding="half_even")
    assert figures(xero.put_invoice(LineItems=[line(UnitAmount="0.05")]))[1] == "0.00"


@pytest.mark.parametrize(
    ("query", "unit", "amount"), [("", "1.23", "12.30"), ("?unitdp=4", "1.2345", "12.35")]
)
def test_four_decimals_of_a_price_need_unitdp_on_the_write(xero, query, unit, amount):
    row = xero.put_invoice(query=query, LineItems=[line(Quantity=10, UnitAmount="1.2345")])
    stored = xero.get(f"Invoices/{row['InvoiceID']}?unitdp=4")["Invoices"][0]["LineItems"][0]
    assert Decimal(stored["UnitAmount"]) == Decimal(unit)
    assert str(stored["LineAmount"]) == amount


def test_four_decimals_of_a_price_need_unitdp_on_the_read(xero):
    row = xero.put_invoice(query="?unitdp=4", LineItems=[line(UnitAmount="1.2345")])
    stored = xero.get(f"Invoices/{row['InvoiceID']}")["Invoices"][0]["LineItems"][0]
    assert str(stored["UnitAmount"]) == "1.23"


def test_quantities_have_four_decimals(xero):
    row = xero.put_invoice(LineItems=[line(Quantity="0.33335")])
    assert str(row["LineItems"][0]["Quantity"]) == "0.3334"


@pytest.mark.parametrize(
    ("fields", "amount"),
    [
        ({"DiscountRate": 12.5}, "87.50"),
        ({"DiscountAmount": "12.34"}, "87.66"),
        ({"DiscountRate": 100}, "0.00"),
        ({"DiscountRate": 0}, "100.00"),
    ],
)
def test_discounts_lower_the_line(xero, fields, amount):
    assert str(xero.put_invoice(LineItems=[line(**fields)])["SubTotal"]) == amount


@pytest.mark.parametrize(
    "fields", [{"DiscountRate": 101}, {"DiscountRate": -1}, {"DiscountAmount": "100.01"}]
)
def test_a_discount_beyond_the_line_is_refused(xero, fields):
    message = xero.invoice_refused(LineItems=[line(**fields)])
    assert "Discount must not be greater than the line total." in message


def test_a_bill_takes_no_discount(xero):
    lines = [line(AccountCode="429", DiscountRate=5)]
    assert "sales invoices" in xero.invoice_refused(Type="ACCPAY", LineItems=lines)


def test_a_wrong_line_amount_is_refused_and_a_right_one_taken(xero):
    message = xero.invoice_refused(LineItems=[line(LineAmount="99.99")])
    assert "The line total 99.99 does not match the expected line total 100.00" in message
    assert xero.put_invoice(LineItems=[line(LineAmount=100)])["Total"] == 110


@pytest.mark.parametrize("field", ["SubTotal", "TotalTax", "Total"])
def test_each_check_value_is_compared(xero, field):
    right = {"SubTotal": "100.00", "TotalTax": "10.00", "Total": "110.00"}
    assert xero.put_invoice(LineItems=[line()], **right)["Total"] == 110
    message = xero.invoice_refused(LineItems=[line()], **{**right, field: "1.00"})
    assert "The invoice total does not equal the sum of the lines." in message


def test_the_tax_type_comes_from_the_account(xero):
    row = xero.put_invoice(LineItems=[line(AccountCode="215"), line()])
    assert [each["TaxType"] for each in row["LineItems"]] == ["EXEMPTOUTPUT", "OUTPUT"]
    assert str(row["TotalTax"]) == "10.00"


def test_a_sent_tax_amount_overrides(xero):
    assert str(xero.put_invoice(LineItems=[line(TaxAmount="9.99")])["Total"]) == "109.99"


def test_a_rounding_line_may_use_the_rounding_account(xero):
    rounding = line(AccountCode="860", UnitAmount="-0.01")
    assert figures(xero.put_invoice(LineItems=[line(), rounding])) == ("99.99", "10.00", "109.99")


def test_a_line_may_be_description_only(xero):
    row = xero.put_invoice(LineItems=[line(), {"Description": "Thank you"}])
    assert "LineAmount" not in row["LineItems"][1]
    assert str(row["Total"]) == "110.00"


def test_a_foreign_invoice_takes_the_day_rate_or_its_own(xero):
    assert str(xero.put_invoice(CurrencyCode="NZD")["CurrencyRate"]) == "1.085000"
    row = xero.put_invoice(CurrencyCode="NZD", CurrencyRate="1.1234567")
    assert str(row["CurrencyRate"]) == "1.123457"
    assert str(xero.put_invoice()["CurrencyRate"]) == "1.000000"


def test_amounts_are_exact_numbers_on_the_wire(xero):
    reply = xero.call("PUT", "Invoices", json=xero.invoice_body())
    assert b'"Total":110.00,' in reply.content


@pytest.mark.parametrize("value", ["abc", True, [], "1e400", "NaN"])
def test_a_number_that_is_none_is_error_14(xero, value):
    reply = xero.call("PUT", "Invoices", json=xero.invoice_body(LineItems=[line(UnitAmount=value)]))
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 14)


@given(quantities=st.lists(st.tuples(money, money), min_size=1, max_size=8))
def test_subtotal_and_tax_always_add_up_to_the_total(quantities):
    for types in ("Exclusive", "Inclusive", "NoTax"):
        lines = [_taxed(quantity, unit, types) for quantity, unit in quantities]
        totals = totals_of(lines, types=types, mode=ROUND_HALF_UP)
        assert totals.sub_total + totals.total_tax == totals.total
        assert totals.total_tax == sum(each.tax_amount for each in lines)
        if types == "Inclusive":
            assert totals.total == sum(each.line_amount for each in lines)
