"""Item 20: two writers, one account."""

import asyncio

import httpx
import pytest

pytestmark = pytest.mark.contract


@pytest.fixture
def account(empty):
    return empty.call("POST", "/sobjects/Account", json={"Name": "Acme"}).json()["id"]


def test_item_20_running_job_holds_the_accounts_it_touches(empty, account, deal):
    one, two, other = deal(AccountId=account), deal(AccountId=account), deal()
    path = empty.ingest(f"Id,NextStep\n{one},job\n", wait=0, operation="update")
    empty.clock.advance(0.6)  # in progress
    records = [
        {"attributes": {"type": "Opportunity"}, "id": each, "NextStep": "rest"}
        for each in (two, other)
    ]
    reply = empty.call("PATCH", "/composite/sobjects", json={"records": records}).json()
    assert reply[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    assert reply[1]["success"] is True
    empty.clock.advance(2)
    assert '"job"' in empty.call("GET", f"{path}/successfulResults").text
    again = empty.call("PATCH", "/composite/sobjects", json={"records": records}).json()
    assert [each["success"] for each in again] == [True, True]


def test_item_20_second_of_two_jobs_over_one_account_loses_its_row(empty, account, deal):
    one, two = deal(AccountId=account), deal(AccountId=account)
    first = empty.ingest(f"Id,NextStep\n{one},first\n", wait=0, operation="update")
    empty.clock.advance(0.7)
    second = empty.ingest(f"Id,NextStep\n{two},second\n", wait=0, operation="update")
    empty.clock.advance(5)
    assert empty.call("GET", first).json()["numberRecordsFailed"] == 0
    assert "UNABLE_TO_LOCK_ROW:" in empty.call("GET", f"{second}/failedResults").text


def test_item_20_rest_writers_at_the_same_moment_collide(empty, account, deal):
    ids = [deal(AccountId=account), deal(AccountId=account)]
    empty.switch(write_hold_s=0.2)
    app = empty.http._transport._transport.app

    async def both():
        transport = httpx.ASGITransport(app=app)
        base, head = str(empty.http.base_url), dict(empty.http.headers)
        async with httpx.AsyncClient(transport=transport, base_url=base, headers=head) as http:
            return await asyncio.gather(*(
                http.patch(f"/services/data/v66.0/sobjects/Opportunity/{each}", json={"Name": "x"})
                for each in ids
            ))  # fmt: skip

    replies = asyncio.run(both())
    assert sorted(reply.status_code for reply in replies) == [204, 400]
    refused = next(reply for reply in replies if reply.status_code == 400)
    assert refused.json()[0]["errorCode"] == "UNABLE_TO_LOCK_ROW"


def test_item_20_locks_can_be_held_by_hand_and_run_out(empty, account, deal):
    one = deal(AccountId=account)
    body = {"ids": [account[:15]], "seconds": 30}
    assert empty.control("POST", "/locks", json=body).json() == {account: "another user"}
    path = f"/sobjects/Opportunity/{one}"
    refused = empty.call("PATCH", path, json={"Name": "x"})
    assert refused.json()[0]["errorCode"] == "UNABLE_TO_LOCK_ROW"
    assert empty.call("DELETE", path).json()[0]["errorCode"] == "UNABLE_TO_LOCK_ROW"
    empty.clock.advance(31)
    assert empty.call("PATCH", path, json={"Name": "x"}).status_code == 204


def test_item_20_lock_errors_can_be_dealt_out(empty, deal):
    one = deal()
    empty.switch(row_lock_errors=1)
    seen = [
        empty.call("PATCH", f"/sobjects/Opportunity/{one}", json={"Name": "x"}).status_code
        for _ in range(2)
    ]
    assert seen == [400, 204]
