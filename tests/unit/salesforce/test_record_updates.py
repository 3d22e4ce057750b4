"""Collections and ingest jobs: what is sent, and what each answer means."""

import json
from collections.abc import Callable

import httpx
import pytest

from sfxero.errors import (
    AuthenticationFailed,
    JobFailed,
    NotSent,
    OutcomeUnknown,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from sfxero.salesforce.bulk_ingest import BulkIngest, IngestState, upload_of
from sfxero.salesforce.job import JobRef
from sfxero.salesforce.record_updates import update_body, update_records
from sfxero.salesforce.row_results import refused, undone
from sfxero.salesforce.session import CALL_DEADLINE_S
from sfxero.sync.org_ends import OrgLaneSpec

PATH = "/services/data/v66.0/composite/sobjects"
JOBS = "/services/data/v66.0/jobs/ingest"
REF = JobRef("750000000000001AAA", "66.0")
JOB = f"{JOBS}/{REF.job_id}"
BODY = update_body(['{"Id":"1"}', '{"Id":"2"}'])
GOOD = {"id": "1", "success": True, "errors": []}


def error(code: str, message: str = "no") -> dict:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": []}]}


def test_the_body_keeps_each_record_to_the_letter():
    assert BODY == b'{"allOrNone":false,"records":[{"Id":"1"},{"Id":"2"}]}'


def test_each_record_has_its_own_result(org, client):
    org.on(PATH, httpx.Response(200, json=[GOOD, error("STRING_TOO_LONG", "too long")]))

    first, second = update_records(client, BODY, count=2)

    assert (first.is_ok, second.is_ok) == (True, False)
    assert (second.code, second.message) == ("STRING_TOO_LONG", "too long")
    (request,) = [one for one in org.requests if one.url.path == PATH]
    assert (request.method, request.content) == ("PATCH", BODY)


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(200, json=[GOOD]),
        httpx.Response(200, json={"records": []}),
        httpx.Response(200, json=["odd", "odder"]),
        httpx.Response(200, content=b"[{"),
        httpx.Response(500, text="oops"),
        httpx.Response(503, text="oops"),
        httpx.Response(504, text="<html>"),
        httpx.ReadTimeout("late"),
    ],
)
def test_what_cannot_be_told_is_unknown_and_is_not_sent_a_second_time(org, client, reply):
    org.on(PATH, reply)

    with pytest.raises(OutcomeUnknown):
        update_records(client, BODY, count=2)

    assert org.paths().count(PATH) == 1


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (httpx.ConnectError("down"), NotSent),
        (
            httpx.Response(400, json=[{"errorCode": "INVALID_FIELD", "message": "x"}]),
            RequestRejected,
        ),
        (
            httpx.Response(400, json=[{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "x"}]),
            ServiceUnavailable,
        ),
    ],
)
def test_a_call_that_had_no_effect_is_told_apart(org, client, reply, failure):
    org.on(PATH, reply)
    with pytest.raises(failure):
        update_records(client, BODY, count=2)
    assert org.paths().count(PATH) == 1


@pytest.mark.parametrize("is_renewal", [False, True])
def test_a_write_without_a_token_was_surely_not_made(org, client, is_renewal):
    refusal = httpx.Response(401, json=[{"errorCode": "INVALID_SESSION_ID", "message": "x"}])
    org.on(PATH, refusal)
    org.on("/any", httpx.Response(200))
    if is_renewal:
        client.session.call("GET", "/any")
    org.token_replies = [httpx.Response(503, text="oops") for _ in range(9)]

    with pytest.raises(ServiceUnavailable):
        update_records(client, BODY, count=2)

    assert org.paths().count(PATH) == int(is_renewal)


def test_a_refused_token_is_renewed_once(org, client):
    refusal = httpx.Response(401, json=[{"errorCode": "INVALID_SESSION_ID", "message": "x"}])
    org.on(PATH, refusal, httpx.Response(200, json=[GOOD, GOOD]))
    results = update_records(client, BODY, count=2)
    assert [(one.is_ok, one.record_id) for one in results] == [(True, "1"), (True, "1")]
    org.on(PATH, refusal)
    with pytest.raises(AuthenticationFailed):
        update_records(client, BODY, count=2)


