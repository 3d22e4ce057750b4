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
    accounts = {row.get("Code"): row for row in xero.get("Accounts")["Accounts"]}
    assert (accounts["200"]["Class"], accounts["200"]["TaxType"]) == ("REVENUE", "OUTPUT")
    assert accounts["090"]["EnablePaymentsToAccount"]
    assert accounts["610"]["SystemAccount"] == "DEBTORS"
    assert accounts["860"]["SystemAccount"] == "ROUNDING"


def test_two_currencies_are_enabled(xero):
    assert [row["Code"] for row in xero.get("Currencies")["Currencies"]] == ["AUD", "NZD"]


def test_one_account_is_found_by_its_code(xero):
    [row] = xero.get("Accounts/860")["Accounts"]
    assert row["Name"] == "Rounding"


def history(xero, path):
    return xero.get(f"{path}/History")["HistoryRecords"]


def test_item_27_history_tells_what_happened_newest_first(xero):
    invoice = xero.put_invoice(Status="DRAFT")
    path = f"Invoices/{invoice['InvoiceID']}"
    xero.post(path, {"Status": "AUTHORISED"})
    xero.pay(invoice, "10.00")
    assert [row["Changes"] for row in history(xero, path)] == [
        "Payment made",
        "Approved",
        "Created",
    ]
    assert "10.00" in history(xero, path)[0]["Details"]
    assert history(xero, path)[0]["User"] == "Sandbox custom connection"


def test_item_27_notes_are_added_and_stay(xero):
    contact = xero.put_contact("Maple")
    path = f"Contacts/{contact['ContactID']}"
    body = {"HistoryRecords": [{"Details": "Synced from 001A"}]}
    [added] = xero.put(f"{path}/History", body)["HistoryRecords"]
    assert (added["Changes"], added["Details"]) == ("Note", "Synced from 001A")
    assert history(xero, path)[0] == added


@pytest.mark.parametrize(("length", "status"), [(2500, 200), (2501, 400), (0, 400)])
def test_item_27_a_note_has_at_most_2500_characters(xero, length, status):
    contact = xero.put_contact("Maple")
    body = {"HistoryRecords": [{"Details": "x" * length}]}
    reply = xero.call("PUT", f"Contacts/{contact['ContactID']}/History", json=body)
    assert reply.status_code == status


def test_item_27_what_was_undone_leaves_no_history(xero):
    contact = xero.put_contact("Maple")
    xero.switch(partial_commit=False)
    rows = [{"ContactID": contact["ContactID"], "FirstName": "A"}, {"Name": ""}]
    assert xero.call("POST", "Contacts", json={"Contacts": rows}).status_code == 400
    assert len(history(xero, f"Contacts/{contact['ContactID']}")) == 1


def test_item_27_history_of_an_unknown_record_is_not_found(xero):
    path = "Invoices/5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60/History"
    assert xero.call("GET", path).status_code == 404


def test_item_27_actions_say_what_may_be_done(xero):
    def actions():
        return {row["Name"]: row["Status"] for row in xero.get("Organisation/Actions")["Actions"]}

    assert set(actions().values()) == {"ALLOWED"}
    xero.switch(multi_currency=False, approval_cap=1)
    xero.put_invoice()
    assert actions()["UseMulticurrency"] == "NOT-ALLOWED"
    assert actions()["CreateApprovedInvoice"] == "NOT-ALLOWED"
    assert actions()["CreateDraftInvoice"] == "ALLOWED"


def test_item_27_items_show_four_decimals_on_request(xero):
    [item] = xero.get("Items/CABLE?unitdp=4")["Items"]
    assert (item["IsSold"], str(item["SalesDetails"]["UnitPrice"])) == (True, "2.1875")
    assert str(xero.get("Items/CABLE")["Items"][0]["SalesDetails"]["UnitPrice"]) == "2.19"
    assert xero.call("GET", "Items/none").status_code == 404


def test_item_27_two_tracking_categories_have_options(xero):
    rows = xero.get("TrackingCategories")["TrackingCategories"]
    assert [row["Name"] for row in rows] == ["Region", "Department"]
    one = xero.get(f"TrackingCategories/{rows[0]['TrackingCategoryID']}")["TrackingCategories"]
    assert {option["Name"] for option in one[0]["Options"]} == {"North", "South", "East", "West"}


def test_item_27_branding_themes_have_an_order(xero):
    rows = xero.get("BrandingThemes")["BrandingThemes"]
    assert [(row["Name"], row["SortOrder"]) for row in rows] == [("Standard", 0), ("Plain", 1)]


@pytest.mark.parametrize("body", [{}, {"json": {}}, {"json": {"Status": ""}}])
def test_item_27_the_online_invoice_and_the_email(xero, body):
    xero.switch(strict_requests="refuse")
    contact = xero.put_contact("Maple", EmailAddress="a@example.com")
    invoice = xero.put_invoice(Contact={"ContactID": contact["ContactID"]})
    path = f"Invoices/{invoice['InvoiceID']}"
    [row] = xero.get(f"{path}/OnlineInvoice")["OnlineInvoices"]
    assert row["OnlineInvoiceUrl"].startswith("https://in.xero.com/")
    assert xero.call("POST", f"{path}/Email", **body).status_code == 204
    assert xero.invoice(invoice)["SentToContact"]


def test_item_27_settings_that_changed_are_listed_by_the_time_of_their_change(xero):
    since = {"If-Modified-Since": "2026-11-22T03:09:59"}
    assert xero.get("Accounts", headers=since)["Accounts"] == []
    xero.hand("accounts/210/archive")
    [row] = xero.get("Accounts", headers=since)["Accounts"]
    assert (row["Code"], row["Status"]) == ("210", "ARCHIVED")
    assert xero.get("Items", headers=since)["Items"] == []
