"""Windows and watermarks: what a run reads, and up to where all is prepared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    Row,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from sfxero.errors import LedgerError
from sfxero.ledger.engine import Database, put
from sfxero.ledger.page_tables import window_jobs, window_pages
from sfxero.ledger.tables import watermarks, windows
from sfxero.model.ids import RouteName, RunId
from sfxero.model.states import Entity, Measure, WindowState

_UNPREPARED: Final = (WindowState.OPEN, WindowState.STAGED)


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open range `[from_at, to_at)` that one run reads of one entity."""

    window_id: int
    run_id: RunId
    route: RouteName
    entity: Entity
    from_at: datetime | None
    to_at: datetime
    moves_watermark: bool
    measure: Measure
    opened_at: datetime
    state: WindowState
    job_id: str | None
    api_version: str | None
    manifest: str | None
    row_count: int | None


class JobNote(NamedTuple):
    """A job of a window, and the one that it replaces."""

    job_id: str
    api_version: str
    replaces: str | None


class Windows:
    """Window rows, open to staged to prepared, and the watermarks that they move."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def open(
        self,
        run_id: RunId,
        route: RouteName,
        entity: Entity,
        *,
        from_at: datetime | None,
        to_at: datetime,
        moves_watermark: bool,
        measure: Measure = Measure.STAMP,
    ) -> int:
        """Open the run's window of an entity, or start it anew with these bounds."""
        values = {
            "run_id": run_id,
            "entity": entity,
            "route": route,
            "from_at": from_at,
            "to_at": to_at,
            "moves_watermark": moves_watermark,
            "measure": measure,
            "state": WindowState.OPEN,
            "job_id": None,
            "api_version": None,
            "manifest": None,
            "row_count": None,
            "opened_at": self._database.clock.now(),
        }
        same = {"of_run": run_id, "of_entity": entity}
        with self._database.write() as conn:
            window_id = conn.execute(_ANEW, same | values).scalar_one_or_none()
            if window_id is None:
                window_id = conn.execute(_NEW, values).scalar_one()
            for forget in _FORGET:
                conn.execute(forget, {"wanted": window_id})
        return int(window_id)

    def attach_job(self, window_id: int, *, job_id: str, api_version: str) -> None:
        """Store the job that reads this window before anybody waits for it."""
        with self._database.write() as conn:
            if not self._attach(conn, window_id, JobNote(job_id, api_version, None)):
                raise _not_there(window_id)

    def replace_job(self, window_id: int, *, failed: str, job_id: str, api_version: str) -> bool:
        """Store the job that reads the window instead of one that failed.

        False if the window has another job by now: somebody else was quicker.
        """
        with self._database.write() as conn:
            note = JobNote(job_id, api_version, failed)
            return self._attach(conn, window_id, note, windows.c.job_id == failed)

    def is_replacement(self, window_id: int, job_id: str) -> bool:
        """Say whether the job was made because another of the window had failed."""
        statement = select(window_jobs.c.replaces).where(
            window_jobs.c.window_id == window_id, window_jobs.c.job_id == job_id
        )
        with self._database.read() as conn:
            return conn.execute(statement).scalar_one_or_none() is not None

    def mark_staged(self, window_id: int, *, manifest: str, row_count: int) -> None:
        """Say that the window's rows lie in staging; staging it again replaces the manifest."""
        self._change(
            window_id,
            before=_UNPREPARED,
            state=WindowState.STAGED,
            manifest=manifest,
            row_count=row_count,
        )

    def get(self, window_id: int) -> Window:
        """Return one window."""
        with self._database.read() as conn:
            row = conn.execute(_ONE, {"wanted": window_id}).first()
        if row is None:
            raise LedgerError(f"there is no window {window_id}")
        return _window(row)

    def still_wanted(self, window_id: int) -> Window:
        """Return a window to read it; LedgerError if a later run reads its records anew."""
        window = self.get(window_id)
        if window.state is WindowState.SUPERSEDED:
            raise _superseded(window.run_id)
        return window

    def of_run(self, run_id: RunId) -> list[Window]:
        """Return the windows of a run, oldest first."""
        return self._listing(windows.c.run_id == run_id)

    def prepared(self, route: RouteName, entity: Entity, *, since: datetime | None) -> list[Window]:
        """Return the prepared windows of an entity that were opened since a moment, oldest first.

        Listings hold no records, so they are not among them.
        """
        conditions = [
            windows.c.route == route,
            windows.c.entity == entity,
            windows.c.state == WindowState.PREPARED,
            windows.c.measure != Measure.LISTING,
        ]
        if since is not None:
            conditions.append(windows.c.opened_at >= since)
        return self._listing(*conditions)

    def load_began_at(self, route: RouteName) -> datetime | None:
        """Return up to where the first load's first part read, as long as nothing followed it.

        A first load in parts reads lines by their opportunities' stamps: what was done to a line
        since it began may be in none of the parts.
        """
        lines = (windows.c.route == route, windows.c.entity == Entity.OPPORTUNITY_LINE)
        done = (windows.c.state == WindowState.PREPARED, windows.c.moves_watermark)
        last = (
            select(windows.c.measure)
            .where(*lines, *done)
            .order_by(windows.c.window_id.desc())
            .limit(1)
        )
        parts = select(windows.c.run_id).where(*lines, windows.c.measure == Measure.PARENT_STAMP)
        began = select(func.min(windows.c.to_at)).where(
            windows.c.entity == Entity.ACCOUNT, windows.c.run_id.in_(parts)
        )
        with self._database.read() as conn:
            if conn.execute(last).scalar_one_or_none() != Measure.PARENT_STAMP:
                return None
            return conn.execute(began).scalar_one_or_none()

    def last_listing(self, route: RouteName, entity: Entity) -> Window | None:
        """Return the newest listing of an entity whose differences are all prepared."""
        found = self._listing(
            windows.c.route == route,
            windows.c.entity == entity,
            windows.c.state == WindowState.PREPARED,
            windows.c.measure == Measure.LISTING,
        )
        return found[-1] if found else None

    def supersede_unprepared(self, route: RouteName, *, before_run: RunId) -> int:
        """Give up unprepared windows of other runs that an open one of `before_run` covers.

        Only windows that move the watermark are compared: others may hold a part of their range.
        """
        with self._database.write() as conn:
            return conn.execute(_SUPERSEDE, {"of_route": route, "of_run": before_run}).rowcount

    def mark_prepared(self, window_ids: Sequence[int]) -> None:
        """Say that all records of the windows have their dispositions, and move the watermarks."""
        chosen = windows.c.window_id.in_(window_ids)
        with self._database.write() as conn:
            rows = conn.execute(
                select(windows).where(chosen).order_by(windows.c.window_id).with_for_update()
            ).all()
            found = [_window(row) for row in rows]
            _refuse_unstaged(found, window_ids)
            conn.execute(update(windows).where(chosen).values(state=WindowState.PREPARED))
            for window in found:
                if window.moves_watermark:
                    _move_watermark(conn, window)

    def watermark(self, route: RouteName, entity: Entity) -> datetime | None:
        """Return the exclusive upper bound of what is completely prepared."""
        with self._database.read() as conn:
            given = {"of_route": route, "of_entity": entity}
            return conn.execute(_WATERMARK, given).scalar_one_or_none()

    def forget_watermark(self, route: RouteName, entity: Entity) -> None:
        """Let the next reading of an entity begin anew."""
        mine = (watermarks.c.route == route, watermarks.c.entity == entity)
        with self._database.write() as conn:
            conn.execute(delete(watermarks).where(*mine))

    def last_opened_at(self, route: RouteName, entity: Entity) -> datetime | None:
        """Return when a window that moved, or is to move, the watermark was last opened."""
        statement = select(func.max(windows.c.opened_at)).where(
            windows.c.route == route,
            windows.c.entity == entity,
            windows.c.moves_watermark,
            windows.c.state == WindowState.PREPARED,
        )
        with self._database.read() as conn:
            return conn.execute(statement).scalar_one_or_none()

    def _attach(self, conn: Connection, window_id: int, note: "JobNote", *conditions: Any) -> bool:
        is_open = (windows.c.window_id == window_id, windows.c.state == WindowState.OPEN)
        values = {"job_id": note.job_id, "api_version": note.api_version}
        changed = conn.execute(update(windows).where(*is_open, *conditions).values(values))
        if changed.rowcount != 1:
            return False
        row = values | {"window_id": window_id, "replaces": note.replaces}
        put(conn, window_jobs, [row | {"created_at": self._database.clock.now()}])
        return True

    def _change(self, window_id: int, *, before: Iterable[WindowState], **values: Any) -> None:
        statement = (
            update(windows)
            .where(windows.c.window_id == window_id, windows.c.state.in_(list(before)))
            .values(**values)
        )
        with self._database.write() as conn:
            if conn.execute(statement).rowcount != 1:
                raise _not_there(window_id)

    def _listing(self, *conditions: Any) -> list[Window]:
        statement = select(windows).where(*conditions).order_by(windows.c.window_id)
        with self._database.read() as conn:
            return [_window(row) for row in conn.execute(statement)]


