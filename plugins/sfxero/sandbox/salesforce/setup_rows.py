"""The rows that every org has, and those that its options bring."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sfxero.sandbox.salesforce.fields import CURRENCIES
from sfxero.sandbox.salesforce.objects import STAGES
from sfxero.sandbox.salesforce.people import User
from sfxero.sandbox.salesforce.records import Record
from sfxero.sandbox.salesforce.regions import with_codes

if TYPE_CHECKING:
    from sfxero.sandbox.salesforce.models import SalesforceOrg

CORPORATE_CURRENCY = CURRENCIES[0]
_RATES = {"AUD": Decimal(1), "NZD": Decimal("1.085"), "USD": Decimal("0.655")}


def add(org: "SalesforceOrg") -> str:
    """Add organisation, users, stages and price book; return the price book's id."""
    stamps = org.stamps(org.now())
    common = {name: value for name, value in stamps.items() if name != "IsDeleted"}
    put = org.records.put
    for user in org.users.values():
        add_user(org, user)
    put("Organization", {
        "Id": org.organization_id, "Name": "Sandbox Org", "Country": "AU",
        "OrganizationType": "Developer Edition", "IsSandbox": True,
        "DefaultLocaleSidKey": "en_AU", "TimeZoneSidKey": "Australia/Sydney", **common,
    })  # fmt: skip
    for place, stage in enumerate(STAGES.values(), start=1):
        put("OpportunityStage", {
            "Id": org.records.new_id("OpportunityStage"), "MasterLabel": stage.name,
            "ApiName": stage.name, "IsActive": True, "SortOrder": place,
            "IsClosed": stage.is_closed, "IsWon": stage.is_won,
            "DefaultProbability": Decimal(stage.probability), **common,
        })  # fmt: skip
    price_book_id = org.records.new_id("Pricebook2")
    put("Pricebook2", {
        "Id": price_book_id, "Name": "Standard Price Book", "IsActive": True, "IsStandard": True,
        **stamps,
    })  # fmt: skip
    _add_currencies(org, common)
    return price_book_id


def add_user(org: "SalesforceOrg", user: User) -> None:
    """Add the row of a user."""
    stamps = org.stamps(org.now())
    org.records.put("User", {
        "Id": user.user_id, "Name": user.name, "Username": user.username, "Email": user.username,
        "IsActive": True, **{name: value for name, value in stamps.items() if name != "IsDeleted"},
    })  # fmt: skip


def add_for_options(org: "SalesforceOrg") -> None:
    """Give existing rows what newly switched on features ask of them."""
    common = {name: value for name, value in org.stamps(org.now()).items() if name != "IsDeleted"}
    _add_currencies(org, common)
    for source in org.records.schema.objects.values():
        has_currency = "currencyisocode" in source.by_name and source.writable
        prefixes = [
            each.name.removesuffix("StateCode")
            for each in source.fields
            if each.name.endswith("StateCode")
        ]
        if not has_currency and not prefixes:
            continue
        for record in list(org.records.rows(source.name)):
            added: Record = {}
            if has_currency and record.get("CurrencyIsoCode") is None:
                added["CurrencyIsoCode"] = CORPORATE_CURRENCY
            for prefix in prefixes:
                added |= with_codes(record, prefix)
            if added:
                org.records.put(source.name, record | added)


def _add_currencies(org: "SalesforceOrg", common: Record) -> None:
    records = org.records
    tables = records.tables
    if org.options.multi_currency and not tables["CurrencyType"]:
        for code in CURRENCIES:
            records.put("CurrencyType", {
                "Id": records.new_id("CurrencyType"), "IsoCode": code, "IsActive": True,
                "ConversionRate": _RATES[code], "DecimalPlaces": 2,
                "IsCorporate": code == CORPORATE_CURRENCY, **common,
            })  # fmt: skip
    if "DatedConversionRate" in tables and not tables["DatedConversionRate"]:
        for code in CURRENCIES:
            records.put("DatedConversionRate", {
                "Id": records.new_id("DatedConversionRate"), "IsoCode": code,
                "ConversionRate": _RATES[code], "StartDate": date(1980, 1, 1),
                "NextStartDate": date(9999, 12, 31), **common,
            })  # fmt: skip
