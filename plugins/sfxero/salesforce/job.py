"""States of a Bulk API 2.0 query job, and what a reply says about one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sfxero.errors import UnexpectedResponse
from sfxero.salesforce.failures import SERVICE
from sfxero.transport.redact import redact


class JobState(StrEnum):
    """A query job's states; it has no Open."""

    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"


_ENDED: Final = frozenset({JobState.JOB_COMPLETE, JobState.FAILED, JobState.ABORTED})

JOB_TRANSITIONS: Final[Mapping[JobState, frozenset[JobState]]] = {
    JobState.UPLOAD_COMPLETE: frozenset({JobState.IN_PROGRESS, *_ENDED}),
    JobState.IN_PROGRESS: _ENDED,
    JobState.JOB_COMPLETE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.ABORTED: frozenset(),
}


def is_ended(state: JobState) -> bool:
    """Say whether a job in `state` stays in it."""
    return not JOB_TRANSITIONS[state]


@dataclass(frozen=True, slots=True)
class JobRef:
    """What a job is reached by; its results must be read with the version that made it."""

    job_id: str
    api_version: str


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job's state; `rows` are those processed so far. A failed job need not say why."""

    state: JobState
    rows: int
    error: str | None

    @property
    def is_ended(self) -> bool:
        """Say whether the state is final."""
        return is_ended(self.state)


def parse_status(body: object) -> JobStatus:
    """Return the status in `body`; UnexpectedResponse if it is none."""
    if not isinstance(body, Mapping):
        raise UnexpectedResponse("a job's answer has not the promised shape", service=SERVICE)
    try:
        state = JobState(str(body.get("state")))
        rows = int(body.get("numberRecordsProcessed") or 0)
    except ValueError:
        raise UnexpectedResponse("a job is in a state that is not known", service=SERVICE) from None
    error = body.get("errorMessage")
    return JobStatus(state=state, rows=rows, error=redact(str(error)) if error else None)
