"""Settings in Xero's JSON shapes."""

from decimal import Decimal

from sfxero.sandbox.xero.amounts import CENT, FOUR, cents
from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.replies import Json, ms_day, ms_moment
from sfxero.sandbox.xero.settings_seed import SEEDED_AT, Account, Item, TaxRate, seeded_id

_ACTIONS = (
    "CreateApprovedBill",
    "CreateApprovedInvoice",
    "CreateDraftBill",
    "CreateDraftInvoice",
    "CreateInvoicePayment",
    "UseMulticurrency",
)


def account_json(account: Account) -> Json:
    """A row of the chart of accounts."""
    row: Json = {
        "AccountID": account.account_id,
        **({"Code": account.code} if account.shows_code else {}),
        "Name": account.name,
        "Status": account.status,
        "Type": account.kind,
        "TaxType": account.tax_type,
        "Class": account.account_class,
        "EnablePaymentsToAccount": account.payments,
        "ShowInExpenseClaims": False,
        "HasAttachments": False,
        "UpdatedDateUTC": ms_moment(account.updated_at),
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


def action_rows(books: Books) -> list[Json]:
    """What the organisation's plan and the app may do."""
    return [{"Name": name, "Status": _allowed(books, name)} for name in _ACTIONS]


def _allowed(books: Books, name: str) -> str:
    refused = False
    if name == "UseMulticurrency":
        refused = not books.switches.multi_currency
    elif name == "CreateApprovedInvoice":
        refused = books.is_capped
    return "NOT-ALLOWED" if refused else "ALLOWED"


def item_json(item: Item, *, four_decimals: bool) -> Json:
    """A product; unit prices have two decimals unless `unitdp=4`."""
    row: Json = {
        "ItemID": item.item_id,
        "Code": item.code,
        "Name": item.name,
        "Description": item.name,
        "UpdatedDateUTC": ms_moment(SEEDED_AT),
        "IsTrackedAsInventory": False,
        "IsSold": item.is_sold,
        "IsPurchased": not item.is_sold,
        "PurchaseDetails": {},
        "SalesDetails": {},
    }
    if item.is_sold:
        row["SalesDetails"] = {
            "UnitPrice": _price(item.unit_price, four_decimals=four_decimals),
            "AccountCode": item.account_code,
            "TaxType": item.tax_type,
        }
    return row


def _price(value: Decimal, *, four_decimals: bool) -> Decimal:
    return value.quantize(FOUR if four_decimals else CENT, rounding="ROUND_HALF_UP")


def tracking_rows(books: Books) -> list[Json]:
    """The tracking categories with their options."""
    return [
        {
            "Name": name,
            "Status": "ACTIVE",
            "TrackingCategoryID": seeded_id("tracking", name),
            "Options": [
                {
                    "TrackingOptionID": seeded_id("option", f"{name}:{option}"),
                    "Name": option,
                    "Status": "ACTIVE",
                    "HasValidationErrors": False,
                    "IsDeleted": False,
                    "IsArchived": False,
                    "IsActive": True,
                }
                for option in sorted(options)
            ],
        }
        for name, options in books.tracking.items()
    ]


def theme_rows(books: Books) -> list[Json]:
    """The branding themes in their order."""
    return [
        {
            "BrandingThemeID": theme_id,
            "Name": name,
            "SortOrder": place,
            "CreatedDateUTC": ms_moment(SEEDED_AT),
        }
        for place, (theme_id, name) in enumerate(books.branding_themes.items())
    ]
