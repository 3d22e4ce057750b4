import base64
import json

import pytest

from sfxero.errors import ConfigurationError
from sfxero.xero.scopes import AGED, CONSENT, missing, require, scopes_of, split, superfluous


def jwt(payload: object) -> str:
    part = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return f"header.{part}.signature"


@pytest.mark.parametrize(
    ("token", "scopes"),
    [
        (jwt({"scope": ["a", "b"]}), ("a", "b")),
        (jwt({"scope": "a b"}), ("a", "b")),
        (jwt({"scope": None}), ()),
        (jwt({}), ()),
        (jwt(["scope"]), ()),
        ("opaque", ()),
        ("a.b.c", ()),
        ("a.\u00e9.c", ()),
        ("", ()),
    ],
)
def test_scopes_are_read_from_a_token_that_has_them_and_never_guessed(
    token: str, scopes: tuple[str, ...]
) -> None:
    assert scopes_of(token) == scopes


@pytest.mark.parametrize(
    ("scopes", "lacking"),
    [
        (CONSENT, ()),
        (("accounting.contacts", "accounting.transactions", "accounting.settings"), ()),
        (("accounting.contacts", "accounting.settings.read"), ("accounting.invoices",)),
        (
            ("accounting.contacts.read", "accounting.invoices.read"),
            ("accounting.contacts", "accounting.invoices", "accounting.settings.read"),
        ),
    ],
)
def test_what_the_sync_lacks_is_named_in_the_granular_words(
    scopes: tuple[str, ...], lacking: tuple[str, ...]
) -> None:
    assert missing(scopes) == lacking


def test_scopes_of_a_form_field_are_separated_by_blanks_or_commas() -> None:
    assert split(" a, b\tc ") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("scopes", "more"),
    [
        (CONSENT, ()),
        (("accounting.contacts", "accounting.transactions", "accounting.settings.read"), ()),
        (("accounting.settings", "openid", *CONSENT), ("accounting.settings", "openid")),
    ],
)
def test_what_is_more_than_the_sync_asks_for_is_named(
    scopes: tuple[str, ...], more: tuple[str, ...]
) -> None:
    assert superfluous(scopes) == more


def test_the_scope_of_aged_receivables_is_one_too_many_where_none_are_asked_for() -> None:
    assert superfluous((*CONSENT, AGED)) == ()
    assert superfluous((*CONSENT, AGED), aged=False) == (AGED,)


def test_a_token_that_lacks_a_scope_is_refused_and_one_that_claims_none_is_not() -> None:
    require(CONSENT)
    require(())
    with pytest.raises(
        ConfigurationError, match=r"accounting\.invoices accounting\.settings\.read"
    ):
        require(("accounting.contacts",))


@pytest.mark.parametrize(
    "scope", ["accounting.payments.read", "accounting.payments", "accounting.transactions"]
)
def test_reading_payments_needs_a_scope_of_its_own(scope: str) -> None:
    one_way = ("accounting.contacts", "accounting.invoices", "accounting.settings.read")
    assert missing(one_way) == ()
    assert missing(one_way, payments=True) == ("accounting.payments.read",)
    assert missing((*one_way, scope), payments=True) == ()
