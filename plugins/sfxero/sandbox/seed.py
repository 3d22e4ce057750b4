"""Fill an org with realistic Australian data, the same for the same seed and clock."""

import random
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sfxero.sandbox import seed_data as words
from sfxero.sandbox.abn import is_abn, make_abn
from sfxero.sandbox.salesforce import removal, rules
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.objects import STAGES
from sfxero.sandbox.salesforce.records import Record

_WON_SHARE = 0.40
_NO_LINES_SHARE = 0.015
_MISMATCH_SHARE = 0.015
_OLDEST_STAMP = timedelta(days=400)
_NEWEST_STAMP = timedelta(days=1)
_CLOSE_DAYS = 547
_OPEN_STAGES = [stage.name for stage in STAGES.values() if not stage.is_closed]


def seed_org(
    org: SalesforceOrg, *, seed: int = 1, accounts: int = 300, opportunities: int = 1200
) -> None:
    """Add a catalogue, accounts, opportunities and lines to the org."""
    seeder = _Seeder(org, seed)
    seeder.add_products()
    account_ids = [seeder.add_account(place, of=accounts) for place in range(accounts)]
    seeder.add_opportunities(account_ids, opportunities)
    seeder.delete_some(account_ids)


class _Seeder:
    """Makes the rows of one seed."""

    def __init__(self, org: SalesforceOrg, seed: int) -> None:
        self._org = org
        self._records = org.records
        self._now = org.now()
        self._chance = random.Random(f"sfxero seed {seed}")  # noqa: S311 - repeatable data, no secret
        self._entries: dict[str, Record] = {}
        self._names: set[str] = set()
        self._bulk_edit_at = self._now - timedelta(days=97, hours=5)

    def _stamps(self) -> Record:
        """Return audit fields of a row last changed between 400 days and one day ago."""
        span = (_OLDEST_STAMP - _NEWEST_STAMP).total_seconds()
        changed_at = self._now - _NEWEST_STAMP - timedelta(
            seconds=self._chance.randrange(int(span))
        )  # fmt: skip
        if self._chance.random() < 0.05:
            changed_at = self._bulk_edit_at
        created_at = changed_at - timedelta(seconds=self._chance.randrange(90 * 86_400))
        return self._org.stamps(created_at) | {
            "LastModifiedDate": changed_at, "SystemModstamp": changed_at,
        }  # fmt: skip

    def _put(self, object_name: str, values: Record, stamps: Record | None = None) -> Record:
        declared = self._records.schema.declared(object_name)
        blank: Record = dict.fromkeys(each.name for each in declared.fields)
        if "OwnerId" in blank:
            blank["OwnerId"] = self._org.user_id
        record = blank | (stamps or self._stamps()) | values
        record["Id"] = values.get("Id") or self._records.new_id(object_name)
        self._records.put(object_name, record)
        return record

    def add_products(self) -> None:
        """Add the catalogue and its standard prices."""
        for product in words.PRODUCTS:
            row = self._put("Product2", {
                "Name": product.name, "ProductCode": product.code, "Family": product.family,
                "IsActive": True,
            })  # fmt: skip
            self._entries[product.code] = self._put("PricebookEntry", {
                "Name": product.name, "Pricebook2Id": self._org.price_book_id,
                "Product2Id": row["Id"], "UnitPrice": product.price, "IsActive": True,
                "ProductCode": product.code,
            })  # fmt: skip

    def add_account(self, place: int, *, of: int) -> str:
        """Add one account; odd names and bad ABNs have fixed places."""
        chance = self._chance
        town = chance.choice(words.TOWNS)
        overseas = place % 50 == 37
        odd = place - 5 if of >= 100 else -1
        name = words.ODD_NAMES[odd] if 0 <= odd < len(words.ODD_NAMES) else self._name(town)
        record = self._put("Account", {
            "Name": name, "Type": chance.choice(("Customer - Direct", "Prospect", None)),
            "AccountNumber": self._account_number(place), "Phone": self._phone(town),
            "BillingStreet": self._street(), "BillingCity": town.city,
            "BillingState": chance.choice((town.state, town.code)),
            "BillingPostalCode": town.postcode,
            "BillingCountry": chance.choice(("Australia", "Australia", "Australia", "AU", None)),
            "ABN__c": None if overseas else self._abn(place),
        })  # fmt: skip
        if overseas:
            record |= {
                "BillingCity": "Christchurch", "BillingState": None, "BillingPostalCode": "8011",
                "BillingCountry": "New Zealand", "Phone": "+64 3 555 0137",
            }  # fmt: skip
            self._records.put("Account", record)
        return str(record["Id"])

    def _name(self, town: words.Town) -> str:
        chance = self._chance
        first = chance.choice(words.SURNAMES + words.COUNTRY_WORDS)
        name = f"{first} {chance.choice(words.TRADES)} {chance.choice(words.FORMS)}"
        if name in self._names:
            name = f"{name} ({town.city})"
        while name in self._names:
            name = f"{name} {chance.randrange(2, 1000)}"
        self._names.add(name)
        return name

    def _account_number(self, place: int) -> str | None:
        if place % 9 == 4:
            return None
        if place % 60 in {9, 11}:
            return words.SHARED_NUMBERS[place % 120 > 60]
        return f"AC-{10_001 + place}"

    def _abn(self, place: int) -> str | None:
        abn = make_abn(self._chance)
        if place % 8 == 3:
            return None
        if place % 50 == 21:  # one digit off: the checksum no longer fits
            return f"{abn[:10]}{(int(abn[10]) + 1) % 10}"
        if self._chance.random() < 0.5:
            return f"{abn[:2]} {abn[2:5]} {abn[5:8]} {abn[8:]}"
        return abn

    def _phone(self, town: words.Town) -> str | None:
        number = f"{self._chance.randrange(10_000_000):07d}"
        local = f"9{number[:3]} {number[3:]}"
        return self._chance.choice((
            f"({town.area}) {local}", f"+61 {town.area[1]} {local}",
            f"04{number[:2]} {number[2:5]} {number[4:]}", f"1300 {number[:3]} {number[3:6]}", None,
        ))  # fmt: skip

    def _street(self) -> str:
        chance = self._chance
        lines = chance.sample(words.FIRST_LINES, chance.choice((0, 0, 1, 1, 2, 3)))
        lines = [line.format(n=chance.randrange(1, 40)) for line in lines]
        lines.append(f"{chance.randrange(1, 900)} {chance.choice(words.STREETS)}")
        return chance.choice(("\n", "\r\n")).join(lines)

    def add_opportunities(self, account_ids: list[str], count: int) -> None:
        """Add opportunities in all stages; the first is won and good."""
        chance = self._chance
        won_count = max(1, round(count * _WON_SHARE)) if count else 0
        plan = ["Closed Won"] * (won_count - 1)
        plan += [
            "Closed Lost" if chance.random() < 0.35 else chance.choice(_OPEN_STAGES)
            for _ in range(count - won_count)
        ]
        chance.shuffle(plan)
        plan = ["Closed Won"] * bool(count) + plan
        flaws = self._flaws([place for place, stage in enumerate(plan) if stage == "Closed Won"])
        for place, stage in enumerate(plan):
            account_id = account_ids[0] if not place else chance.choice(account_ids)
            self._add_opportunity(account_id, stage, place=place, flaw=flaws.get(place))

    def _flaws(self, won: list[int]) -> dict[int, str]:
        """Choose the won opportunities that are bad on purpose, and the very large ones."""
        kinds = ["no_lines"] * round(len(won) * _NO_LINES_SHARE)
        kinds += ["amount_mismatch"] * round(len(won) * _MISMATCH_SHARE)
        if len(won) >= 100:
            kinds += ["no_account"] * 2 + ["huge", "huge"]
        return dict(zip(self._chance.sample(won[1:], len(kinds)), kinds, strict=True))

    def _add_opportunity(
        self, account_id: str, stage: str, *, place: int, flaw: str | None
    ) -> None:
        chance, stamps = self._chance, self._stamps()
        project = chance.choice(words.PROJECTS)
        account = self._records.get("Account", account_id) or {}
        name = f"{str(account['Name'])[:90].rstrip()} - {project}"
        if place % 97 == 41:
            name = f"{name} \U0001f680"
        values: Record = {
            "Id": None, "AccountId": None if flaw == "no_account" else account_id, "Name": name,
            "StageName": stage, "CloseDate": self._close_date(stage), **rules.stage_facts(stage),
            "Description": self._description(place), "Pricebook2Id": self._org.price_book_id,
            "Type": chance.choice(("New Business", "Existing Business", None)),
            "Opportunity_Number__c": rules.next_number(self._org),
            "HasOpportunityLineItem": False,
        }  # fmt: skip
        opportunity = self._put("Opportunity", values, stamps)
        bare = flaw == "no_lines" or (stage != "Closed Won" and chance.random() < 0.08)
        lines = [] if bare else self._add_lines(opportunity, stage=stage, huge=flaw == "huge")
        self._settle(opportunity, lines, flaw=flaw)

    def _settle(self, opportunity: Record, lines: list[Record], *, flaw: str | None) -> None:
        """Give the opportunity its amount."""
        amount = rules.line_sum(lines)
        if not lines:
            amount = Decimal(self._chance.randrange(500, 40_000))
        if flaw == "amount_mismatch":
            amount += Decimal(self._chance.choice(("-37.50", "10.00", "125.00", "499.99")))
            self._org.amount_overrides.add(str(opportunity["Id"]))
        record = opportunity | {"Amount": amount, "HasOpportunityLineItem": bool(lines)}
        record["ExpectedRevenue"] = rules.expected_revenue(record)
        self._records.put("Opportunity", record)

    def _close_date(self, stage: str) -> Any:
        today, days = self._now.date(), self._chance.randrange(1, _CLOSE_DAYS)
        if STAGES[stage].is_closed:
            return today - timedelta(days=days)
        return today + timedelta(days=days % 150 - 30)

    def _description(self, place: int) -> str | None:
        if place % 211 == 17:
            return "A very long story. " * 300
        if place % 29 == 3:
            return 'First line\nSecond line, with "quotes"\u2028and a separator \U0001f680'
        return "Created from the web form" if place % 5 == 0 else None

    def _add_lines(self, opportunity: Record, *, stage: str, huge: bool) -> list[Record]:
        chance = self._chance
        if huge:
            line = self._line_values(words.PLATFORM_CODE)
            price = chance.choice((Decimal("10000000.0000"), Decimal("2500000.0000")))
            big = line | {"Quantity": Decimal("8.00"), "UnitPrice": price, "Discount": None}
            return [self._put_line(opportunity, big, place=1)]
        codes = [product.code for product in words.PRODUCTS if product.code != words.CREDIT_CODE]
        drafts = [
            self._line_values(chance.choice(codes)) for _ in range(self._line_count())
        ]  # fmt: skip
        if all(draft["Discount"] == 100 for draft in drafts):
            drafts[0]["Discount"] = None
        if stage != "Closed Won" and chance.random() < 0.03:
            drafts[0]["Quantity"] = Decimal("0.00")
        lines = [
            self._put_line(opportunity, draft, place=place)
            for place, draft in enumerate(drafts, start=1)
        ]
        total = rules.line_sum(lines)
        if total > 500 and chance.random() < 0.04:
            credit = self._line_values(words.CREDIT_CODE)
            credit |= {
                "Quantity": Decimal("1.00"),
                "Discount": None,
                "UnitPrice": -(total / 10).quantize(Decimal("0.0001"), ROUND_HALF_UP),
            }
            lines.append(self._put_line(opportunity, credit, place=len(lines) + 1))
        return lines

    def _line_count(self) -> int:
        return self._chance.choices(range(1, 9), weights=(22, 24, 18, 13, 9, 6, 5, 3))[0]

    def _line_values(self, code: str) -> Record:
        chance, entry = self._chance, self._entries[code]
        price = rules.decimal_of(entry, "UnitPrice")
        if chance.random() < 0.15:
            price = price * chance.randrange(7_001, 12_999) / 10_000
        quantity = Decimal(chance.randrange(1, 25))
        if code in {"SV-INS-HR", "SV-CON-DAY"} and chance.random() < 0.5:
            quantity += Decimal(chance.choice(("0.25", "0.5", "0.75")))
        if code == "SW-BKP-GB":
            quantity *= 1_000
        discount = chance.choice(words.DISCOUNTS[:-1]) if chance.random() < 0.25 else None
        if chance.random() < 0.005:
            discount = words.DISCOUNTS[-1]
        return {
            "PricebookEntryId": entry["Id"], "Product2Id": entry["Product2Id"],
            "ProductCode": code, "ListPrice": entry["UnitPrice"], "Name": entry["Name"],
            "UnitPrice": max(price, Decimal("0.01")).quantize(Decimal("0.0001"), ROUND_HALF_UP),
            "Quantity": quantity.quantize(Decimal("0.01")),
            "Discount": None if discount is None else Decimal(discount),
        }  # fmt: skip

    def _put_line(self, opportunity: Record, draft: Record, *, place: int) -> Record:
        chance, discount = self._chance, draft["Discount"]
        text = chance.choice(words.LINE_TEXTS) if chance.random() < 0.2 else None
        if chance.random() < 0.003:
            text = ("The quick brown fox jumps over the lazy dog; " * 6)[:255]
        stamps = {name: opportunity[name] for name in self._org.stamps(self._now)}
        if chance.random() < 0.1:
            changed_at = opportunity["CreatedDate"]
            stamps |= {"LastModifiedDate": changed_at, "SystemModstamp": changed_at}
        values = draft | rules.line_prices(
            rules.decimal_of(draft, "Quantity"), rules.decimal_of(draft, "UnitPrice"),
            discount if isinstance(discount, Decimal) else None,
        ) | {
            "OpportunityId": opportunity["Id"], "SortOrder": place, "Description": text,
            "Name": f"{opportunity['Name']} {draft['Name']}"[:376],
            "ServiceDate": opportunity["CloseDate"] if chance.random() < 0.3 else None,
        }  # fmt: skip
        return self._put("OpportunityLineItem", values, stamps)

    def delete_some(self, account_ids: list[str]) -> None:
        """Put a few accounts, with what belongs to them, and opportunities into the bin."""
        opportunity_ids = list(self._records.tables["Opportunity"])
        for object_name, ids, share in (
            ("Account", account_ids[1:], 0.01), ("Opportunity", opportunity_ids[1:], 0.005),
        ):  # fmt: skip
            for record_id in self._chance.sample(ids, int(len(ids) * share)):
                record = self._records.get(object_name, record_id)
                if record is not None and not record["IsDeleted"]:
                    at = self._deleted_at()
                    removal.mark_deleted(self._org, object_name, record, at=at)

    def _deleted_at(self) -> datetime:
        return self._now - _NEWEST_STAMP - timedelta(seconds=self._chance.randrange(20 * 86_400))


