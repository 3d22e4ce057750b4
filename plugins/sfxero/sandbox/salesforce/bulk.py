"""Bulk API 2.0 query jobs: their states over time and the pages of their results."""

import base64
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from sfxero.clock import Clock
from sfxero.sandbox.salesforce.csv_text import DELIMITERS, LINE_ENDINGS, csv_row, json_datetime
from sfxero.sandbox.salesforce.failures import ApiFailure, not_found, unreadable_json
from sfxero.sandbox.salesforce.query import Answer, run_bulk_query
from sfxero.sandbox.salesforce.records import Records, make_id, normal_id
from sfxero.sandbox.salesforce.switches import Switches

Operation = Literal["query", "queryAll"]
JOB_PREFIX = "750"
KEPT_FOR = timedelta(days=7)
MAX_JOBS_PER_DAY = 10_000
JOBS_PER_PAGE = 1_000
PAGES_PER_REPLY = 5
ROWS_PER_CHUNK = 500
_ACCEPTED_KEYS = {"operation", "query", "contentType", "columnDelimiter", "lineEnding"}


class JobState(StrEnum):
    """Where a query job stands."""

    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.UPLOAD_COMPLETE: frozenset({JobState.IN_PROGRESS, JobState.ABORTED}),
    JobState.IN_PROGRESS: frozenset({JobState.JOB_COMPLETE, JobState.FAILED, JobState.ABORTED}),
    JobState.JOB_COMPLETE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.ABORTED: frozenset(),
}


