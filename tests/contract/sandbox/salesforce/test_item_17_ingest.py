"""Items 16 and 17: ingest jobs from their creation to their result files."""

import pytest

pytestmark = pytest.mark.contract


def deals(count, name="Deal"):
    lines = [f"{name} {place},Closed Won,2026-10-0{place % 9 + 1}" for place in range(count)]
    return "\n".join(["Name,StageName,CloseDate", *lines]) + "\n"


def test_item_17_replies_and_states_from_open_to_complete(empty):
    job = empty.open_ingest(operation="upsert", externalIdFieldName="Xero_Invoice_Id__c")
    assert job["state"] == "Open"
    assert (job["id"][:3], len(job["id"]), job["apiVersion"]) == ("750", 18, 66.0)
    assert job["contentUrl"] == f"services/data/v66.0/jobs/ingest/{job['id']}/batches"
    assert job["externalIdFieldName"] == "Xero_Invoice_Id__c"
    path = f"/jobs/ingest/{job['id']}"
    empty.clock.advance(3600)
    assert empty.call("GET", path).json()["state"] == "Open"
    empty.upload(path, "Xero_Invoice_Id__c,Name,StageName,CloseDate\nx,A,Closed Won,2026-01-01\n")
    changed = empty.call("PATCH", path, json={"state": "UploadComplete"}).json()
    assert changed["state"] == "UploadComplete"
    seen = []
    for _ in range(4):
        body = empty.call("GET", path).json()
        seen.append((body["state"], body["numberRecordsProcessed"]))
        empty.clock.advance(0.5)
    assert seen == [("UploadComplete", 0), ("InProgress", 0), ("InProgress", 0), ("JobComplete", 1)]
    assert body["jobType"] == "V2Ingest"
    assert {"totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime", "retries"} <= (
        body.keys()
    )


