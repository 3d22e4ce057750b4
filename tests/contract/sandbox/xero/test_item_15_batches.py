"""Batches and their errors (item 15)."""

import pytest

pytestmark = pytest.mark.contract

ZERO_ID = "00000000-0000-0000-0000-000000000000"


MIXED = {"Contacts": [{"Name": "Good"}, {"Name": "<bad>", "ContactNumber": "001B"}]}


def test_results_per_element_come_with_200_and_all_zero_ids(xero):
    reply = xero.call("PUT", "Contacts?summarizeErrors=false", json=MIXED)
    good, bad = reply.json()["Contacts"]
    assert (reply.status_code, good["StatusAttributeString"]) == (200, "OK")
    assert (bad["ContactID"], bad["StatusAttributeString"]) == (ZERO_ID, "ERROR")
    assert (bad["ContactNumber"], bad["HasValidationErrors"]) == ("001B", True)
    assert "cannot contain" in bad["ValidationErrors"][0]["Message"]


@pytest.mark.parametrize(("partial", "left"), [(True, 1), (False, 0)])
def test_without_it_one_refusal_is_a_400_and_partial_commit_a_switch(xero, partial, left):
    xero.switch(partial_commit=partial)
    reply = xero.call("PUT", "Contacts", json=MIXED)
    body = reply.json()
    assert (reply.status_code, body["ErrorNumber"], body["Type"]) == (
        400,
        10,
        "ValidationException",
    )
    assert [row["Name"] for row in body["Elements"]] == ["<bad>"]
    assert len(xero.sandbox.xero.books.contacts) == left


def test_a_reverted_update_leaves_the_old_record_and_its_keys(xero):
    xero.switch(partial_commit=False)
    old = xero.put_contact("Maple", ContactNumber="001A")
    changed = {"ContactID": old["ContactID"], "Name": "Oak", "ContactNumber": "001B"}
    body = {"Contacts": [changed, {"Name": ""}]}
    assert xero.call("POST", "Contacts", json=body).status_code == 400
    assert xero.get("Contacts/001A")["Contacts"][0]["Name"] == "Maple"
    assert xero.call("GET", "Contacts/001B").status_code == 404


def test_an_unreadable_element_refuses_the_whole_batch(xero):
    body = {"Contacts": [{"Name": "Good"}, {"Name": {"not": "text"}}]}
    reply = xero.call("PUT", "Contacts?summarizeErrors=false", json=body)
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 14)
    assert xero.sandbox.xero.books.contacts == {}


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'[{"Name":"a"}]', b'{"Contacts":[]}', b'{"Name":NaN}', b"\xff"]
)
def test_a_body_that_cannot_be_read_is_error_14(xero, content):
    headers = {"Content-Type": "application/json"}
    reply = xero.call("PUT", "Contacts", content=content, headers=headers)
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 14)
    assert reply.json()["Type"] == "PostDataInvalidException"


def test_concurrent_creates_of_one_name_leave_one_contact(xero):
    xero.switch(write_latency_s=0.05)
    calls = [
        lambda: xero.later("PUT", "Contacts", json={"Name": "Maple Florist"}) for _ in range(5)
    ]
    statuses = sorted(reply.status_code for reply in xero.together(*calls))
    assert statuses == [200, 400, 400, 400, 400]
