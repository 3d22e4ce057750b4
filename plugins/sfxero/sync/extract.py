"""Extract: windows of what changed in Salesforce, staged with proof that nothing is missing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypedDict

from sfxero.errors import JobFailed
from sfxero.model.states import Entity, Measure
from sfxero.salesforce.bulk_query import BulkQuery
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import fits_rest
from sfxero.sync import first_load, jobs
from sfxero.sync.pages import download_pages, is_staged
from sfxero.sync.scope import ENTITY_OF, OBJECT_OF, Scope
from sfxero.sync.staged import publish_staged, take_back, typed_schema

if TYPE_CHECKING:
    from sfxero.ledger.windows import Window

_SECOND: Final = timedelta(seconds=1)
# A bulk job costs four calls at least: create, look, read, delete.
_REST_ROWS: Final = 2_000
_REST_CALLS: Final = 4


def draw_windows(
    scope: Scope,
    *,
    server_now: datetime,
    full_refresh: bool,
    client: SalesforceClient | None = None,
) -> dict[str, int]:
    """Open one window per object and return their ids by object.

    A window ends at the org's time less the lag, and begins an overlap before the watermark. What
    an earlier run staged and did not prepare is covered, since it moved no watermark. The org's
    time comes in whole seconds, cut off, so its second is read to the end. Other mapping rules than
    last time concern all records, so everything is read. Given a client, a first load that is too
    large for one run goes in parts.
    """
    now_at = server_now + _SECOND - timedelta(seconds=scope.spec.salesforce.lag_s)
    windows = scope.ledger.windows
    full_refresh = full_refresh or has_other_rules(scope)
    end = None
    if client is not None and not full_refresh:
        end = first_load.end_of_part(scope, client, to_at=now_at)
    drawn = {
        object_name: windows.open(
            scope.run_id,
            scope.route,
            entity,
            **_bounds(scope, entity, now_at=now_at, full_refresh=full_refresh, end=end),
        )
        for object_name, entity in ENTITY_OF.items()
    }
    windows.supersede_unprepared(scope.route, before_run=scope.run_id)
    return drawn


class Bounds(TypedDict):
    """What a window of changes reads, and whether it moves the watermark."""

    from_at: datetime | None
    to_at: datetime
    moves_watermark: bool
    measure: Measure


def _bounds(
    scope: Scope, entity: Entity, *, now_at: datetime, full_refresh: bool, end: datetime | None
) -> Bounds:
    """Return an entity's window; `end` is that of a part of a first load, accounts come whole."""
    windows, by_parent = scope.ledger.windows, False
    mark = windows.watermark(scope.route, entity)
    if entity is Entity.OPPORTUNITY_LINE and not full_refresh:
        by_parent = end is not None or (mark is None and _has_parts(scope))
        if by_parent:
            mark = windows.watermark(scope.route, Entity.OPPORTUNITY)
        elif mark is not None:
            mark = min(mark, windows.load_began_at(scope.route) or mark)
    is_whole = end is None or entity is Entity.ACCOUNT
    is_full = full_refresh or mark is None
    overlap = timedelta(seconds=scope.spec.salesforce.overlap_s)
    return Bounds(
        from_at=None if is_full or mark is None else mark - overlap,
        to_at=end if end and not is_whole else max(now_at, mark or now_at),
        moves_watermark=is_whole or entity is Entity.OPPORTUNITY,
        measure=Measure.PARENT_STAMP if by_parent else Measure.STAMP,
    )


def _has_parts(scope: Scope) -> bool:
    """Say whether a part of a first load has been prepared, and not its last one."""
    return scope.ledger.windows.watermark(scope.route, Entity.OPPORTUNITY) is not None


def submit_job(scope: Scope, client: SalesforceClient, window_id: int) -> str | None:
    """Create the window's bulk job and return its id; one that it has is used unless it failed.

    A small window is read at once instead, and None returned: nobody needs to wait for it.
    """
    window, query = scope.ledger.windows.still_wanted(window_id), BulkQuery(client)
    if is_staged(window) or (window.job_id and jobs.may_complete(query, window)):
        return window.job_id
    # What an earlier start of the run published is of other bounds.
    take_back(scope, window.entity, scope.folder(OBJECT_OF[window.entity]))
    if window.job_id is None and _stage_at_once(scope, client, window):
        return None
    return jobs.create(scope, query, window)


def wanted_readers(scope: Scope, client: SalesforceClient, window_id: int) -> int:
    """Look once at the window's job; returns how many are to read its pages, 0 if it works still.

    A job that ended without its rows is made again, once; then JobFailed names the query.
    """
    window, query = scope.ledger.windows.still_wanted(window_id), BulkQuery(client)
    if is_staged(window):
        return 1
    try:
        status = jobs.look(query, window)
    except JobFailed as failure:
        jobs.replace(scope, query, window, failure)
        return 0
    if not status.is_ended:
        return 0
    section = scope.spec.salesforce
    return min(section.readers, status.rows // section.rows_per_reader + 1)


def download(
    scope: Scope, client: SalesforceClient, window_id: int, *, share: int = 0, of: int = 1
) -> str | None:
    """Stage pages of the window's job, beside other readers if there are some.

    Whoever finds all pages staged removes the job from the org and returns the staged folder.

    A job that vanished since it was done is made again, and waited for a little: longer waits are
    the next try's, which finds the new job.
    """
    attempt = 1
    while True:
        before = scope.ledger.windows.get(window_id)
        try:
            folder = download_pages(scope, client, window_id, share=share, of=of)
            return folder if of > 1 else _whole(folder)
        except JobFailed as failure:
            now = scope.ledger.windows.still_wanted(window_id)
            # Another reader may have removed the job because all was staged, or replaced it.
            if not is_staged(now) and now.job_id == before.job_id:
                jobs.replace(scope, BulkQuery(client), before, failure)
        except jobs.JobUnfinished as failure:
            client.session.wait_again(failure, attempt=attempt)
            attempt += 1


def _whole(folder: str | None) -> str:
    """Return what a lone reader staged, unless a worker that was believed dead reads, too."""
    if folder is None:
        raise jobs.JobUnfinished("other workers read pages of the job", service="salesforce")
    return folder


def has_other_rules(scope: Scope) -> bool:
    """Say whether the route maps otherwise than when it last read; then all records count."""
    before = scope.ledger.runs.last_mapping_version(scope.route, Entity.OPPORTUNITY)
    return before is not None and before != scope.spec.mapping_version


def _few_records(
    scope: Scope, client: SalesforceClient, window: "Window"
) -> list[Mapping[str, object]] | None:
    """Return the window's records if they are few; None if a job reads them for fewer calls."""
    if jobs.reads_nothing(window):
        return []
    soql = jobs.soql_of(scope, window)
    if window.from_at is None or not fits_rest(soql):
        return None
    return client.query_few(soql, most_rows=_REST_ROWS, most_calls=_REST_CALLS)


def _stage_at_once(scope: Scope, client: SalesforceClient, window: "Window") -> bool:
    """Stage a window of changes by a REST query, unless that costs more calls than a job."""
    from sfxero.staging.writer import write_records

    records = _few_records(scope, client, window)
    if records is None:
        return False
    object_name = OBJECT_OF[window.entity]
    folder = scope.folder(object_name)
    schema = typed_schema(client, object_name, scope.fields[object_name])
    rows = write_records(records, schema=schema, folder=folder)
    publish_staged(scope, object_name, folder, window=window, rows=rows)
    scope.ledger.windows.mark_staged(
        window.window_id, manifest=str(folder), row_count=rows.row_count
    )
    return True
