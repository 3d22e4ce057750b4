"""Extract: windows of what changed in Salesforce, staged with proof that nothing is missing."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sfxero.errors import JobFailed, LedgerError
from sfxero.mapping.fields import needed_fields
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import SourceId
from sfxero.model.states import WindowState
from sfxero.salesforce.bulk_query import BulkQuery
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.job import JobRef, JobState
from sfxero.salesforce.soql import select, window_where
from sfxero.staging.manifest import Manifest, Staged, is_published, save
from sfxero.sync.scope import ENTITY_OF, OBJECT_OF, Scope

if TYPE_CHECKING:
    from sfxero.ledger.windows import Window
    from sfxero.staging.writer import StagedRows

_SECOND: Final = timedelta(seconds=1)


def draw_windows(scope: Scope, *, server_now: datetime, full_refresh: bool) -> dict[str, int]:
    """Open one window per object and return their ids by object.

    A window ends at the org's time less the lag, and begins an overlap before the watermark. What
    an earlier run staged and did not prepare is covered, since it moved no watermark. The org's
    time comes in whole seconds, cut off, so its second is read to the end. Other mapping rules than
    last time concern all records, so everything is read.
    """
    settings = scope.spec.salesforce
    now_at = server_now + _SECOND - timedelta(seconds=settings.lag_s)
    windows = scope.ledger.windows
    full_refresh = full_refresh or _has_other_rules(scope)
    drawn = {}
    for object_name, entity in ENTITY_OF.items():
        mark = windows.watermark(scope.route, entity)
        is_full = full_refresh or mark is None
        drawn[object_name] = windows.open(
            scope.run_id,
            scope.route,
            entity,
            from_at=None if is_full or not mark else mark - timedelta(seconds=settings.overlap_s),
            to_at=max(now_at, mark) if mark else now_at,
            moves_watermark=True,
        )
    windows.supersede_unprepared(scope.route, before_run=scope.run_id)
    return drawn


def submit_job(scope: Scope, client: SalesforceClient, window_id: int) -> str:
    """Create the window's bulk job and store its id; one that it has is used unless it failed."""
    window = scope.ledger.windows.get(window_id)
    query = BulkQuery(client)
    if window.job_id and (_is_staged(window) or _may_complete(query, window)):
        return window.job_id
    ref = query.create(_soql(scope.spec, window))
    scope.ledger.windows.attach_job(window_id, job_id=ref.job_id, api_version=ref.api_version)
    return ref.job_id


def is_job_done(scope: Scope, client: SalesforceClient, window_id: int) -> bool:
    """Look once at the window's job; JobFailed, with the query, if it ended otherwise."""
    window = scope.ledger.windows.get(window_id)
    if _is_staged(window):
        return True
    status = BulkQuery(client).status(_ref(window))
    if status.is_ended and status.state is not JobState.JOB_COMPLETE:
        # The service never echoes a failed job's query, so it is said here.
        raise JobFailed(
            f"job {window.job_id} ended as {status.state}: {status.error or 'no reason given'}",
            service="salesforce",
            hint=f"The query was: {_soql(scope.spec, window)}",
        )
    return status.state is JobState.JOB_COMPLETE


def download(scope: Scope, client: SalesforceClient, window_id: int) -> str:
    """Stage the window's job and remove it from the org; returns the staged folder."""
    from sfxero.staging.writer import stage_pages

    windows = scope.ledger.windows
    window = windows.get(window_id)
    object_name = OBJECT_OF[window.entity]
    folder = scope.folder(object_name)
    if _is_staged(window) and is_published(folder):
        return str(folder)
    query, ref = BulkQuery(client), _ref(window)
    rows = stage_pages(
        query.pages(ref),
        schema=schema_of(scope.spec, client, object_name),
        folder=folder,
        expected_rows=query.status(ref).rows,
    )
    publish_staged(scope, object_name, folder, window=window, rows=rows)
    windows.mark_staged(window_id, manifest=str(folder), row_count=rows.row_count)
    query.delete(ref)
    return str(folder)


def schema_of(spec: RouteSpec, client: SalesforceClient, object_name: str) -> Any:
    """Return the Arrow schema of the object's fields that the route needs, as the org has them."""
    from sfxero.staging.arrow_schema import parent_objects, schema_for

    fields = needed_fields(spec)[object_name]
    described = client.describe(object_name)
    parents = {name: client.describe(name) for name in parent_objects(described, fields)}
    return schema_for(described, fields, parents=parents)


def publish_staged(
    scope: Scope, object_name: str, folder: Any, *, window: "Window", rows: "StagedRows"
) -> Staged:
    """Write the manifest, and note in the ledger which records the run has read."""
    staged = save(
        Manifest(
            route=scope.route,
            run_id=scope.run_id,
            object_name=object_name,
            window_from_at=window.from_at,
            window_to_at=window.to_at,
            api_version=window.api_version or scope.spec.salesforce.api_version or "",
            job_id=window.job_id,
            mapping_version=scope.spec.mapping_version,
            files=rows.files,
            row_count=rows.row_count,
            staged_at=scope.clock.now(),
        ),
        folder,
    )
    for ids in ids_in(staged):
        scope.ledger.runs.add_records(scope.run_id, ENTITY_OF[object_name], map(SourceId, ids))
    return staged


def ids_in(staged: Staged, column: str = "Id") -> Iterable[list[str]]:
    """Yield the ids in a column of staged files, in lists."""
    from sfxero.staging.reader import read_ids

    return read_ids(staged, column=column)


def _has_other_rules(scope: Scope) -> bool:
    before = scope.ledger.runs.last_mapping_version(scope.route)
    return before is not None and before != scope.spec.mapping_version


def _is_staged(window: "Window") -> bool:
    """Say whether the window's rows lie in staging; then its job is not needed any more."""
    return window.state in {WindowState.STAGED, WindowState.PREPARED}


def _may_complete(query: BulkQuery, window: "Window") -> bool:
    """Say whether the job is there and has not failed."""
    try:
        status = query.status(_ref(window))
    except JobFailed:
        return False
    return not status.is_ended or status.state is JobState.JOB_COMPLETE


def _soql(spec: RouteSpec, window: "Window") -> str:
    object_name = OBJECT_OF[window.entity]
    return select(
        object_name,
        needed_fields(spec)[object_name],
        where=window_where(window.from_at, window.to_at),
    )


def _ref(window: "Window") -> JobRef:
    if not window.job_id or not window.api_version:
        raise LedgerError(f"window {window.window_id} has no job yet")
    return JobRef(job_id=window.job_id, api_version=window.api_version)
