"""Item 19: collections and batches."""

import pytest

pytestmark = pytest.mark.contract
ROOT = "/composite/sobjects"


def record(**values):
    return {"attributes": {"type": "Opportunity"}, **values}


def new(**values):
    return record(Name="Deal", StageName="Closed Won", CloseDate="2026-10-01") | values


def patch(bench, records, path=ROOT, **options):
    return bench.call("PATCH", path, json={"records": records, **options})


def test_item_19_results_keep_the_order_and_use_status_codes(empty, deal, shown):
    ids = [deal(), deal()]
    reply = patch(empty, [
        record(id=ids[1], NextStep="two"), record(id="006000000000001AAA", NextStep="none"),
        record(Id=ids[0][:15], NextStep="x" * 256), record(id=ids[0], Nope="x"),
    ])  # fmt: skip
    assert reply.status_code == 200
    first, *others = reply.json()
    assert first == {"id": ids[1], "success": True, "errors": []}
    assert [each["success"] for each in others] == [False] * 3
    assert [each["errors"][0]["statusCode"] for each in others] == [
        "INVALID_CROSS_REFERENCE_KEY", "STRING_TOO_LONG", "INVALID_FIELD",
    ]  # fmt: skip
    assert set(others[1]["errors"][0]) == {"statusCode", "message", "fields"}
    assert shown("Opportunity", ids[1])["NextStep"] == "two"


def test_item_19_all_or_none_takes_everything_back(empty, deal, shown):
    one = deal(NextStep="before", Xero_Invoice_Id__c="a")
    reply = patch(
        empty, [record(id=one, NextStep="after", Xero_Invoice_Id__c="b"), record(id=one, Name="")],
        allOrNone=True,
    ).json()  # fmt: skip
    codes = [each["errors"][0]["statusCode"] for each in reply]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert shown("Opportunity", one)["NextStep"] == "before"
    assert empty.call("GET", "/sobjects/Opportunity/Xero_Invoice_Id__c/a").status_code == 200
    assert empty.call("GET", "/sobjects/Opportunity/Xero_Invoice_Id__c/b").status_code == 404
    made = empty.call("POST", ROOT, json={"records": [new(), new(Name=None)], "allOrNone": True})
    assert [each["success"] for each in made.json()] == [False, False]
    assert len(empty.select("Id", "Opportunity", "")) == 1


def test_item_19_upsert_by_external_id_says_created(empty):
    path = f"{ROOT}/Opportunity/Xero_Invoice_Id__c"
    records = [new(Xero_Invoice_Id__c="k1"), new(Xero_Invoice_Id__c="k2")]
    first = patch(empty, records, path).json()
    records[1] = record(Xero_Invoice_Id__c="k2", NextStep="Paid")
    again = patch(empty, records, path).json()
    assert [each["created"] for each in first + again] == [True, True, False, False]
    assert [each["id"] for each in first] == [each["id"] for each in again]
    assert patch(empty, records, f"{ROOT}/Opportunity/Nope__c").status_code == 404
    assert patch(empty, records, f"{ROOT}/Account/Xero_Contact_Id__c").status_code == 400


def test_item_19_two_hundred_is_the_most(empty):
    assert patch(empty, [record(id="006000000000001")] * 200).status_code == 200
    refused = patch(empty, [record(id="006000000000001")] * 201)
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")


@pytest.mark.parametrize("records", [None, [1], [{"id": "006000000000001"}]])
def test_item_19_bodies_that_are_no_collection_are_refused(empty, records):
    assert patch(empty, records).status_code == 400


def test_item_19_unreadable_value_refuses_the_whole_request(empty, deal, shown):
    one = deal()
    reply = patch(empty, [record(id=one, NextStep="x"), record(id=one, Amount="much")])
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert shown("Opportunity", one)["NextStep"] is None


def test_item_19_what_fails_a_chunk_fails_every_record_of_a_call(empty, deal, shown):
    ids = [deal(), deal()]
    records = [record(id=each, NextStep="x") for each in ids]
    broken = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    empty.switch(chunk_failures=1, chunk_failure_code=broken)
    reply = patch(empty, records)
    assert reply.status_code == 200
    assert [each["errors"][0]["statusCode"] for each in reply.json()] == [broken] * 2
    assert shown("Opportunity", ids[0])["NextStep"] is None
    assert [each["success"] for each in patch(empty, records).json()] == [True, True]


def test_item_19_a_rule_of_the_org_refuses_one_record_and_spares_its_neighbours(empty, deal):
    ids = [deal(), deal(), deal()]
    empty.switch(refused_records={ids[1][:15]: "Closed deals are read only."})
    records = [record(id=each, NextStep="x") for each in ids]
    reply = patch(empty, records).json()
    assert [each["success"] for each in reply] == [True, False, True]
    assert reply[1]["errors"] == [{
        "statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Closed deals are read only.",
        "fields": [],
    }]  # fmt: skip
    code = "INSUFFICIENT_ACCESS_OR_READONLY"
    empty.switch(refused_records={ids[1]: f"{code}:insufficient access rights on object id"})
    assert patch(empty, records).json()[1]["errors"][0]["statusCode"] == code
    empty.switch(refused_records={})
    assert patch(empty, records).json()[1]["success"] is True


@pytest.mark.parametrize(("is_on", "successes"), [(False, [True, True]), (True, [False, True])])
def test_item_19_whether_a_duplicate_rule_refuses_accounts_is_a_switch(empty, is_on, successes):
    empty.call("POST", "/sobjects/Account", json={"Name": "Acme"})
    empty.switch(duplicate_rule=is_on)
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in ("ACME", "Other")]
    reply = empty.call("POST", ROOT, json={"records": records}).json()
    assert [each["success"] for each in reply] == successes
    codes = [each["errors"][0]["statusCode"] for each in reply if each["errors"]]
    assert codes == ["DUPLICATES_DETECTED"] * successes.count(False)


def test_item_19_inserts_reads_and_deletes(empty):
    made = empty.call("POST", ROOT, json={"records": [new(Name="A"), new(Name="B")]}).json()
    ids = [each["id"] for each in made]
    params = {"ids": ",".join([ids[1], "006000000000001AAA", ids[0]]), "fields": "Name"}
    read = empty.call("GET", f"{ROOT}/Opportunity", params=params).json()
    assert [each and each["Name"] for each in read] == ["B", None, "A"]
    body = {"ids": ids, "fields": ["Id", "Nope"]}
    assert empty.call("POST", f"{ROOT}/Opportunity", json=body).status_code == 400
    gone = empty.call("DELETE", ROOT, params={"ids": ",".join(ids)}).json()
    assert [each["success"] for each in gone] == [True, True]
    assert empty.select("Id", "Opportunity", "") == []


def test_item_19_batch_makes_up_to_25_calls_and_counts_each(empty):
    def used():
        return empty.call("GET", "/limits").json()["DailyApiRequests"]["Remaining"]

    before = used()
    calls = [
        {"method": "GET", "url": f"v66.0/sobjects/{name}/describe"}
        for name in ("Account", "Opportunity", "Nothing")
    ]
    body = empty.call("POST", "/composite/batch", json={"batchRequests": calls}).json()
    assert body["hasErrors"] is True
    assert [each["statusCode"] for each in body["results"]] == [200, 200, 404]
    assert [each["result"]["name"] for each in body["results"][:2]] == ["Account", "Opportunity"]
    assert before - used() == 5
    many = empty.call("POST", "/composite/batch", json={"batchRequests": calls[:1] * 26})
    assert many.json()[0]["errorCode"] == "LIMIT_EXCEEDED"
