import gzip
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
from sfxero.salesforce.bulk_query import BulkQuery, lists_pages
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


def _read(bulk, locator: str | None = None) -> tuple:
    with bulk.page(REF, locator) as page:
        return page.next_locator, page.number_of_records, b"".join(page.chunks())


def test_a_page_names_the_next_one(org, bulk):
    org.on(RESULTS, _page(b"one", 1, "MTAw"), _page(b"two", 2, "null"))
    assert [_read(bulk), _read(bulk, "MTAw")] == [("MTAw", 1, b"one"), (None, 2, b"two")]
    first, second = org.requests[-2:]
    assert dict(first.url.params) == {}
    assert dict(second.url.params) == {"locator": "MTAw"}
    assert second.headers["Accept-Encoding"] == "gzip"


def _list_page(*locators: str, further: str | None = None, key: str = "nextRecordsUrl"):
    pages = [{"resultUrl": f"{RESULTS}?locator={locator}"} for locator in locators]
    return httpx.Response(200, json={"resultPages": pages, key: further, "done": further is None})


@pytest.mark.parametrize("key", ["nextRecordsUrl", "nextRecordUrl"])
def test_pages_are_listed_over_several_replies(org, bulk, key):
    further = f"{JOB}/resultPages?nextLocator=x%3D"
    org.on(f"{JOB}/resultPages", _list_page("a%3D", "b", further=further, key=key), _list_page("c"))
    assert bulk.locators(REF) == ["a=", "b", "c"]
    assert dict(org.requests[-1].url.params) == {"nextLocator": "x="}


def test_first_page_may_be_listed_without_a_name(org, bulk):
    org.on(
        f"{JOB}/resultPages", httpx.Response(200, json={"resultPages": [{"resultUrl": RESULTS}]})
    )
    assert bulk.locators(REF) == [None]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"resultPages": {}},
        {"resultPages": [{}]},
        {"resultPages": [{"resultUrl": 7}]},
        {"resultPages": []},
    ],
)
def test_list_of_another_shape_is_unexpected(org, bulk, body):
    org.on(f"{JOB}/resultPages", httpx.Response(200, json=body))
    with pytest.raises(UnexpectedResponse):
        bulk.locators(REF)


@pytest.mark.parametrize("further", [f"{JOB}/resultPages", "https://elsewhere.example/x"])
def test_list_that_leads_nowhere_is_unexpected(org, bulk, further):
    org.on(f"{JOB}/resultPages", _list_page("a", further=further))
    with pytest.raises(UnexpectedResponse):
        bulk.locators(REF)


def test_list_that_names_a_page_twice_is_unexpected(org, bulk):
    org.on(f"{JOB}/resultPages", _list_page("a", "b", "a"))
    with pytest.raises(UnexpectedResponse):
        bulk.locators(REF)


@pytest.mark.parametrize(("version", "lists"), [("57.0", False), ("58.0", True), ("66.0", True)])
def test_pages_are_listed_since_58(version, lists):
    assert lists_pages(JobRef(REF.job_id, version)) is lists


def test_expired_token_between_pages_is_renewed(org, bulk):
    org.on(RESULTS, _page(b"one", 1, "MTAw"), _refusal(401, "INVALID_SESSION_ID"), _page(b"two", 1))
    assert [_read(bulk)[2], _read(bulk, "MTAw")[2]] == [b"one", b"two"]
    assert org.tokens == 2


def test_cut_page_is_read_again_from_the_same_locator(org, bulk):
    org.on(RESULTS, _cut_page(b"tw", 1, "Mg"), _page(b"two", 1, "null"))
    with bulk.page(REF, "MTAw") as page:
        with pytest.raises(ServiceUnavailable) as caught:
            list(page.chunks())
        page.reopen(caught.value)
        assert b"".join(page.chunks()) == b"two"
    assert [r.url.params.get("locator") for r in org.requests[1:]] == ["MTAw", "MTAw"]


def test_reading_again_is_bounded_and_ends_with_the_first_cause(org, bulk):
    org.on(RESULTS, _page(b"x", 1))
    cause = IncompleteExtract("one row short")
    with bulk.page(REF, None) as page:
        for _ in range(4):
            page.reopen(cause)
        with pytest.raises(IncompleteExtract, match="one row short"):
            page.reopen(cause)
    assert len(org.paths()) == 5


def test_page_of_a_job_that_is_gone_has_failed(org, bulk):
    org.on(RESULTS, _refusal(404, "NOT_FOUND"))
    with pytest.raises(JobFailed):
        _read(bulk)


def _packed_page(packed: bytes):
    class _Stream(httpx.SyncByteStream):
        def __iter__(self):
            for start in range(0, len(packed), 100):
                yield packed[start : start + 100]

    return lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=_Stream())


TEXT = b"".join(b"%d," % n for n in range(10_000)) + b"0" * 5_000_000


@pytest.mark.parametrize("members", [1, 2])
def test_packed_page_is_unpacked_in_bounded_pieces(org, bulk, members):
    org.on(RESULTS, _packed_page(gzip.compress(TEXT) * members))
    with bulk.page(REF, None) as page:
        pieces = list(page.chunks())
    assert b"".join(pieces) == TEXT * members
    assert max(map(len, pieces)) <= 1 << 20


@pytest.mark.parametrize("damage", ["cut", "cut in its last bytes", "other bytes", "nothing"])
def test_packed_page_that_is_not_whole_is_a_cut(org, bulk, damage):
    whole = gzip.compress(TEXT)
    packed = {
        "cut": whole[:500],
        "cut in its last bytes": whole[:-3],
        "other bytes": whole[:200] + b"xxxx" + whole[204:],
        "nothing": b"",
    }[damage]
    org.on(RESULTS, _packed_page(packed))
    with bulk.page(REF, None) as page, pytest.raises(ServiceUnavailable):
        list(page.chunks())


def test_results_asked_for_with_another_version_are_refused_with_advice(org, bulk):
    org.on(RESULTS, _refusal(409, "API_ERROR"))
    with pytest.raises(RequestRejected, match="API version"):
        _read(bulk)


def test_results_of_a_job_that_runs_are_not_ready(org, bulk):
    org.on(RESULTS, _refusal(412, "JOB_NOT_COMPLETE"))
    with pytest.raises(ServiceUnavailable):
        _read(bulk)


@pytest.mark.parametrize("headers", [{}, {"Sforce-NumberOfRecords": "many", "Sforce-Locator": ""}])
def test_page_without_counts_and_locator_is_the_last_and_uncounted(org, bulk, headers):
    org.on(RESULTS, httpx.Response(200, headers=headers, content=b"x"))
    assert _read(bulk) == (None, None, b"x")


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
