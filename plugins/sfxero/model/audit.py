"""The audit log's words: what is logged of a write, and what a check of the log may find."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self

from sfxero.model.ids import RouteName


class AuditKind(StrEnum):
    """What happened to an entry of the outbox, to a link, or to the log itself."""

    SENT = "sent"
    """A request that carries the entry is about to leave."""
    SETTLED = "settled"
    """The reply says that it was carried out."""
    FOUND = "found"
    """A look-up says that the target holds the values."""
    HELD_ALREADY = "held_already"
    """Nothing was sent, since the target held the values already."""
    ADOPTED = "adopted"
    """A look-up found the record with other values; it is linked, and an update follows."""
    VOIDED = "voided"
    """The record that stood for the entry is void; the entry goes on, and makes another."""
    CREDITED = "credited"
    """A credit note of the record is made, allocated or booked; the entry goes on."""
    AMENDED = "amended"
    """Refused; the entry goes again with other values."""
    NOT_DONE = "not_done"
    """Sent, and not carried out for all that is known; the entry goes again."""
    UNKNOWN = "unknown"
    """Sent, and nobody knows what became of it; it is looked up next."""
    DEAD_LETTER = "dead_letter"
    """Given up on."""
    REPLAYED = "replayed"
    """A person put a dead letter back in the outbox."""
    DISCARDED = "discarded"
    """A person said that a dead letter shall never be sent."""
    LINKED = "linked"
    """A person said that a record of the target, which was there before, stands for it."""
    UNLINKED = "unlinked"
    """A person took that back; both records stay as they are."""
    APPROVED = "approved"
    """A person said that an entry that waited for it may go."""
    REFUSED = "refused"
    """A person said that an entry that waited for it shall never go."""
    DECIDED = "decided"
    """A person said which side counts of a field that both had changed."""
    RELEASED = "released"
    """A person let a value pass that a suite refuses."""
    CLOSED = "closed"
    """A conflict was closed and nothing came of it, since its pair is not merged any more."""
    ERASED = "erased"
    """A person erased the values of a record from the log."""


SETTLING: Final = frozenset({AuditKind.SETTLED, AuditKind.FOUND, AuditKind.HELD_ALREADY})
"""Kinds one of which every settled entry has."""
ENDING: Final = frozenset(
    {
        AuditKind.SETTLED,
        AuditKind.FOUND,
        AuditKind.ADOPTED,
        AuditKind.VOIDED,
        AuditKind.CREDITED,
        AuditKind.AMENDED,
        AuditKind.NOT_DONE,
        AuditKind.DEAD_LETTER,
    }
)
"""Kinds one of which every request ends with, for each entry that it carried."""


@dataclass(frozen=True, slots=True)
class AuditValues:
    """The part of an event that can be erased: what may tell of a person, and what is made of it.

    `before` and `after` are canonical JSON texts of the target's record; `note` is a refusal's
    message, a person's reason, or how sent values came about.
    """

    before: str | None = None
    after: str | None = None
    request_hash: str | None = None
    response_hash: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One link of a route's chain; `salt` and `values` are None once they are erased."""

    route: RouteName
    seq: int
    fields: Mapping[str, object]
    event_hash: str
    salt: str | None
    values: AuditValues | None


_HEAD: Final = re.compile(r"[1-9]\d*:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain at some moment: who knows it notices every later change before it."""

    seq: int
    event_hash: str

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `str` writes; raises ValueError for anything else."""
        if not _HEAD.fullmatch(text):
            raise ValueError("a head is SEQ:HASH, as `sfxero audit verify` prints it")
        seq, event_hash = text.split(":")
        return cls(int(seq), event_hash)

    def __str__(self) -> str:
        """Write it as SEQ:HASH."""
        return f"{self.seq}:{self.event_hash}"


class ChainFault(StrEnum):
    """What can be wrong with a chain."""

    EVENT_MISSING = "event_missing"
    EVENT_ALTERED = "event_altered"
    EVENT_REPLACED = "event_replaced"
    """It is sound in itself and does not follow the one before."""
    VALUES_ALTERED = "values_altered"
    VALUES_MISSING = "values_missing"
    """They are gone, and no erasure in the chain names them."""
    VALUES_NOT_ERASED = "values_not_erased"
    """An erasure names them, and they are still there or there again."""
    CUT_OFF = "cut_off"
    """The chain ends before its head."""
    HEAD_ALTERED = "head_altered"
    """The chain's head is missing or is not the last event."""
    REWRITTEN = "rewritten"
    """The chain does not hold a head that was noted earlier."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The first event at which a chain breaks."""

    seq: int
    fault: ChainFault
    message: str


@dataclass(frozen=True, slots=True)
class Unlogged:
    """An entry of the outbox of which the log does not say what it must."""

    entry_id: int
    attempt_id: int | None
    message: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a check of one route's log found; `unlogged` holds the first few of them."""

    route: RouteName
    events: int
    erased: int
    head: Head | None
    broken: Broken | None
    unlogged_count: int
    unlogged: tuple[Unlogged, ...]
    checked_at: datetime

    @property
    def is_valid(self) -> bool:
        """Say whether nothing was changed, and nothing that the outbox knows is missing."""
        return self.broken is None and not self.unlogged_count

    @property
    def objection(self) -> str:
        """Say what is wrong with an invalid chain."""
        found = []
        if self.broken is not None:
            found.append(f"event {self.broken.seq}: {self.broken.message}")
        if self.unlogged_count:
            found.append(f"{self.unlogged_count} gaps against the outbox")
        return f"the audit log of {self.route} does not add up: {'; '.join(found)}"
