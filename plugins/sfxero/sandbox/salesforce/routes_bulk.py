"""Bulk API 2.0 query jobs over HTTP."""

import zlib
from collections.abc import AsyncIterator, Iterable, Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sfxero.sandbox.salesforce.bulk import (
    PAGES_PER_REPLY,
    QueryJob,
    created_reply,
    job_reply,
    listed_reply,
    page_limit,
)
from sfxero.sandbox.salesforce.csv_pages import CsvPages
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.guard import json_body
from sfxero.sandbox.salesforce.jobs import JobState, job_summary
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.salesforce.routes_rest import json_reply

_GZIP_WINDOW = 31


class BulkRoutes:
    """The query job endpoints of one org."""

    def __init__(self, org: SalesforceOrg) -> None:
        """Serve one org."""
        self._org = org

    async def create(self, request: Request) -> Response:
        """Create a job."""
        body = await json_body(request)
        job = self._org.jobs.create_query(body, version=request.path_params["version"])
        return json_reply(created_reply(job))

    async def list_jobs(self, request: Request) -> Response:
        """List jobs, 1,000 a page."""
        locator = request.query_params.get("queryLocator", "0")
        if not locator.isdigit():
            raise ApiFailure(400, "API_ERROR", f"Invalid queryLocator: {locator}")
        kind = request.query_params.get("jobType", "V2Query")
        jobs, further = self._org.jobs.listed(QueryJob, int(locator))
        if kind != "V2Query":
            jobs, further = [], None
        root = f"/services/data/v{request.path_params['version']}/jobs"
        # The documented example points at /jobs/ingest, so its readers must not trust the path.
        next_url = f"{root}/ingest?queryLocator={further}" if further else None
        return json_reply({
            "done": further is None, "records": [listed_reply(job) for job in jobs],
            "nextRecordsUrl": next_url,
        })  # fmt: skip

    async def read(self, request: Request) -> Response:
        """Return a job's state."""
        return json_reply(job_reply(self._job(request)))

    async def abort(self, request: Request) -> Response:
        """Abort a job; this reply leaves out the CSV settings."""
        body = await json_body(request)
        job = self._job(request)
        self._org.jobs.change_state(job, body, allowed=(JobState.ABORTED,))
        return json_reply(job_summary(job))

    async def delete(self, request: Request) -> Response:
        """Delete a job that has ended."""
        self._org.jobs.delete(self._job(request))
        return Response(status_code=204)

    async def results(self, request: Request) -> Response:
        """Stream one page of CSV."""
        job = self._complete(request)
        switches = self._org.switches
        locator = request.query_params.get("locator")
        start = 0 if locator is None else job.offset_of(locator)
        size = page_limit(request.query_params.get("maxRecords"), cap=switches.page_cap)
        total = len(job.answer)
        stop = min(start + size, total)
        headers = {
            "Sforce-NumberOfRecords": str(stop - start),
            "Sforce-Locator": job.locator(stop) if stop < total else "null",
            "Vary": "Accept-Encoding",
        }
        pages = CsvPages(
            job.answer, delimiter=job.delimiter, line_ending=job.line_ending,
            is_plain=switches.decimal_text == "plain",
        )  # fmt: skip
        chunks: Iterable[bytes] = pages.page(start, size)
        if not total and switches.empty_result == "empty":
            chunks = ()
        return csv_reply(request, chunks, headers=headers, packed=switches.gzip)

    async def result_pages(self, request: Request) -> Response:
        """Name up to five pages that can be read independently."""
        job = self._complete(request)
        switches = self._org.switches
        root = f"/services/data/v{job.version}/jobs/query/{job.job_id}"
        locator = request.query_params.get("nextLocator")
        first = 0 if locator is None else job.offset_of(locator)
        step, wanted = switches.page_cap, request.query_params.get("maxRecords")
        if switches.result_pages_take_max_records:
            step = page_limit(wanted, cap=step)
        starts = range(first, max(len(job.answer), 1), step)
        shown, further = starts[:PAGES_PER_REPLY], starts[PAGES_PER_REPLY:]
        next_url = None
        if further:
            next_url = f"{root}/resultPages?nextLocator={job.locator(further[0])}"
        return json_reply({
            "resultPages": [
                {"resultUrl": f"{root}/results?locator={job.locator(start)}"} for start in shown
            ],
            switches.continuation_key: next_url, "done": not further,
        })  # fmt: skip

    def _job(self, request: Request) -> QueryJob:
        return self._org.jobs.get(QueryJob, request.path_params["job_id"])

    def _complete(self, request: Request) -> QueryJob:
        where = request.path_params
        return self._org.jobs.with_results(QueryJob, where["job_id"], version=where["version"])


def csv_reply(
    request: Request, chunks: Iterable[bytes], *, headers: dict[str, str], packed: bool
) -> Response:
    """Stream CSV, compressed if the client asked and the org does so."""
    if packed and _takes_gzip(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        chunks = _gzipped(chunks)
    return StreamingResponse(_awaitable(chunks), headers=headers, media_type="text/csv")


def _takes_gzip(accepted: str) -> bool:
    """Return whether the client asked for gzip, weights included."""
    for coding in accepted.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _gzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(level=1, wbits=_GZIP_WINDOW)
    for chunk in chunks:
        packed = packer.compress(chunk)
        if packed:
            yield packed
    yield packer.flush()


async def _awaitable(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield on the event loop: the rows are in memory, and one chunk is small."""
    for chunk in chunks:
        yield chunk
