"""Client and staging together against the sandbox: what is in the org is what is staged."""

from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from sfxero.errors import (
    AuthenticationFailed,
    ConfigurationError,
    JobFailed,
    RequestRejected,
)
from sfxero.salesforce.job import JobState
from sfxero.salesforce.soql import id_chunks, literal, select, window_where
from sfxero.staging.arrow_schema import parent_objects, schema_for
from sfxero.staging.layout import part_name
from sfxero.staging.manifest import Manifest, save
from sfxero.staging.reader import read_frame, read_latest
from sfxero.staging.writer import StagedRows, stage_page, write_records

pytestmark = pytest.mark.contract

FIELDS = [
    "Id",
    "Name",
    "Amount",
    "StageName",
    "IsWon",
    "CloseDate",
    "AccountId",
    "Account.Name",
    "Account.BillingStreet",
    "IsDeleted",
    "SystemModstamp",
]
NOBODY = "Name = " + literal("nobody's")
LINE_FIELDS = ["Id", "OpportunityId", "Quantity", "UnitPrice", "Discount", "TotalPrice",
               "Product2.Family", "SystemModstamp"]  # fmt: skip


@pytest.fixture
def schema_of(client):
    def build(object_name: str, fields: list[str]):
        describe = client.describe(object_name)
        parents = {name: client.describe(name) for name in parent_objects(describe, fields)}
        return schema_for(describe, fields, parents=parents)

    return build


@pytest.fixture
def stage_job(bulk):
    """Stage all pages of a job, one after the other; `before` is called ahead of each."""

    def stage(ref, *, schema, folder, before=lambda _: None):
        folder.mkdir(exist_ok=True)
        parts, locator = [], None
        while True:
            before(len(parts))
            with bulk.page(ref, locator) as page:
                name = part_name(len(parts))
                parts.append(stage_page(page, schema=schema, folder=folder, name=name))
                locator = page.next_locator
            if locator is None:
                return StagedRows(tuple(parts), sum(part.rows for part in parts))

    return stage


@pytest.fixture
def staged(tmp_path, client):
    """Publish staged rows and hand back what a reader needs."""

    def publish(rows, name: str):
        now = client.server_now()
        manifest = Manifest(
            "demo", "run", name, None, now, "66.0", None, "v1", rows.files, rows.row_count, now
        )
        return save(manifest, tmp_path / name)

    return publish


@pytest.mark.parametrize(
    ("object_name", "fields"), [("Opportunity", FIELDS), ("OpportunityLineItem", LINE_FIELDS)]
)
def test_bulk_and_rest_stage_the_same_rows(
    stage_job, client, run_job, schema_of, staged, tmp_path, object_name, fields
):
    soql = select(object_name, fields)
    schema = schema_of(object_name, fields)
    ref, status = run_job(soql)
    by_bulk = stage_job(ref, schema=schema, folder=tmp_path / "bulk")
    by_rest = write_records(
        client.query(soql, all_rows=True), schema=schema, folder=tmp_path / "rest"
    )
    assert by_bulk.row_count == by_rest.row_count == status.rows > 600
    assert len(by_bulk.files) > 5
    left = read_latest([staged(by_bulk, "bulk")])
    right = read_latest([staged(by_rest, "rest")])
    assert left.equals(right)
    assert left["Id"].is_unique


def test_seeded_oddities_arrive_unchanged(client, schema_of, staged, tmp_path):
    soql = select("Account", ["Id", "Name", "BillingStreet"])
    schema = schema_of("Account", ["Id", "Name", "BillingStreet"])
    rows = write_records(client.query(soql), schema=schema, folder=tmp_path / "rest")
    frame = read_frame([staged(rows, "rest")])
    assert frame["BillingStreet"].str.contains("\n").any()
    assert not frame["Name"].map(str.isascii).all()


def test_job_waits_until_it_is_done_and_is_gone_after_deletion(bulk, control):
    control.switch(job_delay_s=3600)
    ref = bulk.create(select("Opportunity", ["Id"]))
    assert not bulk.status(ref).is_ended
    with pytest.raises(RequestRejected):
        bulk.delete(ref)
    control.post("/clock", advance_s=3601)
    assert bulk.status(ref).state is JobState.JOB_COMPLETE
    bulk.delete(ref)
    bulk.delete(ref)
    with pytest.raises(JobFailed):
        bulk.status(ref)


def test_aborted_job_stays_aborted(bulk, control):
    control.switch(job_delay_s=3600)
    ref = bulk.create(select("Opportunity", ["Id"]))
    bulk.abort(ref)
    bulk.abort(ref)
    assert bulk.status(ref).state is JobState.ABORTED


def test_failed_job_may_say_nothing(run_job, control):
    control.switch(fail_jobs=1)
    _, status = run_job(select("Opportunity", ["Id"]))
    assert (status.state, status.rows, status.error) == (JobState.FAILED, 0, None)


