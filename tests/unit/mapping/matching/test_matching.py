"""Which pairs are taken, which are asked about, and that the order of the books changes nothing."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.benchmarks.bench_match import quality
from tests.benchmarks.matching_world import Maker

from sfxero.mapping.matching import candidates, rules
from sfxero.mapping.matching.matching import ARCHIVED, NEAR, RIVAL, TOO_COMMON, Match, match
from sfxero.mapping.matching.rules import Decision
from sfxero.mapping.matching.sides import table_of, without
from sfxero.model.ids import to_18

ABN = "53004085616"
STREET = {
    "AddressType": "STREET",
    "AddressLine1": "1 High St",
    "City": "Perth",
    "PostalCode": "6000",
}


def account(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"ContactID": to_18(f"001Aa{number:010d}"), "Name": "Acme Pty Ltd", **fields}


def contact(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"ContactID": f"c{number}", "Name": "ACME", "ContactStatus": "ACTIVE", **fields}


def matched(accounts: list[dict[str, Any]], contacts: list[dict[str, Any]]) -> list[Match]:
    return list(match(table_of(accounts), table_of(contacts)).rows)


def one(mine: dict[str, Any], *theirs: dict[str, Any]) -> Match:
    (found,) = matched([mine], list(theirs))
    return found


@pytest.mark.parametrize(
    ("mine", "theirs", "decision", "reasons"),
    [
        ({}, {}, "review", ["name"]),
        ({"TaxNumber": ABN}, {"TaxNumber": "53 004 085 616"}, "accept", ["tax_number", "name"]),
        ({"AccountNumber": "a 1"}, {"AccountNumber": "A1"}, "accept", ["account_number", "name"]),
        ({"AccountNumber": "A1"}, {"ContactNumber": "A1"}, "accept", ["account_number", "name"]),
        (
            {"EmailAddress": "a@gmail.com"},
            {"EmailAddress": "A@gmail.com"},
            "accept",
            ["email", "name"],
        ),
        (
            {"Website": "www.acme.com", "Addresses": [STREET]},
            {"EmailAddress": "a@acme.com", "Addresses": [STREET]},
            "accept",
            ["domain", "name", "address"],
        ),
        (
            {"Name": "Acme Engineering", "TaxNumber": ABN},
            {"Name": "Acme Enginering Ltd", "TaxNumber": ABN},
            "accept",
            ["tax_number", "name_similar"],
        ),
        # A tax number alone: the company may be another one of the same owner.
        (
            {"TaxNumber": ABN},
            {"Name": "Zebra Wholesale", "TaxNumber": ABN},
            "review",
            ["tax_number", "name_differs"],
        ),
        # A similar name without a number, whatever else is the same.
        (
            {"Name": "Westside Plumbing", "EmailAddress": "a@x.com", "Addresses": [STREET]},
            {"Name": "Eastside Plumbing", "EmailAddress": "a@x.com", "Addresses": [STREET]},
            "review",
            ["email", "name_similar", "address"],
        ),
    ],
)
def test_what_a_pair_is_worth(
    mine: dict[str, Any], theirs: dict[str, Any], decision: str, reasons: list[str]
) -> None:
    found = one(account(**mine), contact(**theirs))

    assert [rule.name for rule in found.reasons] == reasons
    assert found.score == sum(rule.points for rule in found.reasons)
    assert found.decision == decision


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ({"TaxNumber": ABN}, {"TaxNumber": "51824753556"}),
        ({"Name": "Store 12", "Addresses": [STREET]}, {"Name": "Store 13", "Addresses": [STREET]}),
        ({"Name": "Zebra"}, {}),
    ],
)
def test_what_contradicts_is_not_shown(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert one(account(**mine), contact(**theirs)).decision is Decision.NONE


def test_a_number_that_is_the_accounts_id_decides_alone() -> None:
    number = {"ContactNumber": account()["ContactID"][:15]}
    best, *others = matched(
        [account(TaxNumber=ABN), account(2, TaxNumber=ABN)],
        [contact(1, Name="Zebra", **number), contact(2, TaxNumber=ABN)],
    )

    assert (best.contact_id, best.decision) == ("c1", Decision.ACCEPT)
    assert rules.CONTACT_NUMBER in best.reasons
    assert [other.contact_id for other in others] == ["c2"]


def test_the_id_of_another_account_keeps_a_contact_from_this_one() -> None:
    rows = matched(
        [account(TaxNumber=ABN), account(2, Name="Zebra")],
        [contact(ContactNumber=account(2)["ContactID"], TaxNumber=ABN)],
    )

    assert [(row.contact_id, row.decision) for row in rows] == [
        (None, Decision.NONE), ("c1", Decision.ACCEPT)]  # fmt: skip


def test_two_contacts_that_are_near_are_left_to_a_person() -> None:
    found = match(
        table_of([account(TaxNumber=ABN, EmailAddress="a@x.com")]),
        table_of([contact(n, TaxNumber=ABN, EmailAddress="a@x.com") for n in (1, 2)]),
    )

    assert [(row.decision, row.notes) for row in found.rows] == [(Decision.REVIEW, (NEAR,))] * 2
    assert [group.ids for group in found.same_contacts] == [("c1", "c2")]


def test_two_accounts_of_one_contact_are_left_to_a_person() -> None:
    same = {"EmailAddress": "a@x.com", "Addresses": [STREET]}
    found = match(table_of([account(n, **same) for n in (1, 2)]), table_of([contact(**same)]))

    assert [(row.decision, row.notes) for row in found.rows] == [(Decision.REVIEW, (RIVAL,))] * 2
    assert [len(group.ids) for group in found.same_accounts] == [2]


def test_an_archived_contact_is_never_taken() -> None:
    found = one(account(TaxNumber=ABN), contact(TaxNumber=ABN, ContactStatus="ARCHIVED"))
    assert (found.decision, found.notes) == (Decision.REVIEW, (ARCHIVED,))


def test_a_merged_contact_speaks_for_the_one_that_it_was_merged_into() -> None:
    gone = {"ContactStatus": "ARCHIVED", "TaxNumber": ABN}
    found = one(
        account(TaxNumber=ABN),
        contact(1, MergedToContactID="c2", **gone),
        contact(2, MergedToContactID="c3", **gone),
        contact(3, Name="Zebra"),
    )
    assert (found.contact_id, found.decision) == ("c3", Decision.ACCEPT)


def test_a_circle_of_merges_ends() -> None:
    gone = {"ContactStatus": "ARCHIVED", "TaxNumber": ABN}
    rows = matched(
        [account(TaxNumber=ABN)],
        [contact(1, MergedToContactID="c2", **gone), contact(2, MergedToContactID="c1", **gone)],
    )
    assert {row.decision for row in rows} == {Decision.REVIEW}


def test_a_name_that_too_many_have_is_left_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    for most in ("MOST_PAIRS", "MOST_LOOSE_PAIRS"):
        monkeypatch.setattr(candidates, most, 3)
    rows = matched([account(n) for n in (1, 2)], [contact(n) for n in (1, 2)])
    assert [(row.decision, row.notes) for row in rows] == [(Decision.REVIEW, (TOO_COMMON,))] * 2


@pytest.mark.parametrize(("accounts", "contacts"), [(0, 0), (1, 0), (0, 1)])
def test_a_side_may_be_empty(accounts: int, contacts: int) -> None:
    rows = matched([account()] * accounts, [contact()] * contacts)
    assert [row.decision for row in rows] == [Decision.NONE] * accounts


def test_what_is_linked_is_left_out() -> None:
    table = without(table_of([contact(1), contact(2)]), ["c1"])
    assert table["id"].to_pylist() == ["c2"]


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_nothing_false_is_accepted_and_the_order_does_not_matter(seed: int) -> None:
    books = Maker(seed).make(100)
    found = match(table_of(books.accounts), table_of(books.contacts))
    told = quality(books, found)
    assert told["false"] == 0
    assert told["recall_accepted"] > 0.5

    shuffled = random.Random(seed)  # noqa: S311 - the same order for the same seed
    for side in (books.accounts, books.contacts):
        shuffled.shuffle(side)
    assert match(table_of(books.accounts), table_of(books.contacts)) == found


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"TaxNumber": ABN}, rules.TAX_NUMBER_SHARED),
        ({"EmailAddress": "office@accountants.com"}, rules.EMAIL_SHARED),
        ({"Website": "accountants.com"}, rules.DOMAIN_SHARED),
    ],
)
def test_what_several_have_says_little(fields: dict[str, str], rule: rules.Rule) -> None:
    rows = matched([account(**fields), account(2, Name="Zebra", **fields)], [contact(**fields)])
    assert rows[0].reasons == (rule, rules.NAME)
    assert rows[0].decision is Decision.REVIEW


def test_a_phone_a_place_and_a_name_that_is_alike_are_worth_a_look() -> None:
    phones = [{"PhoneType": "DEFAULT", "PhoneAreaCode": "08", "PhoneNumber": "9374 4000"}]
    place = [{"AddressType": "POBOX", "City": "PERTH", "PostalCode": "6000"}]
    found = one(
        account(Name="Acme Boats", Phones=phones, Addresses=[STREET]),
        contact(Name="Acme Coats Co", Phones=phones, Addresses=place),
    )
    assert set(found.reasons) == {rules.NAME_SIMILAR, rules.PLACE, rules.PHONE}
    assert found.decision is Decision.REVIEW
