"""What the mapping must know of the Xero organisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """One account of the chart; `class_` is Xero's Class, such as REVENUE."""

    status: str
    tax_type: str | None = None
    class_: str | None = None


@dataclass(frozen=True, slots=True)
class OrganisationFacts:
    """`tax_rates` holds active types only, as effective rates in percent; `accounts` is by code."""

    base_currency: str
    tax_rates: Mapping[str, Decimal]
    accounts: Mapping[str, AccountFacts]
    short_code: str | None = None
    name: str | None = None
    pays_tax: bool = True
