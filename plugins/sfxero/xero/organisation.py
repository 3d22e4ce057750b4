"""Facts of a Xero organisation that the mapping and the checks rest on, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sfxero.errors import UnexpectedResponse
from sfxero.xero.dates import parse_xero_day

_CLASS_OF: Final = {
    "CanApplyToAssets": "ASSET",
    "CanApplyToEquity": "EQUITY",
    "CanApplyToExpenses": "EXPENSE",
    "CanApplyToLiabilities": "LIABILITY",
    "CanApplyToRevenue": "REVENUE",
}
"""Classes of accounts by the flag of tax rates that may be used on them."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """The organisation itself; open enumerations of Xero's stay texts."""

    organisation_id: str
    name: str
    short_code: str | None
    base_currency: str
    country_code: str | None
    timezone: str | None
    default_sales_tax: str | None
    is_demo: bool
    pays_tax: bool
    period_lock_on: date | None
    end_of_year_lock_on: date | None


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the chart; some bank accounts have no code."""

    account_id: str
    code: str | None
    name: str
    type: str
    account_class: str | None
    is_active: bool
    tax_type: str | None
    system_account: str | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A tax type with its effective rate in per cent."""

    tax_type: str
    name: str
    is_active: bool
    effective_rate: Decimal
    refused_on: frozenset[str]
    """Classes of accounts that it cannot be used on, such as `EXPENSE`."""


@dataclass(frozen=True, slots=True)
class TrackingCategory:
    """A tracking category with the names of its active options."""

    name: str
    is_active: bool
    options: frozenset[str]


def organisation_of(row: Mapping[str, Any]) -> Organisation:
    """Read an element of `Organisations`."""
    return Organisation(
        organisation_id=required(row, "OrganisationID"),
        name=required(row, "Name"),
        short_code=optional(row, "ShortCode"),
        base_currency=required(row, "BaseCurrency"),
        country_code=optional(row, "CountryCode"),
        timezone=optional(row, "Timezone"),
        default_sales_tax=optional(row, "DefaultSalesTax"),
        is_demo=row.get("IsDemoCompany") is True,
        pays_tax=row.get("PaysTax") is not False,
        period_lock_on=_day(row, "PeriodLockDate"),
        end_of_year_lock_on=_day(row, "EndOfYearLockDate"),
    )


def account_of(row: Mapping[str, Any]) -> Account:
    """Read an element of `Accounts`."""
    return Account(
        account_id=required(row, "AccountID"),
        code=optional(row, "Code"),
        name=required(row, "Name"),
        type=required(row, "Type"),
        account_class=optional(row, "Class"),
        is_active=row.get("Status") == "ACTIVE",
        tax_type=optional(row, "TaxType"),
        system_account=optional(row, "SystemAccount"),
        currency=optional(row, "CurrencyCode"),
    )


def tax_rate_of(row: Mapping[str, Any]) -> TaxRate:
    """Read an element of `TaxRates`."""
    try:
        rate = Decimal(str(row.get("EffectiveRate", 0)))
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite():
        raise UnexpectedResponse("EffectiveRate of a tax rate is not a number", service="xero")
    return TaxRate(
        tax_type=required(row, "TaxType"),
        name=required(row, "Name"),
        is_active=row.get("Status") == "ACTIVE",
        effective_rate=rate,
        refused_on=frozenset(name for flag, name in _CLASS_OF.items() if row.get(flag) is not True),
    )


def tracking_category_of(row: Mapping[str, Any]) -> TrackingCategory:
    """Read an element of `TrackingCategories`."""
    listed = row.get("Options")
    options = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return TrackingCategory(
        name=required(row, "Name"),
        is_active=row.get("Status") == "ACTIVE",
        options=frozenset(
            required(one, "Name") for one in options if one.get("Status", "ACTIVE") == "ACTIVE"
        ),
    )


def required(row: Mapping[str, Any], name: str) -> str:
    """Return a text that must be there."""
    value = optional(row, name)
    if value is None:
        raise UnexpectedResponse(f"Xero sent a record without {name}", service="xero")
    return value


def optional(row: Mapping[str, Any], name: str) -> str | None:
    """Return a text, None where it is missing, null or empty."""
    value = row.get(name)
    return value if isinstance(value, str) and value else None


def _day(row: Mapping[str, Any], name: str) -> date | None:
    text = optional(row, name)
    return None if text is None else parse_xero_day(text)