@pytest.mark.parametrize(
    ("code", "is_passing", "is_gone"),
    [
        ("UNABLE_TO_LOCK_ROW", True, False),
        ("TooManyLockFailure", True, False),
        ("API_TEMPORARILY_UNAVAILABLE", True, False),
        ("ENTITY_IS_DELETED", False, True),
        ("INVALID_CROSS_REFERENCE_KEY", False, False),
        ("NOT_FOUND", False, False),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", False, False),
        ("SOMETHING_NEW", False, False),
    ],
)
def test_the_code_of_a_refusal_says_what_helps(code, is_passing, is_gone):
    result = refused(code, "why")
    assert (result.is_ok, result.is_passing, result.is_gone) == (False, is_passing, is_gone)
    assert result.hint


def test_a_call_may_take_as_long_as_salesforce_may_need_for_it_and_ends_before_its_claim(
    org, client
):
    org.on(PATH, httpx.Response(200, json=[GOOD, GOOD]))

    update_records(client, BODY, count=2)

    (timeouts,) = [one.extensions["timeout"] for one in org.requests if one.url.path == PATH]
    assert timeouts["read"] >= 120
    assert timeouts["read"] < CALL_DEADLINE_S < OrgLaneSpec.__dataclass_fields__["lease_s"].default


@pytest.mark.parametrize("code", ["INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND", "not_found"])
def test_a_record_that_may_be_hidden_is_not_taken_for_a_deleted_one(code):
    assert "automation" in refused(code, "invalid cross reference id").hint
    assert "sharing" in refused(code, "invalid cross reference id").hint


def test_the_fields_of_a_refusal_are_kept(org, client):
    error = {"statusCode": "INVALID_CROSS_REFERENCE_KEY", "message": "x", "fields": ["A__c"]}
    refusal = {"success": False, "errors": [error]}
    org.on(PATH, httpx.Response(200, json=[GOOD, refusal]))
    assert update_records(client, BODY, count=2)[1].fields == ("A__c",)


def test_an_element_without_reasons_is_refused_all_the_same(org, client):
    org.on(PATH, httpx.Response(200, json=[GOOD, {"success": False, "errors": []}]))
    assert not update_records(client, BODY, count=2)[1].is_ok


def test_an_upload_empties_fields_and_quotes_what_must_be():
    rows = [{"Id": "1", "A": 'say "x", y', "B": None}, {"Id": "2", "A": "two\nlines", "B": "12.10"}]
    assert upload_of(rows) == b'Id,A,B\r\n1,"say ""x"", y",#N/A\r\n2,"two\nlines",12.10\r\n'


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\r\nb", "\r", "a\n"])
def test_any_line_break_in_a_value_of_an_upload_is_quoted(text):
    rows = [{"Id": "1", "A": text}, {"Id": "2", "A": "c"}]
    assert upload_of(rows) == f'Id,A\r\n1,"{text}"\r\n2,c\r\n'.encode()


def test_records_of_an_older_route_may_have_other_fields():
    rows = [{"Id": "1", "A": "x"}, {"Id": "2", "B": None}]
    assert upload_of(rows) == b"Id,A,B\r\n1,x,\r\n2,,#N/A\r\n"


@pytest.fixture
def ingest(client) -> BulkIngest:
    return BulkIngest(client)


def test_a_job_is_made_filled_and_started(org, ingest):
    org.on(JOBS, httpx.Response(200, json={"id": REF.job_id, "state": "Open"}))
    org.on(f"{JOB}/batches", httpx.Response(201))
    org.on(JOB, httpx.Response(200, json={"state": "UploadComplete"}))

    ref = ingest.create("Opportunity")
    ingest.fill(ref, b"Id\n1\n")
    ingest.start(ref)

    made, filled, started = [one for one in org.requests if one.url.path.startswith(JOBS)]
    assert json.loads(made.content)["operation"] == "update"
    assert filled.headers["content-type"] == "text/csv"
    assert json.loads(started.content) == {"state": "UploadComplete"}
    assert ref == REF


def test_what_was_done_already_is_no_error(org, ingest):
    done = httpx.Response(400, json=[{"errorCode": "INVALIDJOBSTATE", "message": "x"}])
    org.on(f"{JOB}/batches", done)
    org.on(JOB, done)
    ingest.fill(REF, b"Id\n")
    ingest.start(REF)
    ingest.abort(REF)
    org.on(JOB, httpx.Response(404, json=[{"errorCode": "NOT_FOUND", "message": "x"}]))
    ingest.delete(REF)


@pytest.mark.parametrize("call", [BulkIngest.start, BulkIngest.delete, BulkIngest.abort])
def test_another_refusal_is(org, ingest, call: Callable[[BulkIngest, JobRef], None]):
    org.on(JOB, httpx.Response(400, json=[{"errorCode": "INVALIDJOB", "message": "x"}]))
    with pytest.raises(RequestRejected):
        call(ingest, REF)


