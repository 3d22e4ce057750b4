"""Contact rules (item 18)."""

import pytest

pytestmark = pytest.mark.contract


@pytest.mark.parametrize("name", ["Maple Florist", "MAPLE florist", "  Maple   Florist "])
def test_a_name_is_unique_among_active_contacts_ignoring_case(xero, name):
    xero.put_contact("Maple Florist")
    message = xero.refused("PUT", "Contacts", {"Name": name})
    assert "is already assigned to another contact" in message
    assert "must be unique across all active contacts" in message


def test_case_counts_when_switched(xero):
    xero.switch(name_case_sensitive=True)
    xero.put_contact("Maple Florist")
    assert xero.put_contact("maple florist")["Name"] == "maple florist"


def test_item_18_whether_names_are_unique_is_a_switch(xero):
    first = xero.put_contact("Maple Florist")
    xero.switch(unique_names=False)
    assert xero.put_contact("Maple Florist")["ContactID"] != first["ContactID"]


def test_item_18_two_contacts_of_one_number_are_found_by_a_clause_only(xero):
    xero.switch(unique_contact_numbers=False)
    ids = {xero.put_contact(name, ContactNumber="001A")["ContactID"] for name in ("One", "Two")}
    [silently_one] = xero.get("Contacts/001A")["Contacts"]
    assert silently_one["ContactID"] in ids
    clause = {"where": 'ContactNumber=="001A"', "includeArchived": "true", "page": "1"}
    found = xero.get("Contacts", params=clause)["Contacts"]
    assert {row["ContactID"] for row in found} == ids


def test_an_account_number_is_unique(xero):
    xero.put_contact("Old", AccountNumber="A-1")
    message = xero.refused("PUT", "Contacts", {"Name": "New", "AccountNumber": "A-1"})
    assert "The Account Number already exists" in message


def test_two_clashing_elements_of_one_batch_leave_one_contact(xero):
    body = {"Contacts": [{"Name": "Maple"}, {"Name": "maple"}]}
    rows = xero.call("PUT", "Contacts?summarizeErrors=false", json=body).json()["Contacts"]
    assert [row["StatusAttributeString"] for row in rows] == ["OK", "ERROR"]


def test_an_empty_text_clears_a_field(xero):
    old = xero.put_contact("Maple", EmailAddress="a@example.com")
    path = f"Contacts/{old['ContactID']}"
    [row] = xero.call("POST", path, json={"EmailAddress": ""}).json()["Contacts"]
    assert (row["Name"], row["EmailAddress"]) == ("Maple", "")


def test_reads_always_show_four_phones_and_two_addresses(xero):
    contact = xero.put_contact("Maple", Phones=[{"PhoneType": "MOBILE", "PhoneNumber": "0400"}])
    [row] = xero.get(f"Contacts/{contact['ContactID']}")["Contacts"]
    assert {each["PhoneType"] for each in row["Phones"]} == {"DDI", "DEFAULT", "FAX", "MOBILE"}
    assert [each["AddressType"] for each in row["Addresses"]] == ["STREET", "POBOX"]


