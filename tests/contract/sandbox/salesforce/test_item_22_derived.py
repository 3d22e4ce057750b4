"""Item 22: names of people, and short ids wherever ids are taken."""

import pytest

pytestmark = pytest.mark.contract


def test_item_22_person_accounts_derive_their_name(empty, shown):
    body = {"FirstName": "Ann", "LastName": "Lee"}
    assert empty.call("POST", "/sobjects/Account", json=body).status_code == 400
    empty.control("POST", "/options", json={"person_accounts": True})
    account = empty.call("POST", "/sobjects/Account", json=body).json()["id"]
    saved = shown("Account", account)
    assert (saved["Name"], saved["IsPersonAccount"]) == ("Ann Lee", True)
    path = f"/sobjects/Account/{account}"
    assert empty.call("PATCH", path, json={"LastName": "Ng"}).status_code == 204
    assert shown("Account", account)["Name"] == "Ann Ng"
    refused = empty.call("PATCH", path, json={"Name": "Other"})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    company = empty.call("POST", "/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    assert shown("Account", company)["IsPersonAccount"] is False


def test_item_22_contacts_and_leads_derive_their_name(empty, shown):
    contact = empty.call("POST", "/sobjects/Contact", json={"LastName": "Ng"}).json()["id"]
    assert (contact[:3], shown("Contact", contact)["Name"]) == ("003", "Ng")
    lead = {"LastName": "Ng", "FirstName": "Bo", "Company": "Acme"}
    made = empty.call("POST", "/sobjects/Lead", json=lead).json()["id"]
    assert (made[:3], shown("Lead", made)["Name"]) == ("00Q", "Bo Ng")


def test_item_22_short_ids_are_taken_everywhere_and_come_back_long(empty, deal, shown):
    account = empty.call("POST", "/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    one = deal(AccountId=account[:15])
    assert shown("Opportunity", one)["AccountId"] == account
    record = {"attributes": {"type": "Opportunity"}, "id": one[:15], "NextStep": "x"}
    reply = empty.call("PATCH", "/composite/sobjects", json={"records": [record]}).json()
    assert reply[0]["id"] == one
    assert len(empty.select("Id", "Opportunity", f"WHERE AccountId = '{account[:15]}'")) == 1


def test_item_22_roles_join_contacts_to_opportunities(empty, deal):
    contact = empty.call("POST", "/sobjects/Contact", json={"LastName": "Ng"}).json()["id"]
    body = {"OpportunityId": deal(), "ContactId": contact, "IsPrimary": True}
    assert empty.call("POST", "/sobjects/OpportunityContactRole", json=body).status_code == 201
    soql = "SELECT Contact.Name FROM OpportunityContactRole WHERE IsPrimary = true"
    assert empty.rows(soql)[0]["Contact"]["Name"] == "Ng"
