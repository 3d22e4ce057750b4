"""Contacts that become accounts: what a route may say of them, and what the accounts hold."""

import pytest

from sfxero.errors import MappingFileError
from sfxero.mapping.fields import needed_fields
from sfxero.mapping.loader import load_route
from sfxero.mapping.new_in_xero import account_of, filled_fields
from sfxero.mapping.shared_fields import shared_fields
from sfxero.mapping.spec import ContactsSection
from sfxero.mapping.uses import field_uses

WHEN = "when: {field: IsCustomer, equals: 'true'}"


def route(build, tmp_path, section, *changes):
    text = build.demo_file.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = tmp_path / "demo.yaml"
    new = f"  source: Account\n  new_in_xero: {section}\n"
    path.write_text(text.replace("  source: Account\n", new, 1), encoding="utf-8")
    return path


def test_a_route_without_the_section_keeps_its_version_and_its_fields(build, tmp_path) -> None:
    before = load_route(build.demo_file)
    after = load_route(route(build, tmp_path, f"{{{WHEN}}}"))
    assert "new_in_xero" not in str(before.mapping_version)
    assert before.mapping_version != after.mapping_version
    assert "Xero_Contact_Id__c" not in needed_fields(before)["Account"]
    assert "Xero_Contact_Id__c" in needed_fields(after)["Account"]


def test_fields_of_the_condition_are_those_of_the_contact(build, tmp_path) -> None:
    spec = load_route(route(build, tmp_path, f"{{{WHEN}}}"))
    named = {one.field for one in field_uses(spec) if one.object_name == "Account"}
    assert "IsCustomer" not in named
    assert "Xero_Contact_Id__c" in named


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("{}", (), "when"),
        ("{when: {field: Balance, above: '1'}}", (), "Balance, which is no field of a contact"),
        (f"{{{WHEN}, values: {{BillingCity: x}}}}", (), "sets BillingCity, which holds contacts."),
        (f"{{{WHEN}, values: {{Xero_Contact_Id__c: x}}}}", (), "which holds the contact's id"),
        (f"{{{WHEN}, values: {{Owner.Id: x}}}}", (), "values"),
        (f"{{{WHEN}, external_id: ABN__c}}", (), "ABN__c holds the contact's id already"),
        (f"{{{WHEN}}}", [("name: {from: Name,", "name: {value: Acme,")], "the contact's own name"),
        (f"{{{WHEN}}}", [("name: {from: Name,", "name: {from: Parent.Name,")], "another record"),
        (f"{{{WHEN}}}", [("city: {from: BillingCity}",
                          "city: {from: BillingCity, table: {A: B}}")], "'table' and 'when'"),
        (f"{{{WHEN}}}", [("city: {from: BillingCity}", "city: {from: BillingCity, with: upper}")],
         "nobody knows what 'upper' was given"),
        (f"{{{WHEN}}}", [("city: {from: BillingCity}", "city: {from: BillingStreet}")],
         "BillingStreet holds contacts.postal_address.street already"),
    ],
)  # fmt: skip
def test_what_cannot_become_an_account_is_refused(
    build, tmp_path, section, changes, message
) -> None:
    with pytest.raises(MappingFileError) as caught:
        load_route(route(build, tmp_path, section, *changes))

    assert message in str(caught.value)
    assert caught.value.line is not None


def test_a_constant_fills_nothing_and_the_first_field_is_filled() -> None:
    contacts = ContactsSection.model_validate(
        {
            "name": {"from": ["Legal_Name__c", "Name"]},
            "email": {"value": "all@acme.au"},
            "phones": {"default": {"from": "Phone", "default": "1300 975 707"}},
            "postal_address": {"city": "BillingCity", "country": {"value": "Australia"}},
        }
    )
    fields = shared_fields(contacts)
    parts = {
        "name": "Acme",
        "email": "pay@acme.au",
        "phones.default": {"PhoneNumber": "93744000", "PhoneAreaCode": "2"},
        "postal_address": {"City": "Sydney", "Country": "NZ"},
    }
    assert filled_fields(contacts) == ("Legal_Name__c", "Phone", "BillingCity")
    assert account_of(contacts, fields, parts) == {
        "name": {"Legal_Name__c": "Acme"},
        "phones.default": {"Phone": "(02) 9374 4000"},
        "postal_address": {"BillingCity": "Sydney"},
    }
