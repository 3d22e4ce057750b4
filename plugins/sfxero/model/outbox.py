"""Records of the outbox as values: what is planned, what is claimed, what was tried."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sfxero.model.agreed import Agreed, Pair
from sfxero.model.ids import RouteName, SourceId, TargetId, TenantId
from sfxero.model.states import Entity, EntryState, Operation

NOTE: Final = "note"
"""Key of an entry's `meta`: what the log shall say of how its values came about."""
ON_CHANGE: Final = "on_change"
"""Key of an entry's `meta`: what it does where the record exists already; absent for an update."""
NUMBER: Final = "number"
"""Key of an entry's `meta`: the number that the route gives the record, without a revision."""
NOTHING_WRITTEN: Final = "{}"
"""What was written last through a link that a person made: nothing yet."""
FOLLOWED: Final = "{ }"
"""The same of a link whose contact gets no number of ours: it stays with the one that it followed.

Nor does a contact that was there before its account need one.
"""


class ChangePolicy(StrEnum):
    """What a route does with an invoice whose opportunity has changed since."""

    UPDATE = "update"
    """The invoice is edited for as long as Xero lets it be."""
    UPDATE_WHILE_DRAFT = "update_while_draft"
    """It is edited while nobody has approved it; after that, a person is asked first."""
    REISSUE = "reissue"
    """A draft is edited; an approved one is voided, and goes again under a new number."""
    CREDIT_NOTE = "credit_note"
    """A draft is edited; of an approved one the difference is credited, if it is one."""
    ASK = "ask"
    """It is edited once a person has approved that."""
    VOID = "void"
    """There shall be no invoice any more; no route says so of a change of values."""


@dataclass(frozen=True, slots=True, order=True)
class SourceVersion:
    """How new a record is: the greatest stamp among its inputs, then the time of reading."""

    stamp_at: datetime
    read_at: datetime


@dataclass(frozen=True, slots=True)
class PlannedEntry:
    """The wish that one record of one target have the values in `payload`.

    `payload` is canonical JSON text of the target's fields, numbers exact; ids that only the target
    knows are not in it, they are added when it is sent. `content_hash` is over `payload` and the
    parent.
    `parent_source_id` names the record of `parent_entity` that must be linked before this can go.
    `meta` holds what publishing needs beside the payload and is not part of the hash.
    What `is_migration` goes by the migration's lanes and budget only, until a sync wishes for it.
    """

    route: RouteName
    tenant: TenantId
    entity: Entity
    source_id: SourceId
    payload: str
    content_hash: str
    version: SourceVersion
    mapping_version: str
    parent_entity: Entity | None = None
    parent_source_id: SourceId | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    is_migration: bool = False


APPROVAL: Final = "approval"
"""Key of `meta`: why a person must approve the entry before it goes; absent if nobody need."""


NOT_APPROVED: Final = "NotApproved"
"""Error class of a dead letter that a person refused to approve."""
LOOKED_AT: Final = "looked_at"
"""Key of `meta`: what the record of the target held when the person was asked, as `looked_at`
says; absent if there was none."""


def looked_at(snapshot: str) -> str:
    """Return the digest of what a record of the target holds; 0 is as good as nothing."""
    held = {name: value for name, value in json.loads(snapshot).items() if value != "0"}
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()


