"""Bulk API 2.0 ingest jobs over HTTP."""

import itertools
from collections.abc import Callable, Iterable, Iterator

from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce.csv_text import DELIMITERS, LINE_ENDINGS, csv_lines, texts_of
from sfxero.sandbox.salesforce.failures import ApiFailure, not_found
from sfxero.sandbox.salesforce.guard import Endpoint, json_body
from sfxero.sandbox.salesforce.ingest import (
    IngestJob,
    ingest_created_reply,
    ingest_reply,
    ingest_summary,
    store_upload,
)
from sfxero.sandbox.salesforce.jobs import JobState
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.routes_bulk import csv_reply
from sfxero.sandbox.salesforce.routes_rest import json_reply

_ROWS_PER_CHUNK = 1000
_USER_STATES = (JobState.UPLOAD_COMPLETE, JobState.ABORTED)
_DELETABLE = frozenset({JobState.UPLOAD_COMPLETE})
Line = tuple[str, ...]


class IngestRoutes:
    """The ingest job endpoints of one org."""

    def __init__(self, org: SalesforceOrg) -> None:
        """Serve one org."""
        self._org = org
        self._files: dict[str, Callable[[IngestJob], tuple[Line, Iterator[Line]]]] = {
            "successfulresults": _successes, "failedresults": _failures,
            "unprocessedrecords": _unprocessed,
        }  # fmt: skip

    def paths(self) -> Iterator[tuple[str, str, Endpoint]]:
        """Yield method, path and endpoint."""
        for slash in ("", "/"):
            yield "POST", f"/jobs/ingest{slash}", self.create
            yield "GET", f"/jobs/ingest{slash}", self.list_jobs
            yield "GET", f"/jobs/ingest/{{job_id}}{slash}", self.read
            yield "PATCH", f"/jobs/ingest/{{job_id}}{slash}", self.change
            yield "DELETE", f"/jobs/ingest/{{job_id}}{slash}", self.delete
            yield "PUT", f"/jobs/ingest/{{job_id}}/batches{slash}", self.upload
            yield "GET", f"/jobs/ingest/{{job_id}}/{{file}}{slash}", self.results

    def _job(self, request: Request) -> IngestJob:
        return self._org.jobs.get(IngestJob, request.path_params["job_id"])

    async def create(self, request: Request) -> Response:
        """Open a job."""
        body = await json_body(request)
        job = self._org.jobs.create_ingest(body, version=request.path_params["version"])
        return json_reply(ingest_created_reply(job))

    async def list_jobs(self, request: Request) -> Response:
        """List jobs, 1,000 a page."""
        locator = request.query_params.get("queryLocator", "0")
        if not locator.isdigit():
            raise ApiFailure(400, "API_ERROR", f"Invalid queryLocator: {locator}")
        jobs, further = self._org.jobs.listed(IngestJob, int(locator))
        root = f"/services/data/v{request.path_params['version']}/jobs/ingest"
        return json_reply({
            "done": further is None,
            "records": [ingest_created_reply(job) | {"jobType": "V2Ingest"} for job in jobs],
            "nextRecordsUrl": f"{root}?queryLocator={further}" if further else None,
        })  # fmt: skip

    async def read(self, request: Request) -> Response:
        """Return a job's state and counters."""
        return json_reply(ingest_reply(self._job(request)))

    async def upload(self, request: Request) -> Response:
        """Take the rows, once per job."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/csv":
            raise ApiFailure(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type {kind} is not text/csv")
        job = self._job(request)
        store_upload(self._org, job, await request.body())
        return Response(status_code=201)

    async def change(self, request: Request) -> Response:
        """Start or abort a job."""
        body = await json_body(request)
        job = self._job(request)
        self._org.jobs.change_state(job, body, allowed=_USER_STATES)
        return json_reply(ingest_summary(job))

    async def delete(self, request: Request) -> Response:
        """Delete a job that is not open and does not run."""
        self._org.jobs.delete(self._job(request), also=_DELETABLE)
        return Response(status_code=204)

    async def results(self, request: Request) -> Response:
        """Stream one of the three result files; their names are taken in any case."""
        where = request.path_params
        read = self._files.get(where["file"].lower())
        if read is None:
            raise not_found()
        job = self._org.jobs.with_results(IngestJob, where["job_id"], version=where["version"])
        header, lines = read(job)
        chunks = _csv(header, lines, job)
        return csv_reply(request, chunks, headers={}, packed=self._org.switches.gzip)


def _successes(job: IngestJob) -> tuple[Line, Iterator[Line]]:
    found = (
        (str(job.outcomes[place].record_id), "true" if job.outcomes[place].created else "false",
         *job.rows[place])
        for place in job.order
        if job.outcomes[place].failure is None
    )  # fmt: skip
    return ("sf__Id", "sf__Created", *job.header), found


def _failures(job: IngestJob) -> tuple[Line, Iterator[Line]]:
    found = (
        (outcome.record_id or "", _error_text(outcome.failure), *job.rows[place])
        for place, outcome in ((place, job.outcomes[place]) for place in job.order)
        if outcome.failure is not None
    )
    return ("sf__Id", "sf__Error", *job.header), found


def _error_text(failure: ApiFailure) -> str:
    """Return CODE:message:fields followed by two dashes, as result files do."""
    return f"{failure.code}:{failure.message}:{' '.join(failure.fields or ())} --"


def _unprocessed(job: IngestJob) -> tuple[Line, Iterator[Line]]:
    found = (row for place, row in enumerate(job.rows) if place not in job.outcomes)
    return job.header, found


def _csv(header: Line, lines: Iterable[Line], job: IngestJob) -> Iterator[bytes]:
    dialect = {
        "delimiter": DELIMITERS[job.delimiter], "line_ending": LINE_ENDINGS[job.line_ending],
    }  # fmt: skip
    held = [header] if header else []
    for line in lines:
        held.append(line)
        if len(held) >= _ROWS_PER_CHUNK:
            yield _rendered(held, dialect)
            held = []
    if held:
        yield _rendered(held, dialect)


def _rendered(lines: list[Line], dialect: dict[str, str]) -> bytes:
    # An upload may have been refused for its uneven rows, and still shows them.
    columns = [texts_of(column) for column in itertools.zip_longest(*lines, fillvalue="")]
    return csv_lines(columns, **dialect).encode()
