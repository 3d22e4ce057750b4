"""E-mails of invoices: wished before the invoice is, sent after it, once."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

from sfxero.mapping.result import Document
from sfxero.model.ids import SourceId
from sfxero.model.outbox import PlannedEntry, SourceVersion
from sfxero.model.states import Entity
from sfxero.sync import first_load
from sfxero.sync.bodies import EMAILED, payload_hash
from sfxero.sync.scope import Scope

_CHUNK: Final = 4_096


def plan_emails(
    scope: Scope,
    documents: Sequence[Document],
    refused: AbstractSet[SourceId],
    *,
    read_at: datetime,
) -> None:
    """Wish an e-mail for each invoice that was not wished before, if the route says so.

    Each waits for its invoice, so it is wished first: whoever dies between both loses neither. What
    is in Xero or on its way already, and what comes from the past, is not sent to anybody; a first
    load is all past.
    """
    if not scope.spec.invoices.email or scope.is_history or first_load.is_under_way(scope):
        return
    for _ in scope.ledger.outbox.plan(scope.run_id, _wishes(scope, documents, refused, read_at)):
        pass


def _wishes(
    scope: Scope, documents: Sequence[Document], refused: AbstractSet[SourceId], read_at: datetime
) -> Iterator[PlannedEntry]:
    standing = scope.ledger.outbox.standing(scope.tenant, Entity.INVOICE)
    unwanted = {source_id for source_id, _, _ in standing} | refused
    for start in range(0, len(documents), _CHUNK):
        kept = [one for one in documents[start : start + _CHUNK] if one.source_id not in unwanted]
        ids = [one.source_id for one in kept]
        invoiced = scope.ledger.links.get_many(scope.tenant, Entity.INVOICE, ids)
        yield from (_wish(scope, one, read_at) for one in kept if one.source_id not in invoiced)


def _wish(scope: Scope, document: Document, read_at: datetime) -> PlannedEntry:
    return PlannedEntry(
        route=scope.route,
        tenant=scope.tenant,
        entity=Entity.INVOICE_EMAIL,
        source_id=document.source_id,
        payload=EMAILED,
        content_hash=payload_hash(EMAILED),
        version=SourceVersion(stamp_at=document.stamp_at, read_at=read_at),
        mapping_version=scope.spec.mapping_version,
        parent_entity=Entity.INVOICE,
        parent_source_id=document.source_id,
    )