@pytest.mark.parametrize(
    ("state", "is_ended"),
    [("Open", False), ("InProgress", False), ("JobComplete", True), ("Failed", True)],
)
def test_the_state_of_a_job_says_whether_it_writes_on(org, ingest, state, is_ended):
    org.on(JOB, httpx.Response(200, json={"state": state, "errorMessage": "why"}))
    status = ingest.status(REF)
    assert (status.state, status.is_ended, status.error) == (IngestState(state), is_ended, "why")


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (httpx.Response(404, json=[{"errorCode": "NOT_FOUND", "message": "x"}]), JobFailed),
        (httpx.Response(400, json=[{"errorCode": "ODD", "message": "x"}]), RequestRejected),
        (httpx.Response(200, json={"state": "Pondering"}), UnexpectedResponse),
        (httpx.Response(200, json=[]), UnexpectedResponse),
    ],
)
def test_a_job_that_cannot_be_followed_is_an_error(org, ingest, reply, failure):
    org.on(JOB, reply)
    with pytest.raises(failure):
        ingest.status(REF)


def test_results_are_joined_by_the_records_own_id(org, ingest):
    failed = b'sf__Id,sf__Error,Id,A\n,"UNABLE_TO_LOCK_ROW:in use: x:A --",2,"two\nlines"\n'
    org.on(
        f"{JOB}/successfulResults/",
        httpx.Response(200, content=b"sf__Id,sf__Created,Id\n3,false,3\n1,false,1\n"),
    )
    org.on(f"{JOB}/failedResults/", httpx.Response(200, content=failed))
    org.on(f"{JOB}/unprocessedrecords/", httpx.Response(200, content=b"Id,A\n4,x\n"))

    found = ingest.results(REF)

    assert {one: end.is_ok for one, end in found.items()} == {
        "1": True, "2": False, "3": True, "4": False,
    }  # fmt: skip
    assert (found["2"].code, found["2"].is_passing) == ("UNABLE_TO_LOCK_ROW", True)
    assert found["2"].fields == ("A",)
    assert found["4"].is_passing


@pytest.mark.parametrize(
    ("error", "text", "is_passing"),
    [
        (None, "API_TEMPORARILY_UNAVAILABLE: it ended early", True),
        (
            "ExceededQuota : spent",
            "API_TEMPORARILY_UNAVAILABLE: it ended early: ExceededQuota : spent",
            True,
        ),
        (
            "InvalidBatch : Field name not found : X",
            "InvalidBatch: Field name not found : X",
            False,
        ),
        (
            "ClientInputError : LineEnding is invalid",
            "ClientInputError: LineEnding is invalid",
            False,
        ),
    ],
)
def test_what_a_job_did_not_reach_has_the_jobs_own_reason(error, text, is_passing):
    end = undone(error, else_said="it ended early")
    assert (end.text, end.is_passing) == (text, is_passing)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("ENTITY_IS_DELETED:entity is deleted:--", ()),
        ("ENTITY_IS_DELETED:entity is deleted", ()),
        ("INVALID_CROSS_REFERENCE_KEY:no: such id:A__c B__c --", ("A__c", "B__c")),
    ],
)
def test_a_jobs_refusal_names_its_fields(org, ingest, text, fields):
    for name in ("successfulResults", "unprocessedrecords"):
        org.on(f"{JOB}/{name}/", httpx.Response(200, content=b"sf__Id,sf__Created,Id\n"))
    failed = f'sf__Id,sf__Error,Id\n,"{text}",1\n'.encode()
    org.on(f"{JOB}/failedResults/", httpx.Response(200, content=failed))

    (end,) = ingest.results(REF).values()

    assert (end.fields, end.misses_another) == (fields, True)


def test_a_job_without_an_id_is_no_job(org, ingest):
    org.on(JOBS, httpx.Response(200, json={"state": "Open"}))
    with pytest.raises(UnexpectedResponse):
        ingest.create("Opportunity")


def test_an_org_is_known_by_its_id_and_else_by_its_address(org, client):
    assert client.org_id == "https://acme.my.salesforce.com"
    identity = "https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA"
    org.token_replies = [
        httpx.Response(
            200, json={"access_token": "t", "instance_url": org.instance_url, "id": identity}
        )
    ]
    client.session._tokens.renew("token-1")
    assert client.org_id == "00D000000000001EAA"
