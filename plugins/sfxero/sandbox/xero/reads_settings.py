"""Reads of settings (xero-api, 7)."""

from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.failures import NotFound
from sfxero.sandbox.xero.listing import select_settings
from sfxero.sandbox.xero.rendering_settings import (
    account_json,
    action_rows,
    item_json,
    organisation_json,
    tax_rate_json,
    theme_rows,
    tracking_rows,
)
from sfxero.sandbox.xero.replies import Json, Reply
from sfxero.sandbox.xero.shapes_settings import (
    ACCOUNTS,
    CURRENCIES,
    ITEMS,
    TAX_RATES,
    TRACKING,
)


def read_organisation(call: Call) -> Reply:
    """The one organisation."""
    return call.answer("Organisations", [organisation_json(call.books, call.tenant_id)])


def read_organisation_part(call: Call) -> Reply:
    """What may be done, under `Organisation/Actions`."""
    if call.identifier != "Actions":
        raise NotFound
    return call.answer("Actions", action_rows(call.books))


def read_accounts(call: Call) -> Reply:
    """The chart of accounts."""
    accounts = call.books.accounts.values()
    if call.identifier is not None:
        wanted = {call.identifier.lower(), call.identifier}
        named = [
            account_json(one)
            for one in accounts
            if one.account_id in wanted or (one.shows_code and one.code in wanted)
        ]
        return call.answer("Accounts", _one_of(named))
    found = select_settings(call, accounts, ACCOUNTS)
    return call.answer("Accounts", [account_json(one) for one in found])


def read_tax_rates(call: Call) -> Reply:
    """The tax table."""
    rates = call.books.tax_rates
    if call.identifier is not None:
        found = [rates[call.identifier]] if call.identifier in rates else []
        return call.answer("TaxRates", _one_of([tax_rate_json(one) for one in found]))
    listed = select_settings(call, rates.values(), TAX_RATES)
    return call.answer("TaxRates", [tax_rate_json(one) for one in listed])


def read_currencies(call: Call) -> Reply:
    """The enabled currencies."""
    rows: list[Json] = [
        {"Code": code, "Description": name} for code, (name, _) in call.books.currencies.items()
    ]
    return call.answer("Currencies", select_settings(call, rows, CURRENCIES))


def read_items(call: Call) -> Reply:
    """The list of products, or one by id or code."""
    items = list(call.books.items.values())
    if call.identifier is None:
        items = select_settings(call, items, ITEMS)
    else:
        items = [one for one in items if call.identifier in {one.code, one.item_id}]
    rows = [item_json(one, four_decimals=call.four_decimals) for one in items]
    return call.answer("Items", rows if call.identifier is None else _one_of(rows))


def read_tracking(call: Call) -> Reply:
    """The tracking categories, or one by id."""
    rows = tracking_rows(call.books)
    if call.identifier is not None:
        rows = _one_of([row for row in rows if row["TrackingCategoryID"] == call.identifier])
    else:
        rows = select_settings(call, rows, TRACKING)
    return call.answer("TrackingCategories", rows)


def read_themes(call: Call) -> Reply:
    """The branding themes, or one by id."""
    rows = theme_rows(call.books)
    if call.identifier is not None:
        rows = _one_of([row for row in rows if row["BrandingThemeID"] == call.identifier])
    return call.answer("BrandingThemes", rows)


def _one_of(rows: list[Json]) -> list[Json]:
    if not rows:
        raise NotFound
    return rows
