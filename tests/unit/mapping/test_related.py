"""Rows of other objects: which of them belong to a record, in which order, and as which columns."""

from dataclasses import replace
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from sfxero.mapping.columns import number_column, read_frame
from sfxero.mapping.fields import needed_fields
from sfxero.mapping.related import join_related
from sfxero.mapping.related_sources import persons_source, related_sources
from sfxero.mapping.transform import transform_contacts
from sfxero.mapping.uses import field_uses
from sfxero.model.findings import Severity
from sfxero.model.finer import FINER

FIRST, SECOND = "001000000000001AAA", "001000000000002AAA"
TYPES = {"Id": pa.string(), "AccountId": pa.string(), "FirstName": pa.string(),
         "LastName": pa.string(), "Email": pa.string(), "IsPrimary": pa.bool_(),
         "Rank__c": pa.decimal128(10, 2)}  # fmt: skip
TEXT = pd.ArrowDtype(pa.string())
PERSONS = {"object": "Contact", "of": "AccountId"}


@pytest.fixture
def spec(demo, build):
    """Return the demo route with persons and with a person that lends an e-mail address."""

    def make(**rules):
        persons = PERSONS | rules
        boss = {name: value for name, value in persons.items() if name != "in_emails"}
        contacts = {"persons": persons, "related": {"boss": boss}, "email": "boss.Email"}
        return build.respec(demo, contacts=contacts)

    return make


@pytest.fixture
def map_contacts(build, spec):
    """Map accounts with these persons to contacts."""

    def run(people, *, accounts=(1,), **rules):
        route = spec(**rules)
        frame = build.frame([build.account(one) for one in accounts], build.account_types)
        rows = build.frame(
            [{"Id": f"003{place:03d}", "AccountId": FIRST} | one
             for place, one in enumerate(people)], TYPES)  # fmt: skip
        for source in related_sources(route):
            frame = join_related(frame, rows, source)
        return transform_contacts(frame, route, owners={}, own_names={})

    return run


def person(name, **fields):
    return {"FirstName": "A", "LastName": name, "Email": f"{name.lower()}@x.au"} | fields


def names(build, result, source_id=FIRST):
    listed = build.payloads(result)[source_id].get("ContactPersons", [])
    return [one.get("LastName") for one in listed]


@pytest.mark.shows("Contact.ContactPersons")
def test_up_to_five_persons_go_with_their_account(map_contacts, build):
    result = map_contacts([person(f"P{place}") for place in range(7)], accounts=(1, 2))
    assert names(build, result) == ["P0", "P1", "P2", "P3", "P4"]
    assert "ContactPersons" not in build.payloads(result)[SECOND]
    assert build.payloads(result)[FIRST]["ContactPersons"][0] == {
        "IncludeInEmails": False, "FirstName": "A", "LastName": "P0", "EmailAddress": "p0@x.au",
    }  # fmt: skip


@pytest.mark.shows("Contact.EmailAddress")
def test_the_first_row_lends_its_fields(map_contacts, build):
    people = [person("Low", Rank__c=9), person("High", Rank__c=1, IsPrimary=True)]
    for rules, expected in (
        ({}, "low@x.au"),
        ({"order_by": "Rank__c"}, "high@x.au"),
        ({"first": {"field": "IsPrimary", "equals": "true"}}, "high@x.au"),
        ({"when": {"field": "Rank__c", "above": "5"}}, "low@x.au"),
    ):
        result = map_contacts(people, **rules)
        assert build.payloads(result)[FIRST]["EmailAddress"] == expected


@pytest.mark.shows("Contact.ContactPersons")
def test_primary_persons_come_first_then_by_rank_and_nothing_stands_last(map_contacts, build):
    people = [person("None"), person("Two", Rank__c=2), person("One", Rank__c=1),
              person("Chief", Rank__c=9, IsPrimary=True)]  # fmt: skip
    primary = {"field": "IsPrimary", "equals": "true"}
    result = map_contacts(people, first=primary, order_by="Rank__c")
    assert names(build, result) == ["Chief", "One", "Two", "None"]


