"""Contact names: how they compare, and how they are kept apart."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfxero.mapping.names import NAME_LIMIT, base_name, name_key, suffixed_name, suffixed_names
from sfxero.mapping.unique_names import Naming, unique_names


def naming(number, base="Acme", account_number=None):
    return Naming(f"001{number:012d}AAA", base, account_number)


@pytest.mark.shows("Contact.Name")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme Pty Ltd", "ACME  pty\u00a0ltd"),
        ("Café Zürich", "cafe zurich"),
        ("Straße", "STRASSE"),
        ("\uff21\uff43\uff4d\uff45", "acme"),
        ("Ac\u200bme", "acme"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_names_that_xero_may_take_for_one_have_one_key(one, other):
    assert name_key(one) == name_key(other)


def test_different_names_have_different_keys():
    assert len({name_key(one) for one in ("Acme", "Acme 2", "Acme (2)", "Acne")}) == 4


@given(st.text())
def test_a_key_is_its_own_key_and_has_no_white_space(text):
    key = name_key(text)
    assert name_key(key) == key
    assert not any(one.isspace() for one in key)


@pytest.mark.shows("Contact.Name")
@pytest.mark.parametrize(
    ("given_name", "base"),
    [
        ("  A \t B\n C ", "A B C"),
        ("<b>Bold</b> Co", "bBold/b Co"),
        ("x" * 300, "x" * 255),
        ("y" * 254 + " z", "y" * 254),
    ],
)
def test_a_base_name_is_what_xero_takes(given_name, base):
    assert base_name(given_name) == base


@pytest.mark.shows("Contact.Name")
def test_a_suffix_is_never_shortened():
    name = suffixed_name("x" * 255, "A-1")
    assert len(name) == NAME_LIMIT
    assert name.endswith("x (A-1)")


@pytest.mark.shows("Contact.Name")
def test_a_character_of_two_units_counts_as_two_and_is_never_halved():
    assert base_name("\U0001d538" * 255) == "\U0001d538" * 127
    name = suffixed_name("x" + "\U0001d538" * 127, "A-1")
    assert name == "x" + "\U0001d538" * 124 + " (A-1)"


@pytest.mark.parametrize("number", ["9" * 251, "9" * 252, "9" * 255, "9" * 4000])
def test_an_account_number_that_leaves_no_room_for_the_name_is_passed_over(number):
    tried = list(suffixed_names("Acme", number, "001000000000009AAA"))
    assert tried[0] == "Acme (009AAA)"


@given(st.text(min_size=1, max_size=300), st.text(max_size=300))
def test_no_name_to_try_is_longer_than_xero_takes(text, number):
    tried = suffixed_names(base_name(text), number, "001000000000009AAA")
    assert all(len(one.encode("utf-16-le", "surrogatepass")) <= 2 * NAME_LIMIT for one in tried)


@pytest.mark.shows("Contact.Name")
def test_names_to_try_are_the_account_number_then_growing_parts_of_the_id():
    tried = list(suffixed_names("Acme", "A1", "001000000000009AAA"))
    assert tried[:3] == ["Acme (A1)", "Acme (009AAA)", "Acme (0009AAA)"]
    assert tried[-1] == "Acme (001000000000009AAA)"


@pytest.mark.shows("Contact.Name")
def test_a_free_name_is_kept_as_it_is():
    assert unique_names([naming(1)], owners={}, own={}) == {naming(1).source_id: "Acme"}


@pytest.mark.shows("Contact.Name")
def test_the_lowest_id_gets_the_plain_name_and_the_others_their_account_number():
    names = unique_names(
        [naming(2, "ACME", "A2"), naming(1, "acme", "A1"), naming(3, "Acmé", "A3")],
        owners={},
        own={},
    )
    assert list(names.values()) == ["acme", "ACME (A2)", "Acmé (A3)"]


@pytest.mark.shows("Contact.Name")
@pytest.mark.parametrize("number", [None, "A1"])
def test_a_missing_or_shared_account_number_is_replaced_by_a_part_of_the_id(number):
    names = unique_names(
        [naming(1, account_number=number), naming(2, account_number=number)], owners={}, own={}
    )
    assert names[naming(2).source_id] == "Acme (002AAA)"


@pytest.mark.shows("Contact.Name")
def test_a_stranger_in_xero_keeps_its_name():
    names = unique_names([naming(1, account_number="A1")], owners={"acme": "stranger"}, own={})
    assert names[naming(1).source_id] == "Acme (A1)"


def test_a_taken_account_number_suffix_gives_way_to_the_id():
    owners = {"acme": "stranger", "acme(a1)": "other", "acme(001aaa)": "third"}
    names = unique_names([naming(1, account_number="A1")], owners=owners, own={})
    assert names[naming(1).source_id] == "Acme (0001AAA)"


def test_a_contact_with_the_accounts_own_number_counts_as_itself():
    owners = {"acme": naming(1).source_id}
    assert unique_names([naming(1)], owners=owners, own={}) == {naming(1).source_id: "Acme"}


@pytest.mark.shows("Contact.Name")
def test_a_name_given_earlier_stays_even_when_the_plain_one_is_free_again():
    own = {naming(2).source_id: "Acme (A2)"}
    names = unique_names([naming(2, account_number="A2")], owners={}, own=own)
    assert names == own


def test_a_suffix_chosen_earlier_stays_though_an_older_reading_named_the_account_since():
    first, second = naming(1, account_number="A1"), naming(2, account_number="A1")
    owners = {"acme": "stranger", name_key("Acme (A1)"): second.source_id}
    own = {second.source_id: "Former name"}
    names = unique_names([first, second], owners=owners, own=own)
    assert names == {first.source_id: "Acme (001AAA)", second.source_id: "Acme (A1)"}


def test_who_holds_the_plain_name_keeps_it_against_a_lower_id():
    own = {naming(5).source_id: "Acme"}
    names = unique_names([naming(1), naming(5)], owners={"acme": naming(5).source_id}, own=own)
    assert names == {naming(5).source_id: "Acme", naming(1).source_id: "Acme (001AAA)"}


@pytest.mark.shows("Contact.Name")
def test_a_renamed_account_gets_its_new_name():
    own = {naming(1).source_id: "Acme (A1)"}
    names = unique_names([naming(1, "Zenith", "A1")], owners={}, own=own)
    assert names == {naming(1).source_id: "Zenith"}


def test_dropping_a_bracketed_part_of_a_name_is_a_rename():
    own = {naming(1).source_id: "Acme (Vic)"}
    assert unique_names([naming(1)], owners={}, own=own) == {naming(1).source_id: "Acme"}


def test_an_account_for_which_every_name_is_taken_is_left_out():
    owners = {name_key(one): "x" for one in suffixed_names("Acme", None, naming(1).source_id)}
    assert unique_names([naming(1)], owners={**owners, "acme": "x"}, own={}) == {}


accounts = st.lists(
    st.builds(
        naming,
        st.integers(0, 12),
        st.sampled_from(["Acme", "ACME", "Acmé", "Acme (A1)", "Acme (001AAA)", "Zen", "x" * 255]),
        st.sampled_from([None, "A1", "A2", "A3"]),
    ),
    unique_by=lambda one: one.source_id,
)


@pytest.mark.shows("Contact.Name")
@settings(max_examples=300, deadline=None)
@given(accounts, st.randoms(use_true_random=False), st.sets(st.sampled_from(["acme", "zen"])))
def test_names_are_unique_stable_and_independent_of_order(wanted, chance: random.Random, strangers):
    owners = dict.fromkeys(strangers, "stranger")
    first = unique_names(wanted, owners=owners, own={})
    keys = [name_key(name) for name in first.values()]
    assert len(set(keys) | strangers) == len(keys) + len(strangers)
    assert all(len(name) <= NAME_LIMIT for name in first.values())
    shuffled = chance.sample(wanted, len(wanted))
    assert unique_names(shuffled, owners=owners, own={}) == first
    held = owners | {name_key(name): one for one, name in first.items()}
    some = chance.sample(wanted, len(wanted) // 2)
    again = unique_names(some, owners=held, own=first)
    assert again == {one.source_id: first[one.source_id] for one in some}
