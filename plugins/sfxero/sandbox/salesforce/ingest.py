"""Bulk API 2.0 ingest: what a job does with the rows of its upload."""

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sfxero.sandbox.salesforce.chunks import ROWS_PER_CHUNK, chunk_failure
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.jobs import (
    Job,
    JobState,
    check_one_of,
    checked_request,
    job_summary,
    spent_ms,
)
from sfxero.sandbox.salesforce.locks import writing_as
from sfxero.sandbox.salesforce.upload import Refused, Row, Upload, read_upload
from sfxero.sandbox.salesforce.writes import Outcome, RowWrite, save, targets

if TYPE_CHECKING:
    from sfxero.sandbox.salesforce.models import SalesforceOrg

ROWS_PER_BATCH = 10_000
OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
_INGEST_KEYS = frozenset({
    "object", "operation", "externalIdFieldName", "contentType", "columnDelimiter", "lineEnding",
    "assignmentRuleId",
})  # fmt: skip


@dataclass(slots=True, kw_only=True)
class IngestJob(Job):
    """One ingest job and what became of its rows."""

    key: str | None
    content: bytes | None = None
    header: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)
    writes: list[RowWrite | ApiFailure] = field(default_factory=list)
    failures: dict[int, ApiFailure] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    error: str | None = None

    @property
    def lock_owner(self) -> str:
        """Return the name under which it holds rows."""
        return f"job {self.job_id}"


def checked_ingest(org: "SalesforceOrg", body: Any) -> dict[str, str]:
    """Return the body of a create if the org can do what it asks."""
    request = checked_request(body, _INGEST_KEYS)
    check_one_of(request, "operation", set(OPERATIONS), required=True)
    source = org.schema.find(request.get("object", ""))
    if source is None:
        name = request.get("object")
        raise ApiFailure(400, "INVALIDENTITY", f"Unable to find object: {name}")
    if not source.writable:
        raise ApiFailure(
            400, "INVALIDENTITY", f"Entity '{source.name}' is not supported by the Bulk API."
        )
    operation, key = request["operation"], request.get("externalIdFieldName")
    if operation == "upsert":
        found = source.by_name.get((key or "").lower())
        if found is None or not (found.external_id or found.kind == "id"):
            message = f"Field name provided, {key}, does not match an External ID, Salesforce Id, "
            raise ApiFailure(400, "INVALIDJOB", f"{message}or indexed field for {source.name}")
    if operation == "hardDelete" and not org.switches.hard_delete_allowed:
        raise ApiFailure(
            400, "FEATURENOTENABLED", "hardDelete operation requires special user profile "
            "permission, please contact your system administrator",
        )  # fmt: skip
    return request | {"object": source.name}


def store_upload(org: "SalesforceOrg", job: IngestJob, content: bytes) -> None:
    """Take the one upload of a job."""
    if job.state is not JobState.OPEN:
        raise ApiFailure(400, "INVALIDJOBSTATE", f"Job is not open for uploads: {job.state}")
    if job.content is not None:
        raise ApiFailure(
            400, "INVALIDJOBSTATE", f"Found multiple contents for job: <{job.job_id}>, please "
            "'Close' / 'Abort' / 'Delete' the current Job then create a new Job and make sure you "
            "only do 'PUT' once on a given Job.",
        )  # fmt: skip
    if len(content) > org.switches.ingest_max_bytes:
        raise ApiFailure(
            413, "EXCEEDED_MAX_SIZE_REQUEST", "Maximum size of request reached. Maximum size of "
            "request is 150MB",
        )  # fmt: skip
    job.content = content


def on_enter(org: "SalesforceOrg", job: IngestJob) -> None:
    """Do the work of the state that a job has just entered."""
    if job.state is JobState.IN_PROGRESS:
        _start(org, job)
    if job.is_ended:
        try:
            if job.state is not JobState.ABORTED:
                _save_all(org, job)
        finally:
            org.locks.release(job.lock_owner)
            job.content, job.writes = None, []


def _start(org: "SalesforceOrg", job: IngestJob) -> None:
    """Read the upload and lock what it touches until the job ends."""
    try:
        upload = read_upload(org, job)
    except Refused as refused:
        job.error, job.will_fail = str(refused), True
        job.header, job.rows = refused.header, refused.rows
        return
    job.header, job.rows = upload.header, upload.rows
    _count_batches(org, job)
    job.writes = _writes(job, upload)
    for place, write in enumerate(job.writes):
        if isinstance(write, ApiFailure):
            job.failures[place] = write
            continue
        try:
            org.locks.take(targets(org, write), job.lock_owner)
        except ApiFailure as failure:
            job.failures[place] = failure
    if org.switches.fail_ingest_after_rows is not None:
        job.will_fail = True


