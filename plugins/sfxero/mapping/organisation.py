"""What the mapping must know of the Xero organisation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
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
    refused_on: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Per active tax type, the classes of accounts on which Xero refuses it."""
    items: frozenset[str] = frozenset()
    """Codes of items; empty if the route names none."""
    tracking: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Active options by active category; empty if the route names none."""
    branding_themes: Mapping[str, str] = field(default_factory=dict)
    """Ids by name; empty if the route names none."""
    currencies: frozenset[str] = frozenset()
    """Codes that documents may be in; empty if the route names no currency field."""
    locked_until_on: date | None = None
    """The last day on which no document may be dated any more."""
    short_code: str | None = None
    name: str | None = None
    pays_tax: bool = True


@dataclass(frozen=True, slots=True)
class View:
    """From where invoices are looked at: on which day, in which organisation."""

    today_on: date
    """In the organisation's zone: what was due before it is overdue."""
    short_code: str | None
