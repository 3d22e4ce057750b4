"""The field table: what each row of docs/fields.md says; its tests name it by its Xero fields."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Row:
    """Salesforce fields that make Xero fields, by one rule."""

    title: str
    salesforce: tuple[str, ...]
    """Of the demo route, or as examples: a route names its own."""
    xero: tuple[str, ...]
    rule: str


ROWS: Final = (
    Row(
        "Name of the contact",
        ("Account.Name", "Account.AccountNumber"),
        ("Contact.Name",),
        "Unique among Xero's contacts, archived ones too, whatever the case, white space and "
        "accents. On a clash the account number goes behind it in brackets, or a part of the id "
        "if that is missing, shared or taken too; in Xero only. A name once given stays as long "
        "as it says what the account is called.",
    ),
    Row(
        "Postal address",
        (
            "Account.BillingStreet",
            "Account.BillingCity",
            "Account.BillingState",
            "Account.BillingPostalCode",
            "Account.BillingCountry",
        ),
        ("Contact.Addresses",),
        "The `POBOX` address, which Xero prints on invoices. A street of several lines fills up "
        "to four, and what is left joins the fourth. A part that is longer than Xero takes is "
        "refused and never cut. A state goes as it is, or as its code or its name, whichever way "
        "it is written. A country that cannot be written in letters stays out, with a "
        "warning.",
    ),
    Row(
        "Tax number",
        ("Account.ABN__c",),
        ("Contact.TaxNumber",),
        "Eleven digits without blanks whose checksum holds, by the function `abn`; or, by "
        "`tax_number`, what the check of the account's country says, without separators. With a "
        "wrong one the contact goes without it and with a warning, or is refused, as the route "
        "says; so does the route for countries without a check.",
    ),
    Row(
        "Phones and persons",
        ("Account.Phone", "Account.Fax", "Account.Email__c", "Contact", "OpportunityContactRole"),
        ("Contact.Phones", "Contact.EmailAddress", "Contact.ContactPersons"),
        "A number is split into country, area and number by the rules of its country; what is "
        "no number goes as it is, with a warning. An e-mail address that is none stays out. Up "
        "to five persons, the primary ones first if the route says so.",
    ),
    Row(
        "Payment terms",
        ("Account.Payment_Terms__c",),
        ("Contact.PaymentTerms",),
        "Those of sales, by a table of the route, in the words of the due dates: `days` and "
        "`terms`. The terms of bills stay as they are. A value that is not in the table refuses "
        "the account, or the contact goes without it and with a warning, as the route says. An "
        "account that says nothing leaves the terms alone.",
    ),
    Row(
        "Amount",
        ("Opportunity.Amount",),
        ("Invoice.SubTotal", "Invoice.Total"),
        "Never written: the lines are. The subtotal that Xero will compute from them, or the "
        "total if tax is in the prices, must be the amount. A difference within the route's "
        "tolerance goes with a warning, any other one holds the invoice back.",
    ),
    Row(
        "Prices and quantities",
        (
            "OpportunityLineItem.UnitPrice",
            "OpportunityLineItem.Quantity",
            "OpportunityLineItem.Discount",
        ),
        ("LineItems.UnitAmount", "LineItems.Quantity", "LineItems.DiscountRate"),
        "As they are, with up to four decimals (discounts: two), before tax or with it as the "
        "route says. A line is rounded to cents once, halves away from zero, and its tax "
        "likewise. Nothing is cut or rounded to fit: what has more decimals is refused.",
    ),
    Row(
        "Product",
        ("OpportunityLineItem.Description", "OpportunityLineItem.ProductCode", "Product2.Family"),
        (
            "LineItems.Description",
            "LineItems.ItemCode",
            "LineItems.AccountCode",
            "LineItems.TaxType",
            "LineItems.Tracking",
        ),
        "By field rules and lookup tables of the route, with up to two tracking categories. "
        "Each code, tax type, item and option must exist in the organisation and be active, or "
        "the invoice is held back.",
    ),
    Row(
        "Dates",
        ("Opportunity.CloseDate",),
        ("Invoice.Date", "Invoice.DueDate"),
        "The same calendar day, of no zone. It is due by the route's terms, or by the record's "
        "own days. If the day is locked in Xero, the invoice waits, or is dated on the first "
        "open day, as the route says.",
    ),
    Row(
        "Number and link",
        ("Opportunity.Opportunity_Number__c", "Opportunity.Id"),
        ("Invoice.Reference", "Invoice.InvoiceNumber", "Invoice.Url"),
        "The number is made by the route's template and belongs to one opportunity, or is the "
        "next of Xero's own sequence if the route says so. The URL leads back to the "
        "opportunity.",
    ),
    Row(
        "Currency",
        ("Opportunity.CurrencyIsoCode",),
        ("Invoice.CurrencyCode", "Invoice.CurrencyRate"),
        "The opportunity's own, if the organisation has it; the rate is Xero's of the day, the "
        "route's, or Salesforce's. Another one is converted line by line or refused, as the "
        "route says. Rate, source and day are recorded.",
    ),
)
