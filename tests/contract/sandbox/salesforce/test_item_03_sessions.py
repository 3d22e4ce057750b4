"""Item 3: sessions that end in the middle of things."""

import pytest

pytestmark = pytest.mark.contract


def test_item_03_session_ends_in_the_middle_of_a_paged_download(bench):
    job_id = bench.finished_job("SELECT Id FROM Opportunity")
    path, params = f"/jobs/query/{job_id}/results", {"maxRecords": 10}
    bench.control("POST", "/expire_tokens", json={"after_calls": 2})
    seen, rows = [], []
    while True:
        reply = bench.call("GET", path, params=params)
        seen.append(reply.status_code)
        if reply.status_code == 401:
            assert reply.json()[0]["errorCode"] == "INVALID_SESSION_ID"
            bench.log_in()
            continue
        rows += reply.text.splitlines()[1:]
        if reply.headers["Sforce-Locator"] == "null":
            break
        params["locator"] = reply.headers["Sforce-Locator"]
    assert seen == [200, 200, 401, 200, 200]
    assert len(set(rows)) == len(rows) == 40


def test_item_03_length_of_a_session_is_a_switch(empty):
    empty.switch(session_s=60)
    empty.log_in()
    empty.clock.advance(59)
    assert empty.call("GET", "/limits").status_code == 200
    empty.clock.advance(1)
    assert empty.call("GET", "/limits").status_code == 401
