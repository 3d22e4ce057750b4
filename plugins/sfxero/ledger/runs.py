"""Runs: what each read, and what became of every record of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    case,
    delete,
    except_,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from sfxero.errors import LedgerError
from sfxero.ledger.engine import Database, among, chunked, put, put_keys
from sfxero.ledger.tables import (
    DEAD,
    RunState,
    dispositions,
    entries,
    one_of,
    quarantine,
    run_records,
    runs,
    warnings,
    windows,
)
from sfxero.model.findings import DispositionRow
from sfxero.model.ids import RouteName, RunId, SourceId
from sfxero.model.states import DISPOSITION_OF, Disposition, Entity, Measure, WindowState

_SAMPLE: Final = 20
_KEYS: Final = 10_000
READ_AGAIN: Final = "read_again"
"""Rule of records that a deferred run read and did not map: the next run reads them again."""
HISTORY: Final = "history"
"""Kind of the runs that read a part of the past beside the sync."""
_TURNED_DOWN: Final = (Disposition.SKIPPED, Disposition.REMOVED, Disposition.QUARANTINED)
DISCARDED: Final = "discarded"
"""Rule of records whose values a person has discarded."""


class DispositionCount(NamedTuple):
    """How many records of a run ended in one way."""

    entity: Entity
    disposition: Disposition
    rule: str | None
    n: int


class DeadLetter(NamedTuple):
    """An entry given up on, with its reason."""

    entry_id: int
    entity: Entity
    source_id: SourceId
    error_class: str
    message: str
    hint: str | None


class BegunRun(NamedTuple):
    """A run as the ledger has it; `reason` says why a task of it could not go on for now."""

    state: RunState
    reason: str | None


@dataclass(frozen=True, slots=True)
class RunReport:
    """All that the gate needs to judge a run, as of one moment."""

    counts: tuple[DispositionCount, ...]
    records: Mapping[Entity, int]
    missing_count: int
    missing_sample: tuple[tuple[Entity, SourceId], ...]
    dead_letters: tuple[DeadLetter, ...]
    """Those that died in this run."""


class Runs:
    """Run rows with their records and dispositions."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def start(
        self,
        run_id: RunId,
        route: RouteName,
        *,
        kind: str,
        mapping_version: str,
        actor: str,
        params: str,
    ) -> None:
        """Open a run; one that is started again forgets what it read and found before."""
        values = {
            "route": route,
            "kind": kind,
            "mapping_version": mapping_version,
            "actor": actor,
            "params": params,
            "state": RunState.RUNNING,
            "verdict": None,
            "reason": None,
            "started_at": self._database.clock.now(),
            "finished_at": None,
        }
        with self._database.write() as conn:
            put(conn, runs, [{"run_id": run_id, **values}], update=values)
            for table in (run_records, dispositions, warnings):
                conn.execute(delete(table).where(table.c.run_id == run_id))
            # Refusals stay open, but this time the run must meet them anew.
            refused = quarantine.c.last_run_id == run_id
            conn.execute(update(quarantine).where(refused).values(last_run_id=""))

    def last_mapping_version(self, route: RouteName, entity: Entity) -> str | None:
        """Return the rules by which an entity's watermark was last moved; None if never."""
        prepared = (
            windows.c.route == route,
            windows.c.entity == entity,
            windows.c.state == WindowState.PREPARED,
            windows.c.moves_watermark,
        )
        statement = (
            select(runs.c.mapping_version)
            .join(windows, windows.c.run_id == runs.c.run_id)
            .where(*prepared)
            .order_by(windows.c.opened_at.desc(), windows.c.window_id.desc())
            .limit(1)
        )
        with self._database.read() as conn:
            return conn.execute(statement).scalar_one_or_none()

    def add_records(self, run_id: RunId, entity: Entity, source_ids: Iterable[SourceId]) -> None:
        """Remember which records the run read; the same id twice is one record."""
        for chunk in chunked(source_ids, _KEYS):
            with self._database.write() as conn:
                put_keys(conn, run_records, chunk, column="source_id", run_id=run_id, entity=entity)

    def forget_records(self, run_id: RunId, entity: Entity, source_ids: Iterable[SourceId]) -> None:
        """Forget that the run read these, and what it said of them."""
        for chunk in chunked(source_ids, _KEYS):
            with self._database.write() as conn:
                for table in (run_records, dispositions, warnings):
                    noted = (
                        table.c.run_id == run_id,
                        table.c.entity == entity,
                        among(conn, table.c.source_id, chunk),
                    )
                    conn.execute(delete(table).where(*noted))

    def record_dispositions(self, run_id: RunId, rows: Iterable[DispositionRow]) -> None:
        """Store what became of records; the last word on a record stands."""
        for chunk in chunked(rows):
            stored = [
                {
                    "run_id": run_id,
                    "entity": row.entity,
                    "source_id": row.source_id,
                    "disposition": row.disposition,
                    "rule": row.rule,
                    "entry_id": row.entry_id,
                }
                for row in chunk
            ]
            with self._database.write() as conn:
                put(conn, dispositions, stored, update=("disposition", "rule", "entry_id"))

    def turned_down_since(
        self,
        moment: datetime,
        *,
        route: RouteName,
        entity: Entity,
        source_ids: Iterable[SourceId],
    ) -> set[SourceId]:
        """Return those records that a run left out which began to read after a moment."""
        later = (
            select(windows.c.run_id)
            .where(windows.c.route == route)
            .group_by(windows.c.run_id)
            .having(func.min(windows.c.opened_at) > moment)
        )
        found: set[SourceId] = set()
        for chunk in chunked(source_ids, _KEYS):
            with self._database.read() as conn:
                left_out = select(dispositions.c.source_id).where(
                    dispositions.c.run_id.in_(later),
                    dispositions.c.entity == entity,
                    dispositions.c.disposition.in_(_TURNED_DOWN),
                    among(conn, dispositions.c.source_id, chunk),
                )
                found.update(conn.execute(left_out).scalars())
        return found

    def has_history_under_way(self, route: RouteName, *, beside: RunId) -> bool:
        """Say whether another run, over history, has begun and not ended."""
        under_way = (
            runs.c.route == route,
            runs.c.run_id != beside,
            runs.c.kind == HISTORY,
            runs.c.state == RunState.RUNNING,
        )
        with self._database.read() as conn:
            return bool(conn.execute(select(exists().where(*under_way))).scalar_one())

    def settle(self, run_id: RunId) -> RunReport:
        """Bring the dispositions in line with their entries, and count, as of one moment."""
        with self._database.write_snapshot() as conn:
            _refresh(conn, run_id)
            missing_count, missing_sample = _missing(conn, run_id)
            return RunReport(
                counts=_counts(conn, run_id),
                records=_records(conn, run_id),
                missing_count=missing_count,
                missing_sample=missing_sample,
                dead_letters=_dead_letters(conn, run_id),
            )

    def defer(self, run_id: RunId, reason: str) -> None:
        """Note why a task of the run cannot go on for now; the first reason stands."""
        statement = (
            update(runs)
            .where(runs.c.run_id == run_id, runs.c.reason.is_(None))
            .values(reason=reason)
        )
        with self._database.write() as conn:
            conn.execute(statement)

    def begun(self, run_id: RunId) -> BegunRun | None:
        """Return what is known of a run; None if it never reached the ledger."""
        statement = select(runs.c.state, runs.c.reason).where(runs.c.run_id == run_id)
        with self._database.read() as conn:
            row = conn.execute(statement).first()
        return None if row is None else BegunRun(RunState(row.state), row.reason)

    def started_at(self, run_id: RunId) -> datetime | None:
        """Return when a run was last started; None if it never reached the ledger."""
        statement = select(runs.c.started_at).where(runs.c.run_id == run_id)
        with self._database.read() as conn:
            return conn.execute(statement).scalar()

    def leave_to_the_next(self, run_id: RunId) -> int:
        """Let what a deferred run has read and not mapped wait to be read again; returns how many.

        Only records of windows that were not prepared: their watermark has not moved, so that the
        next run's window covers them.
        """
        rows = (
            select(
                run_records.c.run_id,
                run_records.c.entity,
                run_records.c.source_id,
                literal(str(Disposition.WAITING)),
                literal(READ_AGAIN),
            )
            .where(run_records.c.run_id == run_id)
            .where(_has_no_disposition(), _is_read_again())
        )
        columns = ("run_id", "entity", "source_id", "disposition", "rule")
        ended = insert(dispositions).from_select(columns, rows)
        with self._database.write() as conn:
            # PostgreSQL's driver counts inserted rows only if told to.
            return conn.execute(ended.execution_options(preserve_rowcount=True)).rowcount

    def finish(self, run_id: RunId, *, state: RunState | str, verdict: str) -> None:
        """Close the run with its verdict."""
        statement = (
            update(runs)
            .where(runs.c.run_id == run_id)
            .values(state=RunState(state), verdict=verdict, finished_at=self._database.clock.now())
        )
        with self._database.write() as conn:
            if conn.execute(statement).rowcount != 1:
                raise LedgerError(f"there is no run {run_id}")


