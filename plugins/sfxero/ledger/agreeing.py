"""What both sides of a link last agreed on: kept with the link, field by field."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from sfxero.ledger.engine import Database, among, chunked
from sfxero.ledger.planning import refresh_link
from sfxero.ledger.tables import links
from sfxero.model.agreed import Agreed, Pair
from sfxero.model.ids import SourceId, TenantId
from sfxero.model.states import Entity

_NOT_AS_WRITTEN: Final = "agreed"
"""In place of the digest of what was written last: no wish for a whole contact has this one."""


class Agreeing:
    """Writes what accounts and contacts agree on, where no write to either says so."""

    def __init__(self, database: Database) -> None:
        """Share the ledger's database."""
        self._database = database

    def begin(self, tenant: TenantId, found: Mapping[SourceId, Agreed]) -> None:
        """Store what links agree on that have never said so; others keep their word."""
        for chunk in chunked(found.items()):
            texts = {source_id: agreed.to_text() for source_id, agreed in chunk}
            with self._database.write() as conn:
                known = _agreed(conn, tenant, texts)
                _store(conn, tenant, {one: texts[one] for one, text in known.items() if not text})

    def agree(self, tenant: TenantId, changed: Mapping[SourceId, Mapping[str, Pair]]) -> None:
        """Store that both sides now hold these values."""
        for chunk in chunked(changed.items()):
            with self._database.write() as conn:
                now = self._database.clock.now()
                agree(conn, tenant, dict(chunk), account_at=now)


def agree(
    conn: Connection,
    tenant: TenantId,
    changed: Mapping[SourceId, Mapping[str, Pair]],
    *,
    account_at: datetime | None,
) -> None:
    """Add to what links agree on, within a transaction; a source without a link is passed over.

    `account_at` is None after a write to the contact. From now on the contact holds something else
    than what was last written to it as a whole, so that a route which is two-way no more must not
    take that for unchanged.
    """
    texts = {
        source_id: (Agreed.from_text(text) if text else Agreed()).with_more(
            changed[source_id], account_at=account_at
        )
        for source_id, text in _agreed(conn, tenant, changed).items()
    }
    told = {one: agreed.to_text() for one, agreed in texts.items()}
    _store(conn, tenant, told, content_hash=_NOT_AS_WRITTEN)


def _agreed(
    conn: Connection, tenant: TenantId, source_ids: Mapping[SourceId, Any]
) -> dict[SourceId, str | None]:
    """Lock the links and return what they agree on, always in the same order."""
    statement = (
        select(links.c.source_id, links.c.agreed)
        .where(
            links.c.tenant == tenant,
            links.c.entity == Entity.CONTACT,
            among(conn, links.c.source_id, source_ids),
        )
        .order_by(links.c.source_id)
        .with_for_update()
    )
    return {row.source_id: row.agreed for row in conn.execute(statement)}


def _store(conn: Connection, tenant: TenantId, texts: Mapping[SourceId, str], **more: str) -> None:
    rows = [
        {
            "b_tenant": tenant,
            "b_entity": Entity.CONTACT.value,
            "b_source_id": source_id,
            "agreed": text,
            **more,
        }
        for source_id, text in texts.items()
    ]
    if rows:
        conn.execute(refresh_link(), rows)
