"""Accounts become contacts: each field's rule, and each refusal."""

import pytest

from sfxero.errors import StagingError
from sfxero.mapping.functions import FUNCTIONS
from sfxero.mapping.names import name_key
from sfxero.model.findings import Severity

ABN = "51824753556"


def only(build, result):
    (payload,) = build.payloads(result).values()
    return payload


def test_a_contact_is_canonical_json_of_the_filled_fields(contacts, build):
    result = contacts(
        build.account(
            1, Name=" Café  <Zürich> ", AccountNumber="A1", ABN__c="51 824 753 556",
            BillingStreet="Level 3\r\n\r\n 12 \"Quay\" St ", BillingCity="Sydney",
            BillingState="NSW", BillingPostalCode="2000", BillingCountry="Australia",
        )
    )  # fmt: skip
    (document,) = result.documents
    assert document.payload == (
        '{"Name":"Café Zürich","ContactNumber":"001000000000001AAA","TaxNumber":"51824753556",'
        '"Addresses":[{"AddressType":"POBOX","AddressLine1":"Level 3",'
        '"AddressLine2":"12 \\"Quay\\" St","City":"Sydney","Region":"NSW","PostalCode":"2000",'
        '"Country":"Australia"}]}'
    )
    assert document.stamp_at == build.stamp
    assert document.parent_source_id is None
    assert document.meta["name_key"] == name_key("Café Zürich")
    assert result.findings == []


def test_an_account_with_nothing_but_a_name_is_a_contact_without_addresses(contacts, build):
    payload = only(build, contacts(build.account(1, BillingStreet=" \n ", ABN__c="")))
    assert payload == {"Name": "Firm 1", "ContactNumber": "001000000000001AAA"}


@pytest.mark.shows("Contact.TaxNumber")
@pytest.mark.parametrize(
    "written",
    [ABN, "51 824 753 556", "51-824-753-556", " 51.824.753.556 ", "51\u00a0824 753\u2011556"],
)
def test_an_abn_is_sent_as_eleven_digits(contacts, build, written):
    assert only(build, contacts(build.account(1, ABN__c=written)))["TaxNumber"] == ABN


@pytest.mark.shows("Contact.TaxNumber")
@pytest.mark.parametrize("written", ["51824753557", "5182475355", "ABN", "000000000", "1" * 200])
def test_a_wrong_abn_stays_out_and_is_reported(contacts, build, written):
    result = contacts(build.account(1, ABN__c=written))
    assert "TaxNumber" not in only(build, result)
    (finding,) = result.findings
    assert (finding.rule, finding.severity, finding.value) == (
        "abn_invalid", Severity.WARN, written,
    )  # fmt: skip


@pytest.mark.shows("Contact.TaxNumber")
def test_a_route_may_refuse_a_wrong_abn(contacts, build, demo):
    spec = build.respec(demo, contacts={"tax_number": {"on_invalid": "refuse", "required": True}})
    result = contacts(build.account(1, ABN__c="1"), build.account(2), spec=spec)
    assert len(result.documents) == 0
    assert build.rules(result) == [
        ("001000000000001AAA", "abn_invalid"), ("001000000000002AAA", "tax_number_missing"),
    ]  # fmt: skip


@pytest.mark.shows("Contact.Addresses")
@pytest.mark.parametrize(
    ("street", "lines"),
    [
        ("One", ["One"]),
        ("One\nTwo\rThree\r\nFour", ["One", "Two", "Three", "Four"]),
        ("1\n2\n3\n4\n5\n6", ["1", "2", "3", "4, 5, 6"]),
        ("One\n\n \t\nTwo", ["One", "Two"]),
        ("One\u2028Two\u0085Three", ["One", "Two", "Three"]),
        ("One\x00\x07 Two", ["One Two"]),
    ],
)
def test_a_street_fills_four_lines_and_the_rest_joins_the_last(contacts, build, street, lines):
    (address,) = only(build, contacts(build.account(1, BillingStreet=street)))["Addresses"]
    found = [address.get(f"AddressLine{place}") for place in range(1, 5)]
    assert found == lines + [None] * (4 - len(lines))


@pytest.mark.shows("Contact.Addresses")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("BillingStreet", "x" * 501),
        ("BillingStreet", "1\n2\n3\n" + "\n".join(["x" * 200] * 3)),
        ("BillingCity", "x" * 256),
        ("BillingState", "x" * 256),
        ("BillingPostalCode", "1" * 51),
        ("BillingCountry", "x" * 51),
    ],
)
def test_an_address_part_over_xeros_limit_is_refused_and_not_cut(contacts, build, field, value):
    result = contacts(build.account(1, **{field: value}))
    assert build.rules(result) == [("001000000000001AAA", "address_too_long")]
    assert result.findings[0].field == field


