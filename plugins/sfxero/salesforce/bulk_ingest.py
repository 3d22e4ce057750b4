"""Bulk API 2.0 ingest jobs that write records: made, filled, started, followed, read."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import httpx

from sfxero.errors import (
    JobFailed,
    RequestRejected,
    ServiceUnavailable,
    UnexpectedResponse,
)
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.failures import SERVICE
from sfxero.salesforce.job import JobRef
from sfxero.salesforce.row_results import WRITTEN, RowResult, refused, undone
from sfxero.salesforce.soql import check_id
from sfxero.transport.redact import redact

KEY_PREFIX: Final = "750"
"""With which the ids of jobs begin."""
EMPTIED: Final = "#N/A"
"""In an upload: the field's value is removed; an empty one would leave it as it is."""
_FILE_S: Final = 120.0
_NAME: Final = re.compile(r"\w+")


class IngestState(StrEnum):
    """An ingest job's states."""

    OPEN = "Open"
    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"


_ENDED: Final = frozenset({IngestState.JOB_COMPLETE, IngestState.FAILED, IngestState.ABORTED})


@dataclass(frozen=True, slots=True)
class IngestStatus:
    """A job's state, and why it failed if it says so."""

    state: IngestState
    error: str | None

    @property
    def is_ended(self) -> bool:
        """Say whether nothing more will be written."""
        return self.state in _ENDED


class BulkIngest:
    """Ingest jobs of one org."""

    def __init__(self, client: SalesforceClient) -> None:
        """Jobs are made with the client's API version and reached by their own."""
        self._client = client

    def create(self, object_name: str, *, by: str | None = None) -> JobRef:
        """Make a job that updates records by id, or upserts them by an external id.

        Nothing is written before it is started. If the reply is lost, another job is made: the
        first stays empty and expires.
        """
        upsert = {"operation": "upsert", "externalIdFieldName": by}
        order = {
            "object": object_name,
            **({"operation": "update"} if by is None else upsert),
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "CRLF",
        }
        version = self._client.api_version
        path = f"/services/data/v{version}/jobs/ingest"
        body = self._client.session.ask("POST", path, content=json.dumps(order).encode())
        job_id = body.get("id") if isinstance(body, Mapping) else None
        if not isinstance(job_id, str):
            raise UnexpectedResponse("a new job has no id", service=SERVICE)
        return JobRef(job_id=check_id(job_id), api_version=version)

    def fill(self, ref: JobRef, content: bytes) -> None:
        """Upload the job's records, which a job takes once.

        If a reply was lost, the repeat is refused though the first went through.
        """
        path = f"{_path(ref)}/batches"
        try:
            self._client.session.call("PUT", path, content=content, content_type="text/csv")
        except RequestRejected as error:
            if error.code != "INVALIDJOBSTATE":
                raise

    def start(self, ref: JobRef) -> None:
        """Let a filled job run; one that runs already is no error."""
        self._set_state(ref, IngestState.UPLOAD_COMPLETE)

    def abort(self, ref: JobRef) -> None:
        """End a job that was not started; one that has ended is no error."""
        self._set_state(ref, IngestState.ABORTED)

    def status(self, ref: JobRef) -> IngestStatus:
        """Return the job's state; JobFailed if it is gone."""
        try:
            body = self._client.session.ask("GET", _path(ref))
        except RequestRejected as error:
            if error.status != 404:
                raise
            raise JobFailed(f"job {ref.job_id} is gone", service=SERVICE, status=404) from error
        if not isinstance(body, Mapping):
            raise UnexpectedResponse("a job's answer has not the promised shape", service=SERVICE)
        try:
            state = IngestState(str(body.get("state")))
        except ValueError:
            raise UnexpectedResponse("a job is in a state not known", service=SERVICE) from None
        error_text = body.get("errorMessage")
        return IngestStatus(state, redact(str(error_text)) if error_text else None)

    def results(
        self, ref: JobRef, *, by: str = "Id", error: str | None = None
    ) -> dict[str, RowResult]:
        """Return the ends of an ended job's records by their key; the files' order is not ours.

        `error` is why the job failed, which is why it did not come to the rest of them.
        """
        found: dict[str, RowResult] = {}
        not_reached = undone(error, else_said="the job ended before this record")
        for row in self._rows(ref, "unprocessedrecords"):
            found[row.get(by, "")] = not_reached
        for row in self._rows(ref, "failedResults"):
            code, _, message = row.get("sf__Error", "").partition(":")
            # CODE:message:fields --
            said, _, fields = message.rpartition(":")
            named = _NAME.findall(fields) if said else ()
            found[row.get(by, "")] = refused(code, message, named)
        for row in self._rows(ref, "successfulResults"):
            found[row.get(by, "") or row.get("sf__Id", "")] = WRITTEN
        return found

    def delete(self, ref: JobRef) -> None:
        """Remove an ended job with its results; one that is gone already is no error."""
        try:
            self._client.session.call("DELETE", _path(ref))
        except RequestRejected as error:
            if error.status != 404:
                raise

    def _set_state(self, ref: JobRef, state: IngestState) -> None:
        content = json.dumps({"state": state}).encode()
        try:
            self._client.session.call("PATCH", _path(ref), content=content)
        except RequestRejected as error:
            if error.code != "INVALIDJOBSTATE":
                raise

    def _rows(self, ref: JobRef, name: str) -> Iterator[dict[str, str]]:
        path, session = f"{_path(ref)}/{name}/", self._client.session
        with session.stream(path, accept="text/csv", params={}, deadline_s=_FILE_S) as reply:
            try:
                content = reply.read()
            except httpx.HTTPError as error:
                raise ServiceUnavailable(
                    f"a file of results ended early ({type(error).__name__})", service=SERVICE
                ) from error
        # A value may hold line breaks of many kinds, so that only a real reader finds the rows.
        yield from csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))


def upload_of(records: Sequence[Mapping[str, str | None]]) -> bytes:
    """Return an upload whose lines end with CRLF, as its job says.

    None empties a field, and one that a record has not is left alone.
    """
    text = io.StringIO(newline="")
    # Only of the ending that it writes does Python 3.11 quote each character that stands alone.
    writer = csv.writer(text, lineterminator="\r\n")
    names = list(dict.fromkeys(name for record in records for name in record))
    writer.writerow(names)
    writer.writerows([_written(record, name) for name in names] for record in records)
    return text.getvalue().encode()


def _written(record: Mapping[str, str | None], name: str) -> str:
    return (record[name] or EMPTIED) if name in record else ""


def _path(ref: JobRef) -> str:
    return f"/services/data/v{ref.api_version}/jobs/ingest/{ref.job_id}"
