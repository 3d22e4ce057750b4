"""The org's Bulk API 2.0 jobs, and how time moves them on."""

import base64
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from sfxero.sandbox.salesforce import ingest
from sfxero.sandbox.salesforce.failures import ApiFailure, not_found
from sfxero.sandbox.salesforce.ingest import IngestJob
from sfxero.sandbox.salesforce.jobs import (
    KEPT_FOR,
    Job,
    JobState,
    check_one_of,
    checked_request,
    job_summary,
    spent_ms,
)
from sfxero.sandbox.salesforce.people import acting_as
from sfxero.sandbox.salesforce.query import Answer, Source, run_bulk_query
from sfxero.sandbox.salesforce.records import make_id, normal_id

if TYPE_CHECKING:
    from sfxero.sandbox.salesforce.models import SalesforceOrg

JOB_PREFIX = "750"
JOBS_PER_PAGE = 1_000
PAGES_PER_REPLY = 5
_QUERY_KEYS = frozenset({"operation", "query", "contentType", "columnDelimiter", "lineEnding"})


@dataclass(slots=True, kw_only=True)
class QueryJob(Job):
    """One query job; what it found is fixed when it starts."""

    answer: Answer
    locators: dict[str, int] = field(default_factory=dict)

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


Kind = TypeVar("Kind", bound=Job)


