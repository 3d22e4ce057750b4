"""Contacts that a run from Xero has read: checked, and joined with the accounts they stand for."""

import json
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.conditions import Condition
from sfxero.mapping.fields import needed_fields
from sfxero.model.ids import SourceId, TargetId, is_lead
from sfxero.model.states import Entity
from sfxero.quality.suites import Suite
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import id_chunks, select
from sfxero.sync.prepare import refuse_stops, store_result
from sfxero.sync.related import read_related
from sfxero.sync.scope import OBJECT_OF, Scope
from sfxero.sync.staged import schema_of
from sfxero.sync.xero_extract import staged_of
from sfxero.sync.xero_lists import CONTACT_COMPANIONS, CONTACTS

if TYPE_CHECKING:
    from sfxero.ledger.links import Link

ACTIVE: Final = "ACTIVE"


@dataclass(frozen=True, slots=True)
class ReadContact:
    """A contact as it was staged; `held` is in the form of snapshots."""

    contact_id: SourceId
    status: str | None
    updated_at: datetime
    held: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReadPair:
    """An account and its contact, with their link."""

    source_id: SourceId
    contact: ReadContact
    link: "Link"


def check_contacts(scope: Scope, suite: Suite) -> int:
    """Hold the staged contacts against their suite; returns how many were refused."""
    from sfxero.quality.checks import check

    frame = _frame(scope)
    if frame is None:
        return 0
    result = check([frame], suite, entity=Entity.CONTACT)
    store_result(scope, "contacts", result)
    refuse_stops(result.stops)
    return len(result.refused_ids)


def read_contacts(scope: Scope) -> dict[TargetId, ReadContact]:
    """Return the newest state of each contact that the run has read, by its id."""
    frame = _frame(scope)
    if frame is None:
        return {}
    columns = (frame[name] for name in ("Id", "Status", "UpdatedDateUTC", "Snapshot"))
    return {
        TargetId(contact_id): ReadContact(
            SourceId(contact_id), status, updated_at.to_pydatetime(), json.loads(held)
        )
        for contact_id, status, updated_at, held in zip(*columns, strict=True)
    }


def ids_meeting_route(scope: Scope, condition: Condition) -> set[SourceId]:
    """Return those of the contacts that the run has read which meet a condition."""
    from sfxero.mapping.qualifying import ids_meeting

    frame = _frame(scope)
    return set() if frame is None else {SourceId(one) for one in ids_meeting(frame, condition)}


def pairs_of(
    scope: Scope,
    contacts: dict[TargetId, ReadContact],
    *,
    passive: AbstractSet[SourceId] = frozenset(),
) -> Iterator[ReadPair]:
    """Yield a pair for each account that one of the contacts stands for.

    Not for `passive` ones, whose contact another account writes; leads take no part.
    """
    tenant, ledger = scope.tenant, scope.ledger
    found = ledger.links.sources_of(tenant, Entity.CONTACT, contacts)
    links = ledger.links.get_many(tenant, Entity.CONTACT, [source for _, source in found])
    for target_id, source_id in found:
        link = links.get(source_id)
        if source_id in passive or is_lead(source_id):
            continue
        if link is not None and link.target_id == target_id:
            yield ReadPair(source_id, contacts[target_id], link)


def account_frame(scope: Scope, client: SalesforceClient, source_ids: Iterable[SourceId]) -> Any:
    """Return the accounts by id as they are now, with what rows of other objects lend them."""
    from sfxero.staging.records import frame_of

    name = OBJECT_OF[Entity.ACCOUNT]
    fields = needed_fields(scope.spec)[name]
    records = (
        record
        for where in id_chunks(sorted(source_ids), "Id")
        for record in client.query(select(name, fields, where=where), all_rows=True)
    )
    frame = frame_of(records, schema=schema_of(scope.spec, client, name))
    return read_related(scope.spec, client, name, frame)


def _frame(scope: Scope) -> Any:
    """Return the newest state of each contact; None if the run read no contacts."""
    from sfxero.staging.reader import read_latest
    from sfxero.staging.xero_schema import STAMP

    listed = (staged_of(scope, one) for one in (CONTACTS, CONTACT_COMPANIONS))
    staged: Sequence[Any] = [one for one in listed if one is not None]
    return read_latest(staged, stamp=STAMP) if staged else None
