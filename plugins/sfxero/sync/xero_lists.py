"""Which lists of Xero's a run reads: how often each, what of it, and under which name."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sfxero.model.states import Entity
from sfxero.sync.scope import Scope

INVOICES: Final = "Invoices"
OPEN_INVOICES: Final = "OpenInvoices"
"""Not a list of Xero's own: the invoices that are owed, whenever they changed."""
COMPANIONS: Final = "InvoicesById"
CONTACTS: Final = "Contacts"
CONTACT_COMPANIONS: Final = "ContactsById"

ENTITY_OF_LIST: Final[Mapping[str, Entity]] = {
    "CreditNotes": Entity.CREDIT_NOTE,
    "Overpayments": Entity.OVERPAYMENT,
    "Prepayments": Entity.PREPAYMENT,
    "Payments": Entity.PAYMENT,
    OPEN_INVOICES: Entity.OPEN_INVOICE,
    CONTACTS: Entity.CONTACT,
    # Last, so that what the others name was not read before it changed.
    INVOICES: Entity.INVOICE,
}
FOLLOWERS: Final = ("CreditNotes", "Overpayments", "Prepayments", "Payments")
"""Lists that only say which invoices to look at."""

_EVERY: Final[Mapping[str, timedelta]] = {
    "CreditNotes": timedelta(hours=1),
    "Overpayments": timedelta(hours=1),
    "Prepayments": timedelta(hours=1),
    "Payments": timedelta(minutes=10),
    INVOICES: timedelta(minutes=10),
}
_CONTACTS_EVERY: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_CALLS_A_DAY: Final = sum(_DAY / every for every in _EVERY.values())
_SHARE: Final = 5
"""Looking for changes may take a fifth of the day's calls at most."""
_EARLY: Final = timedelta(minutes=2)
"""Runs do not begin to the second."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much slower than usual lists are read, where Xero allows few calls a day."""

    factor: int

    def every(self, plural: str) -> timedelta:
        """Return the time from one reading of a list to the next."""
        every = _CONTACTS_EVERY if plural == CONTACTS else _EVERY[plural]
        return every * self.factor


def pace_of(daily_limit: int) -> Pace:
    """Return the pace at which looking takes no more than its share of the day."""
    return Pace(max(1, math.ceil(_CALLS_A_DAY * _SHARE / daily_limit)))


def due_lists(scope: Scope, *, now: datetime) -> list[str]:
    """Return the lists that it is time to read, in the order of reading.

    The time since the last reading is taken by our clock, the windows themselves are Xero's. What
    the other lists name is looked up in the invoices, so that these are always read along.
    """
    pace, windows = pace_of(_daily_limit(scope)), scope.ledger.windows
    wanted = all_lists(with_contacts=scope.spec.contacts.is_read_in_xero)
    found = []
    for plural in wanted:
        last_at = windows.last_opened_at(scope.route, ENTITY_OF_LIST[plural])
        if last_at is None or now - last_at >= pace.every(plural) - _EARLY:
            found.append(plural)
    return [one for one in wanted if one in found or (found and one == INVOICES)]


def all_lists(*, with_contacts: bool = False) -> list[str]:
    """Return the lists of changes, in the order of reading; contacts if the route looks at them."""
    return [CONTACTS, *_EVERY] if with_contacts else list(_EVERY)


def _daily_limit(scope: Scope) -> int:
    """Return what Xero said that it allows, else what the route says."""
    configured = scope.spec.xero.daily_limit
    said = scope.ledger.quota.usage(scope.tenant).day_limit
    return min(configured, said) if said else configured
