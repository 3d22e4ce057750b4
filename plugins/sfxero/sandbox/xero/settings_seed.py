"""The Australian organisation the sandbox starts with (xero-api, 7)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

SYDNEY = ZoneInfo("Australia/Sydney")
SEEDED_AT = datetime(2026, 7, 1, tzinfo=UTC)

_CLASSES = {
    "BANK": "ASSET",
    "CURRENT": "ASSET",
    "FIXED": "ASSET",
    "CURRLIAB": "LIABILITY",
    "EQUITY": "EQUITY",
    "REVENUE": "REVENUE",
    "OTHERINCOME": "REVENUE",
    "SALES": "REVENUE",
    "DIRECTCOSTS": "EXPENSE",
    "EXPENSE": "EXPENSE",
    "OVERHEADS": "EXPENSE",
}
# A document line may use the rounding account, but none of the other system accounts.
_LINE_SYSTEM_ACCOUNTS = frozenset({"", "ROUNDING"})


@dataclass(frozen=True, slots=True)
class Account:
    """One row of the chart of accounts."""

    code: str
    name: str
    kind: str
    tax_type: str
    system: str = ""
    status: str = "ACTIVE"
    payments: bool = False
    # Some bank accounts show no code, and are named by their id.
    shows_code: bool = True
    updated_at: datetime = SEEDED_AT

    @property
    def account_id(self) -> str:
        """The same id in every sandbox, so that fixtures can name it."""
        return seeded_id("account", self.code)

    @property
    def account_class(self) -> str:
        """The class that decides which tax types fit."""
        return _CLASSES[self.kind]

    @property
    def fits_lines(self) -> bool:
        """Whether a document line may post here."""
        return self.kind != "BANK" and self.system in _LINE_SYSTEM_ACCOUNTS


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A tax type and the account classes it may be used on."""

    tax_type: str
    name: str
    rate: Decimal
    classes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Item:
    """A product of the organisation's list; what a line leaves out comes from here."""

    code: str
    name: str
    unit_price: Decimal
    account_code: str = "200"
    tax_type: str = "OUTPUT"
    is_sold: bool = True

    @property
    def item_id(self) -> str:
        """The same id in every sandbox."""
        return seeded_id("item", self.code)


@dataclass(frozen=True, slots=True)
class Organisation:
    """The one tenant."""

    name: str = "Sandbox Trading Pty Ltd"
    base_currency: str = "AUD"
    country_code: str = "AU"
    timezone_label: str = "AUSEASTERNSTANDARDTIME"
    timezone: ZoneInfo = SYDNEY
    tax_number: str = "53004085616"
    short_code: str = "!sBx01"


@lru_cache(maxsize=10_000)
def seeded_id(kind: str, name: str) -> str:
    """A stable id of a seeded row."""
    return str(uuid5(NAMESPACE_URL, f"sandbox:{kind}:{name}"))


ACCOUNTS = (
    Account("090", "Business Bank Account", "BANK", "BASEXCLUDED", payments=True),
    Account("091", "Business Savings Account", "BANK", "BASEXCLUDED"),
    Account("092", "Card Terminal", "BANK", "BASEXCLUDED", shows_code=False),
    Account("200", "Sales", "REVENUE", "OUTPUT"),
    Account("210", "Export Sales", "REVENUE", "EXEMPTEXPORT"),
    Account("215", "GST Free Sales", "REVENUE", "EXEMPTOUTPUT"),
    Account("220", "Retired Sales", "REVENUE", "OUTPUT", status="ARCHIVED"),
    Account("260", "Other Revenue", "REVENUE", "OUTPUT"),
    Account("270", "Interest Income", "REVENUE", "INPUTTAXED"),
    Account("310", "Cost of Goods Sold", "DIRECTCOSTS", "INPUT"),
    Account("400", "Advertising", "EXPENSE", "INPUT"),
    Account("404", "Bank Fees", "EXPENSE", "EXEMPTEXPENSES"),
    Account("429", "General Expenses", "EXPENSE", "INPUT"),
    Account("453", "Office Expenses", "EXPENSE", "INPUT"),
    Account("477", "Wages and Salaries", "EXPENSE", "BASEXCLUDED"),
    Account("489", "Telephone & Internet", "EXPENSE", "INPUT"),
    Account("610", "Accounts Receivable", "CURRENT", "BASEXCLUDED", system="DEBTORS"),
    Account("620", "Prepayments", "CURRENT", "EXEMPTEXPENSES"),
    Account("710", "Office Equipment", "FIXED", "CAPEXINPUT"),
    Account("800", "Accounts Payable", "CURRLIAB", "BASEXCLUDED", system="CREDITORS"),
    Account("820", "GST", "CURRLIAB", "BASEXCLUDED", system="GST"),
    Account("830", "Customer Deposits", "CURRLIAB", "OUTPUT", payments=True),
    Account("840", "Historical Adjustment", "CURRLIAB", "BASEXCLUDED", system="HISTORICAL"),
    Account("860", "Rounding", "CURRLIAB", "BASEXCLUDED", system="ROUNDING"),
    Account("960", "Retained Earnings", "EQUITY", "BASEXCLUDED", system="RETAINEDEARNINGS"),
    Account("970", "Owner A Funds Introduced", "EQUITY", "BASEXCLUDED"),
)

_INCOME = frozenset({"ASSET", "EQUITY", "LIABILITY", "REVENUE"})
_SPEND = frozenset({"ASSET", "EQUITY", "EXPENSE", "LIABILITY"})
_ALL = _INCOME | _SPEND
_IMPORTS = frozenset({"LIABILITY"})

TAX_RATES = (
    TaxRate("OUTPUT", "GST on Income", Decimal(10), _INCOME),
    TaxRate("INPUT", "GST on Expenses", Decimal(10), _SPEND),
    TaxRate("EXEMPTOUTPUT", "GST Free Income", Decimal(0), _INCOME),
    TaxRate("EXEMPTEXPENSES", "GST Free Expenses", Decimal(0), _SPEND),
    TaxRate("EXEMPTEXPORT", "GST Free Exports", Decimal(0), _INCOME),
    TaxRate("CAPEXINPUT", "GST on Capital", Decimal(10), _SPEND),
    TaxRate("EXEMPTCAPITAL", "GST Free Capital", Decimal(0), _SPEND),
    TaxRate("BASEXCLUDED", "BAS Excluded", Decimal(0), _ALL),
    TaxRate("INPUTTAXED", "Input Taxed", Decimal(0), _ALL),
    TaxRate("GSTONIMPORTS", "GST on Imports", Decimal(0), _IMPORTS),
    TaxRate("GSTONCAPIMPORTS", "GST on Capital Imports", Decimal(0), _IMPORTS),
)

# Code, description, and the day rate used when a document brings none.
CURRENCIES = (
    ("AUD", "Australian Dollar", Decimal(1)),
    ("NZD", "New Zealand Dollar", Decimal("1.085000")),
)

ITEMS = (
    Item("CONSULT", "Consulting, per day", Decimal("1850.0000")),
    Item("CABLE", "Fibre cable, per metre", Decimal("2.1875")),
    Item("EXPORT", "Export kit", Decimal("4200.0000"), "210", "EXEMPTEXPORT"),
    Item("TONER", "Toner for our own printers", Decimal("0.0000"), is_sold=False),
)

BRANDING_THEMES = {seeded_id("branding", name): name for name in ("Standard", "Plain")}

TRACKING = {
    "Region": frozenset({"North", "South", "East", "West"}),
    "Department": frozenset({"Sales", "Service"}),
}