class JobStore:
    """All jobs of the org."""

    def __init__(self, org: "SalesforceOrg") -> None:
        """Start without jobs."""
        self._org = org
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, Job] = {}
        self._created = 0

    def create_query(self, body: Any, *, version: str) -> QueryJob:
        """Start a query job or refuse its request."""
        request = checked_request(body, _QUERY_KEYS)
        check_one_of(request, "operation", {"query", "queryAll"}, required=True)
        if not request.get("query", "").strip():
            raise ApiFailure(400, "API_ERROR", "The query must not be empty")
        org, now = self._org, self._org.clock.now()
        most = org.switches.query_jobs_per_day
        if org.query_jobs.spent(now) >= most:
            message = f"Max bulk v2 query jobs ({most}) per 24 hrs has been reached"
            raise ApiFailure(400, "LIMIT_EXCEEDED", message)
        deleted = request["operation"] == "queryAll"
        source = Source(org.records, org.schema, now, deleted=deleted)
        answer = run_bulk_query(request["query"], source, stages=org.switches.stages_by_bulk)
        job_id = self._next_id()
        answer.scramble(random.Random(f"{org.switches.scramble_seed}/{self._created}"))  # noqa: S311 - no secret, a repeatable order
        job = QueryJob(
            job_id=job_id, operation=request["operation"], version=version, answer=answer,
            object_name=answer.object_name, created_at=now, **self._settings(request),
        )  # fmt: skip
        org.query_jobs.count(now)
        return self._keep(job)

    def create_ingest(self, body: Any, *, version: str) -> IngestJob:
        """Open an ingest job or refuse its request."""
        request = ingest.checked_ingest(self._org, body)
        job = IngestJob(
            job_id=self._next_id(), operation=request["operation"], version=version,
            object_name=request["object"], created_at=self._org.clock.now(),
            state=JobState.OPEN, key=request.get("externalIdFieldName"),
            **self._settings(request),
        )  # fmt: skip
        return self._keep(job)

    def _next_id(self) -> str:
        self._created += 1
        return make_id(JOB_PREFIX, self._created)

    def _settings(self, request: dict[str, str]) -> dict[str, Any]:
        switches = self._org.switches
        return {
            "delimiter": request.get("columnDelimiter", "COMMA"),
            "line_ending": request.get("lineEnding", "LF"), "created_by": self._org.acting_id,
            "delay": timedelta(seconds=switches.job_delay_s),
            "will_fail": switches.take_job_failure(),
        }  # fmt: skip

    def _keep(self, job: Kind) -> Kind:
        self._jobs[job.job_id] = self._running[job.job_id] = job
        return job

    def catch_up(self, now: datetime) -> None:
        """Take all steps that are due, in the order of their time."""
        while due := self._due(now):
            at, _, job, state = min(due, key=lambda step: step[:2])
            job.enter(state, at=at)
            if isinstance(job, IngestJob):
                with acting_as(job.created_by):
                    ingest.on_enter(self._org, job)
        for job in [each for each in self._running.values() if each.is_ended]:
            del self._running[job.job_id]

    def _due(self, now: datetime) -> list[tuple[datetime, str, Job, JobState]]:
        steps = ((job, job.next_step()) for job in self._running.values())
        return [
            (step[0], job.job_id, job, step[1]) for job, step in steps if step and step[0] <= now
        ]

    def get(self, kind: type[Kind], job_id: str) -> Kind:
        """Return the job as it stands now."""
        now = self._org.clock.now()
        self.catch_up(now)
        job = self._jobs.get(normal_id(job_id) or job_id)
        if not isinstance(job, kind):
            raise not_found()
        if job.is_ended and now >= job.changed_at + KEPT_FOR:
            del self._jobs[job.job_id]
            raise not_found()
        return job

    def listed(self, kind: type[Kind], start: int) -> tuple[list[Kind], int | None]:
        """Return one page of jobs, and where the next one starts."""
        self.catch_up(self._org.clock.now())
        known = [job for job in self._jobs.values() if isinstance(job, kind)]
        stop = start + JOBS_PER_PAGE
        return known[start:stop], stop if stop < len(known) else None

    def change_state(self, job: Job, body: Any, *, allowed: Sequence[JobState]) -> None:
        """Move a job as its user asks."""
        wanted = str(body.get("state")) if isinstance(body, dict) else ""
        if wanted not in allowed:
            names = " or ".join(allowed)
            raise ApiFailure(400, "INVALIDJOBSTATE", f"The state can only be changed to {names}")
        now = self._org.clock.now()
        if wanted == JobState.UPLOAD_COMPLETE:
            job.started_at = now
        job.enter(JobState(wanted), at=now)
        if isinstance(job, IngestJob):
            ingest.on_enter(self._org, job)

    def delete(self, job: Job, *, also: frozenset[JobState] = frozenset()) -> None:
        """Forget a job that has ended, or stands in one of the further states."""
        if not job.is_ended and job.state not in also:
            raise ApiFailure(
                400, "API_ERROR", f"Error encountered when deleting the job because the job is not "
                f"terminated: {job.state}",
            )  # fmt: skip
        self._jobs.pop(job.job_id, None)
        self._running.pop(job.job_id, None)

    def with_results(self, kind: type[Kind], job_id: str, *, version: str) -> Kind:
        """Return a job whose results may be read, or refuse."""
        job = self.get(kind, job_id)
        if job.version != version:
            raise ApiFailure(
                409,
                "API_ERROR",
                f"The job was created with API version {job.version}; fetch its results with it",
            )
        if job.state is JobState.JOB_COMPLETE or (job.is_ended and kind is IngestJob):
            return job
        refusal = self._org.switches.early_results_status
        raise ApiFailure(
            refusal,
            "JOB_NOT_COMPLETE" if refusal == 412 else "INVALIDJOBSTATE",
            f"Results are available once the job is complete; it is {job.state}",
        )


def created_reply(job: Job) -> dict[str, Any]:
    """Return the reply to the create of a query job."""
    return job_summary(job) | {"lineEnding": job.line_ending, "columnDelimiter": job.delimiter}


def job_reply(job: QueryJob) -> dict[str, Any]:
    """Return the reply to a poll of a query job."""
    done = job.state is JobState.JOB_COMPLETE
    return created_reply(job) | {
        "jobType": "V2Query", "numberRecordsProcessed": len(job.answer) if done else 0,
        "retries": 0, "totalProcessingTime": spent_ms(job),
        "isPkChunkingSupported": not job.answer.is_ordered,
    }  # fmt: skip


def listed_reply(job: Job) -> dict[str, Any]:
    """Return one element of the list of query jobs."""
    return created_reply(job) | {"jobType": "V2Query"}


def page_limit(given: str | None, *, cap: int) -> int:
    """Return how many rows a page may have: what was asked for, but never above the cap."""
    if given is None:
        return cap
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise ApiFailure(400, "API_ERROR", f"maxRecords must be a positive number, not '{given}'")
    return min(int(given), cap)
