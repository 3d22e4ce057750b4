"""What a document refers to (item 22)."""

import pytest
from tests.contract.sandbox.xero.conftest import LINE

pytestmark = pytest.mark.contract


@pytest.mark.parametrize(
    ("fields", "fragment"),
    [
        ({"Contact": ...}, "A Contact must be specified"),
        ({"LineItems": ...}, "One or more line items must be specified"),
        ({"LineItems": []}, "One or more line items must be specified"),
        ({"Type": ...}, "type must be specified"),
        ({"DueDate": ...}, "DueDate"),
        ({"LineItems": [{**LINE, "AccountCode": None}]}, "Account code or ID must be specified"),
        ({"LineItems": [{**LINE, "AccountCode": None}]}, "The TaxType field is mandatory"),
        ({"LineItems": [{**LINE, "AccountCode": "999"}]}, "Account code '999' is not a valid code"),
        ({"LineItems": [{**LINE, "AccountCode": "610"}]}, "Account code '610' is not a valid code"),
        ({"LineItems": [{**LINE, "AccountCode": "090"}]}, "Account code '090' is not a valid code"),
        ({"LineItems": [{**LINE, "AccountCode": "220"}]}, "has been archived, or has been deleted"),
        (
            {"LineItems": [{**LINE, "TaxType": "INPUT"}]},
            "The TaxType code 'INPUT' cannot be used with account code '200'.",
        ),
        ({"LineItems": [{**LINE, "TaxType": "OUTPUT2"}]}, "'OUTPUT2' does not exist"),
        ({"LineItems": [{**LINE, "ItemCode": "GB1"}]}, "Item code 'GB1' is not valid"),
        ({"LineItems": [{**LINE, "Description": "x" * 4001}]}, "maximum length of 4000"),
        ({"LineItems": [{**LINE, "Tracking": [{"Name": "Region", "Option": "Moon"}]}]}, "tracking"),
        ({"CurrencyCode": "USD"}, "Organisation is not subscribed to currency USD"),
        ({"Url": "https://go.XERO.com/1"}, "xero"),
        ({"Url": "no address"}, "valid absolute URL"),
        ({"InvoiceNumber": "Nº 1"}, "printable ASCII"),
        ({"InvoiceNumber": "x" * 256}, "maximum length of 255"),
        ({"Reference": "x" * 256}, "maximum length of 255"),
        (
            {"LineItems": [{**LINE, "Tracking": [{"Name": "Region", "Option": "North"}] * 3}]},
            "at most 2 tracking categories",
        ),
        ({"BrandingThemeID": "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"}, "branding theme"),
        ({"Contact": {"ContactID": "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"}}, "was not found"),
        ({"LineItems": [{**LINE, "UnitAmount": -100}]}, "must not be negative"),
    ],
)
def test_an_invoice_against_the_rules_is_refused_whole(xero, fields, fragment):
    assert fragment in xero.invoice_refused(**fields)
    assert xero.sandbox.xero.books.invoices == {}
    assert xero.sandbox.xero.books.contacts == {}


def test_a_contact_with_only_a_name_is_matched_or_created(xero):
    old = xero.put_contact("Maple Florist")
    assert xero.put_invoice()["Contact"]["ContactID"] == old["ContactID"]
    created = xero.put_invoice(Contact={"Name": "Newcomer"})["Contact"]
    assert xero.get(f"Contacts/{created['ContactID']}")["Contacts"][0]["IsCustomer"]


def test_item_22_an_item_fills_what_the_line_leaves_out(xero):
    line = {"ItemCode": "EXPORT", "Quantity": 2}
    [row] = xero.put_invoice(LineItems=[line])["LineItems"]
    assert (row["Description"], row["AccountCode"]) == ("Export kit", "210")
    assert (row["TaxType"], str(row["LineAmount"])) == ("EXEMPTEXPORT", "8400.00")


def test_item_22_what_the_line_says_goes_before_its_item(xero):
    line = {"ItemCode": "EXPORT", "Description": "Ours", "UnitAmount": 5, "AccountCode": "200"}
    [row] = xero.put_invoice(LineItems=[{**line, "TaxType": "OUTPUT"}])["LineItems"]
    assert (row["Description"], row["AccountCode"], str(row["UnitAmount"])) == (
        "Ours",
        "200",
        "5.00",
    )


def test_item_22_a_plan_without_other_currencies_refuses_them(xero):
    assert xero.put_invoice(CurrencyCode="NZD")["CurrencyCode"] == "NZD"
    xero.switch(multi_currency=False)
    assert "not subscribed to currency NZD" in xero.invoice_refused(CurrencyCode="NZD")


def test_item_22_an_account_that_is_archived_later_is_refused_from_then_on(xero):
    xero.hand("accounts/200/archive")
    assert "has been archived, or has been deleted" in xero.invoice_refused()


def test_item_22_two_tracking_categories_fit_and_a_known_theme(xero):
    tracking = [{"Name": "Region", "Option": "North"}, {"Name": "Department", "Option": "Sales"}]
    theme = xero.get("BrandingThemes")["BrandingThemes"][0]["BrandingThemeID"]
    row = xero.put_invoice(LineItems=[{**LINE, "Tracking": tracking}], BrandingThemeID=theme)
    assert (row["BrandingThemeID"], row["LineItems"][0]["Tracking"]) == (theme, tracking)
