"""Why opportunities are not in Xero as they should be, told on the opportunities themselves."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import orjson

from sfxero.ledger.outbox_reading import EntryFilter
from sfxero.model.ids import SourceId, TenantId
from sfxero.model.outbox import PlannedEntry, SourceVersion
from sfxero.model.states import ACTIVE, WAITING, Entity, EntryState
from sfxero.sync.bodies import payload_hash
from sfxero.sync.scope import Scope

_LONGEST: Final = 4_000
"""Characters: what is longer helps nobody."""
_DEAD: Final = frozenset({EntryState.DEAD})


def plan_errors(scope: Scope, org: TenantId, *, read_at: datetime) -> int:
    """Plan what opportunities are to say, and that those which are cured say nothing more."""
    name = scope.spec.salesforce_fields.sync_error
    if name is None:
        return 0
    texts: dict[SourceId, str | None] = dict.fromkeys(_told(scope, org, name))
    texts |= _troubles(scope)
    entries = [
        _entry(scope, org, source_id, {name: text}, read_at=read_at)
        for source_id, text in sorted(texts.items())
    ]
    return sum(1 for _ in scope.ledger.outbox.plan(scope.run_id, entries))


def _troubles(scope: Scope) -> dict[SourceId, str | None]:
    """Return what is wrong, by opportunity: refusals of ours, then Xero's."""
    lines: dict[SourceId, list[str]] = {}
    for row in scope.ledger.quarantine.listing(scope.route):
        if row.entity is Entity.OPPORTUNITY:
            lines.setdefault(row.source_id, []).append(f"{row.rule}: {row.hint}")
    dead = EntryFilter(route=scope.route, tenant=scope.tenant, entity=Entity.INVOICE, states=_DEAD)
    for letter in scope.ledger.outbox.listing(dead):
        text = f"Xero: {letter.message} {letter.hint or ''}".rstrip()
        lines.setdefault(letter.source_id, []).append(text)
    held = scope.ledger.outbox.held_by_letters(scope.route, scope.tenant, Entity.INVOICE)
    for source_id, message, hint in held:
        text = f"Xero, about the account: {message} {hint}".rstrip()
        lines.setdefault(source_id, []).append(text)
    return {
        source_id: "\n".join(dict.fromkeys(found))[:_LONGEST] for source_id, found in lines.items()
    }


def _told(scope: Scope, org: TenantId, name: str) -> Iterator[SourceId]:
    """Yield the opportunities that say something by this route, or are about to.

    What another route of the org has told is for that route to take back.
    """
    entity, outbox = Entity.OPPORTUNITY_ERROR, scope.ledger.outbox
    linked = scope.ledger.links.all(org, entity)
    saying = [
        one.source_id for one in linked if json.loads(one.source_snapshot).get(name) is not None
    ]
    routes = outbox.last_routes(org, entity, saying)
    yield from (one for one in saying if routes.get(one) == scope.route)
    live = EntryFilter(route=scope.route, tenant=org, entity=entity, states=WAITING | ACTIVE)
    yield from (one.source_id for one in outbox.listing(live))


def _entry(
    scope: Scope,
    org: TenantId,
    source_id: SourceId,
    fields: dict[str, str | None],
    *,
    read_at: datetime,
) -> PlannedEntry:
    payload = orjson.dumps(fields).decode()
    return PlannedEntry(
        route=scope.route,
        tenant=org,
        entity=Entity.OPPORTUNITY_ERROR,
        source_id=source_id,
        payload=payload,
        content_hash=payload_hash(payload),
        # A text has no stamp of its own: what was looked at later is newer.
        version=SourceVersion(stamp_at=read_at, read_at=read_at),
        mapping_version=scope.spec.status_version,
        meta={"rule": "opportunity_error", "synced_at": read_at.isoformat(timespec="seconds")},
    )
