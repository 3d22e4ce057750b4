"""Item 24: Bulk API 1.0 in JSON, as the stock operator speaks it."""

import pytest

pytestmark = pytest.mark.contract


@pytest.fixture
def call(empty):
    """Call with the session header that Bulk API 1.0 clients send."""
    token = empty.http.headers.pop("Authorization").removeprefix("Bearer ")

    def send(method, path, body=None, *, version="59.0", session=token):
        return empty.http.request(
            method, f"/services/async/{version}{path}", json=body,
            headers={"X-SFDC-Session": session},
        )  # fmt: skip

    return send


def job(**changes):
    return {
        "operation": "insert", "object": "Account", "concurrencyMode": 0, "contentType": "JSON",
        **changes,
    }  # fmt: skip


def test_item_24_rows_keep_their_order_and_their_own_outcome(empty, call):
    made = call("POST", "/job", job())
    assert made.status_code == 201
    path = f"/job/{made.json()['id']}"
    batch = call("POST", f"{path}/batch", [{"Name": "A"}, {"Phone": "1"}, {"Name": "B"}]).json()
    assert call("POST", path, {"state": "Closed"}).json()["state"] == "Closed"
    batch_path = f"{path}/batch/{batch['id']}"
    assert (batch["state"], call("GET", f"{batch_path}/result").status_code) == ("Queued", 400)
    empty.clock.advance(2)
    done = call("GET", batch_path).json()
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (
        "Completed", 3, 1,
    )  # fmt: skip
    results = call("GET", f"{batch_path}/result").json()
    assert [each["success"] for each in results] == [True, False, True]
    assert results[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert (results[0]["created"], results[0]["id"][:3]) == (True, "001")
    assert call("GET", f"{batch_path}/request").json()[0] == {"Name": "A"}
    shown = call("GET", path).json()
    assert (shown["numberBatchesCompleted"], shown["numberRecordsFailed"]) == (1, 1)
    assert call("POST", f"{path}/batch", [{"Name": "C"}]).json()["exceptionCode"] == (
        "InvalidJobState"
    )


def test_item_24_upserts_updates_and_deletes(empty, call):
    def run(rows, **changes):
        path = f"/job/{call('POST', '/job', job(**changes)).json()['id']}"
        batch = call("POST", f"{path}/batch", rows).json()
        empty.clock.advance(2)
        return call("GET", f"{path}/batch/{batch['id']}/result").json()[0]

    key = {"operation": "upsert", "externalIdFieldName": "Xero_Contact_Id__c"}
    first = run([{"Name": "A", "Xero_Contact_Id__c": "c"}], **key)
    again = run([{"Phone": "1", "Xero_Contact_Id__c": "c"}], **key)
    assert (first["created"], again["created"], first["id"]) == (True, False, again["id"])
    assert run([{"Id": first["id"], "Phone": "2"}], operation="update")["success"] is True
    assert run([{"Id": first["id"]}], operation="delete")["success"] is True
    gone = run([{"Id": first["id"]}], operation="delete")
    assert gone["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"
    assert run([{"Id": first["id"]}], operation="hardDelete")["success"] is True


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"operation": "query"}, "InvalidJob"),
        ({"object": "Nothing"}, "InvalidJob"),
        ({"contentType": "CSV"}, "InvalidJob"),
        ({"operation": "upsert", "externalIdFieldName": "Name"}, "InvalidJob"),
    ],
)
def test_item_24_refusals_are_objects(call, changes, code):
    reply = call("POST", "/job", job(**changes))
    assert (reply.status_code, reply.json()["exceptionCode"]) == (400, code)


def test_item_24_sessions_and_versions_are_checked(call):
    expired = call("POST", "/job", job(), session="gone")
    assert (expired.status_code, expired.json()["exceptionCode"]) == (401, "InvalidSessionId")
    retired = call("POST", "/job", job(), version="30.0")
    assert (retired.status_code, retired.json()["exceptionCode"]) == (400, "InvalidVersion")
    assert call("GET", "/job/750000000000000").json()["exceptionCode"] == "InvalidJob"
