"""The way back from a contact to the fields of its account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfxero.errors import MappingFileError
from sfxero.mapping.inverse import account_fields, written_fields
from sfxero.mapping.loader import load_route
from sfxero.mapping.phones import split_number
from sfxero.mapping.shared_fields import shared_fields
from sfxero.mapping.spec import ContactsSection

SECTION = {
    "name": "Name",
    "tax_number": {"from": "ABN__c", "with": "abn"},
    "email": "Email__c",
    "phones": {"region": "AU", "default": "Phone", "fax": "Fax"},
    "postal_address": {"street": "BillingStreet", "city": "BillingCity"},
    "two_way": {
        "name": "ask", "tax_number": "xero", "email": "newest", "phones": "newest",
        "postal_address": "newest",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def contacts() -> ContactsSection:
    return ContactsSection.model_validate(SECTION)


def fields_of(contacts):
    return {one.key: one for one in shared_fields(contacts)}


def test_the_fields_that_may_be_written_are_those_of_the_shared_rules(contacts) -> None:
    assert written_fields(contacts) == (
        "Name", "ABN__c", "Email__c", "Phone", "Fax", "BillingStreet", "BillingCity",
    )  # fmt: skip


def test_lines_of_an_address_become_one_street_and_empty_parts_are_emptied(contacts) -> None:
    part = {"AddressLine1": "Level 3", "AddressLine3": "5 Queen St"}
    assert account_fields(fields_of(contacts)["postal_address"], part, contacts) == {
        "BillingStreet": "Level 3\n5 Queen St",
        "BillingCity": None,
    }


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"PhoneCountryCode": "61", "PhoneAreaCode": "2", "PhoneNumber": "93744000"},
         "(02) 9374 4000"),
        ({"PhoneAreaCode": "02", "PhoneNumber": "9374 4000"}, "(02) 9374 4000"),
        ({"PhoneCountryCode": "64", "PhoneAreaCode": "9", "PhoneNumber": "300 1234"},
         "+64 9 300 1234"),
        ({"PhoneAreaCode": "99", "PhoneNumber": "ask Jo"}, "99 ask Jo"),
        (None, None),
    ],
)  # fmt: skip
def test_a_phone_comes_back_as_people_write_it(contacts, part, expected) -> None:
    assert account_fields(fields_of(contacts)["phones.default"], part, contacts) == {
        "Phone": expected
    }


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"Day": "30", "Type": "DAYSAFTERBILLDATE"}, "30 days"),
        ({"Day": "20", "Type": "OFFOLLOWINGMONTH"}, "20th"),
        ({"Day": "30", "Type": "DAYSAFTERBILLMONTH"}, None),
        ({"Day": "31", "Type": "DAYSAFTERBILLDATE"}, None),
        (None, None),
    ],
)
def test_payment_terms_come_back_by_the_name_that_the_table_gives_them(part, expected) -> None:
    table = {"30 days": {"days": 30}, "20th": {"days": 20, "terms": "day_of_next_month"}}
    section = ContactsSection.model_validate(
        SECTION
        | {
            "payment_terms": {"by": "Terms__c", "table": table},
            "two_way": {"payment_terms": "newest"},
        }
    )
    field = fields_of(section)["payment_terms"]

    assert account_fields(field, part, section) == {"Terms__c": expected}
    assert written_fields(section) == ("Terms__c",)


def test_a_suffix_does_not_come_back_with_a_name(contacts) -> None:
    field = fields_of(contacts)["name"]
    assert account_fields(field, "Acme (7)", contacts, suffix=" (7)") == {"Name": "Acme"}


@given(st.from_regex(r"0[2378][0-9]{8}", fullmatch=True))
def test_a_number_that_came_back_is_split_into_what_xero_holds(number) -> None:
    section = ContactsSection.model_validate(SECTION)
    field = fields_of(section)["phones.default"]
    names = ("PhoneCountryCode", "PhoneAreaCode", "PhoneNumber")

    def parts(text):
        split = split_number(text, region="AU") or f"\t\t{text}"
        texts = dict(zip(names, split.split("\t"), strict=True))
        return {name: value for name, value in texts.items() if value}

    held = parts(number)
    (back,) = account_fields(field, held, section).values()

    assert field.text(parts(back)) == field.text(held)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: {from: Name,", "name: {from: [Name, Id], join: ' ',",
         "'contacts.name' cannot flow back to the account: it is made of more"),
        ("name: {from: Name,", "name: {from: Parent.Name,",
         "'contacts.name' cannot flow back to the account: Parent.Name is a field of another"),
        ("name: {from: Name,", "name: {from: Name, default: x,", "'table', 'when' and 'default'"),
        ("name: {from: Name,", "name: {from: Name, with: upper,",
         "nobody knows what 'upper' was given"),
        ("city: {from: BillingCity}", "city: {from: BillingStreet}",
         "contacts.postal_address.street comes from BillingStreet, too"),
    ],
)  # fmt: skip
def test_what_has_no_way_back_is_refused_with_its_line(build, tmp_path, old, new, message) -> None:
    text = build.demo_file.read_text(encoding="utf-8")
    shared = "  source: Account\n  two_way: {name: ask, postal_address: ask}\n"
    path = tmp_path / "demo.yaml"
    path.write_text(
        text.replace(old, new, 1).replace("  source: Account\n", shared, 1), encoding="utf-8"
    )

    with pytest.raises(MappingFileError) as caught:
        load_route(path)

    assert message in str(caught.value)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert caught.value.line is not None
    assert new.partition(":")[0] in lines[caught.value.line - 1]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{email: newest}", "'contacts.two_way.email' shares a field that 'contacts' does not map"),
        ("{}", "'two_way' names no field"),
        ("{name: both}", "the master is salesforce, xero, newest or ask"),
    ],
)
def test_a_section_that_says_nothing_sensible_is_refused(build, tmp_path, section, message) -> None:
    text = build.demo_file.read_text(encoding="utf-8")
    path = tmp_path / "demo.yaml"
    path.write_text(
        text.replace("  source: Account\n", f"  source: Account\n  two_way: {section}\n", 1),
        encoding="utf-8",
    )

    with pytest.raises(MappingFileError, match=message):
        load_route(path)