def _count_batches(org: "SalesforceOrg", job: IngestJob) -> None:
    batches = -(-len(job.rows) // ROWS_PER_BATCH)
    now = org.clock.now()
    if org.batches.spent(now) + batches > org.switches.ingest_batches_per_day:
        job.error = "ExceededQuota : ApiBatchItems Limit exceeded."
        job.will_fail = True
    else:
        org.batches.count(now, batches)


def _writes(job: IngestJob, upload: Upload) -> list[RowWrite | ApiFailure]:
    return [
        body if isinstance(body, ApiFailure)
        else RowWrite(job.operation, job.object_name, body, job.key)  # type: ignore[arg-type] # checked at the create
        for body in upload.bodies()
    ]  # fmt: skip


def _save_all(org: "SalesforceOrg", job: IngestJob) -> None:
    """Save the rows, 200 at a time, until the end or the place where the job is to fail."""
    fails_after = org.switches.fail_ingest_after_rows
    if job.error is not None or (job.state is JobState.FAILED and fails_after is None):
        return
    stop = len(job.rows)
    if job.state is JobState.FAILED and fails_after is not None:
        stop = min(stop, fails_after)
        job.error = f"InternalServerError : The job failed after {stop} rows"
    with org.at(job.changed_at), writing_as(job.lock_owner):
        for first in range(0, stop, ROWS_PER_CHUNK):
            _save_chunk(org, job, range(first, min(first + ROWS_PER_CHUNK, stop)))
    job.order = list(job.outcomes)
    seed = f"{org.switches.scramble_seed}/{job.job_id}"
    random.Random(seed).shuffle(job.order)  # noqa: S311 - no secret, a repeatable order


def _save_chunk(org: "SalesforceOrg", job: IngestJob, chunk: range) -> None:
    repeated = _repeated_keys(job, chunk)
    common = chunk_failure(org, job.object_name, count=len(chunk))
    for place in chunk:
        write = job.writes[place]
        failure = job.failures.get(place) or repeated.get(place) or common
        if isinstance(write, ApiFailure):
            job.outcomes[place] = Outcome(None, failure=write)
        elif failure is not None:
            job.outcomes[place] = Outcome(_own_id(write), failure=failure)
        else:
            job.outcomes[place] = save(org, write)


def _own_id(write: RowWrite) -> str | None:
    return next((str(value) for name, value in write.body.items() if name == "Id"), None)


def _repeated_keys(job: IngestJob, chunk: range) -> dict[int, ApiFailure]:
    """Refuse rows that name the same external id as another row of their chunk."""
    if job.operation != "upsert" or job.key is None:
        return {}
    places: dict[str, list[int]] = {}
    for place in chunk:
        write = job.writes[place]
        if not isinstance(write, ApiFailure):
            value = str(write.body.get(job.key) or "").casefold()
            places.setdefault(value, []).append(place)
    return {
        place: ApiFailure(
            400, "DUPLICATE_VALUE", f"Duplicate external id specified: {value}", fields=(job.key,)
        )
        for value, same in places.items() if value and len(same) > 1 for place in same
    }  # fmt: skip


def ingest_created_reply(job: IngestJob) -> dict[str, Any]:
    """Return the reply to a create; the address of the upload is relative to the host."""
    shown = job_summary(job) | {
        "contentUrl": f"services/data/v{job.version}/jobs/ingest/{job.job_id}/batches",
        "lineEnding": job.line_ending, "columnDelimiter": job.delimiter,
    }  # fmt: skip
    return shown | ({"externalIdFieldName": job.key} if job.key else {})


def ingest_summary(job: IngestJob) -> dict[str, Any]:
    """Return the reply to a change of state."""
    return job_summary(job) | ({"externalIdFieldName": job.key} if job.key else {})


def ingest_reply(job: IngestJob) -> dict[str, Any]:
    """Return the reply to a poll."""
    failed = sum(outcome.failure is not None for outcome in job.outcomes.values())
    spent = spent_ms(job)
    shown = ingest_created_reply(job) | {
        "jobType": "V2Ingest", "numberRecordsProcessed": len(job.outcomes),
        "numberRecordsFailed": failed, "retries": 0, "totalProcessingTime": spent,
        "apiActiveProcessingTime": spent * 3 // 4, "apexProcessingTime": 0,
    }  # fmt: skip
    return shown | ({"errorMessage": job.error} if job.error else {})
