"""The names of scopes (xero-api, 1.4)."""

_READ_AND_WRITE = (
    "accounting.invoices",
    "accounting.payments",
    "accounting.banktransactions",
    "accounting.manualjournals",
    "accounting.contacts",
    "accounting.settings",
    "accounting.attachments",
)
_REPORTS = (
    "aged",
    "balancesheet",
    "banksummary",
    "budgetsummary",
    "executivesummary",
    "profitandloss",
    "trialbalance",
    "taxreports",
)
# What a custom connection of this kind is authorised for unless told otherwise.
DEFAULT_SCOPES = (
    "accounting.contacts",
    "accounting.invoices",
    "accounting.payments.read",
    "accounting.settings.read",
)
ACCOUNTING_SCOPES = (
    *_READ_AND_WRITE,
    *(f"{name}.read" for name in _READ_AND_WRITE),
    *(f"accounting.reports.{name}.read" for name in _REPORTS),
    "accounting.budgets.read",
)
SIGN_IN_SCOPES = ("openid", "profile", "email", "offline_access")
BROAD_SCOPES = frozenset(
    {"accounting.transactions", "accounting.transactions.read", "accounting.reports.read"}
)
