"""Every kind of fault: what the caller meets, and what the service has done all the same."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sfxero.sandbox.faults import FaultKind, FaultPlan, FaultRule

pytestmark = pytest.mark.contract

BACK = "https://app.example.com/back"
DROPPED = (httpx.RemoteProtocolError, httpx.ReadError)
BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.ReadTimeout)


def contacts(caller):
    return len(caller.sandbox.xero.books.contacts)


def create(caller, *names, **options):
    body = {"Contacts": [{"Name": name} for name in names or ("Maple",)]}
    return caller.xero("PUT", "Contacts?summarizeErrors=false", json=body, **options)


def add_accounts(caller, count):
    for place in range(count):
        caller.control("POST", "/salesforce/Account", {"Name": f"Account {place}"})


def finished_job(caller, count=20):
    add_accounts(caller, count)
    wanted = {"operation": "query", "query": "SELECT Id, Name FROM Account"}
    job = caller.salesforce("POST", "jobs/query", json=wanted).json()
    state = caller.salesforce("GET", f"jobs/query/{job['id']}").json()["state"]
    assert state == "JobComplete"
    return f"jobs/query/{job['id']}/results"


def test_every_fault_is_in_the_journal_by_its_name(caller):
    for kind in (FaultKind.LATENCY, FaultKind.CLOCK_SKEW, FaultKind.HTML_BODY):
        caller.arm(kind, path="/Contacts$", seconds=0)
        caller.xero("GET", "Contacts")
        assert caller.last_entry()["fault"] == kind


def test_an_html_body_is_a_web_page_and_nothing_is_done(caller):
    caller.arm("html_body", path="/Contacts$", status=502)
    reply = create(caller)
    assert (reply.status_code, reply.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert reply.text.startswith("<!DOCTYPE html>")
    assert contacts(caller) == 0


@pytest.mark.parametrize("status", [406, 429])
def test_salesforce_refuses_without_a_body(caller, status):
    caller.arm("error_before", path="/limits", status=status)
    reply = caller.salesforce("GET", "limits")
    assert (reply.status_code, reply.content) == (status, b"")


def test_the_limits_of_salesforce_are_told_in_its_words(caller):
    caller.arm("force_429", path="/limits", problem="day")
    reply = caller.salesforce("GET", "limits")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


@pytest.mark.parametrize("problem", ["minute", "day", "concurrent", "appminute"])
def test_each_limit_of_xero_can_be_forced(caller, problem):
    caller.arm("force_429", path="/Contacts$", problem=problem, retry_after_s=66_975)
    reply = create(caller)
    assert (reply.status_code, reply.headers["X-Rate-Limit-Problem"]) == (429, problem)
    assert ("Retry-After" in reply.headers) == (problem in {"minute", "day"})


def test_truncated_json_has_been_committed_and_cannot_be_read(caller):
    caller.arm("truncated_json", path="/Contacts$")
    reply = create(caller)
    assert reply.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        reply.json()
    assert contacts(caller) == 1


def test_an_empty_body_has_been_committed_and_says_nothing(caller):
    caller.arm("empty_body", path="/Contacts$")
    reply = create(caller)
    assert (reply.status_code, reply.content) == (200, b"")
    assert contacts(caller) == 1


def test_a_partial_batch_under_400_has_created_its_first_half(caller):
    caller.arm("partial_batch")
    reply = create(caller, "One", "Two", "Three", headers={"Idempotency-Key": "key"})
    assert (reply.status_code, reply.json()["ErrorNumber"]) == (400, 10)
    assert [each["Name"] for each in reply.json()["Elements"]] == ["Three"]
    names = {one.name for one in caller.sandbox.xero.books.contacts.values()}
    assert names == {"One", "Two"}
    again = create(caller, "One", "Two", "Three", headers={"Idempotency-Key": "key"})
    assert (again.status_code, contacts(caller)) == (400, 2)


def test_a_partial_batch_whose_token_is_refused_is_answered_so(caller):
    caller.arm("partial_batch")
    reply = create(caller, "One", "Two", headers={"Authorization": "Bearer nothing"})
    assert (reply.status_code, contacts(caller)) == (401, 0)


def test_after_a_lost_refresh_reply_the_old_token_still_has_its_grace(caller):
    app = {
        "client_id": "web",
        "client_secret": "hush",
        "kind": "web",
        "redirect_uris": [BACK],
        "scopes": ["offline_access", "accounting.contacts"],
    }
    caller.control("POST", "/xero/apps", app)
    caller.control("POST", "/xero/switches", {"auto_consent": True})
    asked = {
        "response_type": "code",
        "client_id": "web",
        "redirect_uri": BACK,
        "scope": "offline_access accounting.contacts",
    }
    gone_to = caller.client.get("/identity/connect/authorize", params=asked).headers["Location"]
    code = parse_qs(urlsplit(gone_to).query)["code"][0]

    def ask(**form):
        return caller.client.post("/connect/token", data=form, auth=("web", "hush"))

    first = ask(grant_type="authorization_code", code=code, redirect_uri=BACK).json()
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    caller.arm("refresh_reply_lost")
    with pytest.raises(DROPPED):
        ask(**again)
    assert caller.last_entry()["fault"] == "refresh_reply_lost"
    assert ask(**again).status_code == 200
    caller.control("POST", "/clock", {"advance_s": 31 * 60})
    assert ask(**again).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize("kind", ["token_expired", "token_revoked"])
def test_a_token_ends_in_the_middle_of_a_run(caller, kind):
    caller.arm(kind, path="/Contacts$")
    assert caller.xero("GET", "Organisation").status_code == 200
    refused = create(caller)
    assert (refused.status_code, contacts(caller)) == (401, 0)
    assert "WWW-Authenticate" in refused.headers
    caller.log_in()
    assert create(caller).status_code == 200


@pytest.mark.parametrize("kind", ["token_expired", "token_revoked"])
def test_a_salesforce_session_ends_in_the_middle_of_a_run(caller, kind):
    caller.arm(kind, path="/services/data")
    refused = caller.salesforce("GET", "limits")
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")
    caller.log_in()
    assert caller.salesforce("GET", "limits").status_code == 200


def test_a_disconnected_tenant_is_403_although_tokens_are_renewed(caller):
    caller.arm("tenant_disconnected")
    assert caller.xero("GET", "Contacts").status_code == 403
    caller.log_in()
    assert caller.xero("GET", "Contacts").status_code == 403
    caller.control("POST", "/xero/reconnect")
    caller.log_in()
    assert caller.xero("GET", "Contacts").status_code == 200


def test_a_results_page_is_cut_in_the_middle(caller):
    results = finished_job(caller)
    caller.arm("cut_reply", path="/results$")
    with pytest.raises(BROKEN):
        caller.salesforce("GET", results)
    assert len(caller.salesforce("GET", results).text.splitlines()) == 21


def test_a_results_page_stalls_and_then_breaks(caller):
    results = finished_job(caller)
    caller.arm("stalled_reply", path="/results$", seconds=5)
    with pytest.raises(httpx.ReadTimeout):
        caller.salesforce("GET", results, timeout=0.3)


def test_a_short_page_ends_well_but_misses_rows(caller):
    results = finished_job(caller)
    caller.arm("short_page", rows=3)
    reply = caller.salesforce("GET", results)
    assert int(reply.headers["Sforce-NumberOfRecords"]) == 20
    assert len(reply.text.splitlines()) == 18


def test_a_job_fails_without_a_message(caller):
    caller.arm("job_failed")
    wanted = {"operation": "query", "query": "SELECT Id FROM Account"}
    job = caller.salesforce("POST", "jobs/query", json=wanted).json()
    read = caller.salesforce("GET", f"jobs/query/{job['id']}").json()
    assert read["state"] == "Failed"
    assert not read.get("errorMessage")


def test_a_row_is_locked_for_as_many_writes_as_were_told(caller):
    caller.arm("row_locked", rows=2)
    codes = []
    for name in ("One", "Two", "Three"):
        reply = caller.salesforce("POST", "sobjects/Account", json={"Name": name})
        codes.append(reply.json()[0]["errorCode"] if reply.is_error else "saved")
    assert codes == ["UNABLE_TO_LOCK_ROW", "UNABLE_TO_LOCK_ROW", "saved"]


@pytest.mark.parametrize("code", ["UNABLE_TO_LOCK_ROW", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"])
def test_all_rows_of_a_call_fail_together(caller, code):
    caller.arm("chunk_failed", code=code)
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in ("One", "Two")]

    def outcomes():
        reply = caller.salesforce("POST", "composite/sobjects", json={"records": records})
        return [each["errors"][0]["statusCode"] if each["errors"] else "" for each in reply.json()]

    assert outcomes() == [code] * 2
    assert outcomes() == ["", ""]


def test_a_late_commit_is_stamped_before_it_can_be_seen(caller):
    caller.control("POST", "/clock", {"speed": 0})
    caller.arm("late_commit", seconds=30)
    assert caller.salesforce("POST", "sobjects/Account", json={"Name": "Late"}).status_code == 201
    stamped_at = datetime.fromisoformat(caller.control("GET", "/clock")["now"])
    seen = caller.salesforce("GET", "query?q=SELECT+Name,SystemModstamp+FROM+Account").json()
    assert seen["totalSize"] == 0
    caller.control("POST", "/clock", {"advance_s": 31})
    [row] = caller.salesforce("GET", "query?q=SELECT+Name,SystemModstamp+FROM+Account").json()[
        "records"
    ]
    modified_at = datetime.fromisoformat(row["SystemModstamp"].replace("+0000", "+00:00"))
    assert abs(modified_at - stamped_at) < timedelta(seconds=2)


def test_a_skewed_clock_shows_in_the_date_of_the_reply(caller):
    caller.arm("clock_skew", path="/Contacts$", skew_s=-600)
    reply = caller.xero("GET", "Contacts")
    now = datetime.fromisoformat(caller.control("GET", "/clock")["now"])
    behind = now - parsedate_to_datetime(reply.headers["Date"])
    assert timedelta(seconds=598) < behind < timedelta(seconds=605)


def test_an_outage_has_a_beginning_and_an_end_on_the_virtual_clock(caller):
    caller.control("POST", "/clock", {"speed": 0})
    caller.arm("outage", path="^/api.xro", after_s=60, for_s=120)
    seen = []
    for _ in range(4):
        seen.append(caller.xero("GET", "Contacts").status_code)
        caller.control("POST", "/clock", {"advance_s": 60})
    assert seen == [200, 503, 503, 200]
    assert caller.salesforce("GET", "limits").status_code == 200


@pytest.mark.parametrize("kind", list(FaultKind))
def test_each_kind_strikes_by_chance_and_repeats_by_seed(kind):
    start = datetime(2026, 11, 22, tzinfo=UTC)
    paths = (
        "/api.xro/2.0/Contacts",
        "/connect/token",
        "/services/data/v66.0/jobs/query",
        "/services/data/v66.0/sobjects/Account",
        "/services/data/v66.0/jobs/query/1/results",
    )

    def strikes(seed):
        plan = FaultPlan(lambda: start)
        plan.arm(FaultRule(kind=kind, probability=0.5, count=None, seed=seed))
        return [plan.pick("POST", path) is not None for path in paths * 20]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)
    assert Counter(strikes(1))[True] > 5
