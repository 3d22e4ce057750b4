"""Releases: what a person lets pass though a check of staged rows refused it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from sfxero.ledger.audit_trail import Doer, Fact, append
from sfxero.ledger.engine import Database, put
from sfxero.ledger.tables import quarantine, releases
from sfxero.model.audit import AuditKind, AuditValues
from sfxero.model.ids import RouteName, SourceId
from sfxero.model.states import Entity

ReleaseKey = tuple[SourceId, str, str]
"""A record, a rule, and the value that was looked at; '' for none."""


@dataclass(frozen=True, slots=True)
class Release:
    """Who let a value pass, and why."""

    actor: str
    reason: str


class Releases:
    """Decisions of people about single records, for as long as the value is the same."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def release(
        self, route: RouteName, source_id: SourceId, rule: str, release: Release
    ) -> list[str]:
        """Let what is in quarantine by this rule pass from now on; returns the values."""
        wanted = (
            select(quarantine.c.entity, quarantine.c.value)
            .distinct()
            .where(
                quarantine.c.route == route,
                quarantine.c.source_id == source_id,
                quarantine.c.rule == rule,
                quarantine.c.cleared_at.is_(None),
            )
        )
        told = {
            "released_at": self._database.clock.now(),
            "released_by": release.actor,
            "reason": release.reason,
        }
        with self._database.write() as conn:
            found = [(row.entity, row.value or "") for row in conn.execute(wanted)]
            key = {"route": route, "source_id": source_id, "rule": rule}
            rows = [{**key, "entity": entity, "value": value, **told} for entity, value in found]
            put(conn, releases, rows, update=tuple(told))
            append(conn, self._database, [_fact(route, row, release) for row in rows])
        return sorted({value for _, value in found})

    def of(self, route: RouteName, entity: Entity) -> dict[ReleaseKey, Release]:
        """Return all of one kind of record."""
        statement = select(releases).where(
            releases.c.route == route, releases.c.entity == entity.value
        )
        with self._database.read() as conn:
            return {
                (row.source_id, row.rule, row.value): Release(row.released_by, row.reason)
                for row in conn.execute(statement)
            }


def _fact(route: RouteName, row: Mapping[str, Any], release: Release) -> Fact:
    values = AuditValues(after=row["value"], note=release.reason)
    about = {name: row[name] for name in ("entity", "source_id", "rule")}
    return Fact(route, AuditKind.RELEASED, Doer(actor=release.actor), values, about)
