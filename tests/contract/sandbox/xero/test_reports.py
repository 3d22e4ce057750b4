"""Aged receivables of a contact and the trial balance."""

from decimal import Decimal

import pytest

pytestmark = pytest.mark.contract


def aged(xero, contact_id, **query):
    params = {"contactId": contact_id, **query}
    [report] = xero.get("Reports/AgedReceivablesByContact", params=params)["Reports"]
    return [[cell["Value"] for cell in row["Cells"]] for row in report["Rows"][1]["Rows"]]


def balances(xero, **query):
    [report] = xero.get("Reports/TrialBalance", params=query)["Reports"]
    rows = [row for section in report["Rows"][1:] for row in section["Rows"]]
    cells = [[cell["Value"] for cell in row["Cells"]] for row in rows]
    return {row[0]: [Decimal(value or 0) for value in row[1:]] for row in cells}


def test_aged_receivables_show_what_is_owed_on_a_day(xero):
    invoice = xero.put_invoice(InvoiceNumber="SF-1")
    xero.pay(invoice, "40.00", Date="2026-11-21")
    contact_id = invoice["Contact"]["ContactID"]
    rows = aged(xero, contact_id)
    assert rows[0][1:] == ["SF-1", "2026-12-20T00:00:00", "", "110.00", "40.00", "0.00", "70.00"]
    assert rows[-1][4:] == ["110.00", "40.00", "0.00", "70.00"]
    assert aged(xero, contact_id, date="2026-11-20")[0][5:] == ["0.00", "0.00", "110.00"]
    assert aged(xero, contact_id, date="2026-11-19") == [["Total", *[""] * 3, *["0.00"] * 4]]


def test_a_paid_invoice_is_not_aged_and_an_open_credit_counts_against_the_debt(xero):
    invoice = xero.put_invoice()
    contact_id = invoice["Contact"]["ContactID"]
    xero.hand(f"contacts/{contact_id}/receive", {"amount": "25.00"})
    assert aged(xero, contact_id)[-1][-1] == "85.00"
    xero.pay(invoice, "110.00")
    assert aged(xero, contact_id)[-1][-1] == "-25.00"


def test_aged_receivables_need_a_contact(xero):
    assert xero.call("GET", "Reports/AgedReceivablesByContact").status_code == 400


def test_the_trial_balance_balances_and_knows_tax_bank_and_debtors(xero):
    invoice = xero.put_invoice(Date="2026-11-05")
    xero.put_invoice(Date="2026-10-05", LineAmountTypes="Inclusive", CurrencyCode="NZD")
    xero.pay(invoice, "40.00")
    xero.hand(f"invoices/{invoice['InvoiceID']}/credit", {"amount": "11.00"})
    rows = balances(xero)
    assert rows["Total"][0] == rows["Total"][1] or rows["Total"][2] == rows["Total"][3]
    assert rows["Total"][2] == rows["Total"][3]
    assert rows["Business Bank Account (090)"][2] == 40
    # 100.00 less 10.00 credited, of November; October's foreign one is 90.91 / 1.085.
    assert rows["Sales (200)"] == [0, Decimal("90.00"), 0, Decimal("173.79")]


def test_income_of_earlier_years_stands_in_the_retained_earnings(xero):
    xero.put_invoice(Date="2026-06-30")
    rows = balances(xero)
    assert "Sales (200)" not in rows
    assert rows["Retained Earnings (960)"][3] == 100
