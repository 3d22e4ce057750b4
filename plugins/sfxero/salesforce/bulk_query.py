"""Bulk API 2.0 query jobs: create, follow, read page by page."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx

from sfxero.errors import (
    JobFailed,
    RequestRejected,
    ServiceUnavailable,
    SyncError,
    UnexpectedResponse,
)
from sfxero.salesforce.client import SalesforceClient, check_path
from sfxero.salesforce.failures import SERVICE
from sfxero.salesforce.inflate import inflated
from sfxero.salesforce.job import JobRef, JobStatus, parse_status
from sfxero.salesforce.soql import check_id

# Salesforce ends the fetch of one results page after 20 minutes (Bulk API 2.0 limits).
PAGE_DEADLINE_S: Final = 1200.0
_RESULT_PAGES_SINCE: Final = 58.0


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
        with _gone_means_failed(self._ref):
            self._response = self._stack.enter_context(
                self._query.client.session.stream(
                    path, accept="text/csv", params=self._params, deadline_s=PAGE_DEADLINE_S
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
        is_packed = self._header("Content-Encoding") == "gzip"
        try:
            # httpx would take a gzip stream that ends too early for whole.
            yield from (
                inflated(self._response.iter_raw()) if is_packed else self._response.iter_bytes()
            )
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
        content = json.dumps(order).encode()
        body = self.client.session.ask("POST", _jobs(version), content=content)
        job_id = body.get("id") if isinstance(body, Mapping) else None
        if not isinstance(job_id, str):
            raise UnexpectedResponse("a new job has no id", service=SERVICE)
        return JobRef(job_id=check_id(job_id), api_version=version)

    def status(self, ref: JobRef) -> JobStatus:
        """Return the job's state; JobFailed if the job is gone."""
        with _gone_means_failed(ref):
            return parse_status(self.client.session.ask("GET", self.path(ref)))

    @contextmanager
    def page(self, ref: JobRef, locator: str | None) -> Iterator[ResultPage]:
        """Open the page that `locator` names, or the first; it is closed with the block.

        A locator is stable while the job exists, so a download may go on from a stored one.
        """
        page = ResultPage(self, ref, {} if locator is None else {"locator": locator})
        try:
            page.open()
            yield page
        finally:
            page.close()

    def locators(self, ref: JobRef) -> list[str | None]:
        """Return what names each page of an ended job, None for a first one without a name.

        Pages that are known beforehand can be read side by side.
        """
        path, found, seen = f"{self.path(ref)}/resultPages", list[str | None](), set[str]()
        while path not in seen:
            seen.add(path)
            with _gone_means_failed(ref):
                listed = _PageList(self.client.session.ask("GET", path))
            found += listed.locators
            if listed.next_path is None:
                return _all_different(found, ref)
            path = listed.next_path
        raise UnexpectedResponse(f"job {ref.job_id} lists its pages in a circle", service=SERVICE)

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


def lists_pages(ref: JobRef) -> bool:
    """Say whether the job's API version has `resultPages`."""
    return float(ref.api_version) >= _RESULT_PAGES_SINCE


@contextmanager
def _gone_means_failed(ref: JobRef) -> Iterator[None]:
    """Turn the 404 of a job that expired or was deleted into JobFailed."""
    try:
        yield
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


class _PageList:
    """One reply of `resultPages`."""

    def __init__(self, body: object) -> None:
        pages = body.get("resultPages") if isinstance(body, Mapping) else None
        if not isinstance(body, Mapping) or not isinstance(pages, list):
            raise UnexpectedResponse("a list of pages has not the promised shape", service=SERVICE)
        self.locators = [_locator(page) for page in pages]
        # The guide's table calls it nextRecordUrl, its example nextRecordsUrl.
        further = body.get("nextRecordsUrl") or body.get("nextRecordUrl")
        self.next_path = None if body.get("done") or not further else check_path(further)


def _locator(page: object) -> str | None:
    url = page.get("resultUrl") if isinstance(page, Mapping) else None
    if not isinstance(url, str):
        raise UnexpectedResponse("a page in a list has no address", service=SERVICE)
    found = parse_qs(urlsplit(url).query).get("locator")
    return found[0] if found else None


def _all_different(locators: list[str | None], ref: JobRef) -> list[str | None]:
    if len(set(locators)) != len(locators) or not locators:
        raise UnexpectedResponse(f"job {ref.job_id} lists no page, or one twice", service=SERVICE)
    return locators


def _jobs(api_version: str) -> str:
    return f"/services/data/v{api_version}/jobs/query"
