"""Contacts, invoices and settings rows in Xero's JSON shapes."""

from collections.abc import Iterable
from datetime import date, datetime

from sfxero.sandbox.xero.amounts import CENT, FOUR, cents
from sfxero.sandbox.xero.contacts import PHONE_TYPES
from sfxero.sandbox.xero.models import ZERO, Books, Contact, Invoice, Line
from sfxero.sandbox.xero.replies import Json, day_text, moment_text, ms_day, ms_moment
from sfxero.sandbox.xero.settings_seed import SEEDED_AT, Account, TaxRate, seeded_id

_ALWAYS_TEXT = ("FirstName", "LastName", "EmailAddress", "BankAccountDetails")
_DEFAULTS = (
    "AccountsReceivableTaxType",
    "AccountsPayableTaxType",
    "DefaultCurrency",
    "SalesDefaultAccountCode",
    "PurchasesDefaultAccountCode",
)
_ADDRESS_ALWAYS = ("City", "Region", "PostalCode", "Country", "AttentionTo")


def contact_json(books: Books, contact: Contact, *, detail: bool, summary: bool = False) -> Json:
    """A contact; `detail` for single and paged reads, `summary` for `summaryOnly=true`."""
    texts = contact.texts
    row: Json = {
        "ContactID": contact.contact_id,
        "ContactStatus": contact.status,
        "Name": contact.name,
        **{name: texts.get(name, "") for name in _ALWAYS_TEXT},
        **{name: text for name, text in texts.items() if _shown(name, summary=summary)},
    }
    if not summary:
        row |= {
            "Addresses": [_address(contact, kind) for kind in ("STREET", "POBOX")],
            "Phones": [_phone(contact, kind) for kind in PHONE_TYPES],
            "ContactGroups": [],
            "IsSupplier": contact.is_supplier,
            "IsCustomer": contact.is_customer,
            "ContactPersons": list(contact.persons) if detail else [],
        }
    if summary:
        row["Phones"] = [_phone(contact, kind) for kind in PHONE_TYPES]
    if detail and not summary:
        row |= _contact_detail(books, contact)
    row |= {
        "UpdatedDateUTC": _moment(books, contact.updated_at),
        "HasAttachments": False,
        "HasValidationErrors": False,
    }
    return row


def contact_stub(contact: Contact) -> Json:
    """A contact as invoices in lists show it."""
    return {
        "ContactID": contact.contact_id,
        "Name": contact.name,
        "Addresses": [],
        "Phones": [],
        "ContactGroups": [],
        "ContactPersons": [],
        "HasValidationErrors": False,
    }


def invoice_json(
    books: Books, invoice: Invoice, *, four_decimals: bool, lines: bool, whole_contact: bool
) -> Json:
    """An invoice; unpaged lists come without lines and with a stub contact."""
    contact = books.contacts[invoice.contact_id]
    totals = invoice.totals
    row: Json = {
        "Type": invoice.kind,
        "InvoiceID": invoice.invoice_id,
        "InvoiceNumber": invoice.number or "",
        **({"Reference": invoice.reference or ""} if invoice.kind == "ACCREC" else {}),
        "Payments": [_payment(books, invoice, index) for index in range(len(invoice.payments))],
        "CreditNotes": [],
        "Prepayments": [],
        "Overpayments": [],
        "AmountDue": invoice.amount_due,
        "AmountPaid": invoice.amount_paid,
        "AmountCredited": invoice.amount_credited,
        "CurrencyRate": invoice.currency_rate,
        "IsDiscounted": bool(totals.discount),
        "HasAttachments": False,
        "HasErrors": False,
        "Contact": (
            contact_json(books, contact, detail=False) if whole_contact else contact_stub(contact)
        ),
        **_invoice_days(books, invoice),
        "Status": invoice.status,
        "LineAmountTypes": invoice.line_amount_types,
        "LineItems": [line_json(line, four_decimals=four_decimals) for line in invoice.lines]
        if lines
        else [],
        "SubTotal": totals.sub_total,
        "TotalTax": totals.total_tax,
        "Total": totals.total,
        "UpdatedDateUTC": _moment(books, invoice.updated_at),
        "UpdatedDateUTCString": moment_text(invoice.updated_at),
        "CurrencyCode": invoice.currency_code,
    }
    return row | _invoice_extras(invoice)