@pytest.mark.shows("Contact.Addresses")
@pytest.mark.parametrize(
    ("written", "sent"),
    [("New Zealand", "New Zealand"), ("Curaçao", "Curacao"), ("Timor-Leste", None), ("61", None)],
)
def test_a_country_is_sent_in_letters_or_not_at_all(contacts, build, written, sent):
    result = contacts(build.account(1, BillingCity="X", BillingCountry=written))
    assert only(build, result)["Addresses"][0].get("Country") == sent
    warned = build.rules(result, Severity.WARN)
    assert warned == ([] if sent else [("001000000000001AAA", "country_not_letters")])


@pytest.mark.shows("Contact.Name")
@pytest.mark.parametrize("name", [None, "", "  ", "<>", "\u200b"])
def test_an_account_without_a_name_is_refused(contacts, build, name):
    result = contacts(build.account(1, Name=name))
    assert build.rules(result) == [("001000000000001AAA", "name_missing")]


def test_a_second_account_of_one_name_gets_its_number_as_suffix(contacts, build):
    result = contacts(
        build.account(2, Name="ACME", AccountNumber="A2"), build.account(1, Name="Acme")
    )
    names = {one: payload["Name"] for one, payload in build.payloads(result).items()}
    assert names == {"001000000000001AAA": "Acme", "001000000000002AAA": "ACME (A2)"}


def test_a_refused_account_takes_no_name_from_another(contacts, build):
    result = contacts(
        build.account(1, Name="Acme", BillingCity="x" * 256), build.account(2, Name="Acme")
    )
    assert only(build, result)["Name"] == "Acme"


def test_names_given_earlier_and_names_of_strangers_are_respected(contacts, build):
    result = contacts(
        build.account(1, Name="Acme", AccountNumber="A1"),
        build.account(2, Name="Zen", AccountNumber="Z2"),
        owners={"zen": "a contact of the bookkeeper"},
        own_names={"001000000000001AAA": "Acme (A1)"},
    )
    assert [one["Name"] for one in build.payloads(result).values()] == ["Acme (A1)", "Zen (Z2)"]


@pytest.mark.shows("Contact.Name")
def test_an_account_for_which_no_name_is_left_is_refused(contacts, build):
    tails = ["001000000000001AAA"[-length:] for length in range(6, 19)]
    owners = {"acme": "x"} | {name_key(f"Acme ({tail})"): "x" for tail in tails}
    result = contacts(build.account(1, Name="Acme"), owners=owners)
    assert build.rules(result) == [("001000000000001AAA", "name_taken")]


def test_deleted_and_merged_accounts_are_removed(contacts, build):
    result = contacts(
        build.account(1, IsDeleted=True),
        build.account(2, IsDeleted=True, MasterRecordId="001000000000003AAA"),
        build.account(3),
    )
    assert result.removed == ["001000000000001AAA", "001000000000002AAA"]
    assert [one.source_id for one in result.documents] == ["001000000000003AAA"]


def test_no_accounts_give_no_contacts(contacts):
    result = contacts()
    assert (len(result.documents), result.findings, result.removed) == (0, [], [])


def test_an_account_that_was_staged_twice_stops_the_transform(contacts, build):
    with pytest.raises(StagingError, match="a record twice"):
        contacts(build.account(1), build.account(1))


@pytest.mark.parametrize(
    ("name", "given", "made"), [("trim", " a  b ", "a b"), ("upper", "ab", "AB")]
)
def test_a_named_function_gives_its_value(name, given, made):
    assert FUNCTIONS[name].call(given) == made


def test_a_function_applies_to_the_value_of_a_rule(contacts, build, demo):
    spec = build.respec(demo, contacts={"name": {"with": "upper", "default": "unnamed"}})
    result = contacts(build.account(1, Name="acme"), build.account(2, Name=None), spec=spec)
    assert [one["Name"] for one in build.payloads(result).values()] == ["ACME", "UNNAMED"]


def test_a_contact_may_go_without_address_tax_number_and_suffix(contacts, build, demo):
    nothing = {"postal_address": None, "tax_number": None, "name_suffix": None}
    spec = build.respec(demo, contacts=nothing)
    rows = [
        build.account(n, Name="A", ABN__c="x", BillingCity="X", AccountNumber="7") for n in (1, 2)
    ]
    result = contacts(*rows, spec=spec)
    assert list(build.payloads(result).values()) == [
        {"Name": "A", "ContactNumber": "001000000000001AAA"},
        {"Name": "A (002AAA)", "ContactNumber": "001000000000002AAA"},
    ]


@pytest.mark.shows("Contact.Addresses")
def test_parts_of_an_address_may_be_left_out(contacts, build, demo):
    spec = build.respec(demo, contacts={"postal_address": {"street": None, "country": None}})
    row = build.account(1, BillingStreet="S", BillingCity="X", BillingCountry="C")
    (address,) = only(build, contacts(row, spec=spec))["Addresses"]
    assert address == {"AddressType": "POBOX", "City": "X"}
