"""Bulk API 1.0 in JSON, as far as the stock Airflow operator goes: jobs that write."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce.csv_text import json_datetime
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.guard import Endpoint, json_body, json_object
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.records import make_id
from sfxero.sandbox.salesforce.routes_rest import json_reply
from sfxero.sandbox.salesforce.transactions import Transactions
from sfxero.sandbox.salesforce.writes import Outcome, RowWrite, WriteKind, without

MOST_ROWS = 10_000
_OPERATIONS: tuple[WriteKind, ...] = ("insert", "update", "upsert", "delete", "hardDelete")


@dataclass(slots=True, kw_only=True)
class Batch:
    """Rows that came in one request; they are saved in their order."""

    batch_id: str
    created_at: datetime
    rows: list[dict[str, Any]]
    outcomes: list[Outcome]


@dataclass(slots=True, kw_only=True)
class AsyncJob:
    """One job of Bulk API 1.0."""

    job_id: str
    object_name: str
    operation: WriteKind
    key: str | None
    concurrency: str
    version: str
    created_at: datetime
    created_by: str
    state: str = "Open"
    batches: dict[str, Batch] = field(default_factory=dict)


class AsyncRoutes:
    """The `/services/async` endpoints of one org."""

    def __init__(self, org: SalesforceOrg) -> None:
        """Serve one org."""
        self._org = org
        self._transactions = Transactions(org)
        self._jobs: dict[str, AsyncJob] = {}
        self._given = 0

    def paths(self) -> Iterator[tuple[str, str, Endpoint]]:
        """Yield method, path and endpoint."""
        yield "POST", "/job", self.create
        yield "GET", "/job/{job_id}", self.read
        yield "POST", "/job/{job_id}", self.change
        yield "POST", "/job/{job_id}/batch", self.add_batch
        yield "GET", "/job/{job_id}/batch", self.list_batches
        yield "GET", "/job/{job_id}/batch/{batch_id}", self.read_batch
        yield "GET", "/job/{job_id}/batch/{batch_id}/request", self.read_request
        yield "GET", "/job/{job_id}/batch/{batch_id}/result", self.results

    def _job(self, request: Request) -> AsyncJob:
        found = self._jobs.get(request.path_params["job_id"])
        if found is None:
            raise ApiFailure(404, "InvalidJob", "Unable to find job")
        return found

    def _batch(self, request: Request) -> tuple[AsyncJob, Batch]:
        job = self._job(request)
        batch = job.batches.get(request.path_params["batch_id"])
        if batch is None:
            raise ApiFailure(404, "InvalidBatch", "Unable to find batch")
        return job, batch

    def _next_id(self, prefix: str) -> str:
        self._given += 1
        # Far from the jobs of Bulk API 2.0, which share the prefix.
        return make_id(prefix, self._given + 62**4)

    async def create(self, request: Request) -> Response:
        """Open a job."""
        body, org = await json_object(request), self._org
        operation = body.get("operation")
        source = org.schema.find(str(body.get("object", "")))
        if operation not in _OPERATIONS:
            raise ApiFailure(400, "InvalidJob", f"Operation {operation} is not supported here")
        if source is None or not source.writable:
            raise ApiFailure(400, "InvalidJob", f"Unable to find object: {body.get('object')}")
        if body.get("contentType") != "JSON":
            raise ApiFailure(400, "InvalidJob", "Only the content type JSON is supported here")
        key = body.get("externalIdFieldName")
        declared = source.by_name.get(str(key).lower())
        is_key = declared is not None and (declared.external_id or declared.kind == "id")
        if operation == "upsert" and not is_key:
            message = f"Field name provided, {key}, does not match an External ID"
            raise ApiFailure(400, "InvalidJob", f"{message} for {source.name}")
        if operation == "hardDelete" and not org.switches.hard_delete_allowed:
            raise ApiFailure(
                400, "FeatureNotEnabled", "hardDelete operation requires special user profile "
                "permission, please contact your system administrator",
            )  # fmt: skip
        job = AsyncJob(
            job_id=self._next_id("750"), object_name=source.name, operation=operation, key=key,
            concurrency="Serial" if body.get("concurrencyMode") in {1, "Serial"} else "Parallel",
            version=request.path_params["version"], created_at=org.now(), created_by=org.acting_id,
        )  # fmt: skip
        self._jobs[job.job_id] = job
        return json_reply(self._job_reply(job), 201)

    async def read(self, request: Request) -> Response:
        """Show a job."""
        return json_reply(self._job_reply(self._job(request)))

    async def change(self, request: Request) -> Response:
        """Close or abort a job."""
        job, body = self._job(request), await json_object(request)
        if body.get("state") not in {"Closed", "Aborted"} or job.state == "Aborted":
            raise ApiFailure(400, "InvalidJobState", f"Job cannot be moved from {job.state}")
        job.state = body["state"]
        return json_reply(self._job_reply(job))

    async def add_batch(self, request: Request) -> Response:
        """Save the rows of one request."""
        job, rows = self._job(request), await json_body(request)
        if job.state != "Open":
            raise ApiFailure(400, "InvalidJobState", f"Job is not open: {job.state}")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ApiFailure(400, "InvalidBatch", "The batch must be a list of objects")
        if len(rows) > MOST_ROWS:
            raise ApiFailure(400, "ExceededQuota", f"A batch takes {MOST_ROWS} records")
        writes = [
            RowWrite(job.operation, job.object_name, without(row, "attributes"), job.key)
            for row in rows
        ]
        outcomes = await self._transactions.save_all(writes, all_or_none=False)
        self._org.batches.count(self._org.clock.now())
        batch = Batch(
            batch_id=self._next_id("751"), created_at=self._org.clock.now(), rows=rows,
            outcomes=outcomes,
        )  # fmt: skip
        job.batches[batch.batch_id] = batch
        return json_reply(self._batch_reply(job, batch), 201)

    async def list_batches(self, request: Request) -> Response:
        """Show all batches of a job."""
        job = self._job(request)
        shown = [self._batch_reply(job, batch) for batch in job.batches.values()]
        return json_reply({"batchInfo": shown})

    async def read_batch(self, request: Request) -> Response:
        """Show one batch."""
        return json_reply(self._batch_reply(*self._batch(request)))

    async def read_request(self, request: Request) -> Response:
        """Show what a batch was sent with."""
        _, batch = self._batch(request)
        return json_reply([{name: str(value) for name, value in row.items()} for row in batch.rows])

    async def results(self, request: Request) -> Response:
        """Show what became of each row, in the order of the batch."""
        _, batch = self._batch(request)
        if self._state_of(batch) != "Completed":
            raise ApiFailure(400, "InvalidBatch", "Batch not completed")
        return json_reply([_result(outcome) for outcome in batch.outcomes])

    def _state_of(self, batch: Batch) -> str:
        """Return the state by the time that has passed; the rows were saved at once."""
        delay = timedelta(seconds=self._org.switches.job_delay_s)
        now = self._org.clock.now()
        if now >= batch.created_at + delay:
            return "Completed"
        return "InProgress" if now >= batch.created_at + delay / 3 else "Queued"

    def _job_reply(self, job: AsyncJob) -> dict[str, Any]:
        states = [self._state_of(batch) for batch in job.batches.values()]
        outcomes = [each for batch in job.batches.values() for each in batch.outcomes]
        return {
            "apexProcessingTime": 0, "apiActiveProcessingTime": 0, "apiVersion": float(job.version),
            "assignmentRuleId": None, "concurrencyMode": job.concurrency, "contentType": "JSON",
            "createdById": job.created_by, "createdDate": json_datetime(job.created_at),
            "externalIdFieldName": job.key, "fastPathEnabled": False, "id": job.job_id,
            "numberBatchesCompleted": states.count("Completed"), "numberBatchesFailed": 0,
            "numberBatchesInProgress": states.count("InProgress"),
            "numberBatchesQueued": states.count("Queued"), "numberBatchesTotal": len(states),
            "numberRecordsFailed": _failed(outcomes), "numberRecordsProcessed": len(outcomes),
            "numberRetries": 0, "object": job.object_name, "operation": job.operation,
            "state": job.state, "systemModstamp": json_datetime(self._org.now()),
            "totalProcessingTime": 0,
        }  # fmt: skip

    def _batch_reply(self, job: AsyncJob, batch: Batch) -> dict[str, Any]:
        state = self._state_of(batch)
        done = batch.outcomes if state == "Completed" else []
        created = json_datetime(batch.created_at)
        return {
            "apexProcessingTime": 0, "apiActiveProcessingTime": 0, "createdDate": created,
            "id": batch.batch_id, "jobId": job.job_id, "numberRecordsFailed": _failed(done),
            "numberRecordsProcessed": len(done), "state": state, "stateMessage": None,
            "systemModstamp": created, "totalProcessingTime": 0,
        }  # fmt: skip


def _failed(outcomes: list[Outcome]) -> int:
    return sum(outcome.failure is not None for outcome in outcomes)


def _result(outcome: Outcome) -> dict[str, Any]:
    failure = outcome.failure
    errors = [] if failure is None else [{
        "statusCode": failure.code, "message": failure.message,
        "fields": list(failure.fields or ()), "extendedErrorDetails": None,
    }]  # fmt: skip
    return {
        "success": failure is None, "created": outcome.created,
        "id": outcome.record_id if failure is None else None, "errors": errors,
    }  # fmt: skip