def summary_json(books: Books, invoice: Invoice) -> Json:
    """`summaryOnly=true`: no lines, no allocations."""
    row = invoice_json(books, invoice, four_decimals=False, lines=False, whole_contact=False)
    for name in ("LineItems", "Payments", "CreditNotes", "Prepayments", "Overpayments"):
        del row[name]
    return row


def line_json(line: Line, *, four_decimals: bool) -> Json:
    """One line; unit prices have two decimals unless `unitdp=4`."""
    row: Json = {"LineItemID": line.line_id, "Tracking": [_tracked(pair) for pair in line.tracking]}
    if line.description is not None:
        row["Description"] = line.description
    if line.unit_amount is not None:
        places = FOUR if four_decimals else CENT
        row["UnitAmount"] = line.unit_amount.quantize(places, rounding="ROUND_HALF_UP")
    optional = {
        "ItemCode": line.item_code,
        "AccountCode": line.account_code,
        "TaxType": line.tax_type,
        "Quantity": line.quantity,
        "LineAmount": line.line_amount,
        "DiscountRate": line.discount_rate,
        "DiscountAmount": line.discount_amount,
    }
    row |= {name: value for name, value in optional.items() if value is not None}
    if line.account_code is not None:
        row["AccountID"] = seeded_id("account", line.account_code)
    row["TaxAmount"] = line.tax_amount
    return row


def account_json(account: Account) -> Json:
    """A row of the chart of accounts."""
    row: Json = {
        "AccountID": account.account_id,
        "Code": account.code,
        "Name": account.name,
        "Status": account.status,
        "Type": account.kind,
        "TaxType": account.tax_type,
        "Class": account.account_class,
        "EnablePaymentsToAccount": account.payments,
        "ShowInExpenseClaims": False,
        "HasAttachments": False,
        "UpdatedDateUTC": ms_moment(SEEDED_AT),
    }
    if account.system:
        row["SystemAccount"] = account.system
    if account.kind == "BANK":
        row |= {
            "BankAccountNumber": f"062000{account.code}12345",
            "BankAccountType": "BANK",
            "CurrencyCode": "AUD",
        }
    return row


def tax_rate_json(rate: TaxRate) -> Json:
    """A tax type with the classes it may be used on."""
    return {
        "Name": rate.name,
        "TaxType": rate.tax_type,
        "ReportTaxType": rate.tax_type,
        "CanApplyToAssets": "ASSET" in rate.classes,
        "CanApplyToEquity": "EQUITY" in rate.classes,
        "CanApplyToExpenses": "EXPENSE" in rate.classes,
        "CanApplyToLiabilities": "LIABILITY" in rate.classes,
        "CanApplyToRevenue": "REVENUE" in rate.classes,
        "DisplayTaxRate": cents(rate.rate, "ROUND_HALF_UP"),
        "EffectiveRate": cents(rate.rate, "ROUND_HALF_UP"),
        "Status": "ACTIVE",
        "TaxComponents": [
            {
                "Name": "GST",
                "Rate": cents(rate.rate, "ROUND_HALF_UP"),
                "IsCompound": False,
                "IsNonRecoverable": False,
            }
        ],
    }


def organisation_json(books: Books, tenant_id: str) -> Json:
    """The one organisation; lock dates only if set."""
    organisation = books.organisation
    row: Json = {
        "OrganisationID": tenant_id,
        "Name": organisation.name,
        "LegalName": organisation.name,
        "PaysTax": True,
        "Version": "AU",
        "OrganisationType": "COMPANY",
        "OrganisationEntityType": "COMPANY",
        "BaseCurrency": organisation.base_currency,
        "CountryCode": organisation.country_code,
        "IsDemoCompany": True,
        "OrganisationStatus": "ACTIVE",
        "TaxNumber": organisation.tax_number,
        "FinancialYearEndDay": 30,
        "FinancialYearEndMonth": 6,
        "SalesTaxBasis": "ACCRUALS",
        "SalesTaxPeriod": "QUARTERLY1",
        "DefaultSalesTax": "Tax Exclusive",
        "DefaultPurchasesTax": "Tax Exclusive",
        "CreatedDateUTC": ms_moment(SEEDED_AT),
        "Timezone": organisation.timezone_label,
        "ShortCode": organisation.short_code,
        "Edition": "BUSINESS",
        "Class": "DEMO",
        "Addresses": [],
        "Phones": [],
        "ExternalLinks": [],
        "PaymentTerms": {},
    }
    locks = {
        "PeriodLockDate": books.switches.period_locked_to,
        "EndOfYearLockDate": books.switches.year_locked_to,
    }
    offset = books.switches.date_offset
    return row | {name: ms_day(day, offset) for name, day in locks.items() if day is not None}


