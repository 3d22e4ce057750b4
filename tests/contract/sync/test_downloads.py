"""Downloads that are cut, killed, refused and shared: in the end the same rows."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contract.sync import downloader
from tests.contract.sync.kit import World

from sfxero.errors import IncompleteExtract, JobFailed, ServiceUnavailable, StagingError
from sfxero.ledger import Ledger
from sfxero.model.states import Entity, WindowState
from sfxero.salesforce.bulk_query import BulkQuery
from sfxero.salesforce.client import SalesforceClient
from sfxero.staging.manifest import is_published, load
from sfxero.sync import extract
from sfxero.sync.pages import download_pages
from sfxero.sync.scope import Scope

pytestmark = pytest.mark.contract

ROOT = Path(__file__).parents[3]
ROWS, PAGES = 700, 5
LARGE_ROWS, LARGE_PAGES = 24_000, 6
WEEK_S = 7 * 86_400


@pytest.fixture
def many(world: World) -> World:
    """An org with some pages of opportunities."""
    world.account()
    world.control("POST", "/salesforce/seed_big", {"rows": ROWS})
    world.org_switch(page_cap=ROWS // PAGES)
    return world


@pytest.fixture
def large(world: World) -> World:
    """An org with so many opportunities that their pages are listed beforehand."""
    world.account()
    world.control("POST", "/salesforce/seed_big", {"rows": LARGE_ROWS})
    world.org_switch(page_cap=LARGE_ROWS // LARGE_PAGES)
    return world


def submitted(world: World) -> tuple[Scope, int]:
    """Begin a run and submit its job over all opportunities."""
    scope = world.begin()
    (window,) = [
        one for one in world.ledger.windows.of_run(scope.run_id) if one.entity is Entity.OPPORTUNITY
    ]
    extract.submit_job(scope, world.salesforce, window.window_id)
    return scope, window.window_id


def rows_of(scope: Scope) -> list[tuple[Any, ...]]:
    """All rows that are staged, in an order of their own."""
    from sfxero.staging.reader import read_frame

    frame = read_frame([load(scope.folder("Opportunity"))])
    return sorted(frame.astype(str).itertuples(index=False, name=None))


def undisturbed(world: World) -> list[tuple[Any, ...]]:
    """What a download stages that nothing happens to."""
    scope, window_id = submitted(world)
    extract.download(scope, world.salesforce, window_id)
    return rows_of(scope)


def locators(world: World, *, status: int | None = None) -> Counter[str]:
    """How often each page of any job was asked for."""
    return Counter(
        f"{one['path']}?{one['query']}"
        for one in world.control("GET", "/journal?service=salesforce")
        if one["path"].endswith("/results") and status in {None, one["status"]}
    )


def job_of(world: World, window_id: int) -> str:
    return str(world.ledger.windows.get(window_id).job_id)


def process(
    world: World, scope: Scope, window_id: int, point: str, *, share: int = 0, of: int = 1
) -> int:
    """Download in a process of its own; returns how it ended."""
    arguments = [world.address, world.url, str(scope.root), scope.run_id, str(window_id), point]
    # Leases are held against the clock of a world that other tests may have moved.
    arguments += [str(share), str(of), world.clock.now().isoformat()]
    done = subprocess.run(
        [sys.executable, "-m", downloader.__name__, *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"},
        timeout=60,
        capture_output=True,
        check=False,
    )
    assert done.returncode in {0, downloader.DIES}, done.stderr.decode()
    return done.returncode


@pytest.mark.timeout(180)
def test_a_process_that_is_killed_at_each_page_ends_with_the_same_rows(many: World) -> None:
    expected = undisturbed(many)
    scope, window_id = submitted(many)
    many.forget_calls()

    # Each process stages one page and is killed in the middle of the next.
    ends = [process(many, scope, window_id, "page:2") for _ in range(PAGES - 1)]
    assert ends == [downloader.DIES] * (PAGES - 1)
    assert not is_published(scope.folder("Opportunity"))
    assert process(many, scope, window_id, "page:2") == 0

    assert rows_of(scope) == expected
    assert sorted(locators(many).values()) == [1] + [2] * (PAGES - 1)
    names = {path.name for path in scope.folder("Opportunity").iterdir()}
    assert len(names) == PAGES + 1


@pytest.mark.timeout(120)
def test_a_part_that_the_ledger_does_not_know_is_written_again(many: World) -> None:
    expected = undisturbed(many)
    scope, window_id = submitted(many)

    assert process(many, scope, window_id, "part") == downloader.DIES
    (lost,) = scope.folder("Opportunity").iterdir()
    assert process(many, scope, window_id, "never") == 0

    assert rows_of(scope) == expected
    assert not lost.exists()


def test_a_staged_part_that_is_gone_is_read_again(many: World) -> None:
    expected = undisturbed(many)
    scope, window_id = submitted(many)
    _stage_two_pages(many, scope, window_id)
    first, _ = sorted(scope.folder("Opportunity").iterdir())
    first.unlink()

    extract.download(scope, many.salesforce, window_id)

    assert rows_of(scope) == expected


class _Enough(Exception):
    pass


def _stage_two_pages(world: World, scope: Scope, window_id: int) -> None:
    """Let a worker end after two pages, as one does that is killed."""
    pages, taken = world.ledger.pages, 0
    take = pages.take

    def take_two(*arguments: Any, **more: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken > 2:
            raise _Enough
        return take(*arguments, **more)

    pages.take = take_two  # type: ignore[method-assign] # a test's own ledger
    with pytest.raises(_Enough):
        download_pages(scope, world.salesforce, window_id, at_once=1)
    pages.take = take  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("short_page", {"rows": 3}),
        ("cut_reply", {}),
        ("truncated_json", {}),
        ("stalled_reply", {"seconds": 0.1}),
        ("error_before", {"status": 503}),
        ("lost_reply", {}),
    ],
)
@pytest.mark.parametrize("gzip", [True, False])
def test_a_fault_in_mid_download_changes_no_row(
    many: World, kind: str, values: dict[str, Any], gzip: bool
) -> None:
    many.org_switch(gzip=gzip)
    expected = undisturbed(many)
    scope, window_id = submitted(many)
    many.fail(kind, "/results$", count=3, **values)

    extract.download(scope, many.salesforce, window_id)

    assert rows_of(scope) == expected
    assert many.ledger.windows.get(window_id).row_count == len(expected)


def test_a_session_that_ends_in_mid_download_changes_no_row(many: World) -> None:
    expected = undisturbed(many)
    scope, window_id = submitted(many)
    _stage_two_pages(many, scope, window_id)
    many.fail("token_expired", "/results$")

    extract.download(scope, many.salesforce, window_id)

    assert rows_of(scope) == expected
    assert sum(locators(many, status=401).values()) == 1


def test_a_page_that_stays_short_fails_and_publishes_nothing(many: World) -> None:
    scope, window_id = submitted(many)
    many.fail("short_page", "/results$", count=None)

    with pytest.raises(IncompleteExtract):
        extract.download(scope, many.salesforce, window_id)

    assert not is_published(scope.folder("Opportunity"))
    assert many.ledger.windows.get(window_id).state is WindowState.OPEN


def test_fewer_rows_than_the_job_counted_fail_and_are_read_anew(many: World) -> None:
    expected = undisturbed(many)
    scope, window_id = submitted(many)
    query = BulkQuery(many.salesforce)
    listed = query.locators(extract.jobs.ref_of(many.ledger.windows.get(window_id)))
    many.ledger.pages.plan(window_id, job_of(many, window_id), [*listed[:1], *listed[2:]])

    with pytest.raises(IncompleteExtract, match=str(ROWS)):
        extract.download(scope, many.salesforce, window_id)
    assert not is_published(scope.folder("Opportunity"))

    extract.download(scope, many.salesforce, window_id)
    assert rows_of(scope) == expected


def test_an_aborted_job_is_made_again_and_read(many: World) -> None:
    expected = undisturbed(many)
    many.org_switch(job_delay_s=60)
    scope, window_id = submitted(many)
    aborted = job_of(many, window_id)
    BulkQuery(many.salesforce).abort(extract.jobs.ref_of(many.ledger.windows.get(window_id)))

    assert not extract.wanted_readers(scope, many.salesforce, window_id)
    many.sleep(61)
    assert extract.wanted_readers(scope, many.salesforce, window_id)
    extract.download(scope, many.salesforce, window_id)

    assert job_of(many, window_id) != aborted
    assert rows_of(scope) == expected


def test_a_job_that_expired_in_mid_download_is_made_again_once_and_read_whole(
    many: World,
) -> None:
    expected = undisturbed(many)
    scope, window_id = submitted(many)
    expired = job_of(many, window_id)
    _stage_two_pages(many, scope, window_id)
    many.sleep(WEEK_S + 1)

    extract.download(scope, many.salesforce, window_id)

    assert job_of(many, window_id) != expired
    assert rows_of(scope) == expected
    assert len(list(scope.folder("Opportunity").iterdir())) == PAGES + 1


def test_a_job_that_was_made_again_is_waited_for_by_the_next_try(many: World) -> None:
    scope, window_id = submitted(many)
    many.sleep(WEEK_S + 1)
    many.org_switch(job_delay_s=3600)

    with pytest.raises(ServiceUnavailable, match="not done yet"):
        extract.download(scope, many.salesforce, window_id)
    jobs = job_of(many, window_id)
    many.sleep(3600)
    extract.download(scope, many.salesforce, window_id)

    assert job_of(many, window_id) == jobs
    assert len(rows_of(scope)) == ROWS


def test_a_second_job_that_vanishes_too_is_an_error_with_the_query(many: World) -> None:
    scope, window_id = submitted(many)
    many.sleep(WEEK_S + 1)
    many.org_switch(job_delay_s=3600)
    with pytest.raises(ServiceUnavailable):
        extract.download(scope, many.salesforce, window_id)
    many.sleep(WEEK_S + 3601)

    with pytest.raises(JobFailed, match="FROM Opportunity WHERE"):
        extract.download(scope, many.salesforce, window_id)


def test_a_job_is_read_with_the_version_that_made_it(many: World) -> None:
    expected = undisturbed(many)
    scope, window_id = submitted(many)
    _stage_two_pages(many, scope, window_id)
    newer = client_of(many, api_version="66.0")

    extract.download(scope, newer, window_id)

    assert rows_of(scope) == expected
    assert load(scope.folder("Opportunity")).manifest.api_version == "62.0"
    assert locators(many, status=409) == {}
    newer.close()


def test_a_large_result_is_read_by_several_workers_each_page_once(large: World) -> None:
    expected = undisturbed(large)
    scope, window_id = submitted(large)
    large.forget_calls()

    with ThreadPoolExecutor(3) as pool:
        ends = list(pool.map(lambda share: _worker(large, scope, window_id, share), range(3)))

    assert set(ends) - {None} == {str(scope.folder("Opportunity"))}
    assert rows_of(scope) == expected
    assert sorted(locators(large).values()) == [1] * LARGE_PAGES


def _worker(world: World, scope: Scope, window_id: int, share: int) -> str | None:
    """One of three workers with a ledger and a client of its own."""
    client = client_of(world)
    with Ledger(world.url, clock=world.clock) as ledger:
        own = Scope(scope.spec, scope.run_id, scope.tenant, ledger, scope.root, scope.clock)
        try:
            return download_pages(own, client, window_id, share=share, of=3)
        finally:
            client.close()


def test_the_page_of_a_dead_worker_is_read_when_that_worker_begins_anew(large: World) -> None:
    expected = undisturbed(large)
    scope, window_id = submitted(large)
    ref = extract.jobs.ref_of(large.ledger.windows.get(window_id))
    listed = BulkQuery(large.salesforce).locators(ref)
    large.ledger.pages.plan(window_id, ref.job_id, listed)
    large.ledger.pages.take(window_id, ref.job_id, owner="1/3", lease_s=3600)

    ends = [_worker(large, scope, window_id, share) for share in (0, 2, 1)]

    assert ends == [None, None, str(scope.folder("Opportunity"))]
    assert rows_of(scope) == expected


def test_what_readers_of_another_count_held_is_free_when_the_shares_are_drawn_anew(
    large: World,
) -> None:
    expected = undisturbed(large)
    scope, window_id = submitted(large)
    ref = extract.jobs.ref_of(large.ledger.windows.get(window_id))
    large.ledger.pages.plan(window_id, ref.job_id, BulkQuery(large.salesforce).locators(ref))
    large.ledger.pages.take(window_id, ref.job_id, owner="3/4", lease_s=3600)

    extract.download(scope, large.salesforce, window_id)

    assert rows_of(scope) == expected


@pytest.mark.timeout(60)
def test_of_two_readers_one_is_killed_and_tried_again_and_no_row_changes(large: World) -> None:
    expected = undisturbed(large)
    scope, window_id = submitted(large)
    large.forget_calls()

    # Killed in the middle of its second page; the other reads all but that one.
    assert process(large, scope, window_id, "page:2", share=1, of=2) == downloader.DIES
    other = extract.download(scope, large.salesforce, window_id, share=0, of=2)
    assert (other, is_published(scope.folder("Opportunity"))) == (None, False)
    again = extract.download(scope, large.salesforce, window_id, share=1, of=2)

    assert again == str(scope.folder("Opportunity"))
    assert rows_of(scope) == expected
    assert sorted(locators(large).values()) == [1] * (LARGE_PAGES - 1) + [2]
    assert len(list(scope.folder("Opportunity").iterdir())) == LARGE_PAGES + 1


def test_a_reader_whose_job_another_replaced_reads_the_other_job(
    large: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = undisturbed(large)
    scope, window_id = submitted(large)
    gone = large.ledger.windows.get(window_id)
    query = BulkQuery(large.salesforce)
    query.delete(extract.jobs.ref_of(gone))
    vanished = JobFailed("job is gone", service="salesforce")
    extract.jobs.replace(scope, query, gone, vanished)
    # The reader began before that: it still knows the job that is gone.
    get, seen = large.ledger.windows.get, [gone, gone]
    monkeypatch.setattr(large.ledger.windows, "get", lambda one: seen.pop() if seen else get(one))

    folder = extract.download(scope, large.salesforce, window_id, share=1, of=2)

    assert folder == str(scope.folder("Opportunity"))
    assert rows_of(scope) == expected


@pytest.mark.parametrize(
    ("rows", "most", "readers"),
    [(0, 4, 1), (499_999, 4, 1), (500_000, 4, 2), (10_000_000, 4, 4), (10_000_000, 1, 1)],
)
def test_only_a_large_result_has_several_readers(
    many: World, monkeypatch: pytest.MonkeyPatch, rows: int, most: int, readers: int
) -> None:
    scope, window_id = submitted(many)
    spec = scope.spec.model_copy(
        update={"salesforce": scope.spec.salesforce.model_copy(update={"readers": most})}
    )
    look = extract.jobs.look
    monkeypatch.setattr(extract.jobs, "look", lambda *given: replace(look(*given), rows=rows))

    assert extract.wanted_readers(replace(scope, spec=spec), many.salesforce, window_id) == readers


@pytest.mark.parametrize("key", ["nextRecordsUrl", "nextRecordUrl"])
def test_pages_are_listed_by_either_spelling_of_the_continuation(large: World, key: str) -> None:
    large.org_switch(continuation_key=key)
    scope, window_id = submitted(large)
    large.forget_calls()

    extract.download(scope, large.salesforce, window_id)

    assert len(rows_of(scope)) == LARGE_ROWS
    assert sorted(locators(large).values()) == [1] * LARGE_PAGES


def test_what_was_staged_and_is_gone_says_what_to_do(many: World) -> None:
    scope, window_id = submitted(many)
    extract.download(scope, many.salesforce, window_id)
    (scope.folder("Opportunity") / "manifest.json").unlink()

    with pytest.raises(StagingError, match="Start the run again"):
        extract.download(scope, many.salesforce, window_id)


@pytest.fixture(autouse=True)
def _close_clients(world: World) -> Iterator[None]:
    yield
    world.org_switch(gzip=True, page_cap=1000, continuation_key="nextRecordsUrl")


def client_of(world: World, *, api_version: str = "62.0") -> SalesforceClient:
    return SalesforceClient(
        login_url=world.address,
        client_id="sandbox-sf-client",
        client_secret="sandbox-sf-secret",
        api_version=api_version,
        clock=world.clock,
        sleeper=world,
    )
