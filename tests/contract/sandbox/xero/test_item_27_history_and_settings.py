"""History and the Australian settings (item 27)."""

from decimal import Decimal

import pytest

pytestmark = pytest.mark.contract


def test_the_organisation_is_australian_and_shows_lock_dates_only_if_set(xero):
    [row] = xero.get("Organisation")["Organisations"]
    assert (row["Name"], row["BaseCurrency"]) == ("Sandbox Trading Pty Ltd", "AUD")
    assert (row["CountryCode"], row["Timezone"]) == ("AU", "AUSEASTERNSTANDARDTIME")
    assert "PeriodLockDate" not in row
    xero.switch(period_lock_date="2026-06-30")
    [row] = xero.get("Organisation")["Organisations"]
    assert row["PeriodLockDate"] == "/Date(1782777600000+0000)/"


def test_the_tax_table_says_where_each_type_may_be_used(xero):
    rates = {row["TaxType"]: row for row in xero.get("TaxRates")["TaxRates"]}
    assert rates["OUTPUT"]["EffectiveRate"] == Decimal("10.00")
    assert rates["OUTPUT"]["CanApplyToRevenue"]
    assert not rates["OUTPUT"]["CanApplyToExpenses"]
    assert not rates["INPUT"]["CanApplyToRevenue"]
    assert rates["BASEXCLUDED"]["CanApplyToRevenue"]
    assert len(rates) == 11


def test_the_chart_has_the_accounts_a_sync_looks_for(xero):
    accounts = {row["Code"]: row for row in xero.get("Accounts")["Accounts"]}
    assert (accounts["200"]["Class"], accounts["200"]["TaxType"]) == ("REVENUE", "OUTPUT")
    assert accounts["090"]["EnablePaymentsToAccount"]
    assert accounts["610"]["SystemAccount"] == "DEBTORS"
    assert accounts["860"]["SystemAccount"] == "ROUNDING"


def test_two_currencies_are_enabled(xero):
    assert [row["Code"] for row in xero.get("Currencies")["Currencies"]] == ["AUD", "NZD"]


def test_one_account_is_found_by_its_code(xero):
    [row] = xero.get("Accounts/860")["Accounts"]
    assert row["Name"] == "Rounding"
