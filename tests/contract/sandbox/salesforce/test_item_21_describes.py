"""Item 21: what an org's options and a user's permissions add and take away."""

import pytest

pytestmark = pytest.mark.contract


def fields(bench, name):
    body = bench.call("GET", f"/sobjects/{name}/describe").json()
    return {each["name"]: each for each in body["fields"]}


def test_item_21_write_back_fields_are_there_and_the_key_is_unique(empty):
    opportunity, account = fields(empty, "Opportunity"), fields(empty, "Account")
    key = opportunity["Xero_Invoice_Id__c"]
    assert (key["externalId"], key["unique"], key["length"], key["idLookup"]) == (
        True, True, 36, True,
    )  # fmt: skip
    contact = account["Xero_Contact_Id__c"]
    assert (contact["externalId"], contact["unique"]) == (True, True)
    legacy = account["Legacy_Id__c"]
    assert (legacy["externalId"], legacy["unique"]) == (True, False)
    assert opportunity["Xero_Paid_On__c"]["type"] == "date"
    assert opportunity["Xero_Payment_Status__c"]["picklistValues"]
    assert opportunity["Account_ABN__c"]["calculated"] is True
    assert all(opportunity[name]["updateable"] for name in opportunity if name.startswith("Xero_"))


def test_item_21_field_level_security_is_per_user(empty):
    empty.control("POST", "/users", json={"username": "narrow@example.com"})
    client = {"client_id": "narrow", "client_secret": "s", "run_as": "narrow@example.com"}
    assert empty.control("POST", "/clients", json=client).status_code == 200
    empty.switch(hidden_by_user={"narrow@example.com": ["Opportunity.Amount"]})
    soql = "SELECT Amount FROM Opportunity"
    assert empty.query(soql).status_code == 200
    form = {"grant_type": "client_credentials", "client_id": "narrow", "client_secret": "s"}
    token = empty.http.post("/services/oauth2/token", data=form).json()["access_token"]
    empty.http.headers["Authorization"] = f"Bearer {token}"
    assert empty.query(soql).json()[0]["errorCode"] == "INVALID_FIELD"
    assert "Amount" not in fields(empty, "Opportunity")
    body = {"Name": "x", "StageName": "Closed Won", "CloseDate": "2026-01-01", "Amount": 1}
    refused = empty.call("POST", "/sobjects/Opportunity", json=body)
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD"


def test_item_21_a_field_that_may_only_be_read_says_so_and_refuses_writes(empty, deal, shown):
    one, name = deal(), "Xero_Invoice_Status__c"
    path = f"/sobjects/Opportunity/{one}"
    assert empty.call("PATCH", path, json={name: "PAID"}).status_code == 204
    empty.switch(read_only_fields=[f"Opportunity.{name}"])
    described = fields(empty, "Opportunity")[name]
    assert (described["createable"], described["updateable"]) == (False, False)
    refused = empty.call("PATCH", path, json={name: "VOIDED"})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert empty.rows(f"SELECT {name} FROM Opportunity")[0][name] == "PAID"  # noqa: S608 - no SQL
    empty.control("PATCH", f"/Opportunity/{one}", json={name: "VOIDED"})
    assert shown("Opportunity", one)[name] == "VOIDED"


def test_item_21_currency_fields_come_with_the_option(empty, deal):
    one = deal()
    since = empty.call("GET", "/sobjects/Opportunity/describe").headers["Last-Modified"]
    assert empty.query("SELECT CurrencyIsoCode FROM Opportunity").status_code == 400
    assert empty.query("SELECT Id FROM CurrencyType").status_code == 400
    empty.control("POST", "/options", json={"multi_currency": True})
    head = {"If-Modified-Since": since}
    assert empty.call("GET", "/sobjects/Opportunity/describe", headers=head).status_code == 200
    assert empty.rows("SELECT Id, CurrencyIsoCode FROM Opportunity")[0]["CurrencyIsoCode"] == "AUD"
    rates = empty.rows("SELECT IsoCode, IsCorporate FROM CurrencyType ORDER BY IsoCode")
    assert [(each["IsoCode"], each["IsCorporate"]) for each in rates] == [
        ("AUD", True), ("NZD", False), ("USD", False),
    ]  # fmt: skip
    assert empty.query("SELECT Id FROM DatedConversionRate").status_code == 400
    empty.control("POST", "/options", json={"dated_rates": True})
    assert len(empty.rows("SELECT Id, StartDate FROM DatedConversionRate")) == 3
    wrong = empty.call("PATCH", f"/sobjects/Opportunity/{one}", json={"CurrencyIsoCode": "XXX"})
    assert wrong.status_code == 400


def test_item_21_line_needs_a_price_in_the_opportunitys_currency(empty, deal):
    empty.control("POST", "/options", json={"multi_currency": True})
    product = empty.rows("SELECT Id FROM Product2 LIMIT 1")[0]["Id"]
    for currency, status in (("AUD", 201), ("NZD", 400)):
        line = {
            "OpportunityId": deal(CurrencyIsoCode=currency), "Product2Id": product, "Quantity": 1,
        }  # fmt: skip
        reply = empty.call("POST", "/sobjects/OpportunityLineItem", json=line)
        assert reply.status_code == status, reply.text


def test_item_21_state_codes_come_with_the_option(empty):
    body = {"Name": "Acme", "BillingState": "NSW", "BillingCountry": "Australia"}
    account = empty.call("POST", "/sobjects/Account", json=body).json()["id"]
    assert "BillingStateCode" not in fields(empty, "Account")
    empty.control("POST", "/options", json={"state_codes": True})
    path = f"/sobjects/Account/{account}"
    names = "BillingState,BillingStateCode,BillingCountryCode"

    def read():
        shown = empty.call("GET", path, params={"fields": names}).json()
        return [shown[name] for name in names.split(",")]

    assert read() == ["New South Wales", "NSW", "AU"]
    empty.call("PATCH", path, json={"BillingState": "Queensland"})
    assert read() == ["Queensland", "QLD", "AU"]
    empty.call("PATCH", path, json={"BillingStateCode": "VIC"})
    assert read() == ["Victoria", "VIC", "AU"]
    wrong = empty.call("PATCH", path, json={"BillingState": "Atlantis"})
    assert wrong.json()[0]["errorCode"] == "FIELD_INTEGRITY_EXCEPTION"
    empty.call("PATCH", path, json={"BillingState": None})
    assert read() == [None, None, "AU"]


def test_item_21_unknown_options_are_refused(empty):
    for body in ({"colour": True}, {"state_codes": "yes"}):
        assert empty.control("POST", "/options", json=body).status_code == 400
    assert empty.control("GET", "/options").json()["state_codes"] is False
