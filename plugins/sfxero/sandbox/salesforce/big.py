"""Opportunities by the million, computed from their number, for benchmarks."""

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sfxero.sandbox.salesforce.coercion import refusal
from sfxero.sandbox.salesforce.objects import STAGES
from sfxero.sandbox.salesforce.records import Value
from sfxero.sandbox.salesforce.synthetic import (
    LONGEST_PERIOD,
    Ids,
    Pattern,
    Pool,
    Rule,
    SyntheticTable,
)

if TYPE_CHECKING:
    from sfxero.sandbox.salesforce.models import SalesforceOrg

# 400 days of stamps, ten minutes apart. The other counts divide it, so that rows can be rendered
# from few pieces; see SyntheticTable.groups.
_STAMPS = LONGEST_PERIOD
_APART = timedelta(minutes=10)
_AMOUNTS = 9_600
_DAYS = 576
_DIVISORS = [each for each in range(1, _STAMPS + 1) if _STAMPS % each == 0]
_STORIES: tuple[Value, ...] = (
    None, "Created from the web form", 'First line\nSecond line, with "quotes"', None,
    "Follow up\u2028next week, \U0001f680", "Approved by the board; deliver in two lots", None,
    None,
)  # fmt: skip


def seed_big(org: "SalesforceOrg", count: int) -> int:
    """Add `count` opportunities without lines; return how many opportunities there are."""
    table = org.records.tables["Opportunity"]
    stored = list(org.records.rows("Opportunity"))
    if isinstance(table, SyntheticTable):
        raise refusal("ALREADY_SEEDED", "computed opportunities are there already")
    first = org.records.skip_serials("Opportunity", count) + 1
    columns = _rules(org)
    org.records.tables["Opportunity"] = SyntheticTable(
        ((str(record["Id"]), record) for record in stored), columns, count,
        ids=Ids(org.records.schema.declared("Opportunity").key_prefix, first),
    )  # fmt: skip
    return len(stored) + count


def _rules(org: "SalesforceOrg") -> dict[str, Rule]:
    """Return what computes each field."""
    now = org.now()
    stages = list(STAGES.values())
    accounts: list[Value] = [record["Id"] for record in org.records.rows("Account")] or [None]
    accounts = accounts[: max(each for each in _DIVISORS if each <= len(accounts))]
    amounts = [Decimal(place * place % 2_000_003) / 100 for place in range(_AMOUNTS - 1)]
    stamps = [now - timedelta(days=1) - _APART * place for place in range(_STAMPS)]
    days = [now.date() - timedelta(days=place) for place in range(_DAYS)]
    money = [*amounts, Decimal("80000000.00")]
    columns: dict[str, Rule] = {
        name: Pool([None]) for name in _names(org) if name != "Id"
    }  # fmt: skip
    columns |= {
        "Name": Pattern("Big deal, rollout "), "Opportunity_Number__c": Pattern("BIG-"),
        "AccountId": Pool(accounts), "Amount": Pool(money), "ExpectedRevenue": Pool(money),
        "StageName": Pool([stage.name for stage in stages]),
        "IsClosed": Pool([stage.is_closed for stage in stages]),
        "IsWon": Pool([stage.is_won for stage in stages]),
        "Probability": Pool([Decimal(stage.probability) for stage in stages]),
        "CloseDate": Pool(days), "Description": Pool(_STORIES),
        "Type": Pool(["New Business", "Existing Business", None]),
        "NextStep": Pool(["Call back", None, 'Send the "final" quote', "Wait for the board"]),
        "Pricebook2Id": Pool([org.price_book_id]), "OwnerId": Pool([org.sales_user_id]),
        "HasOpportunityLineItem": Pool([False]), "IsDeleted": Pool([False]),
        "CreatedDate": Pool(stamps), "LastModifiedDate": Pool(stamps),
        "SystemModstamp": Pool(stamps), "CreatedById": Pool([org.sales_user_id]),
        "LastModifiedById": Pool([org.sales_user_id]),
    }  # fmt: skip
    return columns


def _names(org: "SalesforceOrg") -> list[str]:
    return [each.name for each in org.records.schema.declared("Opportunity").fields]