def test_item_17_partial_failure_is_complete_and_keeps_the_callers_columns(empty, shown):
    text = 'Name,StageName,CloseDate,Description\nGood,Closed Won,2026-01-31,"a\n""b"""\n'
    text += "Bad,Nowhere,2026-01-31,\n,Closed Won,2026-01-31,\n"
    path = empty.ingest(text)
    body = empty.call("GET", path).json()
    assert (body["state"], body["numberRecordsProcessed"], body["numberRecordsFailed"]) == (
        "JobComplete", 3, 2,
    )  # fmt: skip
    good = empty.results(path, "successfulResults")
    assert list(good[0]) == [
        "sf__Id",
        "sf__Created",
        "Name",
        "StageName",
        "CloseDate",
        "Description",
    ]
    assert (good[0]["sf__Created"], good[0]["Description"]) == ("true", 'a\n"b"')
    assert shown("Opportunity", good[0]["sf__Id"])["Description"] == 'a\n"b"'
    bad = {row["StageName"]: row for row in empty.results(path, "FAILEDRESULTS")}
    assert list(bad["Nowhere"])[:2] == ["sf__Id", "sf__Error"]
    assert bad["Nowhere"]["sf__Id"] == ""
    assert bad["Nowhere"]["sf__Error"].startswith("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:")
    assert bad["Closed Won"]["sf__Error"] == (
        "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    )
    assert empty.results(path, "unprocessedrecords") == []


def test_item_17_results_come_in_another_order_than_the_upload(empty):
    names = [row["Name"] for row in empty.results(empty.ingest(deals(50)), "successfulResults")]
    assert sorted(names) == sorted(f"Deal {place}" for place in range(50))
    assert names != [f"Deal {place}" for place in range(50)]


def test_item_17_rows_are_saved_only_once_the_upload_is_complete(empty):
    path = f"/jobs/ingest/{empty.open_ingest()['id']}"
    empty.upload(path, deals(2))
    empty.clock.advance(3600)
    assert empty.select("Id", "Opportunity", "") == []
    empty.call("PATCH", path, json={"state": "UploadComplete"})
    empty.clock.advance(2)
    found = empty.select("SystemModstamp", "Opportunity", "")
    assert [each["SystemModstamp"] for each in found] == ["2026-11-01T04:04:07.000+0000"] * 2


def test_item_17_one_upload_per_job_and_only_while_open(empty):
    path = f"/jobs/ingest/{empty.open_ingest()['id']}"
    assert empty.upload(path, deals(1), kind="application/json").status_code == 415
    assert empty.upload(path, deals(1)).status_code == 201
    again = empty.upload(path, deals(1))
    assert "Found multiple contents" in again.json()[0]["message"]
    assert (
        empty.upload(empty.ingest(deals(1)), deals(1)).json()[0]["errorCode"] == "INVALIDJOBSTATE"
    )


def test_item_17_results_wait_for_the_end(empty):
    path = f"/jobs/ingest/{empty.open_ingest()['id']}"
    assert empty.call("GET", f"{path}/successfulResults").status_code == 400
    empty.switch(early_results_status=412)
    reply = empty.call("GET", f"{path}/failedResults/")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (412, "JOB_NOT_COMPLETE")
    assert empty.call("GET", f"{path}/nothing").status_code == 404


@pytest.mark.parametrize(
    ("text", "message", "unprocessed"),
    [
        ("Name,Nope__c\na,b\nc,d\n", "InvalidBatch : Field name not found : Nope__c", 2),
        ("Name\r\na\r\n", "LineEnding is invalid on user data", 0),
        ("Name,Phone\na\n", "number of columns", 1),
        ("Name\n\"a\n", "Failed to parse the CSV", 0),
        ("N" * 32_001 + "\na\n", "header row", 0),
        (b"Name\n\xff\n", "not UTF-8", 0),
        ("Name\n" + "x" * 131_073 + "\n", "Failed to parse the CSV", 0),
    ],
)  # fmt: skip
def test_item_17_unusable_uploads_fail_the_job(empty, text, message, unprocessed):
    path = empty.ingest(text)
    body = empty.call("GET", path).json()
    assert (body["state"], body["numberRecordsProcessed"]) == ("Failed", 0)
    assert message in body["errorMessage"]
    assert len(empty.results(path, "unprocessedrecords")) == unprocessed
    assert empty.results(path, "successfulResults") == []


def test_item_17_failed_job_keeps_what_it_saved_and_shows_the_rest(empty):
    empty.switch(fail_ingest_after_rows=3)
    path = empty.ingest(deals(5))
    body = empty.call("GET", path).json()
    assert (body["state"], body["numberRecordsProcessed"]) == ("Failed", 3)
    assert len(empty.results(path, "successfulResults")) == 3
    assert len(empty.select("Id", "Opportunity", "")) == 3
    assert [row["Name"] for row in empty.results(path, "unprocessedrecords")] == [
        "Deal 3",
        "Deal 4",
    ]


def test_item_17_job_can_fail_without_a_message(empty):
    empty.switch(fail_jobs=1)
    path = empty.ingest(deals(2))
    body = empty.call("GET", path).json()
    assert body["state"] == "Failed"
    assert "errorMessage" not in body
    assert len(empty.results(path, "unprocessedrecords")) == 2


def test_item_17_uploads_have_a_largest_size(empty):
    empty.switch(ingest_max_bytes=40)
    path = f"/jobs/ingest/{empty.open_ingest()['id']}"
    assert empty.upload(path, deals(5)).status_code == 413
    assert empty.upload(path, "Name\na\n").status_code == 201


def test_item_17_batches_of_ten_thousand_rows_are_counted_per_day(empty):
    empty.ingest("Id\n" + "006000000000001\n" * 10_001, operation="delete")
    shown = empty.call("GET", "/limits").json()["DailyBulkApiBatches"]
    assert (shown["Max"], shown["Remaining"]) == (15_000, 14_998)
    empty.switch(ingest_batches_per_day=2)
    body = empty.call("GET", empty.ingest(deals(1))).json()
    assert "ApiBatchItems Limit exceeded" in body["errorMessage"]


LOCKED, BROKEN = "UNABLE_TO_LOCK_ROW", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (LOCKED, "unable to obtain exclusive access to this record or 200 records"),
        (BROKEN, "OpportunityTrigger: execution of BeforeUpdate\n\ncaused by: System."),
        ("API_TEMPORARILY_UNAVAILABLE", "temporarily unavailable"),
        ("TooManyLockFailure", "Too many lock failure"),
    ],
)
def test_item_17_a_chunk_of_200_rows_can_fail_as_a_whole(empty, code, text):
    empty.switch(chunk_failures=1, chunk_failure_code=code)
    path = empty.ingest(deals(450))
    body = empty.call("GET", path).json()
    assert (body["state"], body["numberRecordsProcessed"], body["numberRecordsFailed"]) == (
        "JobComplete", 450, 200,
    )  # fmt: skip
    failed = empty.results(path, "failedResults")
    assert {row["Name"] for row in failed} == {f"Deal {place}" for place in range(200)}
    [error] = {row["sf__Error"] for row in failed}
    assert error.startswith(f"{code}:")
    assert text in error
    assert error.endswith(": --")
    assert len(empty.results(path, "successfulResults")) == 250
    assert len(empty.select("Id", "Opportunity", "")) == 250