def _refresh(conn: Connection, run_id: RunId) -> None:
    said = {str(state): str(disposition) for state, disposition in DISPOSITION_OF.items()}
    present = (
        select(case(said, value=entries.c.state))
        .where(entries.c.entry_id == dispositions.c.entry_id)
        .scalar_subquery()
    )
    conn.execute(
        update(dispositions)
        .where(
            dispositions.c.run_id == run_id,
            dispositions.c.entry_id.is_not(None),
            dispositions.c.disposition != present,
        )
        .values(disposition=present, rule=None)
    )
    # A person's word ends a record for good; it is not to be counted among what died.
    discarded = select(entries.c.entry_id).where(
        one_of(entries.c.state, DEAD), entries.c.discarded_at.is_not(None)
    )
    conn.execute(
        update(dispositions)
        .where(dispositions.c.run_id == run_id, dispositions.c.entry_id.in_(discarded))
        .values(disposition=Disposition.SKIPPED, rule=DISCARDED)
    )


def _has_no_disposition() -> ColumnElement[bool]:
    return not_(
        exists().where(
            dispositions.c.run_id == run_records.c.run_id,
            dispositions.c.entity == run_records.c.entity,
            dispositions.c.source_id == run_records.c.source_id,
        )
    )


def _is_read_again() -> ColumnElement[bool]:
    return exists().where(
        windows.c.run_id == run_records.c.run_id,
        windows.c.entity == run_records.c.entity,
        windows.c.state != WindowState.PREPARED,
        or_(windows.c.moves_watermark, windows.c.measure == Measure.PARENT_STAMP),
    )


