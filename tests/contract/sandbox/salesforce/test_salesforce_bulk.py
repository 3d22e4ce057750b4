import csv
import gzip
import io

import pytest

from sfxero.sandbox.seed import seed_org

pytestmark = pytest.mark.contract
LINES = "SELECT Id, Name, Quantity, UnitPrice FROM OpportunityLineItem"


def pages(bench, job_id, **params):
    """Return the pages of a job, as header and rows, following the locators."""
    found = []
    while True:
        reply = bench.call("GET", f"/jobs/query/{job_id}/results", params=params)
        assert reply.status_code == 200, reply.text
        table = list(csv.reader(io.StringIO(reply.text, newline="")))
        assert int(reply.headers["Sforce-NumberOfRecords"]) == len(table) - 1
        found.append(table)
        if reply.headers["Sforce-Locator"] == "null":
            return found
        params["locator"] = reply.headers["Sforce-Locator"]


def ids_of(bench, job_id):
    return [row[0] for table in pages(bench, job_id) for row in table[1:]]


def test_item_07_replies_differ_between_create_poll_and_abort(bench):
    created = bench.create_job(LINES).json()
    common = {
        "id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state",
        "concurrencyMode", "contentType", "apiVersion",
    }  # fmt: skip
    assert set(created) == common | {"lineEnding", "columnDelimiter"}
    assert created["id"].startswith("750")
    assert len(created["id"]) == 18
    assert (created["apiVersion"], created["object"]) == (66.0, "OpportunityLineItem")
    polled = bench.call("GET", f"/jobs/query/{created['id'][:15]}").json()
    assert set(polled) == set(created) | {
        "jobType", "numberRecordsProcessed", "retries", "totalProcessingTime",
        "isPkChunkingSupported",
    }  # fmt: skip
    aborted = bench.call("PATCH", f"/jobs/query/{created['id']}", json={"state": "Aborted"})
    assert set(aborted.json()) == common
    assert aborted.json()["state"] == "Aborted"


def test_item_07_states_advance_with_the_clock_and_the_delay_is_a_switch(bench):
    bench.switch(job_delay_s=30)
    path = f"/jobs/query/{bench.create_job(LINES).json()['id']}"
    seen = []
    for _ in range(4):
        polled = bench.call("GET", path).json()
        seen.append((polled["state"], polled["numberRecordsProcessed"] > 0))
        bench.clock.advance(10)
    assert seen == [
        ("UploadComplete", False), ("InProgress", False), ("InProgress", False),
        ("JobComplete", True),
    ]  # fmt: skip


def test_item_08_results_are_refused_before_completion(bench):
    path = f"/jobs/query/{bench.create_job(LINES).json()['id']}/results"
    assert bench.call("GET", path).status_code == 400
    bench.switch(early_results_status=412)
    assert bench.call("GET", path).json()[0]["errorCode"] == "JOB_NOT_COMPLETE"


def test_item_07_a_failed_job_carries_no_message(bench):
    bench.switch(fail_jobs=1)
    failed, fine = bench.finished_job(LINES), bench.finished_job(LINES)
    body = bench.call("GET", f"/jobs/query/{failed}").json()
    assert body["state"] == "Failed"
    assert "errorMessage" not in body
    assert bench.call("GET", f"/jobs/query/{failed}/results").status_code == 400
    assert bench.call("GET", f"/jobs/query/{fine}").json()["state"] == "JobComplete"


def test_item_08_pages_repeat_the_header_and_hold_each_row_once(bench):
    job_id = bench.finished_job(LINES)
    tables = pages(bench, job_id, maxRecords=7)
    rows = [row for table in tables for row in table[1:]]
    assert len(tables) > 3
    assert {tuple(table[0]) for table in tables} == {("Id", "Name", "Quantity", "UnitPrice")}
    assert {len(table) - 1 for table in tables[:-1]} == {7}
    processed = bench.call("GET", f"/jobs/query/{job_id}").json()["numberRecordsProcessed"]
    assert len({row[0] for row in rows}) == len(rows) == processed


