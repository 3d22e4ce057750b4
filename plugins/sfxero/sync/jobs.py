"""The bulk job of a window: made once, made again once if it ends without its rows."""

from typing import TYPE_CHECKING, Final

from sfxero.errors import JobFailed, LedgerError, ServiceUnavailable
from sfxero.model.states import Entity, Measure
from sfxero.salesforce.bulk_query import BulkQuery
from sfxero.salesforce.job import JobRef, JobState, JobStatus
from sfxero.salesforce.soql import dates_where, select, window_where
from sfxero.sync.scope import OBJECT_OF, Scope

if TYPE_CHECKING:
    from sfxero.ledger.windows import Window


class JobUnfinished(ServiceUnavailable):
    """The job works still; its rows can be read later."""


_CLOSE_DATE: Final = {
    Entity.OPPORTUNITY: "CloseDate",
    Entity.OPPORTUNITY_LINE: "Opportunity.CloseDate",
}


def reads_nothing(window: "Window") -> bool:
    """Say whether none of the entity's records can be in the window: accounts do not close."""
    return window.measure is Measure.CLOSE_DATE and window.entity not in _CLOSE_DATE


def where_of(window: "Window") -> str:
    """Return the condition that the window's records meet."""
    if window.measure is not Measure.CLOSE_DATE:
        is_parents = window.measure is Measure.PARENT_STAMP
        stamp = "Opportunity.SystemModstamp" if is_parents else "SystemModstamp"
        return window_where(window.from_at, window.to_at, stamp=stamp)
    from_on = None if window.from_at is None else window.from_at.date()
    return dates_where(from_on, window.to_at.date(), field=_CLOSE_DATE[window.entity])


def soql_of(scope: Scope, window: "Window") -> str:
    """Return the query for the window's records."""
    object_name = OBJECT_OF[window.entity]
    return select(object_name, scope.fields[object_name], where=where_of(window))


def ref_of(window: "Window") -> JobRef:
    """Return what the window's job is reached by: its own API version, not the connection's."""
    if not window.job_id or not window.api_version:
        raise LedgerError(f"window {window.window_id} has no job yet")
    return JobRef(job_id=window.job_id, api_version=window.api_version)


def create(scope: Scope, query: BulkQuery, window: "Window") -> str:
    """Start a job for the window and store its id before anybody asks for it."""
    ref = query.create(soql_of(scope, window))
    scope.ledger.windows.attach_job(
        window.window_id, job_id=ref.job_id, api_version=ref.api_version
    )
    return ref.job_id


def may_complete(query: BulkQuery, window: "Window") -> bool:
    """Say whether the window's job is there and has not failed."""
    try:
        status = query.status(ref_of(window))
    except JobFailed:
        return False
    return not status.is_ended or status.state is JobState.JOB_COMPLETE


def look(query: BulkQuery, window: "Window") -> JobStatus:
    """Return the state of the window's job; JobFailed if it is gone or ended without its rows."""
    status = query.status(ref_of(window))
    if status.is_ended and status.state is not JobState.JOB_COMPLETE:
        reason = status.error or "no reason given"
        raise JobFailed(
            f"job {window.job_id} ended as {status.state}: {reason}", service="salesforce"
        )
    return status


def replace(scope: Scope, query: BulkQuery, window: "Window", failure: JobFailed) -> None:
    """Start another job instead of the window's; JobFailed, with the query, if that was done."""
    windows, ref = scope.ledger.windows, ref_of(window)
    soql = soql_of(scope, window)
    if windows.is_replacement(window.window_id, ref.job_id):
        # The service never echoes a failed job's query, so it is said here.
        raise JobFailed(
            f"{failure.message}; so did the job before it",
            service=failure.service,
            status=failure.status,
            code=failure.code,
            hint=f"The query was: {soql}",
        ) from failure
    other = query.create(soql)
    if not windows.replace_job(
        window.window_id, failed=ref.job_id, job_id=other.job_id, api_version=other.api_version
    ):
        query.abort(other)