def test_item_17_unreadable_rows_of_a_failed_chunk_keep_their_own_error(empty):
    empty.switch(chunk_failures=1)
    text = "Name,StageName,CloseDate\nA,Closed Won,2026-01-31\nB,Closed Won,31/01/2026\n"
    failed = {
        row["Name"]: row["sf__Error"] for row in empty.results(empty.ingest(text), "failedResults")
    }
    assert failed["A"].startswith("UNABLE_TO_LOCK_ROW:")
    assert failed["B"].startswith("INVALID_TYPE_ON_FIELD_IN_RECORD:")


def test_item_17_one_key_in_two_chunks_creates_and_then_updates(empty):
    key = "Xero_Invoice_Id__c"
    lines = [f"k{place % 200},Deal {place},Closed Won,2026-01-01" for place in range(201)]
    text = "\n".join([f"{key},Name,StageName,CloseDate", *lines]) + "\n"
    path = empty.ingest(text, operation="upsert", externalIdFieldName=key)
    good = {row["Name"]: row["sf__Created"] for row in empty.results(path, "successfulResults")}
    assert len(good) == 201
    assert (good["Deal 0"], good["Deal 200"]) == ("true", "false")


def test_item_17_a_record_has_at_most_400_000_characters(empty):
    header = ",".join(["Name", "StageName", "CloseDate", *["Description"] * 4])
    long = ",".join(["A,Closed Won,2026-01-31", *["x" * 100_001] * 4])
    path = empty.ingest(f"{header}\n{long}\n")
    [error] = [row["sf__Error"] for row in empty.results(path, "failedResults")]
    assert error.startswith("STRING_TOO_LONG:")
    assert "400000" in error


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"object": "Nothing"}, "INVALIDENTITY"),
        ({"object": "User"}, "INVALIDENTITY"),
        ({"operation": "replace"}, "API_ERROR"),
        ({"operation": "upsert"}, "INVALIDJOB"),
        ({"operation": "upsert", "externalIdFieldName": "Name"}, "INVALIDJOB"),
        ({"columnDelimiter": "STAR"}, "API_ERROR"),
        ({"contentType": "XML"}, "API_ERROR"),
        ({"colour": "red"}, "JSON_PARSER_ERROR"),
    ],
)
def test_item_17_bad_jobs_are_refused(empty, changes, code):
    body = {"object": "Account", "operation": "insert", **changes}
    reply = empty.call("POST", "/jobs/ingest", json=body)
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, code)


def test_item_17_values_are_read_in_their_csv_forms(empty, shown):
    header = "Name,StageName,CloseDate,Amount,Xero_Last_Synced_At__c"
    text = f"{header};x".replace(",", ";").removesuffix(";x")
    text += "\nA;Closed Won;2026-01-31;8.0E7;2026-02-03T04:05:06.000+11:00"
    text += "\nB;Closed Won;31/01/2026;1;\nC;Closed Won;2026-01-31;lots;\n"
    path = empty.ingest(text, columnDelimiter="SEMICOLON")
    saved = shown("Opportunity", empty.results(path, "successfulResults", ";")[0]["sf__Id"])
    assert (saved["Amount"], saved["CloseDate"]) == ("80000000.00", "2026-01-31")
    assert saved["Xero_Last_Synced_At__c"] == "2026-02-02T17:05:06+00:00"
    errors = {row["sf__Error"][:30] for row in empty.results(path, "failedResults", ";")}
    assert errors == {"INVALID_TYPE_ON_FIELD_IN_RECOR"}


