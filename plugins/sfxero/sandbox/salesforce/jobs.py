"""What query and ingest jobs of Bulk API 2.0 have in common: states that advance with time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sfxero.sandbox.salesforce.csv_text import DELIMITERS, LINE_ENDINGS, json_datetime
from sfxero.sandbox.salesforce.failures import ApiFailure, unreadable_json

KEPT_FOR = timedelta(days=7)
OPEN_FOR = timedelta(days=1)


class JobState(StrEnum):
    """Where a job stands; only ingest jobs are ever open."""

    OPEN = "Open"
    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.OPEN: frozenset({JobState.UPLOAD_COMPLETE, JobState.ABORTED}),
    JobState.UPLOAD_COMPLETE: frozenset({JobState.IN_PROGRESS, JobState.ABORTED}),
    JobState.IN_PROGRESS: frozenset({JobState.JOB_COMPLETE, JobState.FAILED, JobState.ABORTED}),
    JobState.JOB_COMPLETE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.ABORTED: frozenset(),
}


@dataclass(slots=True, kw_only=True)
class Job:
    """One job."""

    job_id: str
    operation: str
    object_name: str
    version: str
    delimiter: str
    line_ending: str
    created_at: datetime
    created_by: str
    delay: timedelta
    will_fail: bool = False
    state: JobState = JobState.UPLOAD_COMPLETE
    changed_at: datetime = field(init=False)
    started_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Start unchanged."""
        self.changed_at = self.started_at = self.created_at

    @property
    def is_ended(self) -> bool:
        """Return whether no state follows."""
        return not TRANSITIONS[self.state]

    def next_step(self) -> tuple[datetime, JobState] | None:
        """Return which state follows by itself, and when."""
        if self.state is JobState.OPEN:
            return self.created_at + OPEN_FOR, JobState.ABORTED
        if self.state is JobState.UPLOAD_COMPLETE:
            return self.started_at + self.delay / 3, JobState.IN_PROGRESS
        if self.state is JobState.IN_PROGRESS:
            end = JobState.FAILED if self.will_fail else JobState.JOB_COMPLETE
            return self.started_at + self.delay, end
        return None

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


def job_summary(job: Job) -> dict[str, Any]:
    """Return the keys that every reply about a job has."""
    return {
        "id": job.job_id, "operation": job.operation, "object": job.object_name,
        "createdById": job.created_by, "createdDate": json_datetime(job.created_at),
        "systemModstamp": json_datetime(job.changed_at), "state": job.state,
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(job.version),
    }  # fmt: skip


def spent_ms(job: Job) -> int:
    """Return how long the job has worked."""
    return max(0, int((job.changed_at - job.started_at).total_seconds() * 1000))


def checked_request(body: Any, accepted: frozenset[str]) -> dict[str, str]:
    """Return the body of a create if each of its values is one that the guide lists."""
    if not isinstance(body, dict):
        raise unreadable_json("The request body must be a JSON object")
    for name, value in body.items():
        if name not in accepted:
            raise unreadable_json(f"Unrecognized field '{name}'")
        if not isinstance(value, str):
            raise unreadable_json(f"The field '{name}' must be a string")
    check_one_of(body, "contentType", {"CSV"})
    check_one_of(body, "columnDelimiter", set(DELIMITERS))
    check_one_of(body, "lineEnding", set(LINE_ENDINGS))
    return body


def check_one_of(
    body: dict[str, str], name: str, allowed: set[str], *, required: bool = False
) -> None:
    """Refuse a value that is not in the guide's list."""
    value = body.get(name)
    if (value is None and required) or (value is not None and value not in allowed):
        raise ApiFailure(
            400, "API_ERROR", f"{name} must be one of {', '.join(sorted(allowed))}, not {value}"
        )