class PlanOutcome(StrEnum):
    """What became of a planned entry."""

    ADDED = "added"
    UNCHANGED = "unchanged"
    """The link, or the newest intended version, holds these values already."""
    STALE = "stale"
    """A newer version is sent or waiting already."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The answer to one planned entry; `entry_id` is the entry that now stands for the record."""

    source_id: SourceId
    outcome: PlanOutcome
    entry_id: int | None
    state: EntryState | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as claimed for publishing; `target_id` is the link's, None for a create.

    `former_payload` is what was written last: an update must clear what it has and `payload` lacks.
    `is_voiding` says that the void of the linked record was begun, whatever became of it, and
    `former_ids` are the records that stood for the source before and are void.
    """

    entry_id: int
    route: RouteName
    tenant: TenantId
    entity: Entity
    operation: Operation
    source_id: SourceId
    state: EntryState
    payload: str
    content_hash: str
    version: SourceVersion
    mapping_version: str
    run_id: str
    meta: Mapping[str, str]
    target_id: TargetId | None
    parent_target_id: TargetId | None
    tries: int
    lease_until_at: datetime | None
    former_payload: str | None = None
    gives_number: bool = False
    """Whether the update gives the record our number, since it has none."""
    moves_status: bool = False
    """Whether the update of an invoice carries its status: only ever to a later one."""
    is_approved: bool = False
    is_voiding: bool = False
    former_ids: Sequence[TargetId] = ()
    is_vouched: bool = True
    """Whether what was written last is what the target held then: an adopted record held others."""
    sends: Mapping[str, Any] | None = None
    """The element that goes in place of the payload: a void, a credit note or its allocation."""
    bill_terms: Mapping[str, Any] | None = None
    """The payment terms of bills that the contact holds, and that go along with those of sales."""
    part: Mapping[str, Any] | None = None
    """What goes of a contact's payload where only what changed goes; None where all of it does."""
    open_credit: "OpenCredit | None" = None
    credit_number: str | None = None
    """The number of the next credit note of the linked record."""
    booked: Sequence["BookedCredit"] = ()
    """Credit notes that belong to the linked record; void ones are none of them."""

    @property
    def on_change(self) -> ChangePolicy:
        """What the entry does where its record exists already."""
        return ChangePolicy(self.meta.get(ON_CHANGE, ChangePolicy.UPDATE))

    @property
    def is_first_update(self) -> bool:
        """Say whether the record was linked as it was found, and nothing was written to it yet."""
        is_unwritten = self.former_payload in {NOTHING_WRITTEN, FOLLOWED}
        return self.target_id is not None and is_unwritten

    @property
    def may_give_number(self) -> bool:
        """Say whether the record may get our number, since no other has it."""
        return self.target_id is not None and self.former_payload == NOTHING_WRITTEN


@dataclass(frozen=True, slots=True)
class OpenCredit:
    """A credit note that was begun: its number, and the values that it was to bring about.

    `note_id` is the target's, once it has said so.
    """

    number: str
    payload: str
    content_hash: str
    note_id: TargetId | None = None


@dataclass(frozen=True, slots=True)
class NoteTotals:
    """What a credit note comes to, before tax and with it, as exact texts."""

    sub_total: str
    total: str


@dataclass(frozen=True, slots=True)
class PairedContact:
    """The contact that an account was made from, as it was then; `tenant` is its organisation.

    `agreed` is what both hold, in two-way routes.
    """

    tenant: TenantId
    contact_id: TargetId
    number: str | None
    snapshot: str
    agreed: Agreed | None = None


@dataclass(frozen=True, slots=True)
class BookedCredit:
    """A credit note that was made for a record and counts as a part of it."""

    number: str
    totals: NoteTotals


@dataclass(frozen=True, slots=True)
class Settlement:
    """The target's own word on an entry: its id, its number, and the canonical reply as JSON.

    `is_looked_up` says that it answers a question about the record, and not the request itself.
    """

    entry_id: int
    target_id: TargetId
    target_number: str | None
    target_snapshot: str
    is_looked_up: bool = False
    agreed: Mapping[str, Pair] = field(default_factory=dict)
    """Fields on which account and contact agree by it, in two-way routes."""
    agreed_in: TenantId | None = None
    """The Xero organisation of the contact, where the entry is the account's."""
    paired: PairedContact | None = None
    """Whom the target stands for from now on, where an account was made of a contact."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request, stored before it is sent; later `outcome` names its error, or says answered."""

    attempt_id: int
    entry_ids: Sequence[int]
    operation: Operation
    body_hash: str
    idempotency_key: str
    sent_at: datetime
    deadline_at: datetime
    outcome: str | None = None
    status: int | None = None
    finished_at: datetime | None = None
