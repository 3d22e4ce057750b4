"""Tax numbers by the check of their country, and what a route does with others."""

import pytest

from sfxero.mapping.countries import NotJudged
from sfxero.mapping.tax_numbers import tax_number
from sfxero.model.findings import Severity

RULE = {"with": "tax_number", "country": ["BillingCountry"], "country_default": "AU"}


@pytest.fixture
def contact(contacts, build, demo):
    """Transform one account by a rule of tax numbers, and return its payload and findings."""

    def run(number, address_country, /, **rule):
        spec = build.respec(demo, contacts={"tax_number": RULE | rule})
        result = contacts(
            build.account(1, ABN__c=number, BillingCountry=address_country), spec=spec
        )
        found = [(one.rule, one.severity, one.value) for one in result.findings]
        (payload,) = build.payloads(result).values() or [None]
        return payload, found

    return run


@pytest.mark.shows("Contact.TaxNumber")
@pytest.mark.parametrize(
    ("country", "written", "sent"),
    [
        ("Australia", "51 824 753 556", "51824753556"),
        ("New Zealand", "49-091-850", "49091850"),
        ("United Kingdom", "GB 980 7806 84", "980780684"),
        ("UK", "980780684", "980780684"),
        ("Northern Ireland", "XI 110305878", "XI110305878"),
        ("United States", "91-1144442", "911144442"),
        ("USA", "04-2103594", "042103594"),
        ("Singapore", "197401143C", "197401143C"),
        ("SG", "T01FC6132D", "T01FC6132D"),
        ("Canada", "12302 6635 RC 0001", "123026635RC0001"),
        ("India", "27AAPFU0939F1ZV", "27AAPFU0939F1ZV"),
        ("Switzerland", "CHE-107.787.577 IVA", "CHE107787577IVA"),
        ("Japan", "5-8356-7825-6246", "5835678256246"),
        ("Germany", "136 695 976", "DE136695976"),
        ("DE", "de136695976", "DE136695976"),
        ("Ireland", "IE 6433435F", "IE6433435F"),
        ("Austria", "U13585627", "ATU13585627"),
        ("Greece", "094259216", "EL094259216"),
        ("GR", "GR094259216", "EL094259216"),
        ("France", "FR K7399859412", "FRK7399859412"),
        ("The Netherlands", "004495445B01", "NL004495445B01"),
        ("Romania", "RO 185 472 90", "RO18547290"),
        (None, "51 824 753 556", "51824753556"),
    ],
)
def test_a_tax_number_is_held_against_the_check_of_its_country(contact, country, written, sent):
    payload, found = contact(written, country)
    assert (payload["TaxNumber"], found) == (sent, [])


@pytest.mark.shows("Contact.TaxNumber")
@pytest.mark.parametrize(
    ("country", "written"),
    [
        ("Australia", "51 824 753 557"),
        ("New Zealand", "49-091-851"),
        ("NZ", "51 824 753 556"),
        ("United Kingdom", "802311781"),
        ("Northern Ireland", "XI 110305879"),
        ("United States", "07-1144442"),
        ("Singapore", "197401143D"),
        ("Canada", "123026634"),
        ("India", "27AAPFU0939F1ZO"),
        ("Switzerland", "CHE-107.787.578 IVA"),
        ("Germany", "136695978"),
        ("Germany", "ATU13585627"),
        ("Ireland", "6433435E"),
        ("France", "84 323 140 391"),
        (None, "51 824 753 557"),
    ],
)
def test_a_number_that_is_none_of_its_country_stays_out_with_a_warning(contact, country, written):
    payload, found = contact(written, country)
    assert "TaxNumber" not in payload
    assert found == [("tax_number_invalid", Severity.WARN, written)]


@pytest.mark.shows("Contact.TaxNumber")
def test_a_route_may_refuse_a_number_that_is_none_of_its_country(contact):
    payload, found = contact("1", "NZ", on_invalid="refuse")
    assert payload is None
    assert found == [("tax_number_invalid", Severity.REFUSE, "1")]


UNCHECKED = "tax_number_unchecked"


@pytest.mark.shows("Contact.TaxNumber")
@pytest.mark.parametrize("country", ["Fiji", "Utopia"])
@pytest.mark.parametrize(
    ("on_unknown", "sent", "severity"),
    [("pass", "12-34", None), ("warn", "12-34", "warn"), ("refuse", None, "refuse")],
)
def test_a_number_of_a_country_without_a_check_does_what_the_route_says(
    contact, country, on_unknown, sent, severity
):
    payload, found = contact("12-34", country, on_unknown=on_unknown)
    assert (payload or {}).get("TaxNumber") == sent
    assert found == ([(UNCHECKED, severity, "12-34")] if severity else [])


def test_without_a_country_and_a_default_nothing_is_judged(contact):
    payload, found = contact("51 824 753 557", None, country_default=None, on_unknown="warn")
    assert payload["TaxNumber"] == "51 824 753 557"
    assert found == [(UNCHECKED, Severity.WARN, "51 824 753 557")]


def test_no_number_is_no_finding_whatever_the_country(contact):
    payload, found = contact(None, "Utopia", on_unknown="refuse")
    assert ("TaxNumber" in payload, found) == (False, [])


def test_the_first_filled_field_gives_the_country(contact):
    payload, found = contact("49-091-850", "NZ", country=["BillingStreet", "BillingCountry"])
    assert (payload["TaxNumber"], found) == ("49091850", [])


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("AT", "U13585627"), ("BE", "0428759497"), ("BG", "175074752"), ("CY", "10259033P"),
        ("CZ", "25123891"), ("DE", "136695976"), ("DK", "13585628"), ("EE", "100594102"),
        ("ES", "B64717838"), ("FI", "20774740"), ("FR", "23334175221"), ("EL", "094259216"),
        ("HR", "33392005961"), ("HU", "12892312"), ("IE", "6433435F"), ("IT", "00743110157"),
        ("LT", "119511515"), ("LU", "15027442"), ("LV", "40003521600"), ("MT", "11679112"),
        ("NL", "004495445B01"), ("PL", "8567346215"), ("PT", "501964843"), ("RO", "18547290"),
        ("SE", "123456789701"), ("SI", "50223054"), ("SK", "2022749619"),
    ],
)  # fmt: skip
def test_each_number_of_the_union_has_its_prefix_once(code, number):
    country = "GR" if code == "EL" else code
    assert tax_number(number, country) == f"{code}{number}"
    assert tax_number(f"{code} {number}", country) == f"{code}{number}"
    assert tax_number(f"{number}99999", country) is None


@pytest.mark.parametrize("country", ["", "Utopia", "Fiji"])
def test_what_cannot_be_judged_is_neither_true_nor_false(country):
    with pytest.raises(NotJudged):
        tax_number("51824753556", country)