@pytest.mark.parametrize(
    ("fields", "fragment"),
    [
        ({"Name": ""}, "name must be specified"),
        ({"Name": "x" * 256}, "maximum length of 255"),
        ({"Name": "a<b"}, "cannot contain"),
        ({"FirstName": "x" * 256}, "maximum length of 255"),
        ({"ContactNumber": "x" * 51}, "maximum length of 50"),
        ({"LastName": "x" * 256}, "maximum length of 255"),
        ({"AccountNumber": "x" * 51}, "maximum length of 50"),
        ({"CompanyNumber": "x" * 51}, "maximum length of 50"),
        ({"TaxNumber": "x" * 51}, "maximum length of 50"),
        ({"EmailAddress": "x" * 250 + "@a.com"}, "maximum length of 255"),
        ({"EmailAddress": "no address"}, "Email address must be valid"),
        ({"EmailAddress": "müller@example.com"}, "Email address must be valid"),
        ({"Addresses": [{"AddressLine1": "x" * 501}]}, "maximum length of 500"),
        ({"Addresses": [{"AddressLine4": "x" * 501}]}, "maximum length of 500"),
        ({"Addresses": [{"City": "x" * 256}]}, "maximum length of 255"),
        ({"Addresses": [{"Region": "x" * 256}]}, "maximum length of 255"),
        ({"Addresses": [{"AttentionTo": "x" * 256}]}, "maximum length of 255"),
        ({"Addresses": [{"PostalCode": "x" * 51}]}, "maximum length of 50"),
        ({"Addresses": [{"Country": "x" * 51}]}, "maximum length of 50"),
        ({"Addresses": [{"Country": "AU-1"}]}, "letters only"),
        ({"Phones": [{"PhoneNumber": "1" * 51}]}, "maximum length of 50"),
        ({"Phones": [{"PhoneAreaCode": "x" * 11}]}, "maximum length of 10"),
        ({"Phones": [{"PhoneCountryCode": "x" * 21}]}, "maximum length of 20"),
        ({"ContactPersons": [{}] * 6}, "at most 5"),
        ({"DefaultCurrency": "USD"}, "not subscribed to currency USD"),
        ({"PaymentTerms": {"Sales": {"Day": 32, "Type": "DAYSAFTERBILLDATE"}}}, "from 0 to 31"),
        ({"PaymentTerms": {"Sales": {"Day": -1, "Type": "DAYSAFTERBILLDATE"}}}, "from 0 to 31"),
        ({"PaymentTerms": {"Bills": {"Day": 1.5, "Type": "OFCURRENTMONTH"}}}, "from 0 to 31"),
        ({"PaymentTerms": {"Bills": {"Day": 1}}}, "of Bills must have a day and a type"),
        ({"PaymentTerms": {"Sales": {"Type": "OFCURRENTMONTH"}}}, "must have a day and a type"),
    ],
)
def test_a_contact_outside_the_limits_is_refused(xero, fields, fragment):
    assert fragment in xero.refused("PUT", "Contacts", {"Name": "Maple", **fields})
    assert xero.sandbox.xero.books.contacts == {}


@pytest.mark.parametrize("length", [255])
def test_a_name_of_the_full_length_is_accepted(xero, length):
    assert len(xero.put_contact("x" * length)["Name"]) == length


SALES = {"Day": 30, "Type": "DAYSAFTERBILLDATE"}
BILLS = {"Day": 20, "Type": "OFFOLLOWINGMONTH"}


def terms_of(xero, contact):
    [row] = xero.get(f"Contacts/{contact['ContactID']}")["Contacts"]
    return row.get("PaymentTerms")


def test_payment_terms_are_kept_and_stay_where_none_are_sent(xero):
    contact = xero.put_contact("Maple", PaymentTerms={"Sales": SALES, "Bills": BILLS})
    xero.post(f"Contacts/{contact['ContactID']}", {"EmailAddress": "a@example.com"})
    assert terms_of(xero, contact) == {"Sales": SALES, "Bills": BILLS}


@pytest.mark.parametrize("replaced", [True, False])
def test_item_18_whether_terms_that_are_left_out_stay_is_a_switch(xero, replaced):
    xero.switch(payment_terms_replaced=replaced)
    contact = xero.put_contact("Maple", PaymentTerms={"Bills": BILLS})
    xero.post(f"Contacts/{contact['ContactID']}", {"PaymentTerms": {"Sales": SALES}})
    assert terms_of(xero, contact) == {"Sales": SALES, **({} if replaced else {"Bills": BILLS})}


def test_terms_of_another_type_make_the_body_unreadable(xero):
    body = {"Name": "Maple", "PaymentTerms": {"Sales": {"Day": 1, "Type": "SOON"}}}
    reply = xero.call("PUT", "Contacts", json=body)
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 14)


def test_names_lose_repeated_spaces(xero):
    assert xero.put_contact("  Maple   Florist ")["Name"] == "Maple Florist"


def test_one_contact_is_found_by_id_or_number(xero):
    contact = xero.put_contact("Maple", ContactNumber="001A")
    for key in (contact["ContactID"], "001A"):
        assert xero.get(f"Contacts/{key}")["Contacts"][0]["Name"] == "Maple"


def test_an_unknown_enum_value_makes_the_body_unreadable(xero):
    reply = xero.call("PUT", "Contacts", json={"Name": "Maple", "ContactStatus": "SLEEPING"})
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 14)
