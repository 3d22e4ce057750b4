"""The three-way merge, as a table and by what must always hold."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxero.mapping.merging import Sides, Verdict, merge

POLICIES = ("salesforce", "xero", "newest", "ask", "one_way")
SHARED = POLICIES[:-1]
VALUES = st.sampled_from([None, "a", "b", "c"])


def one(ours, theirs, base=("o", "o"), *, policy="newest", newer=True, decided=None):
    sides = Sides.of([ours], [theirs], [base[0]], [base[1]])
    words = None if decided is None else [decided]
    (verdict,) = merge(sides, policy, is_salesforce_newer=[newer], decided=words).verdicts
    return verdict


@pytest.mark.parametrize(
    ("ours", "theirs", "policy", "expected"),
    [
        ("o", "o", "newest", Verdict.NOTHING),
        ("a", "o", "newest", Verdict.TO_XERO),
        ("o", "b", "newest", Verdict.TO_SALESFORCE),
        (None, "o", "newest", Verdict.TO_XERO),
        ("o", None, "newest", Verdict.TO_SALESFORCE),
        ("a", "a", "ask", Verdict.AGREED),
        ("a", "b", "salesforce", Verdict.TO_XERO),
        ("a", "b", "xero", Verdict.TO_SALESFORCE),
        ("a", "b", "newest", Verdict.TO_XERO),
        ("a", "b", "ask", Verdict.ASK),
        ("o", "b", "one_way", Verdict.NOTHING),
        ("a", "b", "one_way", Verdict.TO_XERO),
    ],
)
def test_each_case_of_a_field_has_its_verdict(ours, theirs, policy, expected) -> None:
    assert one(ours, theirs, policy=policy) is expected


def test_the_record_that_changed_last_wins_if_the_newest_counts() -> None:
    assert one("a", "b", newer=False) is Verdict.TO_SALESFORCE


@pytest.mark.parametrize(
    ("side", "expected"),
    [("salesforce", Verdict.TO_XERO), ("xero", Verdict.TO_SALESFORCE), ("", Verdict.ASK)],
)
def test_a_persons_word_counts_where_one_is_asked(side, expected) -> None:
    assert one("a", "b", policy="ask", decided=side) is expected


def test_what_a_service_stores_otherwise_is_no_change() -> None:
    assert one("A", "a", base=("A", "a")) is Verdict.NOTHING


@pytest.mark.parametrize(
    ("theirs", "base", "policy", "expected"),
    [
        ("o", ("o", "o"), "salesforce", Verdict.TO_SALESFORCE),
        ("b", ("o", "o"), "ask", Verdict.TO_SALESFORCE),
        ("b", ("o", "o"), "salesforce", Verdict.TO_SALESFORCE),
        (None, ("o", "o"), "salesforce", Verdict.AGREED),
        ("o", ("o", "o"), "one_way", Verdict.NOTHING),
        ("o", (None, "o"), "newest", Verdict.NOTHING),
    ],
)
def test_what_xero_cannot_be_emptied_of_fills_the_account_again(
    theirs, base, policy, expected
) -> None:
    sides = Sides.of([None], [theirs], [base[0]], [base[1]])
    found = merge(sides, policy, is_salesforce_newer=[True], can_be_emptied=False)

    assert found.verdicts == [expected]
    assert found.is_conflict.tolist() == [False]


def test_fields_of_many_pairs_are_decided_each_by_itself() -> None:
    rows = list(itertools.product(["o", "a"], ["o", "b"]))
    sides = Sides.of([a for a, _ in rows], [b for _, b in rows], ["o"] * 4, ["o"] * 4)

    result = merge(sides, "xero", is_salesforce_newer=[True] * 4)

    assert result.verdicts == [
        Verdict.NOTHING, Verdict.TO_SALESFORCE, Verdict.TO_XERO, Verdict.TO_SALESFORCE,
    ]  # fmt: skip
    assert result.is_conflict.tolist() == [False, False, False, True]


@given(VALUES, VALUES, VALUES, VALUES, st.sampled_from(SHARED), st.booleans())
def test_after_what_the_merge_says_there_is_nothing_more_to_do(
    ours, theirs, base_ours, base_theirs, policy, newer
) -> None:
    verdict = one(ours, theirs, (base_ours, base_theirs), policy=policy, newer=newer)
    if verdict is Verdict.ASK:
        return
    if verdict is Verdict.TO_XERO:
        theirs = ours
    if verdict is Verdict.TO_SALESFORCE:
        ours = theirs
    agreed = (base_ours, base_theirs) if verdict is Verdict.NOTHING else (ours, theirs)

    assert one(ours, theirs, agreed, policy=policy, newer=not newer) is Verdict.NOTHING


@given(VALUES, VALUES, VALUES, VALUES, st.sampled_from(SHARED), st.booleans())
def test_the_merge_does_not_favour_a_side_unless_the_policy_does(
    ours, theirs, base_ours, base_theirs, policy, newer
) -> None:
    mirrored = {"salesforce": "xero", "xero": "salesforce"}.get(policy, policy)
    turned = {
        Verdict.TO_XERO: Verdict.TO_SALESFORCE,
        Verdict.TO_SALESFORCE: Verdict.TO_XERO,
    }

    there = one(ours, theirs, (base_ours, base_theirs), policy=policy, newer=newer)
    back = one(theirs, ours, (base_theirs, base_ours), policy=mirrored, newer=not newer)

    assert back is turned.get(there, there)


@given(VALUES, VALUES, VALUES, st.sampled_from(POLICIES), st.booleans())
def test_a_side_that_did_not_change_is_never_taken_over_one_that_did(
    changed, base_ours, base_theirs, policy, newer
) -> None:
    verdict = one(changed, base_theirs, (base_ours, base_theirs), policy=policy, newer=newer)

    assert verdict in {Verdict.TO_XERO, Verdict.AGREED, Verdict.NOTHING}
    assert verdict is not Verdict.NOTHING or changed in {base_ours, base_theirs}