def _counts(conn: Connection, run_id: RunId) -> tuple[DispositionCount, ...]:
    group = (dispositions.c.entity, dispositions.c.disposition, dispositions.c.rule)
    statement = (
        select(*group, func.count().label("n"))
        .where(dispositions.c.run_id == run_id)
        .group_by(*group)
        .order_by(*group)
    )
    return tuple(
        DispositionCount(Entity(row.entity), Disposition(row.disposition), row.rule, row.n)
        for row in conn.execute(statement)
    )


def _records(conn: Connection, run_id: RunId) -> dict[Entity, int]:
    statement = (
        select(run_records.c.entity, func.count().label("n"))
        .where(run_records.c.run_id == run_id)
        .group_by(run_records.c.entity)
        .order_by(run_records.c.entity)
    )
    return {Entity(row.entity): row.n for row in conn.execute(statement)}


def _missing(conn: Connection, run_id: RunId) -> tuple[int, tuple[tuple[Entity, SourceId], ...]]:
    ids = [
        select(table.c.entity, table.c.source_id).where(table.c.run_id == run_id)
        for table in (run_records, dispositions)
    ]
    # EXCEPT and no join: it stays linear without statistics, right after a million rows came in.
    lost = except_(*ids).subquery()
    count = conn.execute(select(func.count()).select_from(lost)).scalar_one()
    first = select(lost).order_by(lost.c.entity, lost.c.source_id).limit(_SAMPLE)
    sample = tuple((Entity(row.entity), row.source_id) for row in conn.execute(first))
    return count, sample


def _dead_letters(conn: Connection, run_id: RunId) -> tuple[DeadLetter, ...]:
    columns = (entries.c[name] for name in DeadLetter._fields)
    statement = (
        select(*columns)
        .where(
            one_of(entries.c.state, DEAD),
            entries.c.died_run_id == run_id,
            entries.c.discarded_at.is_(None),
        )
        .order_by(entries.c.entry_id)
    )
    return tuple(
        DeadLetter(**{**row._mapping, "entity": Entity(row.entity)})  # noqa: SLF001 - SQLAlchemy's public name
        for row in conn.execute(statement)
    )
