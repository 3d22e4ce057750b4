"""Item 18: none, one or several matches, nulls, and unique external ids."""

import pytest

pytestmark = pytest.mark.contract
KEY = "/sobjects/Opportunity/Xero_Invoice_Id__c"
NEW = {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-10-01"}


def ingest(bench, text, **settings):
    path = bench.ingest(text, **{"operation": "update", **settings})
    return [
        bench.call("GET", f"{path}/{name}").text for name in ("successfulResults", "failedResults")
    ]


def test_item_18_single_upsert_creates_then_updates(empty, shown):
    first = empty.call("PATCH", f"{KEY}/inv-1", json=NEW)
    assert (first.status_code, first.json()["created"]) == (201, True)
    again = empty.call("PATCH", f"{KEY}/INV-1", json={"NextStep": "Paid"})
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert again.json()["id"] == first.json()["id"]
    saved = shown("Opportunity", first.json()["id"])
    assert (saved["Xero_Invoice_Id__c"], saved["NextStep"]) == ("inv-1", "Paid")
    assert empty.call("GET", f"{KEY}/inv-1").json()["Id"] == saved["Id"]
    assert empty.call("DELETE", f"{KEY}/inv-1").status_code == 204
    assert empty.call("GET", f"{KEY}/inv-1").status_code == 404


def test_item_18_several_matches_are_listed_and_nothing_is_saved(empty):
    ids = [
        empty.call("POST", "/sobjects/Account", json={"Name": n, "Legacy_Id__c": "c"}).json()
        for n in ("One", "Two")
    ]
    reply = empty.call("PATCH", "/sobjects/Account/Legacy_Id__c/c", json={"Phone": "1"})
    assert reply.status_code == 300
    assert reply.json() == [f"/services/data/v66.0/sobjects/Account/{each['id']}" for each in ids]
    record = {"attributes": {"type": "Account"}, "Legacy_Id__c": "c", "Phone": "1"}
    several = empty.call(
        "PATCH", "/composite/sobjects/Account/Legacy_Id__c", json={"records": [record]}
    ).json()[0]
    assert several["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
    assert empty.rows("SELECT Id FROM Account WHERE Phone != null") == []


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/sobjects/Opportunity/Nope__c/1", NEW, 404, "NOT_FOUND"),
        ("/sobjects/Opportunity/Name/1", NEW, 404, "NOT_FOUND"),
        (f"{KEY}/1", NEW | {"Xero_Invoice_Id__c": "1"}, 400, "INVALID_FIELD"),
        (f"{KEY}/1", {"Name": "x"}, 400, "REQUIRED_FIELD_MISSING"),
    ],
)
def test_item_18_bad_upserts_are_refused(empty, path, body, status, code):
    reply = empty.call("PATCH", path, json=body)
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (status, code)


def test_item_18_unique_key_is_enforced_whoever_writes(empty, deal):
    first = deal(Xero_Invoice_Id__c="inv-1")
    second = deal()
    body = {"Xero_Invoice_Id__c": "INV-1"}
    clash = empty.call("PATCH", f"/sobjects/Opportunity/{second}", json=body)
    assert clash.json()[0]["errorCode"] == "DUPLICATE_VALUE"
    assert first[:15] in clash.json()[0]["message"]
    assert empty.call("POST", "/sobjects/Opportunity", json=NEW | body).status_code == 400
    assert empty.call("PATCH", f"/sobjects/Opportunity/{first}", json=body).status_code == 204
    empty.call("DELETE", f"/sobjects/Opportunity/{first}")
    assert empty.call("PATCH", f"/sobjects/Opportunity/{second}", json=body).status_code == 204
    back = empty.control("POST", f"/Opportunity/{first}/undelete")
    assert back.json()[0]["errorCode"] == "DUPLICATE_VALUE"


def test_item_18_empty_is_ignored_and_na_sets_null(empty, deal, shown):
    one = deal(NextStep="Call", Amount=5)
    good, bad = ingest(empty, f"Id,NextStep,Amount\n{one},#N/A,\n")
    assert (good.count("\n"), bad.count("\n")) == (2, 1)
    saved = shown("Opportunity", one)
    assert (saved["NextStep"], saved["Amount"]) == (None, "5.00")


def test_item_18_ingest_upsert_tells_created_from_updated(empty, deal):
    deal(Xero_Invoice_Id__c="old")
    text = "Xero_Invoice_Id__c,Name,StageName,CloseDate\n"
    text += "old,A,Closed Won,2026-01-01\nnew,B,Closed Won,2026-01-01\n,C,Closed Won,2026-01-01\n"
    good, bad = ingest(empty, text, operation="upsert", externalIdFieldName="Xero_Invoice_Id__c")
    assert '"false","old"' in good
    assert '"true","new"' in good
    assert "MISSING_ARGUMENT:Xero_Invoice_Id__c not specified" in bad


def test_item_18_same_key_twice_in_one_job_fails_both_rows(empty):
    text = "Xero_Invoice_Id__c,Name,StageName,CloseDate\n"
    text += "k,A,Closed Won,2026-01-01\nK,B,Closed Won,2026-01-01\n"
    _, bad = ingest(empty, text, operation="upsert", externalIdFieldName="Xero_Invoice_Id__c")
    assert bad.count("DUPLICATE_VALUE:Duplicate external id specified: k") == 2


INVOICE = {"attributes": {"type": "Xero_Invoice__c"}, "Xero_Id__c": "inv-1", "Name": "SF-1"}


def line(key, parent="inv-1", **fields):
    parent = {"Xero_Id__c": parent}
    head = {"attributes": {"type": "Xero_Invoice_Line__c"}, "Xero_Id__c": key}
    return head | {"Xero_Invoice__r": parent} | fields


def upsert(bench, *records):
    object_name = records[0]["attributes"]["type"]
    path = f"/composite/sobjects/{object_name}/Xero_Id__c"
    return bench.call("PATCH", path, json={"records": list(records)}).json()


def test_item_18_a_parent_may_be_named_by_its_external_id(empty):
    [invoice] = upsert(empty, INVOICE)
    found, lost = upsert(empty, line("l-1", Quantity__c="1.5"), line("l-2", parent="inv-2"))
    assert (found["success"], found["created"]) == (True, True)
    assert lost["errors"][0]["statusCode"] == "INVALID_FIELD"
    assert "inv-2 not found for field Xero_Id__c" in lost["errors"][0]["message"]
    text = "Xero_Id__c,Xero_Invoice__r.Xero_Id__c,Removed__c\nl-1,inv-1,true\nl-3,inv-1,false\n"
    settings = {"object": "Xero_Invoice_Line__c", "externalIdFieldName": "Xero_Id__c"}
    good, bad = ingest(empty, text, operation="upsert", **settings)
    assert (good.count("\n"), bad.count("\n")) == (3, 1)
    rows = empty.rows(
        "SELECT Name, Xero_Id__c, Xero_Invoice__c, Removed__c FROM Xero_Invoice_Line__c"
    )
    assert {one["Xero_Invoice__c"] for one in rows} == {invoice["id"]}
    assert {one["Xero_Id__c"]: one["Removed__c"] for one in rows} == {"l-1": True, "l-3": False}
    assert len({one["Name"] for one in rows}) == 2


def test_item_18_a_line_holds_its_invoice_while_it_is_written(empty):
    [invoice] = upsert(empty, INVOICE)
    upsert(empty, line("l-1"))
    empty.control("POST", "/locks", json={"ids": [invoice["id"]], "seconds": 60})
    [result] = upsert(empty, line("l-1", Quantity__c="2"))
    assert result["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
