"""Item 6: calls counted over a rolling day, and bodies without JSON at the edge."""

import pytest

pytestmark = pytest.mark.contract


def test_item_06_calls_leave_the_count_a_day_after_they_were_made(empty):
    empty.switch(daily_requests=3, session_s=200_000)
    empty.log_in()
    for _ in range(3):
        empty.clock.advance(3600)
        assert empty.call("GET", "/limits").status_code == 200
    assert empty.call("GET", "/limits").status_code == 403
    empty.clock.advance(86_400 - 2 * 3600 + 1)
    again = [empty.call("GET", "/limits").status_code for _ in range(2)]
    assert again == [200, 403]


def test_item_06_paid_orgs_run_somewhat_over(empty):
    empty.switch(daily_requests=1, overage_requests=1)
    seen = [empty.call("GET", "/limits").status_code for _ in range(3)]
    assert seen == [200, 200, 403]


def test_item_06_limits_nest_the_apps(empty):
    shown = empty.call("GET", "/limits").json()
    assert shown["DailyApiRequests"] == {
        "Max": 100_000, "Remaining": 99_999, "sfxero": {"Max": 0, "Remaining": 0},
    }  # fmt: skip
    empty.create_job("SELECT Id FROM Account")
    assert empty.call("GET", "/limits").json()["DailyBulkV2QueryJobs"]["Remaining"] == 9_999


def test_item_06_header_on_bulk_replies_is_a_switch(empty):
    assert "Sforce-Limit-Info" not in empty.call("GET", "/jobs/query").headers
    empty.switch(limit_header_on_jobs=True)
    assert "Sforce-Limit-Info" in empty.call("GET", "/jobs/query").headers


def test_item_06_query_jobs_of_a_rolling_day_have_a_limit_that_deleting_does_not_give_back(empty):
    empty.switch(query_jobs_per_day=2, session_s=200_000)
    empty.log_in()
    soql = "SELECT Id FROM Account"
    first = empty.finished_job(soql)
    empty.finished_job(soql)
    assert empty.call("DELETE", f"/jobs/query/{first}").status_code == 204
    refused = empty.create_job(soql)
    assert (refused.status_code, refused.json()[0]) == (400, {
        "message": "Max bulk v2 query jobs (2) per 24 hrs has been reached",
        "errorCode": "LIMIT_EXCEEDED",
    })  # fmt: skip
    assert empty.call("GET", "/limits").json()["DailyBulkV2QueryJobs"] == {"Max": 2, "Remaining": 0}
    empty.clock.advance(86_401)
    assert empty.create_job(soql).status_code == 200
