"""Quarantine: records that a rule refused, with the reasons that hold now."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, select, update

from sfxero.ledger.engine import Database, chunked, put
from sfxero.ledger.tables import UtcDateTime, quarantine, warnings
from sfxero.ledger.windows import refuse_superseded
from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import RouteName, RunId, SourceId
from sfxero.model.states import Entity

_SEEN_AGAIN: Final = (
    "value",
    "hint",
    "last_seen_at",
    "last_run_id",
    "cleared_at",
    "cleared_run_id",
)


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One reason why one record waits in quarantine."""

    entity: Entity
    source_id: SourceId
    rule: str
    field: str | None
    value: str | None
    hint: str
    first_seen_at: datetime
    last_seen_at: datetime
    last_run_id: RunId


class Quarantine:
    """Refusals by record and rule, open until a run finds them gone; warnings by run."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def put(self, run_id: RunId, route: RouteName, findings: Iterable[Finding]) -> None:
        """Store what a run found; a refusal met before keeps the moment it was first seen."""
        for chunk in chunked(findings):
            now = self._database.clock.now()
            seen = {"first_seen_at": now, "last_seen_at": now, "last_run_id": run_id}
            open_again = {"cleared_at": None, "cleared_run_id": None}
            refused = [
                {**_columns(route, finding), **seen, **open_again}
                for finding in chunk
                if finding.severity is Severity.REFUSE
            ]
            warned = [
                {**_columns(route, finding), "run_id": run_id}
                for finding in chunk
                if finding.severity is Severity.WARN
            ]
            with self._database.write() as conn:
                refuse_superseded(conn, run_id)
                put(conn, quarantine, refused, update=_SEEN_AGAIN)
                put(conn, warnings, warned, update=("value", "hint"))

    def clear(
        self, run_id: RunId, route: RouteName, entity: Entity, source_ids: Iterable[SourceId]
    ) -> int:
        """Close all open rows of records that pass now."""
        return sum(
            self._close(run_id, route, entity, quarantine.c.source_id.in_(chunk))
            for chunk in chunked(source_ids)
        )

    def clear_other_rules(self, run_id: RunId, route: RouteName, entity: Entity) -> int:
        """Close the older rows of records that the run put here for other reasons."""
        with self._database.write() as conn:
            refuse_superseded(conn, run_id)
            given = {"of_route": route, "of_entity": entity, "of_run": run_id}
            return conn.execute(_CLOSE_OTHER_RULES, given | self._closing(run_id)).rowcount

    def refused_ids(self, run_id: RunId, route: RouteName, entity: Entity) -> list[SourceId]:
        """Return the records that this run has refused so far."""
        given = {"of_route": route, "of_entity": entity, "of_run": run_id}
        with self._database.read() as conn:
            return list(conn.execute(_REFUSED_IDS, given).scalars())

    def open_ids(
        self, route: RouteName, entity: Entity, *, seen_by: datetime | None = None
    ) -> list[SourceId]:
        """Return the records in quarantine; with `seen_by`, those that nobody has seen later."""
        given = {"of_route": route, "of_entity": entity, "seen_by": seen_by}
        statement = _OPEN_IDS if seen_by is None else _OPEN_IDS_SEEN_BY
        with self._database.read() as conn:
            return list(conn.execute(statement, given).scalars())

    def open_values(self, route: RouteName, rules: Collection[str]) -> set[str]:
        """Return the values that the open rows of some rules show."""
        statement = select(quarantine.c.value).where(
            quarantine.c.route == route,
            quarantine.c.rule.in_(rules),
            quarantine.c.cleared_at.is_(None),
        )
        with self._database.read() as conn:
            return {one for one in conn.execute(statement).scalars() if one is not None}

    def listing(self, route: RouteName) -> list[QuarantineRow]:
        """Return all open rows of a route, by entity, record and rule."""
        statement = (
            select(quarantine)
            .where(quarantine.c.route == route, quarantine.c.cleared_at.is_(None))
            .order_by(*quarantine.primary_key.columns)
        )
        with self._database.read() as conn:
            return [
                QuarantineRow(
                    entity=Entity(row.entity),
                    source_id=row.source_id,
                    rule=row.rule,
                    field=row.field or None,
                    value=row.value,
                    hint=row.hint,
                    first_seen_at=row.first_seen_at,
                    last_seen_at=row.last_seen_at,
                    last_run_id=row.last_run_id,
                )
                for row in conn.execute(statement)
            ]

    def counts_by_rule(
        self, run_id: RunId, *, severity: Severity = Severity.REFUSE
    ) -> dict[str, int]:
        """Count the records that a run refused, or warned of, by rule."""
        counted: Any
        if severity is Severity.REFUSE:
            table = quarantine
            counted = (table.c.last_run_id == run_id, table.c.cleared_at.is_(None))
        else:
            table = warnings
            counted = (table.c.run_id == run_id,)
        records = select(table.c.rule, table.c.entity, table.c.source_id).where(*counted).distinct()
        each = records.subquery()
        statement = select(each.c.rule, func.count().label("n")).group_by(each.c.rule)
        with self._database.read() as conn:
            return {row.rule: row.n for row in conn.execute(statement)}

    def _close(self, run_id: RunId, route: RouteName, entity: Entity, *conditions: Any) -> int:
        statement = update(quarantine).where(*_OPEN, *conditions).values(self._closing(run_id))
        given = {"of_route": route, "of_entity": entity}
        with self._database.write() as conn:
            refuse_superseded(conn, run_id)
            return conn.execute(statement, given).rowcount

    def _closing(self, run_id: RunId) -> dict[str, Any]:
        return {"cleared_at": self._database.clock.now(), "cleared_run_id": run_id}


_OPEN: Final = (
    quarantine.c.route == bindparam("of_route"),
    quarantine.c.entity == bindparam("of_entity"),
    quarantine.c.cleared_at.is_(None),
)


def _seen_now() -> Select[Any]:
    seen = quarantine.alias("seen")
    return select(seen.c.source_id).where(
        seen.c.route == bindparam("of_route"),
        seen.c.entity == bindparam("of_entity"),
        seen.c.last_run_id == bindparam("of_run"),
    )


# Made once: to make them takes longer than to run them.
_CLOSE_OTHER_RULES: Final = update(quarantine).where(
    *_OPEN,
    quarantine.c.last_run_id != bindparam("of_run"),
    quarantine.c.source_id.in_(_seen_now()),
)
_REFUSED_IDS: Final = (
    select(quarantine.c.source_id)
    .distinct()
    .where(*_OPEN, quarantine.c.last_run_id == bindparam("of_run"))
)
_OPEN_IDS: Final = (
    select(quarantine.c.source_id)
    .where(*_OPEN)
    .group_by(quarantine.c.source_id)
    .order_by(quarantine.c.source_id)
)
_OPEN_IDS_SEEN_BY: Final = _OPEN_IDS.having(
    func.max(quarantine.c.last_seen_at) <= bindparam("seen_by", type_=UtcDateTime())
)


def _columns(route: RouteName, finding: Finding) -> dict[str, Any]:
    return {
        "route": route,
        "entity": finding.entity,
        "source_id": finding.source_id,
        "rule": finding.rule,
        "field": finding.field or "",
        "value": finding.value,
        "hint": finding.hint,
    }
