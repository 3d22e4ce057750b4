"""The org's conversion rates: read with the run's records, and kept beside them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from pydantic import TypeAdapter

from sfxero.errors import RequestRejected, StagingError, UnexpectedResponse
from sfxero.mapping.money_rules import ALWAYS, NO_RATES, RateTable
from sfxero.mapping.spec import RouteSpec
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import select
from sfxero.staging.storage import make_folder, storage_errors
from sfxero.sync.scope import Scope

_CURRENCIES: Final = "CurrencyType"
_DATED: Final = "DatedConversionRate"
_FILE: Final = "rates.json"
_STORED: Final = TypeAdapter(dict[str, dict[date, Decimal]])


def uses_org_rates(spec: RouteSpec) -> bool:
    """Say whether the route's invoices need the org's rates."""
    return spec.invoices.exchange.rates == "salesforce"


def read_rates(client: SalesforceClient) -> dict[str, dict[date, Decimal]]:
    """Return how much of each currency one unit of the corporate one buys, by first day.

    Only orgs with dated rates have days; in others a rate is of all days, as it is now.
    """
    fields = ("IsoCode", "ConversionRate", "IsCorporate")
    plain = list(client.query(select(_CURRENCIES, fields)))
    dated: dict[str, dict[date, Decimal]] = {}
    if _has_dated(client):
        for row in client.query(select(_DATED, ("IsoCode", "ConversionRate", "StartDate"))):
            dated.setdefault(str(row["IsoCode"]), {})[_day(row)] = _rate(row)
    usual = {
        str(row["IsoCode"]): {ALWAYS: _rate(row)}
        for row in plain
        if not dated or row["IsCorporate"] is True
    }
    return usual | dated


def rates_if_used(spec: RouteSpec, client: SalesforceClient) -> RateTable:
    """Return the org's rates if the route's invoices need them."""
    return read_rates(client) if uses_org_rates(spec) else NO_RATES


def keep_rates(scope: Scope, client: SalesforceClient) -> dict[str, int]:
    """Keep the org's rates with the run, if its route needs them; returns their count by object."""
    if not uses_org_rates(scope.spec):
        return {}
    rates = read_rates(client)
    folder = scope.folder(_DATED)
    make_folder(folder)
    with storage_errors(), (folder / _FILE).open("wb") as handle:
        handle.write(_STORED.dump_json(rates, indent=1))
    return {_DATED: sum(map(len, rates.values()))}


def kept_rates(scope: Scope) -> RateTable:
    """Return the rates that the run read; StagingError if it should have and did not."""
    if not uses_org_rates(scope.spec):
        return NO_RATES
    path = scope.folder(_DATED) / _FILE
    if not path.exists():
        raise StagingError("the run has no rates of its org", hint="Clear its task 'complete'.")
    with storage_errors(), path.open("rb") as handle:
        return _STORED.validate_json(handle.read())


def _has_dated(client: SalesforceClient) -> bool:
    try:
        client.describe(_DATED)
    except RequestRejected as error:
        if error.status != 404:
            raise
        return False
    return True


def _rate(row: Mapping[str, object]) -> Decimal:
    rate = row["ConversionRate"]
    if isinstance(rate, bool) or not isinstance(rate, Decimal | int):
        raise UnexpectedResponse("a conversion rate is not a number", service="salesforce")
    return Decimal(rate)


def _day(row: Mapping[str, object]) -> date:
    try:
        return date.fromisoformat(str(row["StartDate"]))
    except ValueError:
        raise UnexpectedResponse(
            "a conversion rate begins on no day", service="salesforce"
        ) from None
