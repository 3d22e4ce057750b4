import json

import httpx
import pytest

from sfxero.errors import (
    IncompleteExtract,
    JobFailed,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from sfxero.salesforce.bulk_query import BulkQuery
from sfxero.salesforce.job import JobRef, JobState, JobStatus

JOBS = "/services/data/v66.0/jobs/query"
REF = JobRef("750000000000001AAA", "65.0")
JOB = f"/services/data/v65.0/jobs/query/{REF.job_id}"
RESULTS = f"{JOB}/results"


@pytest.fixture
def bulk(client) -> BulkQuery:
    return BulkQuery(client)


def _refusal(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json=[{"errorCode": code, "message": "no"}])


def _page(text: bytes, count: int, locator: str = "null"):
    headers = {"Sforce-NumberOfRecords": str(count), "Sforce-Locator": locator}
    return lambda _request: httpx.Response(200, headers=headers, content=text)


def _cut_page(text: bytes, count: int, locator: str = "null"):
    class _Cut(httpx.SyncByteStream):
        def __iter__(self):
            yield text
            raise httpx.RemoteProtocolError("peer closed connection")

    headers = {"Sforce-NumberOfRecords": str(count), "Sforce-Locator": locator}
    return lambda _request: httpx.Response(200, headers=headers, stream=_Cut())


def test_job_is_made_with_the_clients_version_over_all_rows(org, bulk):
    org.on(JOBS, httpx.Response(200, json={"id": REF.job_id, "apiVersion": 66.0}))
    ref = bulk.create("SELECT Id FROM Account")
    assert ref == JobRef(REF.job_id, "66.0")
    order = json.loads(org.requests[-1].content)
    assert order == {
        "operation": "queryAll",
        "query": "SELECT Id FROM Account",
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    assert org.requests[-1].headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("body", [[], {}, {"id": 7}, {"id": "../../x"}])
def test_new_job_without_an_id_is_unexpected(org, bulk, body):
    org.on(JOBS, httpx.Response(200, json=body))
    with pytest.raises(UnexpectedResponse):
        bulk.create("SELECT Id FROM Account")


def test_status_is_asked_with_the_jobs_own_version(org, bulk):
    org.on(JOB, httpx.Response(200, json={"state": "JobComplete", "numberRecordsProcessed": 7}))
    status = bulk.status(REF)
    assert status == JobStatus(JobState.JOB_COMPLETE, 7, None)
    assert status.is_ended


@pytest.mark.parametrize(("state", "is_ended"), [("UploadComplete", False), ("InProgress", False),
                                                 ("Failed", True), ("Aborted", True)])  # fmt: skip
def test_job_ends_in_closed_states_with_or_without_a_message(org, bulk, state, is_ended):
    org.on(JOB, httpx.Response(200, json={"state": state}))
    assert bulk.status(REF) == JobStatus(JobState(state), 0, None)
    assert bulk.status(REF).is_ended is is_ended


@pytest.mark.parametrize(
    "body", [{"state": "Dreaming"}, {}, [], {"state": "Failed", "numberRecordsProcessed": "x"}]
)
def test_status_of_another_shape_is_unexpected(org, bulk, body):
    org.on(JOB, httpx.Response(200, json=body))
    with pytest.raises(UnexpectedResponse):
        bulk.status(REF)


def test_job_that_is_gone_has_failed(org, bulk):
    org.on(JOB, _refusal(404, "NOT_FOUND"))
    with pytest.raises(JobFailed):
        bulk.status(REF)


def test_pages_are_read_locator_by_locator(org, bulk):
    org.on(RESULTS, _page(b"one", 1, "MTAw"), _page(b"two", 2, "null"))
    read = [
        (page.locator, page.next_locator, page.number_of_records, b"".join(page.chunks()))
        for page in bulk.pages(REF, max_rows=500)
    ]
    assert read == [(None, "MTAw", 1, b"one"), ("MTAw", None, 2, b"two")]
    first, second = org.requests[-2:]
    assert dict(first.url.params) == {"maxRecords": "500"}
    assert dict(second.url.params) == {"maxRecords": "500", "locator": "MTAw"}
    assert second.headers["Accept-Encoding"] == "gzip"


def test_reading_goes_on_from_a_stored_locator(org, bulk):
    org.on(RESULTS, _page(b"two", 2))
    assert len(list(bulk.pages(REF, first_locator="MTAw"))) == 1
    assert dict(org.requests[-1].url.params) == {"locator": "MTAw"}


def test_locator_that_comes_again_does_not_loop(org, bulk):
    org.on(RESULTS, _page(b"x", 1, "MTAw"))
    with pytest.raises(UnexpectedResponse):
        list(bulk.pages(REF))


def test_expired_token_between_pages_is_renewed(org, bulk):
    org.on(RESULTS, _page(b"one", 1, "MTAw"), _refusal(401, "INVALID_SESSION_ID"), _page(b"two", 1))
    assert [b"".join(page.chunks()) for page in bulk.pages(REF)] == [b"one", b"two"]
    assert org.tokens == 2


def test_cut_page_is_read_again_from_the_same_locator(org, bulk):
    org.on(RESULTS, _page(b"one", 1, "MTAw"), _cut_page(b"tw", 1, "Mg"), _page(b"two", 1, "null"))
    texts = []
    for page in bulk.pages(REF):
        try:
            texts.append(b"".join(page.chunks()))
        except ServiceUnavailable as failure:
            page.reopen(failure)
            texts.append(b"".join(page.chunks()))
    assert texts == [b"one", b"two"]
    assert [r.url.params.get("locator") for r in org.requests[1:]] == [None, "MTAw", "MTAw"]


def test_reading_again_is_bounded_and_ends_with_the_first_cause(org, bulk):
    org.on(RESULTS, _page(b"x", 1))
    page = next(bulk.pages(REF))
    cause = IncompleteExtract("one row short")
    for _ in range(4):
        page.reopen(cause)
    with pytest.raises(IncompleteExtract, match="one row short"):
        page.reopen(cause)
    assert len(org.paths()) == 5
    page.close()


def test_results_asked_for_with_another_version_are_refused_with_advice(org, bulk):
    org.on(RESULTS, _refusal(409, "API_ERROR"))
    with pytest.raises(RequestRejected, match="API version"):
        next(bulk.pages(REF))


def test_results_of_a_job_that_runs_are_not_ready(org, bulk):
    org.on(RESULTS, _refusal(412, "JOB_NOT_COMPLETE"))
    with pytest.raises(ServiceUnavailable):
        next(bulk.pages(REF))


@pytest.mark.parametrize("headers", [{}, {"Sforce-NumberOfRecords": "many", "Sforce-Locator": ""}])
def test_page_without_counts_and_locator_is_the_last_and_uncounted(org, bulk, headers):
    org.on(RESULTS, httpx.Response(200, headers=headers, content=b"x"))
    pages = [(page.number_of_records, page.next_locator) for page in bulk.pages(REF)]
    assert pages == [(None, None)]


@pytest.mark.parametrize("reply", [httpx.Response(204), _refusal(404, "NOT_FOUND")])
def test_deleting_leaves_no_job_whether_it_was_there_or_not(org, bulk, reply):
    org.on(JOB, reply)
    bulk.delete(REF)
    assert org.requests[-1].method == "DELETE"


def test_job_that_runs_cannot_be_deleted(org, bulk):
    org.on(JOB, _refusal(400, "API_ERROR"))
    with pytest.raises(RequestRejected):
        bulk.delete(REF)


@pytest.mark.parametrize("reply", [httpx.Response(200, json={}), _refusal(400, "INVALIDJOBSTATE")])
def test_aborting_ends_a_job_whether_it_ran_or_not(org, bulk, reply):
    org.on(JOB, reply)
    bulk.abort(REF)
    assert json.loads(org.requests[-1].content) == {"state": "Aborted"}
