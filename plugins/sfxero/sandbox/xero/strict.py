"""Fields of write bodies that the service does not know (switch `strict_requests`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from sfxero.sandbox.xero.replies import Json

# A field's own fields, or nothing where it is a plain value.
Shape: TypeAlias = Mapping[str, "Shape | None"]


def _plain(names: str) -> dict[str, Shape | None]:
    return dict.fromkeys(names.split())


_RESULT = "StatusAttributeString HasErrors HasValidationErrors ValidationErrors Warnings"
_THEME = _plain("BrandingThemeID Name LogoUrl Type SortOrder CreatedDateUTC")
_CONTACT: Shape = {
    **_plain(
        "ContactID MergedToContactID ContactNumber AccountNumber ContactStatus Name FirstName"
        " LastName CompanyNumber EmailAddress BankAccountDetails TaxNumber TaxNumberType"
        " AccountsReceivableTaxType AccountsPayableTaxType IsSupplier IsCustomer"
        " SalesDefaultLineAmountType PurchasesDefaultLineAmountType DefaultCurrency"
        " XeroNetworkKey SalesDefaultAccountCode PurchasesDefaultAccountCode"
        " SalesTrackingCategories PurchasesTrackingCategories TrackingCategoryName"
        " TrackingCategoryOption UpdatedDateUTC ContactGroups Website BatchPayments Discount"
        " Balances Attachments HasAttachments"
    ),
    **_plain(_RESULT),
    "Addresses": _plain(
        "AddressType AddressLine1 AddressLine2 AddressLine3 AddressLine4 City Region PostalCode"
        " Country AttentionTo"
    ),
    "Phones": _plain("PhoneType PhoneNumber PhoneAreaCode PhoneCountryCode"),
    "ContactPersons": _plain("FirstName LastName EmailAddress IncludeInEmails"),
    "PaymentTerms": {"Bills": _plain("Day Type"), "Sales": _plain("Day Type")},
    "BrandingTheme": _THEME,
}
_LINE: Shape = {
    **_plain(
        "LineItemID Description Quantity UnitAmount ItemCode AccountCode AccountID TaxType"
        " TaxAmount LineAmount DiscountRate DiscountAmount RepeatingInvoiceID Taxability"
        " SalesTaxCodeId TaxBreakdown Item"
    ),
    "Tracking": _plain("TrackingCategoryID TrackingOptionID Name Option Options Status"),
}
_DOCUMENT: Shape = {
    **_plain(
        "Type Date DueDate DateString DueDateString LineAmountTypes BrandingThemeID Url"
        " CurrencyCode CurrencyRate Status SentToContact SubTotal TotalTax Total UpdatedDateUTC"
        " UpdatedDateUTCString FullyPaidOnDate HasAttachments Payments Attachments CISDeduction"
        " CISRate InvoiceAddresses Reference"
    ),
    **_plain(_RESULT),
    "Contact": _CONTACT,
    "LineItems": _LINE,
}
_INVOICE: Shape = {
    **_DOCUMENT,
    **_plain(
        "InvoiceID InvoiceNumber ExpectedPaymentDate PlannedPaymentDate TotalDiscount"
        " RepeatingInvoiceID IsDiscounted Prepayments Overpayments CreditNotes AmountDue"
        " AmountPaid AmountCredited RoundingAmount EnteredTotal"
    ),
}
_CREDIT: Shape = {
    **_DOCUMENT,
    **_plain(
        "CreditNoteID CreditNoteNumber OverpaymentID PrepaymentID InvoiceNumber RemainingCredit"
        " Allocations AppliedAmount ID"
    ),
}
_ACCOUNT = _plain("AccountID Code Name")
_PAYMENT: Shape = {
    **_plain(
        "InvoiceNumber CreditNoteNumber BatchPayment Code Date CurrencyRate Amount BankAmount"
        " Reference IsReconciled Status PaymentType UpdatedDateUTC UpdatedDateUTCString PaymentID"
        " BatchPaymentID BankAccountNumber Particulars Details HasAccount"
    ),
    **_plain(_RESULT),
    "Invoice": _INVOICE,
    "CreditNote": _CREDIT,
    "Prepayment": _CREDIT,
    "Overpayment": _CREDIT,
    "Account": _ACCOUNT,
}
_ALLOCATION: Shape = {
    **_plain("AllocationID Amount Date IsDeleted StatusAttributeString ValidationErrors"),
    "Invoice": _INVOICE,
    "CreditNote": _CREDIT,
    "Prepayment": _CREDIT,
    "Overpayment": _CREDIT,
}
SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "Contacts": _CONTACT,
        "Invoices": _INVOICE,
        "CreditNotes": _CREDIT,
        "Payments": _PAYMENT,
        "Allocations": _ALLOCATION,
        "HistoryRecords": _plain("Changes DateUTC DateUTCString User Details"),
        "BankTransactions": {
            **_DOCUMENT,
            **_plain("BankTransactionID PrepaymentID OverpaymentID IsReconciled"),
            "BankAccount": _ACCOUNT,
        },
        "BatchPayments": {
            **_plain(
                "Reference Particulars Code Details Narrative BatchPaymentID DateString Date"
                " Amount Type Status TotalAmount UpdatedDateUTC IsReconciled ValidationErrors"
            ),
            "Account": _ACCOUNT,
            "Payments": _PAYMENT,
        },
    }
)


@dataclass(frozen=True, slots=True)
class Violation:
    """A field that the service does not know."""

    method: str
    resource: str
    field: str


def unknown_fields(row: Json, shape: Shape, path: str = "") -> list[str]:
    """The paths of all fields that the shape does not hold."""
    found: list[str] = []
    for name, value in row.items():
        here = f"{path}{name}"
        if name not in shape:
            found.append(here)
            continue
        inner = shape[name]
        rows = value if isinstance(value, list) else [value]
        if inner is not None:
            for one in rows:
                if isinstance(one, dict):
                    found += unknown_fields(one, inner, f"{here}.")
    return found
