"""Rules of a route about amounts: currencies, their rates, and differences of cents."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from sfxero.mapping.section import Section

ALWAYS: Final = date.min
"""The first day of a rate that has none."""

CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Rate = Annotated[Decimal, Field(gt=0, lt=1_000_000, decimal_places=6)]


def _read_rate(value: object) -> object:
    """Let `USD: "0.655"` stand for a rate of all days."""
    return value if isinstance(value, Mapping) else {ALWAYS.isoformat(): value}


def _check_days(rates: Mapping[date, Decimal]) -> Mapping[date, Decimal]:
    if not rates:
        raise ValueError("name at least one day with its rate")
    return rates


DayRates = Annotated[
    Mapping[date, Rate],
    AfterValidator(_check_days),
    BeforeValidator(_read_rate, json_schema_input_type=Rate | Mapping[date, Rate]),
]
RateTable = Mapping[str, Mapping[date, Decimal]]
"""By currency, by the first day of each rate: how much of it one unit of another one buys."""
NO_RATES: Final[RateTable] = MappingProxyType({})


class ExchangeSection(Section):
    """Invoices in other currencies than the organisation's own."""

    rates: Literal["xero", "table", "salesforce"] = "xero"
    """Where rates come from: Xero's own of the day, the table below, or the org's."""
    table: Mapping[CurrencyCode, DayRates] = Field(default_factory=dict)
    not_enabled: Literal["refuse", "convert"] = "refuse"
    """What an amount does whose currency the organisation does not have."""

    @model_validator(mode="after")
    def _knows_rates(self) -> "ExchangeSection":
        if (self.rates == "table") is (not self.table):
            raise ValueError("'rates: table' and 'table' belong together")
        if self.not_enabled == "convert" and self.rates == "xero":
            raise ValueError(
                "'not_enabled: convert' needs rates of 'table' or 'salesforce': Xero tells none"
            )
        return self


class RoundingLineSection(Section):
    """The line that an invoice gets for a difference."""

    description: str = "Rounding"
    account_code: str
    tax_type: str


class RoundingSection(Section):
    """What a difference between the lines and the opportunity's amount does."""

    tolerance: Decimal = Field(default=Decimal(0), ge=0, le=1, decimal_places=2)
    """The greatest difference that goes; a greater one is refused."""
    line: RoundingLineSection | None = None
    """Where it goes; without it, the invoice stays at what its lines come to."""

    @model_validator(mode="after")
    def _has_a_use(self) -> "RoundingSection":
        if self.line is not None and not self.tolerance:
            raise ValueError("'line' needs a 'tolerance' above 0")
        return self