def _superseding() -> Update:
    later = windows.alias("later")
    covers = and_(
        later.c.run_id == bindparam("of_run"),
        later.c.entity == windows.c.entity,
        later.c.moves_watermark,
        or_(later.c.from_at.is_(None), later.c.from_at <= windows.c.from_at),
        later.c.to_at >= windows.c.to_at,
    )
    return (
        update(windows)
        .where(
            windows.c.route == bindparam("of_route"),
            windows.c.run_id != bindparam("of_run"),
            windows.c.state.in_(_UNPREPARED),
            windows.c.moves_watermark,
            exists().where(covers),
        )
        .values(state=WindowState.SUPERSEDED)
    )


# Made once: to make them takes longer than to run them.
_SAME: Final = (
    windows.c.run_id == bindparam("of_run"),
    windows.c.entity == bindparam("of_entity"),
)
_ANEW: Final = update(windows).where(*_SAME).returning(windows.c.window_id)
_NEW: Final = insert(windows).returning(windows.c.window_id)
_FORGET: Final = tuple(
    delete(table).where(table.c.window_id == bindparam("wanted"))
    for table in (window_jobs, window_pages)
)
_ONE: Final = select(windows).where(windows.c.window_id == bindparam("wanted"))
_WATERMARK: Final = select(watermarks.c.upper_at).where(
    watermarks.c.route == bindparam("of_route"), watermarks.c.entity == bindparam("of_entity")
)
_ANY_SUPERSEDED: Final = (
    select(windows.c.window_id)
    .where(windows.c.run_id == bindparam("of_run"), windows.c.state == WindowState.SUPERSEDED)
    .limit(1)
)
_SUPERSEDE: Final = _superseding()