def test_session_that_ends_in_mid_download_changes_nothing(
    stage_job, run_job, schema_of, control, tmp_path
):
    ref, status = run_job(select("Opportunity", ["Id", "Amount"]))

    def expire(number: int) -> None:
        if number % 2:
            control.post("/salesforce/expire_tokens")

    schema = schema_of("Opportunity", ["Id", "Amount"])
    rows = stage_job(ref, schema=schema, folder=tmp_path, before=expire)
    assert rows.row_count == status.rows >= 700


def _texts(bulk, ref, locators) -> list[bytes]:
    texts = []
    for locator in locators:
        with bulk.page(ref, locator) as page:
            texts.append(b"".join(page.chunks()))
    return texts


@pytest.mark.parametrize("key", ["nextRecordsUrl", "nextRecordUrl"])
def test_listed_pages_are_those_that_follow_one_another(bulk, run_job, control, key):
    control.switch(page_cap=60, continuation_key=key)
    ref, _ = run_job(select("Opportunity", ["Id"]))
    chain, locator = [], None
    while not chain or locator is not None:
        chain.append(locator)
        with bulk.page(ref, locator) as page:
            locator = page.next_locator
    listed = bulk.locators(ref)
    assert len(listed) == len(chain) > 10
    assert _texts(bulk, ref, listed) == _texts(bulk, ref, chain)


@pytest.mark.parametrize("kind", ["error_before", "lost_reply", "error_after"])
def test_outage_during_the_download_is_waited_out(
    stage_job, run_job, schema_of, control, tmp_path, kind
):
    ref, status = run_job(select("Opportunity", ["Id"]))
    control.post("/fault", path="/results", kind=kind, count=1)
    rows = stage_job(ref, schema=schema_of("Opportunity", ["Id"]), folder=tmp_path)
    assert rows.row_count == status.rows


@pytest.mark.parametrize("empty_result", ["header", "empty"])
@pytest.mark.parametrize("gzip", [True, False])
def test_window_without_rows_stages_none(
    stage_job, run_job, schema_of, control, tmp_path, empty_result, gzip
):
    control.switch(empty_result=empty_result, gzip=gzip)
    ref, _ = run_job(select("Opportunity", ["Id"], where=NOBODY))
    rows = stage_job(ref, schema=schema_of("Opportunity", ["Id"]), folder=tmp_path)
    assert rows.row_count == pq.read_table(tmp_path / rows.files[0].name).num_rows == 0


def test_windows_split_the_rows_without_gap_or_overlap(client):
    soql = select("Opportunity", ["Id", "SystemModstamp"])
    stamps = sorted(str(row["SystemModstamp"]) for row in client.query(soql))
    middle = datetime.fromisoformat(stamps[len(stamps) // 2]).astimezone(UTC)
    middle += timedelta(milliseconds=400)
    end = client.server_now() + timedelta(days=1)
    halves = [
        [row["Id"] for row in client.query(select("Opportunity", ["Id"], where=where))]
        for where in (window_where(None, middle), window_where(middle, end))
    ]
    assert len(halves[0]) + len(halves[1]) == len({*halves[0], *halves[1]}) == len(stamps)
    assert all(halves)


def test_records_are_found_by_id_in_bounded_queries(client):
    ids = [str(row["Id"]) for row in client.query(select("Opportunity", ["Id"]))]
    chunks = list(id_chunks(ids, "Id"))
    found = [
        row["Id"]
        for chunk in chunks
        for row in client.query(select("Opportunity", ["Id"], where=chunk))
    ]
    assert len(chunks) > 1
    assert sorted(map(str, found)) == sorted(ids)


def test_hidden_field_is_named_before_anything_is_read(schema_of, control):
    control.switch(hidden_fields=["Opportunity.Amount"])
    with pytest.raises(ConfigurationError, match="Opportunity has no field Amount"):
        schema_of("Opportunity", ["Id", "Amount"])


def test_refused_query_says_what_salesforce_says(bulk):
    with pytest.raises(RequestRejected, match="Nonsense__c"):
        bulk.create("SELECT Nonsense__c FROM Opportunity")


def test_wrong_secret_is_refused(control, other_client):
    client = other_client(control.address, client_secret="wrong")
    with pytest.raises(AuthenticationFailed):
        client.server_now()
    client.close()


def test_results_need_the_version_that_made_the_job(bulk, run_job):
    ref, _ = run_job(select("Opportunity", ["Id"]))
    other = type(ref)(ref.job_id, "65.0")
    with pytest.raises(RequestRejected) as caught, bulk.page(other, None):
        pass
    assert caught.value.status == 409


def test_usage_is_known_after_a_call(client):
    client.describe("Account")
    assert client.usage is not None
    assert 0 < client.usage.used < client.usage.allowed
