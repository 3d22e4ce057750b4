"""Closed sets of states with their transition tables (DESIGN: entries, windows, dispositions)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sfxero.errors import LedgerError


class Entity(StrEnum):
    """A kind of record, in either system."""

    ACCOUNT = "account"
    LEAD = "lead"
    OPPORTUNITY = "opportunity"
    OPPORTUNITY_LINE = "opportunity_line"
    CONTACT = "contact"
    INVOICE = "invoice"
    INVOICE_EMAIL = "invoice_email"
    """An invoice's way to the customer: sent once, by Xero."""
    OPEN_INVOICE = "open_invoice"
    """An invoice that is owed, read whatever its time of change: days pass without one."""
    PAYMENT = "payment"
    CREDIT_NOTE = "credit_note"
    OVERPAYMENT = "overpayment"
    PREPAYMENT = "prepayment"
    OPPORTUNITY_STATUS = "opportunity_status"
    """What an opportunity shows of its invoice."""
    OPPORTUNITY_ERROR = "opportunity_error"
    """Why an opportunity is not in Xero as it should be, on the opportunity."""
    ACCOUNT_UPDATE = "account_update"
    """What was changed in a contact and comes back to its account."""
    ACCOUNT_CREATE = "account_create"
    """A contact that was made in Xero and becomes an account: its source is the contact."""
    MIRROR_INVOICE = "mirror_invoice"
    MIRROR_LINE = "mirror_line"
    MIRROR_PAYMENT = "mirror_payment"
    """A record of the org that mirrors one of Xero's."""


class Operation(StrEnum):
    """What a write does to its target record."""

    CREATE = "create"
    UPDATE = "update"
    VOID = "void"
    """Ends the record that the link leads to, for good."""
    CREDIT = "credit"
    """Makes a credit note for a part of the record."""
    ALLOCATE = "allocate"
    """Uses a credit note for the record."""


class EntryState(StrEnum):
    """States of an outbox entry."""

    AWAITING_APPROVAL = "awaiting_approval"
    PENDING = "pending"
    RETRY_LATER = "retry_later"
    CLAIMED = "claimed"
    IN_DOUBT = "in_doubt"
    SETTLED = "settled"
    DEAD = "dead"
    SUPERSEDED = "superseded"
    STALE = "stale"


WAITING: Final = frozenset(
    {EntryState.AWAITING_APPROVAL, EntryState.PENDING, EntryState.RETRY_LATER}
)
ACTIVE: Final = frozenset({EntryState.CLAIMED, EntryState.IN_DOUBT})

ENTRY_TRANSITIONS: Final[Mapping[EntryState, frozenset[EntryState]]] = {
    EntryState.AWAITING_APPROVAL: frozenset(
        {EntryState.PENDING, EntryState.DEAD, EntryState.SUPERSEDED, EntryState.STALE}
    ),
    EntryState.PENDING: frozenset(
        {EntryState.CLAIMED, EntryState.SUPERSEDED, EntryState.STALE, EntryState.SETTLED}
    ),
    EntryState.RETRY_LATER: frozenset(
        {
            EntryState.CLAIMED,
            EntryState.PENDING,
            EntryState.SUPERSEDED,
            EntryState.STALE,
            EntryState.SETTLED,
        }
    ),
    EntryState.CLAIMED: frozenset(
        {
            EntryState.SETTLED,
            EntryState.DEAD,
            EntryState.IN_DOUBT,
            EntryState.RETRY_LATER,
            EntryState.PENDING,
            EntryState.AWAITING_APPROVAL,
        }
    ),
    EntryState.IN_DOUBT: frozenset(
        {EntryState.SETTLED, EntryState.DEAD, EntryState.PENDING, EntryState.RETRY_LATER}
    ),
    EntryState.DEAD: frozenset({EntryState.PENDING, EntryState.SUPERSEDED}),
    EntryState.SETTLED: frozenset(),
    EntryState.SUPERSEDED: frozenset(),
    EntryState.STALE: frozenset(),
}


class Measure(StrEnum):
    """By what a window picks its records."""

    STAMP = "stamp"
    """When they last changed."""
    CLOSE_DATE = "close_date"
    """Of the opportunity: days, each stored as its midnight in UTC."""
    PARENT_STAMP = "parent_stamp"
    """When their parents last changed: lines in a part of a first load."""
    LISTING = "listing"
    """All there are: their ids, their stamps, and those fields that move no stamp."""


class WindowState(StrEnum):
    """States of a window; `superseded` says that a later window of the same route covers it."""

    OPEN = "open"
    STAGED = "staged"
    PREPARED = "prepared"
    SUPERSEDED = "superseded"


class Disposition(StrEnum):
    """What became of a record that a run read."""

    IN_STEP = "in_step"
    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    AWAITING_APPROVAL = "awaiting_approval"
    QUARANTINED = "quarantined"
    DEAD_LETTER = "dead_letter"
    SUPERSEDED = "superseded"
    REMOVED = "removed"
    SKIPPED = "skipped"


DISPOSITION_OF: Final[Mapping[EntryState, Disposition]] = {
    EntryState.AWAITING_APPROVAL: Disposition.AWAITING_APPROVAL,
    EntryState.PENDING: Disposition.WAITING,
    EntryState.RETRY_LATER: Disposition.WAITING,
    EntryState.CLAIMED: Disposition.IN_FLIGHT,
    EntryState.IN_DOUBT: Disposition.IN_FLIGHT,
    EntryState.SETTLED: Disposition.IN_STEP,
    EntryState.DEAD: Disposition.DEAD_LETTER,
    EntryState.SUPERSEDED: Disposition.SUPERSEDED,
    EntryState.STALE: Disposition.SUPERSEDED,
}


def check_transition(before: EntryState, after: EntryState) -> None:
    """Raise LedgerError if an entry may not go from `before` to `after`."""
    if after not in ENTRY_TRANSITIONS[before]:
        raise LedgerError(f"an entry cannot go from {before} to {after}")