def expected_truth(org: SalesforceOrg) -> dict[str, dict[str, Any]]:
    """Return for each live won opportunity whether it can be invoiced, and if not, why."""
    return {
        str(opportunity["Id"]): _judge(org, opportunity)
        for opportunity in org.records.rows("Opportunity")
        if opportunity["IsWon"] and not opportunity["IsDeleted"]
    }


def _judge(org: SalesforceOrg, opportunity: Record) -> dict[str, Any]:
    lines = org.records.lines_of(str(opportunity["Id"]))
    account_id = opportunity["AccountId"]
    account = org.records.get("Account", account_id if isinstance(account_id, str) else None)
    reason = None
    if account is None or account["IsDeleted"]:
        reason = "no_account"
    elif not lines:
        reason = "no_lines"
    elif rules.line_sum(lines) != opportunity["Amount"]:
        reason = "amount_mismatch"
    abn = None if account is None else account["ABN__c"]
    return {
        "good": reason is None, "reason": reason, "account_id": account_id,
        "number": opportunity["Opportunity_Number__c"], "lines": len(lines),
        "amount": f"{rules.decimal_of(opportunity, 'Amount'):f}",
        "line_total": f"{rules.line_sum(lines):f}",
        "account_abn": "missing" if not abn else ("valid" if is_abn(str(abn)) else "invalid"),
    }  # fmt: skip
