"""Reads a job's pages into staging: several at a time, by several workers, none of them twice."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from sfxero.errors import IncompleteExtract, StagingError, UnexpectedResponse
from sfxero.model.states import WindowState
from sfxero.salesforce.bulk_query import PAGE_DEADLINE_S, BulkQuery, lists_pages
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.job import JobRef
from sfxero.staging.layout import part_name
from sfxero.staging.manifest import StagedFile, is_published
from sfxero.staging.storage import make_folder
from sfxero.sync import jobs
from sfxero.sync.scope import OBJECT_OF, Scope
from sfxero.sync.staged import publish_staged, typed_schema

if TYPE_CHECKING:
    from sfxero.ledger.pages import JobPage, Pages
    from sfxero.ledger.windows import Window

# A page may be tried again, each time for as long as the service allows.
_LEASE_S: Final = 2 * PAGE_DEADLINE_S
# Asking for the list of pages costs a call for each five of them; a few are sooner read in turn.
_LISTED_FROM_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Reading:
    """One worker's part in reading one job."""

    window: "Window"
    pages: "Pages"
    query: BulkQuery
    ref: JobRef
    schema: Any
    folder: Any
    owner: str
    token: str
    parsing: Any

    def known(self) -> "list[JobPage]":
        return self.pages.of_job(self.window.window_id, self.ref.job_id)


def is_staged(window: "Window") -> bool:
    """Say whether the window's rows lie in staging; then its job is not needed any more."""
    return window.state in {WindowState.STAGED, WindowState.PREPARED}


def download_pages(
    scope: Scope,
    client: SalesforceClient,
    window_id: int,
    *,
    share: int = 0,
    of: int = 1,
    at_once: int = 2,
) -> str | None:
    """Stage the pages of a window's job that nobody else reads; returns the folder if all are.

    One of `of` workers of one job, each with a `share` of its own counted from 0. Whoever finds all
    pages staged publishes them, removes the job and marks the window.
    """
    from sfxero.staging.writer import Parsing

    window = scope.ledger.windows.still_wanted(window_id)
    object_name = OBJECT_OF[window.entity]
    folder = scope.folder(object_name)
    if is_staged(window):
        return _published(window, folder)
    query, ref = BulkQuery(client), jobs.ref_of(window)
    status = jobs.look(query, window)
    if not status.is_ended:
        raise jobs.JobUnfinished(f"job {ref.job_id} is not done yet", service="salesforce")
    reading = _Reading(
        window=window,
        pages=scope.ledger.pages,
        query=query,
        ref=ref,
        schema=typed_schema(client, object_name, scope.fields[object_name]),
        folder=folder,
        owner=f"{share}/{of}",
        token=uuid.uuid4().hex[:8],
        parsing=Parsing(),
    )
    make_folder(folder)
    _plan(reading, rows=status.rows)
    _read(reading, at_once=at_once)
    known = reading.known()
    if any(page.file is None for page in known):
        return None
    return _complete(scope, reading, known, expected=status.rows)


def _published(window: "Window", folder: Any) -> str:
    if not is_published(folder):
        raise StagingError(
            f"window {window.window_id} was staged in {folder}, where nothing is now",
            hint="Start the run again from its first task.",
        )
    return str(folder)


def _plan(reading: _Reading, *, rows: int) -> None:
    """Store which pages there are, or go on with those that an earlier try stored."""
    pages, window_id, job_id = reading.pages, reading.window.window_id, reading.ref.job_id
    known = reading.known()
    if not known:
        is_large = rows >= _LISTED_FROM_ROWS and lists_pages(reading.ref)
        pages.plan(window_id, job_id, reading.query.locators(reading.ref) if is_large else [None])
        return
    pages.release(window_id, job_id, owner=reading.owner)
    for page in known:
        if page.file and not (reading.folder / page.file.name).exists():
            pages.unstage(page)


def _read(reading: _Reading, *, at_once: int) -> None:
    """Read until no page is free; after a failure no further page is begun."""
    has_failed = Event()

    def work() -> None:
        try:
            while not has_failed.is_set() and (page := _take(reading)):
                _stage(reading, page)
        except BaseException:
            has_failed.set()
            raise

    if at_once == 1:
        work()
        return
    with ThreadPoolExecutor(at_once, thread_name_prefix="pages") as pool:
        for future in [pool.submit(work) for _ in range(at_once)]:
            future.result()


def _take(reading: _Reading) -> "JobPage | None":
    return reading.pages.take(
        reading.window.window_id, reading.ref.job_id, owner=reading.owner, lease_s=_LEASE_S
    )


def _stage(reading: _Reading, page: "JobPage") -> None:
    """Make a page a durable part, then say so in the ledger."""
    from sfxero.ledger.pages import PageFile
    from sfxero.staging.writer import stage_page

    with reading.query.page(reading.ref, page.locator) as results:
        part = stage_page(
            results,
            schema=reading.schema,
            folder=reading.folder,
            name=part_name(page.number, token=reading.token),
            parsing=reading.parsing,
        )
        following = page.next_locator or results.next_locator
    if page.next_locator is None and following in {one.locator for one in reading.known()} - {None}:
        raise UnexpectedResponse(
            f"job {reading.ref.job_id} names a page again", service="salesforce"
        )
    reading.pages.stage(
        page,
        PageFile(part.name, part.rows, part.size_bytes, part.sha256),
        next_locator=following,
    )


def _complete(scope: Scope, reading: _Reading, known: "list[JobPage]", *, expected: int) -> str:
    """Publish the parts if they hold all rows of the job; another worker may do so as well."""
    from sfxero.staging.writer import StagedRows, sweep

    files = tuple(
        StagedFile(page.file.name, page.file.row_count, page.file.size_bytes, page.file.sha256)
        for page in known
        if page.file
    )
    window, folder = reading.window, reading.folder
    rows = StagedRows(files, sum(file.rows for file in files))
    if rows.row_count != expected:
        # What was read in vain must not be found again.
        reading.pages.forget(window.window_id, reading.ref.job_id)
        raise IncompleteExtract(
            f"{rows.row_count} rows were staged in {folder}, the job counted {expected}"
        )
    publish_staged(scope, OBJECT_OF[window.entity], folder, window=window, rows=rows)
    sweep(folder, keep={file.name for file in files})
    scope.ledger.windows.mark_staged(
        window.window_id, manifest=str(folder), row_count=rows.row_count
    )
    reading.query.delete(reading.ref)
    return str(folder)
