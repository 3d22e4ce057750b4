import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxero.model.ids import chain_end, is_lead, to_18

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SHORT_IDS = st.text(ALPHABET, min_size=15, max_size=15)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("001D000000IqhSL", "001D000000IqhSLIAZ"),  # Salesforce's own sample
        ("000000000000000", "000000000000000AAA"),
        ("ABCDEFGHIJKLMNO", "ABCDEFGHIJKLMNO555"),
    ],
)
def test_a_short_id_gets_the_suffix_that_encodes_its_case(short: str, long: str) -> None:
    assert to_18(short) == long
    assert to_18(long) == long


@given(one=SHORT_IDS, other=SHORT_IDS)
def test_two_ids_that_differ_in_case_differ_without_it(one: str, other: str) -> None:
    assert (to_18(one).lower() == to_18(other).lower()) == (one == other)
    assert to_18(one.swapcase()).lower() != to_18(one).lower() or one.isdigit()


@pytest.mark.parametrize("text", ["", "001", "0" * 16, "0" * 19])
def test_another_length_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match="15 or 18"):
        to_18(text)


def test_a_chain_is_followed_to_its_end_and_a_circle_is_left() -> None:
    assert chain_end("a", {"a": "b", "b": "c"}) == "c"
    assert chain_end("x", {"a": "b"}) == "x"
    assert chain_end("a", {"a": "b", "b": "a"}) == "b"


def test_leads_are_told_from_accounts() -> None:
    assert is_lead("00Q000000000001AAA")
    assert not is_lead("001000000000001AAA")
