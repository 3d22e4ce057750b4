"""Links: which record of the target stands for which of the source, and what both last held."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, exists, func, not_, select

from sfxero.ledger.engine import CHUNK, Database, among, chunked
from sfxero.ledger.names import ACTIVE
from sfxero.ledger.records import LIVE
from sfxero.ledger.tables import entries, links, one_of, target_contacts
from sfxero.model.agreed import Agreed
from sfxero.model.ids import SourceId, TargetId, TenantId
from sfxero.model.outbox import SourceVersion
from sfxero.model.states import Entity


@dataclass(frozen=True, slots=True)
class Link:
    """A pair of records with the values that both sides last agreed on."""

    source_id: SourceId
    target_id: TargetId
    target_number: str | None
    content_hash: str
    version: SourceVersion
    mapping_version: str
    source_snapshot: str
    target_snapshot: str
    settled_at: datetime
    agreed: Agreed | None = None
    """What both sides last agreed on; None if no two-way route has looked yet."""


class Links:
    """Reads links; only settling an entry writes them."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def get_many(
        self, tenant: TenantId, entity: Entity, source_ids: Iterable[SourceId]
    ) -> dict[SourceId, Link]:
        """Return the links of these sources, those that have one."""
        found: dict[SourceId, Link] = {}
        for chunk in chunked(source_ids):
            rows = self._select(tenant, entity, links.c.source_id.in_(chunk))
            found.update((row.source_id, _link(row)) for row in rows)
        return found

    def all(self, tenant: TenantId, entity: Entity) -> Iterator[Link]:
        """Yield every link by source id; no transaction stays open between pages."""
        after = ""
        while True:
            page = self._select(tenant, entity, links.c.source_id > after)
            yield from (_link(row) for row in page)
            if len(page) < CHUNK:
                return
            after = page[-1].source_id

    def settled_since(self, tenant: TenantId, entity: Entity, moment: datetime) -> list[SourceId]:
        """Return the sources whose links were made or renewed at a moment or later."""
        statement = select(links.c.source_id).where(
            links.c.tenant == tenant, links.c.entity == entity, links.c.settled_at >= moment
        )
        with self._database.read() as conn:
            return list(conn.execute(statement).scalars())

    def count(self, tenant: TenantId, entity: Entity) -> int:
        """Count the tenant's linked records."""
        statement = select(func.count()).where(links.c.tenant == tenant, links.c.entity == entity)
        with self._database.read() as conn:
            return int(conn.execute(statement).scalar_one())

    def by_target(self, tenant: TenantId, entity: Entity, target_id: TargetId) -> list[Link]:
        """Return the links to one record of the target; several sources may share it."""
        rows = self._select(tenant, entity, links.c.target_id == target_id)
        return [_link(row) for row in rows]

    def sources_of(
        self, tenant: TenantId, entity: Entity, target_ids: Iterable[TargetId]
    ) -> list[tuple[TargetId, SourceId]]:
        """Return (target, source) of the links to these records, those that have any."""
        pair = (links.c.target_id, links.c.source_id)
        found: list[tuple[TargetId, SourceId]] = []
        for chunk in chunked(target_ids):
            with self._database.read() as conn:
                statement = select(*pair).where(
                    links.c.tenant == tenant,
                    links.c.entity == entity,
                    among(conn, links.c.target_id, chunk),
                )
                found += [(row.target_id, row.source_id) for row in conn.execute(statement)]
        return found

    def paired_anywhere(self, entity: Entity, pairs: Mapping[SourceId, TargetId]) -> set[SourceId]:
        """Return the sources whose link leads to that target, in whichever organisation it is."""
        found: set[SourceId] = set()
        for chunk in chunked(pairs.values()):
            with self._database.read() as conn:
                statement = select(links.c.source_id, links.c.target_id).where(
                    links.c.entity == entity, among(conn, links.c.target_id, chunk)
                )
                found |= {
                    row.source_id
                    for row in conn.execute(statement)
                    if pairs.get(row.source_id) == row.target_id
                }
        return found

    def astray(self, tenant: TenantId) -> dict[SourceId, tuple[TargetId, str]]:
        """Return the links to contacts that are not active, as the directory says: id and status.

        A contact that the directory does not know may be new.
        """
        listed = and_(
            target_contacts.c.tenant == links.c.tenant,
            target_contacts.c.contact_id == links.c.target_id,
        )
        statement = (
            select(links.c.source_id, links.c.target_id, target_contacts.c.status)
            .select_from(links.join(target_contacts, listed))
            .where(
                links.c.tenant == tenant,
                links.c.entity == Entity.CONTACT,
                target_contacts.c.status != ACTIVE,
            )
        )
        with self._database.read() as conn:
            found = conn.execute(statement)
            return {row.source_id: (row.target_id, row.status) for row in found}

    def shared(self, tenant: TenantId, entity: Entity) -> dict[TargetId, list[SourceId]]:
        """Return the records of the target that several sources share, with these in order."""
        mine = (links.c.tenant == tenant, links.c.entity == entity)
        several = (
            select(links.c.target_id)
            .where(*mine)
            .group_by(links.c.target_id)
            .having(func.count() > 1)
        )
        statement = (
            select(links.c.target_id, links.c.source_id)
            .where(*mine, links.c.target_id.in_(several))
            .order_by(links.c.target_id, links.c.source_id)
        )
        found: dict[TargetId, list[SourceId]] = {}
        with self._database.read() as conn:
            for row in conn.execute(statement):
                found.setdefault(row.target_id, []).append(row.source_id)
        return found

    def unanswered(
        self, tenant: TenantId, entity: Entity, *, answer: Entity, org: TenantId
    ) -> list[TargetId]:
        """Return the target records whose sources neither have an answer in `org` nor await one."""
        told = links.alias("told")
        of_source = (
            told.c.source_id == links.c.source_id,
            told.c.tenant == org,
            told.c.entity == answer,
        )
        awaited = (
            entries.c.source_id == links.c.source_id,
            entries.c.tenant == org,
            entries.c.entity == answer,
            one_of(entries.c.state, LIVE),
        )
        statement = select(links.c.target_id).where(
            links.c.tenant == tenant,
            links.c.entity == entity,
            not_(exists().where(*of_source)),
            not_(exists().where(*awaited)),
        )
        with self._database.read() as conn:
            return list(conn.execute(statement).scalars())

    def _select(self, tenant: TenantId, entity: Entity, condition: Any) -> list[Row[Any]]:
        statement = (
            select(links)
            .where(links.c.tenant == tenant, links.c.entity == entity, condition)
            .order_by(links.c.source_id)
            .limit(CHUNK)
        )
        with self._database.read() as conn:
            return list(conn.execute(statement))


def _link(row: Row[Any]) -> Link:
    return Link(
        source_id=row.source_id,
        target_id=row.target_id,
        target_number=row.target_number,
        content_hash=row.content_hash,
        version=SourceVersion(stamp_at=row.stamp_at, read_at=row.read_at),
        mapping_version=row.mapping_version,
        source_snapshot=row.source_snapshot,
        target_snapshot=row.target_snapshot,
        settled_at=row.settled_at,
        agreed=None if row.agreed is None else Agreed.from_text(row.agreed),
    )