def _not_there(window_id: int) -> LedgerError:
    return LedgerError(f"window {window_id} is not there, or prepared or superseded")


def refuse_superseded(conn: Connection, run_id: RunId) -> None:
    """Raise LedgerError if a later run has begun to read what this one has read.

    What the older reading says must not be stored beside, or after, what the newer one says.
    """
    if conn.execute(_ANY_SUPERSEDED, {"of_run": run_id}).first() is not None:
        raise _superseded(run_id)


def _superseded(run_id: RunId) -> LedgerError:
    return LedgerError(
        f"run {run_id} is superseded: a later run reads the same records anew",
        hint="There is nothing to do: the later run stores what it finds.",
    )


def _refuse_unstaged(found: Sequence[Window], window_ids: Sequence[int]) -> None:
    missing = set(window_ids) - {window.window_id for window in found}
    if missing:
        raise LedgerError(f"there are no windows {sorted(missing)}")
    for window in found:
        if window.state not in {WindowState.STAGED, WindowState.PREPARED}:
            raise LedgerError(
                f"window {window.window_id} cannot go from {window.state} to prepared"
            )


def _move_watermark(conn: Connection, window: Window) -> None:
    """Move forward only, and never over a gap that nobody has read."""
    row = {
        "route": window.route,
        "entity": window.entity,
        "upper_at": window.to_at,
        "window_id": window.window_id,
    }
    put(conn, watermarks, [row])
    conn.execute(
        update(watermarks)
        .where(
            watermarks.c.route == window.route,
            watermarks.c.entity == window.entity,
            watermarks.c.upper_at < window.to_at,
            true() if window.from_at is None else watermarks.c.upper_at >= window.from_at,
        )
        .values(upper_at=window.to_at, window_id=window.window_id)
    )


def _window(row: Row[Any]) -> Window:
    return Window(
        window_id=row.window_id,
        run_id=row.run_id,
        route=row.route,
        entity=Entity(row.entity),
        from_at=row.from_at,
        to_at=row.to_at,
        moves_watermark=row.moves_watermark,
        measure=Measure(row.measure),
        opened_at=row.opened_at,
        state=WindowState(row.state),
        job_id=row.job_id,
        api_version=row.api_version,
        manifest=row.manifest,
        row_count=row.row_count,
    )
