import pytest

from sfxero.mapping.matching import keys


@pytest.mark.parametrize(
    "name",
    [
        "Acme & Sons Pty Ltd", "ACME AND SONS", "acme  &  sons pty. limited", "The Acme & Sons P/L",
        "Acmé and Sons, Inc.", "Acme & Sons G.m.b.H.", "Acme + Sons Co.", "Acme & Sons & Co",
    ],
)  # fmt: skip
def test_spellings_of_one_company_have_the_same_words(name: str) -> None:
    assert keys.words_of(name) == "acme and sons"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Co Ltd", "co"),  # a name of nothing but forms keeps its first
        ("The", "the"),
        ("O'Hara's Bar", "oharas bar"),
        ("Smith Family Trust", "smith family trust"),
        ("!!!", None),
    ],
)
def test_words_that_a_name_keeps(name: str, words: str | None) -> None:
    assert keys.words_of(name) == words


@pytest.mark.parametrize(
    ("name", "patterns"),
    [
        ("The Black & White Cafe Pty Ltd", ["black", "white", "cafe"]),
        ("Smith and Sons", ["smith", "sons"]),
        ("O'Brien Plumbing", ["o%brien", "plumbing"]),
        ("A.B.C. Cleaning", ["a%b%c%", "cleaning"]),
        ("Café Straßer", ["caf%", "stra%er"]),
        ("Йод 한국", ["йод", "한국"]),
        ("&", []),
        ("'", []),
    ],
)
def test_patterns_find_a_name_as_others_write_it(name: str, patterns: list[str]) -> None:
    assert keys.patterns_of(name) == patterns


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ABN 53 004 085 616", "53004085616"),
        ("gb-123456789", "gb123456789"),
        ("n/a", None),
        ("00000000000", None),
    ],
)
def test_stopgaps_are_no_tax_numbers(text: str, key: str | None) -> None:
    assert keys.tax_number_key(text) == key


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Pay@ACME.com.au", "acme.com.au"),
        ("https://www.acme.com.au/about", "acme.com.au"),
        ("acme.com.au", "acme.com.au"),
        ("someone@bigpond.com", None),
        ("someone@gmail.com", None),
        ("localhost", None),
        ("http://[half", None),
    ],
)
def test_a_domain_that_anybody_may_have_is_none(text: str, domain: str | None) -> None:
    assert keys.domain_of(text) == domain


@pytest.mark.parametrize("text", ["+61 2 9374 4000", "(02) 9374-4000", "0061 02 93744000"])
def test_spellings_of_one_phone_number(text: str) -> None:
    assert keys.phone_key(text) == keys.phone_key("02 9374 4000")


def test_a_short_phone_number_says_nothing() -> None:
    assert keys.phone_key("13 13 13") is None


def test_spellings_of_one_street() -> None:
    assert keys.street_key("Level 2, 10 High Street") == keys.street_key("lvl 2 10 High St.")


@pytest.mark.parametrize("text", ["001Aa0000000001", "001Aa0000000001IAA"])
def test_a_contact_number_may_be_an_account_of_either_length(text: str) -> None:
    assert keys.account_id(text) == "001Aa0000000001IAA"


@pytest.mark.parametrize("text", ["OLD-7", "006Aa0000000001", "001Aa000000000", "001Aa00000000 1"])
def test_any_other_number_is_no_account(text: str) -> None:
    assert keys.account_id(text) is None
