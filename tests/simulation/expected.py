"""What Xero should hold, worked out from the org's rows alone: no code of the sync is used."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.records import Record

_CENT: Final = Decimal("0.01")
_HUNDRED: Final = Decimal(100)
_DUE: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """One line of an invoice."""

    quantity: Decimal
    unit_amount: Decimal
    account_code: str
    tax_type: str
    amount: Decimal

    @property
    def tax(self) -> Decimal:
        rate = Decimal(0) if self.tax_type == "EXEMPTEXPORT" else Decimal(10)
        return (self.amount * rate / _HUNDRED).quantize(_CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class ExpectedInvoice:
    """What a good, won opportunity should be in Xero."""

    opportunity_id: str
    opportunity_number: str
    account_id: str
    amount: Decimal
    dated_on: date
    lines: tuple[ExpectedLine, ...]

    @property
    def number(self) -> str:
        return f"SF-{self.opportunity_number}"

    @property
    def due_on(self) -> date:
        return self.dated_on + _DUE

    @property
    def total(self) -> Decimal:
        return self.amount + sum((line.tax for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class Expected:
    """The org's living accounts and won opportunities, good and bad."""

    accounts: dict[str, str]
    bad_accounts: frozenset[str]
    invoices: dict[str, ExpectedInvoice]
    bad: dict[str, str]
    account_of: dict[str, str]
    not_won: frozenset[str]


def expected_of(org: SalesforceOrg) -> Expected:
    """Judge every row of the org."""
    living = {str(row["Id"]): row for row in _living(org, "Account")}
    accounts = {key: str(row["Name"]) for key, row in living.items()}
    bad_accounts = frozenset(
        key
        for key, name in accounts.items()
        if not any(map(str.isalnum, name))  # as Xero sees it
    )
    invoices, bad = {}, {}
    account_of, not_won = {}, set()
    for row in org.records.rows("Opportunity"):
        key = str(row["Id"])
        if row["IsDeleted"] or not row["IsWon"]:
            not_won.add(key)
            continue
        account_of[key] = str(row["AccountId"])
        judged = _judge(org, row, accounts.keys() - bad_accounts)
        if isinstance(judged, str):
            bad[key] = judged
        else:
            invoices[key] = judged
    return Expected(accounts, bad_accounts, invoices, bad, account_of, frozenset(not_won))


def _judge(org: SalesforceOrg, row: Record, good_accounts: set[str]) -> ExpectedInvoice | str:
    """The invoice, or why there may be none."""
    lines = tuple(map(_line, _sorted_lines(org, str(row["Id"]), org.records.tables["Product2"])))
    dated_on, amount = row["CloseDate"], row["Amount"]
    if row["AccountId"] not in good_accounts:
        return "no good account"
    if not isinstance(dated_on, date) or not 2000 <= dated_on.year <= 2100:
        return "date"
    if not lines or not isinstance(amount, Decimal):
        return "no lines"
    if sum((line.amount for line in lines), Decimal(0)) != amount:
        return "amount"
    return ExpectedInvoice(
        opportunity_id=str(row["Id"]),
        opportunity_number=str(row["Opportunity_Number__c"]),
        account_id=str(row["AccountId"]),
        amount=amount,
        dated_on=dated_on,
        lines=lines,
    )


def _sorted_lines(
    org: SalesforceOrg, opportunity_id: str, products: dict[str, Record]
) -> Iterator[tuple[Record, str | None]]:
    for line in sorted(org.records.lines_of(opportunity_id), key=lambda one: str(one["Id"])):
        family = products[str(line["Product2Id"])]["Family"]
        yield line, None if family is None else str(family)


def _line(pair: tuple[Record, str | None]) -> ExpectedLine:
    line, family = pair
    quantity, price = line["Quantity"], line["UnitPrice"]
    discount = line["Discount"] or Decimal(0)
    assert isinstance(quantity, Decimal)
    assert isinstance(price, Decimal)
    assert isinstance(discount, Decimal)
    return ExpectedLine(
        quantity=quantity,
        unit_amount=price,
        account_code="260" if family == "Freight" else "200",
        tax_type="EXEMPTEXPORT" if family == "Export" else "OUTPUT",
        amount=(quantity * price * (_HUNDRED - discount) / _HUNDRED).quantize(_CENT, ROUND_HALF_UP),
    )


def _living(org: SalesforceOrg, object_name: str) -> list[Record]:
    return [row for row in org.records.rows(object_name) if not row["IsDeleted"]]