@pytest.mark.parametrize(
    ("moment", "count"),
    [
        ("2026-02-03T04:05:06.000Z", 1),
        ("2026-02-03T04:05:06.000-05:00", 1),
        ("2026-02-03T04:05:06.000+0000", 1),
        ("2026-02-03T04:05:06Z", 0),
        ("2026-02-03T04:05:06+00:00", 0),
        ("2026-02-03T04:05:06.000", 0),
        ("2026-02-03 04:05:06.000Z", 0),
        ("2026-02-03T04:05:66.000Z", 0),
    ],
)
def test_item_17_moments_have_milliseconds_and_a_zone(empty, moment, count):
    text = "Name,StageName,CloseDate,Xero_Last_Synced_At__c\n"
    path = empty.ingest(f"{text}A,Closed Won,2026-01-31,{moment}\n")
    assert len(empty.results(path, "successfulResults")) == count


def test_item_17_parents_are_named_by_their_external_id(empty, shown):
    body = {"Name": "Acme", "Xero_Contact_Id__c": "c-1"}
    account = empty.call("POST", "/sobjects/Account", json=body).json()["id"]
    text = "Name,StageName,CloseDate,Account.Xero_Contact_Id__c\n"
    text += "A,Closed Won,2026-01-31,c-1\nB,Closed Won,2026-01-31,c-2\n"
    path = empty.ingest(text)
    good = empty.results(path, "successfulResults")[0]
    assert shown("Opportunity", good["sf__Id"])["AccountId"] == account
    bad = empty.results(path, "failedResults")[0]
    assert "Foreign key external ID: c-2 not found" in bad["sf__Error"]


def test_item_17_deletes_and_hard_deletes_take_ids_only(empty, deal):
    ids = [deal(), deal(), deal()]
    empty.ingest(f"Id\n{ids[0]}\n", operation="delete")
    empty.ingest(f"Id\n{ids[1]}\n", operation="hardDelete")
    seen = {
        each["Id"]: each for each in empty.select("Id, IsDeleted", "Opportunity", "", "queryAll")
    }
    assert {each: row["IsDeleted"] for each, row in seen.items()} == {ids[0]: True, ids[2]: False}
    wrong = empty.ingest(f"Id,Name\n{ids[2]},x\n", operation="delete")
    assert empty.call("GET", wrong).json()["state"] == "Failed"
    empty.switch(hard_delete_allowed=False)
    body = {"object": "Opportunity", "operation": "hardDelete"}
    refused = empty.call("POST", "/jobs/ingest", json=body)
    assert refused.json()[0]["errorCode"] == "FEATURENOTENABLED"


def test_item_16_ingest_jobs_are_aborted_deleted_and_expire(empty):
    path = f"/jobs/ingest/{empty.open_ingest()['id']}"
    assert empty.call("DELETE", path).json()[0]["errorCode"] == "API_ERROR"
    assert empty.call("PATCH", path, json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert empty.call("PATCH", path, json={"state": "UploadComplete"}).status_code == 400
    gone = empty.call("DELETE", path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert empty.call("GET", path).status_code == 404
    empty.switch(session_s=10_000_000)
    empty.log_in()
    left_open, done = f"/jobs/ingest/{empty.open_ingest()['id']}", empty.ingest(deals(1))
    empty.clock.advance(86_401)
    assert empty.call("GET", left_open).json()["state"] == "Aborted"
    assert empty.call("GET", done).status_code == 200
    empty.clock.advance(6 * 86_400)
    assert empty.call("GET", done).status_code == 404


def test_item_16_query_and_ingest_jobs_do_not_answer_for_each_other(empty):
    query, path = empty.finished_job("SELECT Id FROM Account"), empty.ingest(deals(1))
    assert empty.call("GET", f"/jobs/ingest/{query}").status_code == 404
    assert empty.call("GET", path.replace("ingest", "query")).status_code == 404
    listed = empty.call("GET", "/jobs/ingest").json()
    assert [each["id"] for each in listed["records"]] == [path.rpartition("/")[2]]