def _shown(name: str, *, summary: bool) -> bool:
    return name not in _ALWAYS_TEXT and not (summary and name in _DEFAULTS)


def _address(contact: Contact, kind: str) -> Json:
    sent = contact.addresses.get(kind, {})
    return {"AddressType": kind, **dict.fromkeys(_ADDRESS_ALWAYS, ""), **sent}


def _phone(contact: Contact, kind: str) -> Json:
    sent = contact.phones.get(kind, {})
    blank = {"PhoneNumber": "", "PhoneAreaCode": "", "PhoneCountryCode": ""}
    return {"PhoneType": kind, **blank, **sent}


def _contact_detail(books: Books, contact: Contact) -> Json:
    row: Json = {}
    if contact.merged_to:
        row["MergedToContactID"] = contact.merged_to
    if contact.payment_terms:
        row["PaymentTerms"] = contact.payment_terms
    open_invoices = [one for one in books.invoices_of(contact.contact_id) if _is_open(one)]
    if open_invoices:
        sales = [one for one in open_invoices if one.kind == "ACCREC"]
        bills = [one for one in open_invoices if one.kind == "ACCPAY"]
        row["Balances"] = {
            "AccountsReceivable": _balance(sales, books.today()),
            "AccountsPayable": _balance(bills, books.today()),
        }
    return row


def _is_open(invoice: Invoice) -> bool:
    return invoice.status == "AUTHORISED"


def _balance(invoices: Iterable[Invoice], today: date) -> Json:
    rows = list(invoices)
    late = [one for one in rows if one.due_on is not None and one.due_on < today]
    return {
        "Outstanding": sum((one.amount_due for one in rows), ZERO),
        "Overdue": sum((one.amount_due for one in late), ZERO),
    }


def _invoice_days(books: Books, invoice: Invoice) -> Json:
    offset = books.switches.date_offset
    row: Json = {
        "DateString": day_text(invoice.dated_on),
        "Date": ms_day(invoice.dated_on, offset),
    }
    if invoice.due_on is not None:
        row |= {
            "DueDateString": day_text(invoice.due_on),
            "DueDate": ms_day(invoice.due_on, offset),
        }
    others = {
        "ExpectedPaymentDate": invoice.expected_payment_on,
        "PlannedPaymentDate": invoice.planned_payment_on,
        "FullyPaidOnDate": invoice.fully_paid_on,
    }
    return row | {name: ms_day(day, offset) for name, day in others.items() if day is not None}


def _invoice_extras(invoice: Invoice) -> Json:
    row: Json = {}
    if invoice.url:
        row["Url"] = invoice.url
    if invoice.branding_theme_id:
        row["BrandingThemeID"] = invoice.branding_theme_id
    if invoice.kind == "ACCREC":
        row["SentToContact"] = invoice.sent_to_contact
    if invoice.totals.discount:
        row["TotalDiscount"] = invoice.totals.discount
    return row


def _payment(books: Books, invoice: Invoice, index: int) -> Json:
    payment = invoice.payments[index]
    return {
        "PaymentID": payment.payment_id,
        "Date": ms_day(payment.paid_on, books.switches.date_offset),
        "Amount": payment.amount,
        "CurrencyRate": invoice.currency_rate,
        "HasAccount": False,
        "HasValidationErrors": False,
    }


def _tracked(pair: tuple[str, str]) -> Json:
    return {"Name": pair[0], "Option": pair[1]}


def _moment(books: Books, value: datetime) -> str:
    return ms_moment(value, books.switches.date_offset)
