"""Pages of a job: known beforehand or one by one, read by one worker at a time, staged once."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from tests.contract.ledger.making import CONTACT, ROUTE, START

from sfxero.clock import FakeClock
from sfxero.errors import LedgerError
from sfxero.ledger import Ledger
from sfxero.ledger.pages import JobPage, PageFile
from sfxero.model.ids import RunId

pytestmark = pytest.mark.contract

JOB = "750000000000001AAA"
LEASE_S = 60.0


def file_of(number: int) -> PageFile:
    return PageFile(f"part-{number}", row_count=10 + number, size_bytes=7, sha256="ab")


@pytest.fixture
def window_id(ledger: Ledger) -> int:
    return ledger.windows.open(
        RunId("r1"), ROUTE, CONTACT, from_at=None, to_at=START, moves_watermark=True
    )


def take(ledger: Ledger, window_id: int, owner: str = "0/1") -> JobPage | None:
    return ledger.pages.take(window_id, JOB, owner=owner, lease_s=LEASE_S)


def stage(ledger: Ledger, page: JobPage | None, next_locator: str | None = None) -> bool:
    assert page is not None
    return ledger.pages.stage(page, file_of(page.number), next_locator=next_locator)


def test_each_page_leads_to_the_next(ledger: Ledger, window_id: int) -> None:
    ledger.pages.plan(window_id, JOB, [None])
    for locator in ("a", "b", None):
        stage(ledger, take(ledger, window_id), locator)

    assert take(ledger, window_id) is None
    known = ledger.pages.of_job(window_id, JOB)
    assert [(page.number, page.locator, page.next_locator) for page in known] == [
        (0, None, "a"),
        (1, "a", "b"),
        (2, "b", None),
    ]
    assert [page.file for page in known] == [file_of(number) for number in range(3)]


def test_pages_known_beforehand_are_taken_in_order_by_different_workers(
    ledger: Ledger, window_id: int
) -> None:
    ledger.pages.plan(window_id, JOB, ["a", "b", "c"])
    taken = [take(ledger, window_id, owner) for owner in ("0/2", "1/2", "0/2")]

    assert [page and page.locator for page in taken] == ["a", "b", "c"]
    assert [page and page.next_locator for page in taken] == ["b", "c", None]
    assert take(ledger, window_id, "1/2") is None


def test_planning_again_keeps_what_is_staged(ledger: Ledger, window_id: int) -> None:
    ledger.pages.plan(window_id, JOB, ["a", "b"])
    stage(ledger, take(ledger, window_id), "b")

    ledger.pages.plan(window_id, JOB, ["a", "b"])

    assert [page.file for page in ledger.pages.of_job(window_id, JOB)] == [file_of(0), None]


def test_a_page_is_free_again_when_its_lease_has_lapsed(
    ledger: Ledger, window_id: int, clock: FakeClock
) -> None:
    ledger.pages.plan(window_id, JOB, [None])
    held = take(ledger, window_id, "0/2")
    clock.advance(LEASE_S - 1)
    assert take(ledger, window_id, "1/2") is None
    clock.advance(1)
    assert take(ledger, window_id, "1/2") == held


def test_a_worker_that_begins_anew_gives_back_its_own_pages_only(
    ledger: Ledger, window_id: int
) -> None:
    ledger.pages.plan(window_id, JOB, ["a", "b", "c"])
    stage(ledger, take(ledger, window_id, "0/2"), "b")
    for owner in ("0/2", "1/2"):
        take(ledger, window_id, owner)

    ledger.pages.release(window_id, JOB, owner="0/2")

    again = take(ledger, window_id, "0/2")
    assert again is not None
    assert again.locator == "b"
    assert take(ledger, window_id, "0/2") is None


def test_of_two_workers_that_staged_one_page_the_first_counts(
    ledger: Ledger, window_id: int, clock: FakeClock
) -> None:
    ledger.pages.plan(window_id, JOB, [None])
    slow = take(ledger, window_id, "0/2")
    clock.advance(LEASE_S)
    quick = take(ledger, window_id, "1/2")
    assert stage(ledger, quick, "a")

    assert slow is not None
    assert not ledger.pages.stage(slow, file_of(9), next_locator="a")
    assert [page.file for page in ledger.pages.of_job(window_id, JOB)] == [file_of(0), None]


def test_a_page_whose_file_is_gone_is_read_again(ledger: Ledger, window_id: int) -> None:
    ledger.pages.plan(window_id, JOB, ["a", "b"])
    first = take(ledger, window_id)
    stage(ledger, first, "b")
    assert first is not None

    ledger.pages.unstage(first)

    assert take(ledger, window_id) == first


def test_forgotten_pages_are_planned_anew(ledger: Ledger, window_id: int) -> None:
    ledger.pages.plan(window_id, JOB, ["a", "b"])
    ledger.pages.plan(window_id, "other job", ["x"])
    ledger.pages.forget(window_id, JOB)

    assert ledger.pages.of_job(window_id, JOB) == []
    assert len(ledger.pages.of_job(window_id, "other job")) == 1


def test_a_window_that_is_opened_again_knows_no_pages_and_no_former_job(
    ledger: Ledger, window_id: int
) -> None:
    ledger.windows.attach_job(window_id, job_id="old", api_version="62.0")
    ledger.windows.replace_job(window_id, failed="old", job_id=JOB, api_version="62.0")
    ledger.pages.plan(window_id, JOB, ["a"])

    ledger.windows.open(
        RunId("r1"), ROUTE, CONTACT, from_at=None, to_at=START, moves_watermark=True
    )

    assert ledger.pages.of_job(window_id, JOB) == []
    assert not ledger.windows.is_replacement(window_id, JOB)


def test_a_failed_job_is_replaced_by_one_of_two(ledger: Ledger, window_id: int) -> None:
    windows = ledger.windows
    windows.attach_job(window_id, job_id="first", api_version="62.0")
    assert windows.replace_job(window_id, failed="first", job_id="second", api_version="63.0")
    assert not windows.replace_job(window_id, failed="first", job_id="late", api_version="63.0")

    window = windows.get(window_id)
    assert (window.job_id, window.api_version) == ("second", "63.0")
    assert not windows.is_replacement(window_id, "first")
    assert windows.is_replacement(window_id, "second")
    assert not windows.is_replacement(window_id, "late")


def test_a_staged_window_gets_no_other_job(ledger: Ledger, window_id: int) -> None:
    ledger.windows.attach_job(window_id, job_id="first", api_version="62.0")
    ledger.windows.mark_staged(window_id, manifest="m", row_count=0)

    assert not ledger.windows.replace_job(
        window_id, failed="first", job_id="second", api_version="62.0"
    )
    with pytest.raises(LedgerError):
        ledger.windows.attach_job(window_id, job_id="second", api_version="62.0")


def test_no_page_is_taken_twice_at_once(ledger: Ledger, window_id: int) -> None:
    count, workers = 24, 4
    ledger.pages.plan(window_id, JOB, [str(number) for number in range(count)])
    start, taken = Barrier(workers), list[int]()

    def work(owner: str) -> None:
        start.wait()
        while page := take(ledger, window_id, owner):
            taken.append(page.number)

    threads = [Thread(target=work, args=(f"{share}/{workers}",)) for share in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == list(range(count))


def test_a_lease_is_as_long_as_asked_for(ledger: Ledger, window_id: int, clock: FakeClock) -> None:
    ledger.pages.plan(window_id, JOB, ["a", "b"])
    ledger.pages.take(window_id, JOB, owner="0/2", lease_s=timedelta(hours=1).total_seconds())
    take(ledger, window_id, "0/2")
    clock.advance(LEASE_S)

    free = take(ledger, window_id, "1/2")
    assert free is not None
    assert free.locator == "b"
    assert take(ledger, window_id, "1/2") is None