def test_item_08_the_server_may_give_fewer_rows_than_asked_for(bench):
    bench.switch(page_cap=5)
    tables = pages(bench, bench.finished_job(LINES), maxRecords=1000)
    assert len(tables[0]) == 6


def test_item_08_a_page_has_a_thousand_rows_at_most_by_default(bench):
    bench.control("POST", "/seed_big", json={"rows": 1500})
    tables = pages(bench, bench.finished_job("SELECT Id FROM Opportunity"), maxRecords=50_000)
    assert [len(table) - 1 for table in tables] == [1000, 540]


def test_item_08_locators_are_opaque_stable_and_checked(bench):
    path = f"/jobs/query/{bench.finished_job(LINES)}/results"
    first = bench.call("GET", path, params={"maxRecords": 10})
    locator = first.headers["Sforce-Locator"]
    assert not locator.isdigit()
    twice = [
        bench.call("GET", path, params={"maxRecords": 10, "locator": locator}).text
        for _ in range(2)
    ]
    assert twice[0] == twice[1] != first.text
    for wrong in ("null", "MTAw"):
        assert bench.call("GET", path, params={"locator": wrong}).status_code == 400


@pytest.mark.parametrize("wanted", ["0", "-1", "many"])
def test_item_08_a_senseless_page_size_is_refused(bench, wanted):
    path = f"/jobs/query/{bench.finished_job(LINES)}/results"
    assert bench.call("GET", path, params={"maxRecords": wanted}).status_code == 400


def test_item_09_result_pages_come_five_at_a_time_and_cover_the_result(bench):
    bench.switch(page_cap=9)
    job_id = bench.finished_job(LINES)
    url, urls, counts = f"/services/data/v66.0/jobs/query/{job_id}/resultPages", [], []
    while url:
        body = bench.http.get(url).json()
        urls += [page["resultUrl"] for page in body["resultPages"]]
        counts.append(len(body["resultPages"]))
        url = body["nextRecordsUrl"]
        assert body["done"] == (url is None)
    rows = [
        row[0]
        for each in urls
        for row in list(csv.reader(io.StringIO(bench.http.get(each).text)))[1:]
    ]
    assert set(counts[:-1]) == {5}
    assert sorted(rows) == sorted(ids_of(bench, job_id))
    bench.switch(continuation_key="nextRecordUrl")
    assert "nextRecordUrl" in bench.call("GET", f"/jobs/query/{job_id}/resultPages").json()


