"""Each sent record gets its own element of the reply, or none."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxero.errors import OutcomeUnknown
from sfxero.model.ids import TargetId
from sfxero.model.states import Entity
from sfxero.xero.elements import ElementResult, match_elements, parse_elements

NO_REASON = ("Xero refused the record and gave no reason.",)
ZEROES = "00000000-0000-0000-0000-000000000000"


def contact(number: str | None, status: str | None = "OK", **fields: Any) -> dict[str, Any]:
    element = {"ContactID": f"id-{number}", "ContactNumber": number, **fields}
    return element if status is None else {**element, "StatusAttributeString": status}


def parse(*elements: Any) -> list[ElementResult]:
    return parse_elements(Entity.CONTACT, {"Contacts": list(elements)})


def matched(
    sent: Sequence[str | None], results: Sequence[ElementResult], *ids: str | None
) -> list[str | None]:
    """Return the marks of the elements that were found for the numbers."""
    sent_ids = [None if one is None else TargetId(one) for one in ids]
    found = match_elements(sent, results, sent_ids=sent_ids)
    return [None if one is None else str(one.element.get("mark")) for one in found]


def test_a_created_element_has_its_id_and_number() -> None:
    (result,) = parse(contact("001A", Warnings=[{"Message": "odd"}], ValidationErrors=[]))

    assert (result.ok, result.target_id, result.number) == (True, "id-001A", "001A")
    assert (result.errors, result.warnings) == ((), ("odd",))


@pytest.mark.parametrize(
    ("element", "errors"),
    [
        (contact("1", "ERROR", ContactID=ZEROES, ValidationErrors=[{"Message": "a"}]), ("a",)),
        (contact("1", "ERROR", ValidationErrors=[{"Description": "b"}, {}]), ("b",)),
        (contact("1", None, ContactID=ZEROES, ValidationErrors=[{"Message": "c"}]), ("c",)),
        (contact("1", None, HasValidationErrors=True), NO_REASON),
        (contact("1", "ERROR", ContactID=None), NO_REASON),
    ],
)
def test_a_refused_element_tells_why(element: Any, errors: tuple[str, ...]) -> None:
    (result,) = parse(element)

    assert (result.ok, result.errors) == (False, errors)


def test_a_record_without_a_number_of_ours_is_matched_by_its_link() -> None:
    rows = [
        contact(None, Url="https://x/b", mark="b"),
        contact("INV-9", Url="https://x/a", mark="a"),
    ]
    links = ["https://x/a", "https://x/b", "https://x/c"]

    found = match_elements([None] * 3, parse(*rows), sent_urls=links)

    assert [one and one.element["mark"] for one in found] == ["a", "b", None]
    twice = match_elements([None] * 2, parse(rows[0], rows[0]), sent_urls=["https://x/b", None])
    assert twice[0] is None or twice[0].index == 0


def test_a_warning_is_no_refusal() -> None:
    (result,) = parse(contact("1", "WARNING", ValidationErrors=[{"Message": "mind the gap"}]))

    assert result.ok


@pytest.mark.parametrize("element", [contact("1", "OK", ContactID=ZEROES), {}, None, "?"])
def test_an_element_without_id_or_error_says_nothing(element: Any) -> None:
    assert parse(element) == []


@pytest.mark.parametrize("body", [None, [], {}, {"Contacts": None}, {"Invoices": []}])
def test_a_reply_without_its_list_leaves_the_outcome_unknown(body: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        parse_elements(Entity.CONTACT, body)


@given(order=st.permutations([f"n{number}" for number in range(9)]), lost=st.integers(0, 9))
def test_numbers_find_their_elements_in_any_order_and_with_gaps(
    order: list[str], lost: int
) -> None:
    sent = sorted(order)
    kept = [contact(number, mark=number) for number in order[lost:]]

    found = matched(sent, parse(*kept))

    assert found == [
        number if any(one["mark"] == number for one in kept) else None for number in sent
    ]


def test_foreign_elements_are_ignored() -> None:
    results = parse(contact("x", mark="x"), contact("a", mark="a"))

    assert matched(["a"], results) == ["a"]


def test_an_element_without_a_number_is_taken_by_its_place() -> None:
    results = parse(contact("a", mark=0), contact(None, mark=1), contact("c", mark=2))

    assert matched(["a", "b", "c"], results) == ["0", "1", "2"]


@pytest.mark.parametrize(
    "elements",
    [
        [contact("b", mark=0), contact(None, mark=1), contact("c", mark=2)],
        [contact("a", mark=0), contact(None, mark=1)],
        [contact("a", mark=0), contact("x", mark=1), contact("c", mark=2)],
        [contact("a", mark=0), None, contact("c", mark=2)],
    ],
    ids=["out of order", "fewer", "of another number", "without sense"],
)
def test_a_place_tells_nothing_once_anything_is_amiss(elements: list[Any]) -> None:
    found = matched(["a", "b", "c"], parse(*elements))

    assert "1" not in found


def test_a_number_that_comes_twice_is_nobodys() -> None:
    results = parse(contact("a", ContactID="x", mark=0), contact("a", ContactID="y", mark=1))

    assert matched(["a", "b"], results) == [None, None]


def test_updates_are_matched_by_id_before_number() -> None:
    results = parse(contact("a", ContactID="id-2", mark=2), contact("b", ContactID="id-1", mark=1))

    assert matched(["a", "b"], results, "id-1", "id-2") == ["1", "2"]


def test_a_failed_update_without_its_id_is_matched_by_number_but_never_to_another_id() -> None:
    results = parse(
        contact("a", "ERROR", ContactID=ZEROES, mark="refused"),
        contact("b", ContactID="stranger", mark="stranger"),
    )

    assert matched(["a", "b"], results, "id-1", "id-2") == ["refused", None]
