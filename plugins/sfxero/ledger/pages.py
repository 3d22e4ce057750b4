"""Pages of a window's bulk job: which are known, who reads one, what each became."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, bindparam, delete, not_, or_, select, update

from sfxero.ledger.engine import Database, put
from sfxero.ledger.page_tables import window_pages
from sfxero.ledger.tables import UtcDateTime


@dataclass(frozen=True, slots=True)
class PageFile:
    """The durable file that a page became."""

    name: str
    row_count: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of a job; `file` is None until it is staged."""

    window_id: int
    job_id: str
    number: int
    locator: str | None
    next_locator: str | None
    file: PageFile | None


class Pages:
    """Page rows: planned, taken by one worker at a time, staged once."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def plan(self, window_id: int, job_id: str, locators: Sequence[str | None]) -> None:
        """Store the pages that a job is known to have; those that are stored already stay."""
        following = [*locators[1:], None]
        rows = [
            _fresh(window_id, job_id, number, locator=locator, next_locator=after)
            for number, (locator, after) in enumerate(zip(locators, following, strict=True))
        ]
        with self._database.write() as conn:
            put(conn, window_pages, rows)

    def take(self, window_id: int, job_id: str, *, owner: str, lease_s: float) -> JobPage | None:
        """Give the first page that nobody has staged or is reading; None if there is none.

        A lease only keeps workers from reading one page twice: which of two staged it is settled by
        `stage`.
        """
        now = self._database.clock.now()
        of_job = {"of_window": window_id, "of_job": job_id}
        lease = {"owner": owner, "lease_until_at": now + timedelta(seconds=lease_s)}
        with self._database.write() as conn:
            number = conn.execute(_FIRST_FREE, of_job | {"now": now}).scalar_one_or_none()
            if number is None:
                return None
            return _page(conn.execute(_TAKEN, of_job | lease | {"wanted": number}).one())

    def release(self, window_id: int, job_id: str, *, owner: str) -> None:
        """Give back what a worker of this name took and did not stage: it has begun anew.

        A name is a share and of how many, as 0/4: what workers of another count took is free, too,
        since a job is not read in two counts at a time.
        """
        count = owner[owner.index("/") :]
        statement = (
            update(window_pages)
            .where(
                _of(window_id, job_id),
                window_pages.c.file_name.is_(None),
                or_(
                    window_pages.c.owner == owner,
                    not_(window_pages.c.owner.endswith(count, autoescape=True)),
                ),
            )
            .values(owner=None, lease_until_at=None)
        )
        with self._database.write() as conn:
            conn.execute(statement)

    def stage(self, page: JobPage, file: PageFile, *, next_locator: str | None) -> bool:
        """Store what a page became, and the page that follows; False if it was staged already."""
        values = {
            "file_name": file.name,
            "row_count": file.row_count,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "staged_at": self._database.clock.now(),
            "next_locator": next_locator,
        }
        unstaged = (
            _of(page.window_id, page.job_id),
            window_pages.c.number == page.number,
            window_pages.c.file_name.is_(None),
        )
        with self._database.write() as conn:
            if conn.execute(update(window_pages).where(*unstaged).values(values)).rowcount != 1:
                return False
            if next_locator is not None:
                number = page.number + 1
                row = _fresh(page.window_id, page.job_id, number, locator=next_locator)
                put(conn, window_pages, [row])
        return True

    def unstage(self, page: JobPage) -> None:
        """Say that a page's file is gone, so that the page is read again."""
        gone = dict.fromkeys(
            ("owner", "lease_until_at", "file_name", "row_count", "size_bytes", "sha256")
        )
        statement = (
            update(window_pages)
            .where(_of(page.window_id, page.job_id), window_pages.c.number == page.number)
            .values(gone)
        )
        with self._database.write() as conn:
            conn.execute(statement)

    def forget(self, window_id: int, job_id: str) -> None:
        """Forget all pages of a job, so that it is read from its start."""
        with self._database.write() as conn:
            conn.execute(delete(window_pages).where(_of(window_id, job_id)))

    def of_job(self, window_id: int, job_id: str) -> list[JobPage]:
        """Return the pages of a job that are known, in order."""
        given = {"of_window": window_id, "of_job": job_id}
        with self._database.read() as conn:
            return [_page(row) for row in conn.execute(_ALL, given)]


# Made once: to make them takes longer than to run them.
_OF_JOB: Final = and_(
    window_pages.c.window_id == bindparam("of_window"),
    window_pages.c.job_id == bindparam("of_job"),
)
_FIRST_FREE: Final = (
    select(window_pages.c.number)
    .where(
        _OF_JOB,
        window_pages.c.file_name.is_(None),
        or_(
            window_pages.c.owner.is_(None),
            window_pages.c.lease_until_at <= bindparam("now", type_=UtcDateTime()),
        ),
    )
    .order_by(window_pages.c.number)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_TAKEN: Final = (
    update(window_pages)
    .where(_OF_JOB, window_pages.c.number == bindparam("wanted"))
    .returning(*window_pages.c)
)
_ALL: Final = select(window_pages).where(_OF_JOB).order_by(window_pages.c.number)


def _of(window_id: int, job_id: str) -> ColumnElement[bool]:
    return and_(window_pages.c.window_id == window_id, window_pages.c.job_id == job_id)


def _fresh(
    window_id: int,
    job_id: str,
    number: int,
    *,
    locator: str | None,
    next_locator: str | None = None,
) -> dict[str, Any]:
    return {
        "window_id": window_id,
        "job_id": job_id,
        "number": number,
        "locator": locator,
        "next_locator": next_locator,
    }


def _page(row: Row[Any]) -> JobPage:
    file = None
    if row.file_name is not None:
        file = PageFile(row.file_name, row.row_count, row.size_bytes, row.sha256)
    return JobPage(
        window_id=row.window_id,
        job_id=row.job_id,
        number=row.number,
        locator=row.locator,
        next_locator=row.next_locator,
        file=file,
    )