def test_item_09_whether_pages_are_cut_by_max_records_is_a_switch(bench):
    path = f"/jobs/query/{bench.finished_job(LINES)}/resultPages"
    total = len(bench.select("Id", "OpportunityLineItem", ""))

    def named():
        body = bench.call("GET", path, params={"maxRecords": 40}).json()
        return len(body["resultPages"]), body["done"]

    assert 40 < total < 200
    assert named() == (1, True)
    bench.switch(result_pages_take_max_records=True)
    assert named() == (-(-total // 40), True)


def test_item_12_the_order_of_a_job_follows_from_the_seed_and_its_number(bench):
    def orders(seed):
        bench.org.reset()
        seed_org(bench.org, accounts=10, opportunities=40)
        bench.switch(scramble_seed=seed)
        return [ids_of(bench, bench.finished_job(LINES)) for _ in range(2)]

    first = orders(0)
    assert orders(0) == first
    other = orders(1)
    assert all(one != two for one, two in zip(other, first, strict=True))
    assert sorted(other[0]) == sorted(first[0])


def test_item_12_row_order_differs_per_job_but_repeats_with_the_seed(bench):
    one, two = ids_of(bench, bench.finished_job(LINES)), ids_of(bench, bench.finished_job(LINES))
    assert one != two
    assert sorted(one) == sorted(two)
    ordered = ids_of(bench, bench.finished_job(f"{LINES} ORDER BY Id DESC"))
    assert ordered == sorted(one, reverse=True)


def test_results_do_not_see_later_changes(bench):
    soql = "SELECT Id, Name, Account.Name FROM Opportunity WHERE Account.Name != null"
    job_id = bench.finished_job(soql)
    before = sorted(row for table in pages(bench, job_id) for row in table)
    for record in list(bench.org.records.rows("Account")):
        bench.control("PATCH", f"/Account/{record['Id']}", json={"Name": "Renamed"})
    assert sorted(row for table in pages(bench, job_id) for row in table) == before


def test_item_14_query_hides_deleted_rows_and_query_all_shows_them(bench):
    victim = ids_of(bench, bench.finished_job("SELECT Id FROM Opportunity"))[0]
    assert bench.control("POST", f"/Opportunity/{victim}/delete").status_code == 204
    assert victim not in ids_of(bench, bench.finished_job("SELECT Id FROM Opportunity"))
    job_id = bench.finished_job("SELECT Id, IsDeleted FROM Opportunity", operation="queryAll")
    assert dict(pages(bench, job_id)[0])[victim] == "true"


def test_item_08_another_api_version_is_a_conflict(bench):
    job_id = bench.finished_job(LINES)
    bench.version = "65.0"
    assert bench.call("GET", f"/jobs/query/{job_id}/results").status_code == 409
    assert bench.call("GET", f"/jobs/query/{job_id}/resultPages").status_code == 409
    assert bench.call("GET", f"/jobs/query/{job_id}").status_code == 200


def test_item_10_gzip_only_when_asked_and_not_even_then_when_switched_off(bench):
    path = f"/jobs/query/{bench.finished_job(LINES)}/results"
    plain = bench.call("GET", path, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert "Content-Length" not in plain.headers  # chunked on the wire
    request = bench.http.build_request(
        "GET", f"/services/data/v66.0{path}", headers={"Accept-Encoding": "deflate, gzip"}
    )
    packed = bench.http.send(request, stream=True)
    raw = b"".join(packed.iter_raw())
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    refused = bench.call("GET", path, headers={"Accept-Encoding": "gzip;q=0"})
    bench.switch(gzip=False)
    off = bench.call("GET", path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in refused.headers
    assert "Content-Encoding" not in off.headers


def test_item_11_values_are_written_as_the_service_writes_them(empty):
    account = empty.control("POST", "/Account", json={
        "Name": 'Ünï "Q", Ltd', "BillingStreet": "Level 1\n2 Pitt St", "AccountNumber": "",
    }).json()  # fmt: skip
    for amount in (80_000_000, 12.5, 1200):
        empty.control("POST", "/Opportunity", json={
            "Name": "A\u2028B", "AccountId": account["Id"][:15], "StageName": "Closed Won",
            "CloseDate": "2026-01-31", "Amount": amount,
        })  # fmt: skip
    soql = "SELECT Name, BillingStreet, AccountNumber, IsDeleted, CreatedDate FROM Account"
    path = f"/jobs/query/{empty.finished_job(soql)}/results"
    assert empty.call("GET", path).content.decode() == (
        '"Name","BillingStreet","AccountNumber","IsDeleted","CreatedDate"\n'
        '"Ünï ""Q"", Ltd","Level 1\n2 Pitt St","","false","2026-11-01T03:04:05.000Z"\n'
    )
    soql = "SELECT Name,Amount,CloseDate,Account.Name FROM Opportunity ORDER BY Amount DESC"
    job_id = empty.finished_job(soql, lineEnding="CRLF", columnDelimiter="PIPE")
    text = empty.call("GET", f"/jobs/query/{job_id}/results").content.decode()
    tail = '|"2026-01-31"|"Ünï ""Q"", Ltd"\r\n'
    assert text == (
        '"Name"|"Amount"|"CloseDate"|"Account.Name"\r\n'
        f'"A\u2028B"|"8.0E7"{tail}"A\u2028B"|"1200.0"{tail}"A\u2028B"|"12.5"{tail}'
    )


def test_item_11_an_empty_result_is_a_header_or_nothing(bench):
    path = f"/jobs/query/{bench.finished_job(f'{LINES} WHERE Quantity > 999999')}/results"
    reply = bench.call("GET", path)
    assert reply.text == '"Id","Name","Quantity","UnitPrice"\n'
    assert reply.headers["Sforce-NumberOfRecords"] == "0"
    assert reply.headers["Sforce-Locator"] == "null"
    bench.switch(empty_result="empty")
    assert bench.call("GET", path).content == b""


def test_item_16_delete_is_empty_and_only_for_ended_jobs(bench):
    job_id = bench.create_job(LINES).json()["id"]
    early = bench.call("DELETE", f"/jobs/query/{job_id}")
    assert (early.status_code, early.json()[0]["errorCode"]) == (400, "API_ERROR")
    bench.clock.advance(2)
    late = bench.call("DELETE", f"/jobs/query/{job_id}")
    assert (late.status_code, late.content) == (204, b"")
    for path in ("", "/results"):
        gone = bench.call("GET", f"/jobs/query/{job_id}{path}")
        assert (gone.status_code, gone.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_item_16_an_ended_job_cannot_be_aborted_nor_moved_elsewhere(bench):
    job_id = bench.finished_job(LINES)
    for state in ("Aborted", "JobComplete"):
        reply = bench.call("PATCH", f"/jobs/query/{job_id}", json={"state": state})
        assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")


def test_item_16_jobs_vanish_seven_days_after_completion(bench):
    path = f"/jobs/query/{bench.finished_job(LINES)}"
    bench.clock.advance(7 * 86_400 - 10)
    bench.log_in()
    assert bench.call("GET", path).status_code == 200
    bench.clock.advance(10)
    assert bench.call("GET", path).status_code == 404


def test_jobs_are_listed(bench):
    made = [bench.finished_job(LINES) for _ in range(3)]
    body = bench.call("GET", "/jobs/query", params={"jobType": "V2Query"}).json()
    assert [job["id"] for job in body["records"]] == made
    assert body["done"] is True


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"operation": "insert", "query": LINES}, 400, "API_ERROR"),
        ({"query": LINES}, 400, "API_ERROR"),
        ({"operation": "query"}, 400, "API_ERROR"),
        ({"operation": "query", "query": LINES, "contentType": "JSON"}, 400, "API_ERROR"),
        ({"operation": "query", "query": LINES, "columnDelimiter": ","}, 400, "API_ERROR"),
        ({"operation": "query", "query": LINES, "lineEnding": "CR"}, 400, "API_ERROR"),
        ({"operation": "query", "query": LINES, "object": "X"}, 400, "JSON_PARSER_ERROR"),
        ({"operation": "query", "query": 5}, 400, "JSON_PARSER_ERROR"),
        (["query"], 400, "JSON_PARSER_ERROR"),
    ],
)
def test_bad_create_requests_are_refused(bench, body, status, code):
    reply = bench.call("POST", "/jobs/query", json=body)
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (status, code)


def test_create_wants_json(bench):
    reply = bench.call("POST", "/jobs/query", data={"operation": "query"})
    assert reply.status_code == 415
    head = {"Content-Type": "application/json"}
    assert bench.call("POST", "/jobs/query", content=b"{", headers=head).status_code == 400


def test_item_03_a_token_that_expires_between_pages_stops_the_download(bench):
    path = f"/jobs/query/{bench.finished_job(LINES)}/results"
    locator = bench.call("GET", path, params={"maxRecords": 5}).headers["Sforce-Locator"]
    bench.control("POST", "/expire_tokens")
    assert bench.call("GET", path, params={"locator": locator}).status_code == 401
    bench.log_in()
    assert bench.call("GET", path, params={"locator": locator}).status_code == 200