@dataclass(slots=True, kw_only=True)
class Job:
    """One query job; what it found is fixed when it starts."""

    job_id: str
    operation: Operation
    version: str
    answer: Answer
    delimiter: str
    line_ending: str
    created_at: datetime
    delay: timedelta
    created_by: str
    will_fail: bool = False
    state: JobState = JobState.UPLOAD_COMPLETE
    changed_at: datetime = field(init=False)
    locators: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start unchanged."""
        self.changed_at = self.created_at

    def advance(self, now: datetime) -> None:
        """Move through the states that the time since creation allows."""
        started_at = self.created_at + self.delay / 3
        ended_at = self.created_at + self.delay
        if self.state is JobState.UPLOAD_COMPLETE and now >= started_at:
            self.enter(JobState.IN_PROGRESS, at=started_at)
        if self.state is JobState.IN_PROGRESS and now >= ended_at:
            self.enter(JobState.FAILED if self.will_fail else JobState.JOB_COMPLETE, at=ended_at)

    def enter(self, state: JobState, *, at: datetime) -> None:
        """Take one step of the transition table."""
        if state not in TRANSITIONS[self.state]:
            raise ApiFailure(
                400,
                "INVALIDJOBSTATE",
                f"Job can not be moved from state {self.state} to state {state}",
            )
        self.state = state
        self.changed_at = at

    def locator(self, offset: int) -> str:
        """Return the opaque and stable name of the page that starts here."""
        seal = hashlib.sha256(f"{self.job_id}/{offset}".encode()).digest()[:12]
        name = base64.urlsafe_b64encode(seal).decode()
        self.locators[name] = offset
        return name

    def offset_of(self, locator: str) -> int:
        """Return where a page starts, or refuse a locator that was never given out."""
        if locator not in self.locators:
            raise ApiFailure(400, "INVALID_LOCATOR", f"Invalid query locator: {locator}")
        return self.locators[locator]

    def page(self, start: int, size: int) -> Iterator[str]:
        """Yield one page as text, its header row first."""
        columns, separator = self.answer.columns, DELIMITERS[self.delimiter]
        ending = LINE_ENDINGS[self.line_ending]
        header = [".".join(column.path) for column in columns]
        yield csv_row(header, delimiter=separator, line_ending=ending)
        readers = [column.read for column in columns]
        stop = min(start + size, len(self.answer.rows))
        for place in range(start, stop, ROWS_PER_CHUNK):
            chunk = self.answer.rows[place : min(place + ROWS_PER_CHUNK, stop)]
            yield "".join(
                csv_row([read(row) for read in readers], delimiter=separator, line_ending=ending)
                for row in chunk
            )


class JobStore:
    """All query jobs of the org."""

    def __init__(self, records: Records, *, clock: Clock, switches: Switches, user_id: str) -> None:
        """Start without jobs."""
        self._records = records
        self._clock = clock
        self._switches = switches
        self._user_id = user_id
        self._jobs: dict[str, Job] = {}
        self._created = 0

    def create(self, body: Any, *, version: str) -> Job:
        """Start a job or refuse its request."""
        request = _checked_request(body)
        now = self._clock.now()
        recent = [job for job in self._jobs.values() if job.created_at > now - timedelta(days=1)]
        if len(recent) >= MAX_JOBS_PER_DAY:
            raise ApiFailure(
                400,
                "LIMIT_EXCEEDED",
                f"Max bulk v2 query jobs ({MAX_JOBS_PER_DAY}) per 24 hrs has been reached",
            )
        operation: Operation = "queryAll" if request["operation"] == "queryAll" else "query"
        answer = run_bulk_query(
            request["query"], self._records, now=now, deleted=operation == "queryAll"
        )
        self._created += 1
        if not answer.is_ordered:
            order = random.Random(f"{self._switches.scramble_seed}/{self._created}")  # noqa: S311 - no secret, a repeatable order
            order.shuffle(answer.rows)
        job = Job(
            job_id=make_id(JOB_PREFIX, self._created), operation=operation, version=version,
            answer=answer, delimiter=request.get("columnDelimiter", "COMMA"),
            line_ending=request.get("lineEnding", "LF"), created_at=now,
            delay=timedelta(seconds=self._switches.job_delay_s), created_by=self._user_id,
            will_fail=self._switches.take_job_failure(),
        )  # fmt: skip
        self._jobs[job.job_id] = job
        return job

    def get(self, job_id: str) -> Job:
        """Return the job as it stands now."""
        job = self._jobs.get(normal_id(job_id) or job_id)
        now = self._clock.now()
        if job is None:
            raise not_found()
        job.advance(now)
        if not TRANSITIONS[job.state] and now >= job.changed_at + KEPT_FOR:
            del self._jobs[job.job_id]
            raise not_found()
        return job

    def recent(self) -> int:
        """Return how many jobs are known."""
        return len(self._jobs)

    def listed(self, start: int) -> tuple[list[Job], int | None]:
        """Return one page of jobs, and where the next one starts."""
        known = list(self._jobs.values())
        for job in known:
            job.advance(self._clock.now())
        stop = start + JOBS_PER_PAGE
        return known[start:stop], stop if stop < len(known) else None

    def abort(self, job_id: str, body: Any) -> Job:
        """Stop a job that has not ended."""
        job = self.get(job_id)
        if not isinstance(body, dict) or body.get("state") != JobState.ABORTED:
            raise ApiFailure(
                400, "INVALIDJOBSTATE", "A query job can only be changed to the state Aborted"
            )
        job.enter(JobState.ABORTED, at=self._clock.now())
        return job

    def delete(self, job_id: str) -> None:
        """Forget a job that has ended."""
        job = self.get(job_id)
        if TRANSITIONS[job.state]:
            raise ApiFailure(
                400, "API_ERROR", f"Error encountered when deleting the job because the job is not "
                f"terminated: {job.state}",
            )  # fmt: skip
        del self._jobs[job.job_id]

    def complete(self, job_id: str, *, version: str) -> Job:
        """Return a job whose results may be read, or refuse."""
        job = self.get(job_id)
        if job.version != version:
            raise ApiFailure(
                409,
                "API_ERROR",
                f"The job was created with API version {job.version}; fetch its results with it",
            )
        if job.state is not JobState.JOB_COMPLETE:
            refusal = self._switches.early_results_status
            raise ApiFailure(
                refusal,
                "JOB_NOT_COMPLETE" if refusal == 412 else "INVALIDJOBSTATE",
                f"Results are available once the job is complete; it is {job.state}",
            )
        return job


def job_summary(job: Job) -> dict[str, Any]:
    """Return the keys that every reply about a job has."""
    return {
        "id": job.job_id, "operation": job.operation, "object": job.answer.object_name,
        "createdById": job.created_by, "createdDate": json_datetime(job.created_at),
        "systemModstamp": json_datetime(job.changed_at), "state": job.state,
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(job.version),
    }  # fmt: skip


def created_reply(job: Job) -> dict[str, Any]:
    """Return the reply to a create."""
    return job_summary(job) | {"lineEnding": job.line_ending, "columnDelimiter": job.delimiter}


def job_reply(job: Job) -> dict[str, Any]:
    """Return the reply to a poll."""
    done = job.state is JobState.JOB_COMPLETE
    spent = job.changed_at - job.created_at
    return created_reply(job) | {
        "jobType": "V2Query", "numberRecordsProcessed": len(job.answer.rows) if done else 0,
        "retries": 0, "totalProcessingTime": int(spent.total_seconds() * 1000),
        "isPkChunkingSupported": not job.answer.is_ordered,
    }  # fmt: skip


def listed_reply(job: Job) -> dict[str, Any]:
    """Return one element of the list of jobs."""
    return created_reply(job) | {"jobType": "V2Query"}


def page_limit(given: str | None, *, cap: int) -> int:
    """Return how many rows a page may have: what was asked for, but never above the cap."""
    if given is None:
        return cap
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise ApiFailure(400, "API_ERROR", f"maxRecords must be a positive number, not '{given}'")
    return min(int(given), cap)


def _checked_request(body: Any) -> dict[str, str]:
    """Return the body of a create if each of its values is one that the guide lists."""
    if not isinstance(body, dict):
        raise unreadable_json("The request body must be a JSON object")
    for name, value in body.items():
        if name not in _ACCEPTED_KEYS:
            raise unreadable_json(f"Unrecognized field '{name}'")
        if not isinstance(value, str):
            raise unreadable_json(f"The field '{name}' must be a string")
    _check_one_of(body, "operation", {"query", "queryAll"}, required=True)
    _check_one_of(body, "contentType", {"CSV"})
    _check_one_of(body, "columnDelimiter", set(DELIMITERS))
    _check_one_of(body, "lineEnding", set(LINE_ENDINGS))
    if not body.get("query", "").strip():
        raise ApiFailure(400, "API_ERROR", "The query must not be empty")
    return body


def _check_one_of(
    body: dict[str, str], name: str, allowed: set[str], *, required: bool = False
) -> None:
    value = body.get(name)
    if (value is None and required) or (value is not None and value not in allowed):
        raise ApiFailure(
            400, "API_ERROR", f"{name} must be one of {', '.join(sorted(allowed))}, not {value}"
        )
