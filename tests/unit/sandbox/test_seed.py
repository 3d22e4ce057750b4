from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

from sfxero.clock import FakeClock, seeded_random
from sfxero.sandbox.abn import is_abn, make_abn
from sfxero.sandbox.salesforce.csv_text import java_double
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.records import id_suffix, make_id, normal_id
from sfxero.sandbox.seed import expected_truth, seed_org

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def seeded(seed=1, **sizes):
    org = SalesforceOrg(FakeClock(NOW))
    seed_org(org, seed=seed, **sizes)
    return org


@pytest.fixture(scope="module")
def org():
    return seeded()


def live(org, name):
    return [row for row in org.records.rows(name) if not row["IsDeleted"]]


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    sizes = {"accounts": 20, "opportunities": 30}
    assert seeded(3, **sizes).records.tables == seeded(3, **sizes).records.tables
    assert seeded(3, **sizes).records.tables != seeded(4, **sizes).records.tables


def test_sizes_are_as_asked_and_the_smallest_org_is_good():
    org = seeded(accounts=1, opportunities=1)
    assert [truth["good"] for truth in expected_truth(org).values()] == [True]
    assert len(seeded(accounts=7, opportunities=0).records.tables["Account"]) == 7


def test_stages_and_line_counts_spread(org):
    opportunities = list(org.records.rows("Opportunity"))
    won = [row for row in opportunities if row["IsWon"]]
    assert (len(opportunities), len(won)) == (1200, 480)
    assert len({row["StageName"] for row in opportunities}) == 10
    counts = Counter(len(org.records.lines_of(row["Id"])) for row in won if not row["IsDeleted"])
    assert set(range(9)) <= set(counts)


def test_every_kind_of_bad_opportunity_is_there_but_below_eight_per_cent(org):
    truth = expected_truth(org)
    reasons = Counter(value["reason"] for value in truth.values() if not value["good"])
    assert reasons == {"no_lines": 7, "amount_mismatch": 7, "no_account": 2}
    worst = [v for v in truth.values() if not v["good"] or v["account_abn"] == "invalid"]
    assert 16 < len(worst) < 0.08 * len(truth)


def test_amounts_and_lines_of_good_opportunities_agree_to_the_cent(org):
    for key, value in expected_truth(org).items():
        if not value["good"]:
            continue
        lines = org.records.lines_of(key)
        totals = [
            (line["UnitPrice"] * line["Quantity"] * (100 - (line["Discount"] or 0)) / 100).quantize(
                Decimal("0.01"), ROUND_HALF_UP
            )
            for line in lines
        ]
        assert totals == [line["TotalPrice"] for line in lines]
        assert sum(totals) == org.records.get("Opportunity", key)["Amount"] > 0


def test_lines_show_discounts_four_decimals_credits_and_no_zero_quantity_when_won(org):
    won = {key for key, row in org.records.tables["Opportunity"].items() if row["IsWon"]}
    lines = live(org, "OpportunityLineItem")
    sold = [line for line in lines if line["OpportunityId"] in won]
    assert any(line["Discount"] for line in sold)
    assert any(line["UnitPrice"] % Decimal("0.01") for line in sold)
    assert any(line["TotalPrice"] < 0 for line in sold)
    assert all(line["Quantity"] > 0 for line in sold)
    assert any(line["Quantity"] == 0 for line in lines)


def test_accounts_show_every_oddity(org):
    accounts = live(org, "Account")
    names = Counter(row["Name"] for row in accounts)
    numbers = Counter(row["AccountNumber"] for row in accounts)
    folded = Counter(row["Name"].casefold() for row in accounts)
    streets = {len(row["BillingStreet"].splitlines()) for row in accounts}
    abns = [row["ABN__c"] for row in accounts]
    assert max(names.values()) > 1
    assert max(folded.values()) > max(names.values())
    assert numbers[None] > 5
    assert max(count for number, count in numbers.items() if number) > 1
    assert streets == {1, 2, 3, 4}
    assert {"NSW", "New South Wales"} <= {row["BillingState"] for row in accounts}
    assert None in abns
    assert any(abn and " " in abn for abn in abns)
    assert any(abn and " " not in abn for abn in abns)
    assert sum(1 for abn in abns if abn and not is_abn(abn)) == 5
    text = " ".join(names)
    assert all(sign in text for sign in "'&,\"é")


def test_no_text_is_longer_than_its_field(org):
    for source in org.schema.objects.values():
        for record in org.records.rows(source.name):
            for each in source.fields:
                value = record.get(each.name)
                assert not isinstance(value, str) or len(value) <= each.length, each.name


def test_times_lie_in_the_past_and_closed_dates_within_eighteen_months(org):
    for name in ("Account", "Opportunity", "OpportunityLineItem", "Product2"):
        for row in org.records.rows(name):
            age = NOW - row["SystemModstamp"]
            assert timedelta(days=1) <= age <= timedelta(days=490)
            assert row["CreatedDate"] <= row["SystemModstamp"]
            assert row["SystemModstamp"].microsecond == 0
    for row in org.records.rows("Opportunity"):
        if row["IsClosed"]:
            assert timedelta(0) < NOW.date() - row["CloseDate"] <= timedelta(days=548)


def test_some_rows_are_deleted_and_no_live_row_hangs_on_a_deleted_one(org):
    gone = [row for row in org.records.rows("Opportunity") if row["IsDeleted"]]
    assert any(row["IsWon"] for row in gone)
    deleted = {row["Id"] for row in org.records.rows("Account") if row["IsDeleted"]}
    assert len(deleted) == 2
    assert not deleted & {row["AccountId"] for row in live(org, "Opportunity")}
    gone_ids = {row["Id"] for row in gone}
    assert not gone_ids & {row["OpportunityId"] for row in live(org, "OpportunityLineItem")}


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("51824753556", True), ("51 824 753 556", True), ("51824753557", False),
        ("5182475355", False), ("5182475355x", False), ("", False),
    ],
)  # fmt: skip
def test_abn_checksum(text, valid):
    assert is_abn(text) is valid


def test_made_abns_are_valid():
    chance = seeded_random(5)
    assert all(is_abn(make_abn(chance)) for _ in range(500))


def test_ids_carry_the_official_suffix():
    assert id_suffix("001A0000006Vm9u") == "IAC"
    ids = [make_id("006", serial) for serial in range(1, 5_000)]
    assert len(set(ids)) == len({each.lower() for each in ids}) == len(ids)
    assert all(normal_id(each[:15]) == each for each in ids)
    assert normal_id("006-00000000000") is None
    assert normal_id("0060") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("80000000", "8.0E7"), ("12345678.90", "1.23456789E7"), ("9999999.99", "9999999.99"),
        ("10000000", "1.0E7"), ("1200.00", "1200.0"), ("12.5", "12.5"), ("0", "0.0"),
        ("0.0000", "0.0"), ("-0.5", "-0.5"), ("0.001", "0.001"), ("0.0004", "4.0E-4"),
        ("-25000000", "-2.5E7"),
    ],
)  # fmt: skip
def test_decimals_read_as_java_writes_doubles(value, text):
    assert java_double(Decimal(value)) == text