@pytest.mark.shows("Contact.ContactPersons")
def test_one_person_in_several_roles_is_one(map_contacts, build):
    people = [person("A"), person("B"), person("A"), person("B", Email=None)]
    assert names(build, map_contacts(people)) == ["A", "B", "B"]


@pytest.mark.shows("Contact.ContactPersons")
def test_a_person_without_a_usable_address_goes_without_it(map_contacts, build):
    result = map_contacts([person("A", Email="Jürgen@x.au"), {"Email": "nobody"}], in_emails=True)
    assert build.payloads(result)[FIRST]["ContactPersons"] == [
        {"IncludeInEmails": False, "FirstName": "A", "LastName": "A"}
    ]
    assert build.rules(result) == []
    assert (FIRST, "person_email_invalid") in build.rules(result, Severity.WARN)


def test_a_number_that_is_lent_is_as_exact_as_it_is(build, spec):
    route = spec(order_by="Rank__c")
    (source, _) = related_sources(route)
    lent = replace(source, fields=("Email", "Rank__c"))
    accounts = build.frame([build.account(1), build.account(2)], build.account_types)
    people = [
        {"Id": "003000", "AccountId": FIRST} | person("Near", Rank__c=Decimal("1.33")),
        {"Id": "003001", "AccountId": FIRST} | person("Far", Rank__c=Decimal("1.34")),
    ]
    rows = build.frame(people, TYPES)
    rows[FINER] = pd.Series([";Rank__c=1.3345", ";Rank__c=1.3341"], dtype=TEXT)
    accounts[FINER] = pd.Series([None, ";Score__c=0.001"], dtype=TEXT)

    joined = join_related(accounts, rows, lent)

    assert joined[lent.column("Email", 0)][0] == "far@x.au"
    exact = number_column(read_frame(joined), lent.column("Rank__c", 0))
    assert exact.to_pylist() == [Decimal("1.3341").quantize(Decimal(1).scaleb(-18)), None]
    assert joined[FINER][1] == ";Score__c=0.001"


def test_a_name_that_is_too_long_is_refused(map_contacts, build):
    result = map_contacts([person("A", FirstName="x" * 256)])
    assert build.rules(result) == [(FIRST, "person_too_long")]


def test_without_any_rows_the_columns_are_there_and_empty(map_contacts, build, demo):
    result = map_contacts([])
    assert "ContactPersons" not in build.payloads(result)[FIRST]
    assert result.findings == []


def test_lent_fields_are_read_of_the_other_object_and_not_of_the_record(spec):
    route = spec(first={"field": "IsPrimary", "equals": "true"}, order_by="Rank__c")
    assert not [one for one in needed_fields(route)["Account"] if one.startswith("boss")]
    boss, persons = related_sources(route)
    assert boss.read_fields == ("AccountId", "Email", "Id", "IsPrimary", "Rank__c")
    assert persons.read_fields == (
        "AccountId", "Email", "FirstName", "Id", "IsPrimary", "LastName", "Rank__c"
    )  # fmt: skip
    told = {(one.key, one.field, one.column) for one in field_uses(route)
            if one.object_name == "Contact"}  # fmt: skip
    assert (("contacts", "email", "from", 0), "Email", "boss.Email") in told
    assert (("contacts", "persons", "of"), "AccountId", None) in told
    assert (("contacts", "related", "boss", "first", "field"), "IsPrimary", None) in told


def test_many_records_get_their_own_rows_and_no_others(build, spec):
    source = persons_source("Account", spec().contacts.persons)
    accounts = build.frame([build.account(one) for one in range(500)], build.account_types)
    rows = build.frame(
        [{"Id": f"003{number:05d}", "AccountId": f"001{number % 700:012d}AAA",
          "LastName": f"P{number}"} for number in range(4_000)], TYPES)  # fmt: skip
    joined = join_related(accounts, rows, source)
    for place in range(5):
        expected = [f"P{number + 700 * place}" for number in range(500)]
        assert list(joined[f"persons.{place + 1}.LastName"]) == expected
    assert list(joined["Id"]) == list(accounts["Id"])
    assert isinstance(joined["persons.1.LastName"].dtype, pd.ArrowDtype)
