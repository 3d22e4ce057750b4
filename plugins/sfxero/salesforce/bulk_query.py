"""Bulk API 2.0 query jobs: create, follow, read page by page."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Final

import httpx

from sfxero.errors import (
    JobFailed,
    RequestRejected,
    ServiceUnavailable,
    SyncError,
    UnexpectedResponse,
)
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.failures import SERVICE
from sfxero.salesforce.job import JobRef, JobStatus, parse_status
from sfxero.salesforce.soql import check_id
from sfxero.transport.decimals import parse_json
from sfxero.transport.redact import redact

# Salesforce ends the fetch of one results page after 20 minutes (Bulk API 2.0 limits).
_PAGE_DEADLINE_S: Final = 1200.0


class ResultPage:
    """One page of results as a stream of CSV bytes, which starts again after `reopen`."""

    def __init__(self, query: "BulkQuery", ref: JobRef, params: Mapping[str, str | int]) -> None:
        """Nothing is sent before `open`."""
        self._query = query
        self._ref = ref
        self._params = params
        self._stack = ExitStack()
        self._response: httpx.Response | None = None
        self._readings = 0

    @property
    def number_of_records(self) -> int | None:
        """Return the rows of this page as Salesforce counts them, None if it does not say."""
        value = self._header("Sforce-NumberOfRecords")
        return int(value) if value is not None and value.isdigit() else None

    @property
    def locator(self) -> str | None:
        """Return what this page was asked for by; None for the first."""
        value = self._params.get("locator")
        return str(value) if value is not None else None

    @property
    def next_locator(self) -> str | None:
        """Return the key of the next page, None on the last."""
        value = self._header("Sforce-Locator")
        # On the last page the header holds the word null.
        return None if value in {None, "", "null"} else value

    def open(self) -> None:
        """Ask for the page."""
        self.close()
        self._readings += 1
        path = f"{self._query.path(self._ref)}/results"
        self._response = self._stack.enter_context(
            self._query.client.session.stream(
                path, accept="text/csv", params=self._params, deadline_s=_PAGE_DEADLINE_S
            )
        )

    def reopen(self, failure: SyncError) -> None:
        """Ask for the same page again after a reading failed, or raise `failure`.

        A locator can be read again while the job exists (Bulk API 2.0 guide, get results).
        """
        cut = ServiceUnavailable(f"a results page was not whole: {failure.message}")
        try:
            self._query.client.session.wait_again(cut, attempt=self._readings)
        except ServiceUnavailable:
            raise failure from None
        self.open()

    def chunks(self) -> Iterator[bytes]:
        """Yield the CSV text's bytes, decompressed."""
        if self._response is None:
            raise UnexpectedResponse("a results page is read before it is open", service=SERVICE)
        try:
            yield from self._response.iter_bytes()
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise ServiceUnavailable(
                f"a results page ended early ({type(error).__name__})", service=SERVICE
            ) from error

    def close(self) -> None:
        """Drop the connection if the page is still open."""
        self._stack.close()

    def _header(self, name: str) -> str | None:
        return self._response.headers.get(name) if self._response is not None else None


class BulkQuery:
    """Query jobs of one org."""

    def __init__(self, client: SalesforceClient) -> None:
        """Jobs are made with the client's API version and read with their own."""
        self.client = client

    def path(self, ref: JobRef) -> str:
        """Return the job's path."""
        return f"{_jobs(ref.api_version)}/{ref.job_id}"

    def create(self, soql: str, *, all_rows: bool = True) -> JobRef:
        """Start a job; store its reference before anything else.

        If the reply is lost, another job is started: the first ends unread and expires.
        """
        order = {
            "operation": "queryAll" if all_rows else "query",
            "query": soql,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        version = self.client.api_version
        reply = self.client.session.call("POST", _jobs(version), content=json.dumps(order).encode())
        body = parse_json(reply)
        job_id = body.get("id") if isinstance(body, Mapping) else None
        if not isinstance(job_id, str):
            raise UnexpectedResponse("a new job has no id", service=SERVICE)
        return JobRef(job_id=check_id(job_id), api_version=version)

    def status(self, ref: JobRef) -> JobStatus:
        """Return the job's state; JobFailed if the job is gone."""
        try:
            return parse_status(parse_json(self.client.session.call("GET", self.path(ref))))
        except RequestRejected as error:
            if error.status != 404:
                raise
            raise JobFailed(
                f"job {ref.job_id} is gone",
                service=SERVICE,
                status=404,
                code=error.code,
                hint="Jobs vanish seven days after they end; start another.",
            ) from error

    def pages(
        self, ref: JobRef, *, first_locator: str | None = None, max_rows: int | None = None
    ) -> Iterator[ResultPage]:
        """Yield the pages from `first_locator` on, each open until the next is asked for."""
        locator = first_locator
        seen: set[str] = set()
        while True:
            params: dict[str, str | int] = {}
            if max_rows is not None:
                params["maxRecords"] = max_rows
            if locator is not None:
                params["locator"] = locator
                seen.add(locator)
            page = ResultPage(self, ref, params)
            try:
                page.open()
                yield page
            finally:
                page.close()
            locator = page.next_locator
            if locator is None:
                return
            if locator in seen:
                raise UnexpectedResponse(
                    f"job {ref.job_id} names a page again: {redact(locator)}", service=SERVICE
                )

    def delete(self, ref: JobRef) -> None:
        """Remove an ended job with its results; one that is gone already is no error."""
        try:
            self.client.session.call("DELETE", self.path(ref))
        except RequestRejected as error:
            if error.status != 404:
                raise

    def abort(self, ref: JobRef) -> None:
        """End a job that runs; one that has ended already is no error."""
        try:
            self.client.session.call("PATCH", self.path(ref), content=b'{"state":"Aborted"}')
        except RequestRejected as error:
            if error.status != 404 and error.code != "INVALIDJOBSTATE":
                raise


def _jobs(api_version: str) -> str:
    return f"/services/data/v{api_version}/jobs/query"
