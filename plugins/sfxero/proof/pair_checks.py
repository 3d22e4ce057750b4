"""What is wrong with opportunities that have a link: existence, state, money, edits by hand."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import flags
from sfxero.mapping.statuses import GONE
from sfxero.model.differences import DifferenceKind as Kind
from sfxero.proof.documents import MONEY, STAMP, ZERO
from sfxero.proof.found import Found, Sides
from sfxero.proof.owners import named_by_url, short_ids
from sfxero.proof.pairs import Pairs, minus

_STATES: Final = pa.array(["DRAFT", "SUBMITTED", "AUTHORISED", "PAID"])
KIND_OF_STATE: Final = {
    "awaiting_approval": Kind.AWAITING_APPROVAL,
    "pending": Kind.WAITING,
    "retry_later": Kind.WAITING,
    "claimed": Kind.IN_FLIGHT,
    "in_doubt": Kind.IN_FLIGHT,
    "dead": Kind.DEAD_LETTER,
    "discarded": Kind.DISCARDED,
    "quarantined": Kind.QUARANTINED,
}
"""What explains a difference, by what stands for its record."""
_ON_ITS_WAY: Final = ("awaiting_approval", "pending", "retry_later", "claimed", "in_doubt")
"""What stands for a record of which the sync has not done yet what is wished."""
_CENTS: Final = Decimal("0.05")
_EDITABLE: Final = {
    "number": "InvoiceNumber",
    "reference": "Reference",
    "url": "Url",
    "contact_id": "Contact",
    "dated_on": "Date",
    "due_on": "DueDate",
}


@dataclass(frozen=True, slots=True)
class Moments:
    """When the comparison began, and up to when the syncs had read either side.

    `org_read_to` is of opportunities. `overdue_read_on` is the day for which the sync last looked
    what is overdue.
    """

    began_at: datetime
    org_read_to: datetime | None
    books_read_to: datetime | None = None
    overdue_read_on: date | None = None
    accounts_read_to: datetime | None = None


class PairChecks:
    """Holds the three sides of each opportunity against each other."""

    def __init__(
        self,
        pairs: Pairs,
        found: Found,
        moments: Moments,
        *,
        moves_locked_dates: bool,
        voids_reopened: bool,
        tolerance: Decimal,
    ) -> None:
        """Differences go into `found`, the gravest of a record first."""
        self._tolerance = tolerance
        self._pairs = pairs
        self._found = found
        self._moments = moments
        self._moves_locked_dates = moves_locked_dates
        self._voids_reopened = voids_reopened
        self._linked = pairs.has("l_id")
        self._standing = pairs.flag("s_scoped")
        settled = flags(pc.greater_equal(pairs["l_settled_at"], _at(moments.began_at)))
        self.moving = self._linked & settled
        """Links that were made while both sides were read; they are not compared."""
        self._steady = self._linked & ~settled
        self._in_flight = self._steady & pairs.flag("sent")
        named = named_by_url(pairs["x_url"])
        self.elsewhere = self._steady & flags(pc.not_equal(named, short_ids(pairs.ids)))
        """Links whose invoice names another opportunity; nothing else of them is compared."""
        agreed = self._steady & ~self.elsewhere
        self._both = agreed & self._standing & pairs.is_invoiced
        self._foreign = np.zeros(len(pairs), dtype=bool)
        """Invoices in another currency, whose amounts say nothing of each other."""
        self._undone = np.zeros(len(pairs), dtype=bool)

    def run(self) -> None:
        """Find everything."""
        self._found.add(Kind.CHANGED_WHILE_READING, self.moving)
        self._links()
        self._existence()
        self._currency()
        self._amounts()
        self._state()
        self._edits()
        self._changes()
        self._figures()
        self._credit_notes()

    def explain(self, mask: np.ndarray, otherwise: Kind, sides: Sides, *, about: str = "") -> None:
        """Name a change of Salesforce by what stands for it in the outbox, else `otherwise`."""
        pairs, left = self._pairs, mask.copy()
        for state, kind in KIND_OF_STATE.items():
            here = left & pairs.is_in("state", [state])
            self._found.add(kind, here, sides, about=about)
            left &= ~here
        unread = left & self._is_unread()
        self._found.add(Kind.NOT_READ_YET, unread, sides, about=about)
        self._found.add(otherwise, left & ~unread, sides, about=about)

    def _unless_on_its_way(
        self, mask: np.ndarray, otherwise: Kind, sides: Sides, *, to_come: np.ndarray
    ) -> None:
        """Name what the sync is about to do, a void or what takes its place; else `otherwise`.

        `to_come` is what it does once it has read the opportunity.
        """
        pairs = self._pairs
        unread = to_come & self._is_unread() & ~pairs.has("state")
        on_its_way = mask & (pairs.is_in("state", _ON_ITS_WAY) | unread)
        self.explain(on_its_way, otherwise, sides)
        self._found.add(otherwise, mask & ~on_its_way, sides)

    def _unless_in_flight(
        self, mask: np.ndarray, otherwise: Kind, sides: Sides, *, about: str
    ) -> None:
        """Name what may be the sync's own work, of which the ledger hears later."""
        sent = mask & self._in_flight
        self._found.add(Kind.IN_FLIGHT, sent, sides, about=about)
        self._found.add(otherwise, mask & ~sent, sides, about=about)

    def _is_unread(self) -> np.ndarray:
        """Say which opportunities changed after the sync had read the org."""
        read_to = self._moments.org_read_to
        if read_to is None:
            return np.ones(len(self._pairs), dtype=bool)
        return flags(pc.greater_equal(self._pairs["s_stamp_at"], _at(read_to)))

    def _links(self) -> None:
        pairs = self._pairs
        named = named_by_url(pairs["x_url"])
        sides = Sides(salesforce=pairs.ids, ledger=pairs["l_id"], xero=named)
        self._found.add(Kind.LINK_ELSEWHERE, self.elsewhere, sides, about="Url")
        counts = pc.value_counts(pairs["l_id"].drop_null())
        often = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        shared = flags(pc.is_in(pairs["l_id"], often)) & pairs.has("l_id")
        self._found.add(Kind.LINK_SHARED, shared, Sides(ledger=pairs["l_id"]))

    def _existence(self) -> None:
        pairs, found, live = self._pairs, self._found, self._pairs.is_invoiced
        lost = Sides(pairs["s_amount"], pairs["l_amount"], None, _negative(pairs["s_amount"]))
        found.add(Kind.INVOICE_MISSING, self._steady & ~pairs.has("x_id"), lost)
        lacking = self._steady & self._standing
        gone = Sides(
            pairs["s_amount"], pairs["l_status"], pairs["x_status"], _negative(pairs["s_amount"])
        )
        # What the sync has ended itself is issued again if the opportunity is won again.
        ended = pairs.is_in("l_status", GONE)
        for status, kind in zip(GONE, (Kind.INVOICE_VOIDED, Kind.INVOICE_DELETED), strict=True):
            here = lacking & pairs.is_in("x_status", [status])
            self._unless_on_its_way(here, kind, gone, to_come=ended)
        over = Sides(None, pairs["l_amount"], pairs["x_amount"], pairs["x_amount"])
        kept, known = self._steady & live, pairs.has("s_id")
        found.add(Kind.OPPORTUNITY_MISSING, kept & ~known, over)
        deleted, won = pairs.flag("s_deleted"), pairs.flag("s_won")
        found.add(Kind.OPPORTUNITY_DELETED, kept & deleted, over)
        reopened = kept & known & ~deleted & ~won
        to_come = np.full(len(pairs), self._voids_reopened)
        self._unless_on_its_way(reopened, Kind.OPPORTUNITY_REOPENED, over, to_come=to_come)
        found.add(Kind.OPPORTUNITY_OUT_OF_SCOPE, kept & won & ~self._standing, over)

    def _currency(self) -> None:
        pairs = self._pairs
        unlike = pairs.differs("s_currency", "x_currency") | pairs.differs(
            "l_currency", "x_currency"
        )
        self._foreign = self._both & unlike
        sides = Sides(pairs["s_currency"], pairs["l_currency"], pairs["x_currency"])
        self._unless_in_flight(self._foreign, Kind.CURRENCY_DIFFERS, sides, about="")

    def _amounts(self) -> None:
        """Tell from which two agree which one was changed."""
        pairs, both, found = self._pairs, self._both & ~self._foreign, self._found
        of_ledger = pairs.differs("l_amount", "x_amount")
        of_org = pairs.differs("s_amount", "x_amount")
        org_and_ledger = pairs.differs("s_amount", "l_amount")
        sides = self._money("amount")
        gaps, older = minus(pairs["x_amount"], pairs["s_amount"]), ~self._is_newer()
        small = _within(gaps, _CENTS) & older
        # Lines that are converted one by one may come to other cents than their amount.
        by_rule = (_within(gaps, self._tolerance) & older) | (small & pairs.flag("s_converted"))
        in_books = {
            Kind.LEDGER_DIFFERS: both & of_ledger & ~of_org,
            Kind.AMOUNT_EDITED: both & of_ledger & ~org_and_ledger,
            Kind.AMOUNTS_DIFFER: both & of_ledger & of_org & org_and_ledger,
        }
        for kind, mask in in_books.items():
            self._unless_in_flight(mask, kind, sides, about="amount")
        changed = both & of_org & ~of_ledger
        found.add(Kind.ROUNDED_OTHERWISE, changed & by_rule, sides, about="amount")
        found.add(Kind.ROUNDING_DIFFERS, changed & small & ~by_rule, sides, about="amount")
        self.explain(changed & ~small & ~by_rule, Kind.OPPORTUNITY_CHANGED, sides, about="amount")
        tax = both & ~of_ledger & pairs.differs("l_tax", "x_tax")
        sides = self._ledger_and_books("tax")
        self._unless_in_flight(tax, Kind.TAX_DIFFERS, sides, about="TotalTax")

    def _is_newer(self) -> np.ndarray:
        """Say which opportunities were changed after their link was made."""
        return flags(pc.greater(self._pairs["s_stamp_at"], self._pairs["l_stamp_at"]))

    def _state(self) -> None:
        pairs = self._pairs
        before, now = (pc.index_in(pairs[name], _STATES) for name in ("l_status", "x_status"))
        sides = Sides(ledger=pairs["l_status"], xero=pairs["x_status"])
        # A paid invoice may be open again: its payment was deleted, which is no going back.
        back = flags(pc.less(now, before)) & ~pairs.is_in("x_status", ["AUTHORISED"])
        self._found.add(Kind.STATE_DIFFERS, self._both & back, sides, about="Status")

    def _edits(self) -> None:
        pairs = self._pairs
        for name, field in _EDITABLE.items():
            sides = Sides(ledger=pairs[f"l_{name}"], xero=pairs[f"x_{name}"])
            edited = self._both & pairs.differs(f"l_{name}", f"x_{name}")
            self._unless_in_flight(edited, Kind.EDITED_IN_XERO, sides, about=field)
        lines = flags(pc.not_equal(pairs["l_lines"], pairs["x_lines"]))
        sides = Sides(ledger=_short(pairs["l_lines"]), xero=_short(pairs["x_lines"]))
        taken_back = flags(pc.less(pairs["x_credited"], pairs["l_credited"]))
        self._undone = self._both & pairs.flag("has_notes") & taken_back
        credited = self._ledger_and_books("credited")
        self._found.add(Kind.EDITED_IN_XERO, self._undone, credited, about="AmountCredited")
        same_money = ~pairs.differs("l_amount", "x_amount")
        edited = self._both & lines & same_money
        self._unless_in_flight(edited, Kind.EDITED_IN_XERO, sides, about="LineItems")

    def _changes(self) -> None:
        """Find what moved in Salesforce while the invoice stayed as it was agreed."""
        pairs = self._pairs
        agreed = ~pairs.differs("l_dated_on", "x_dated_on")
        moved = self._both & agreed & pairs.differs("s_closed_on", "x_dated_on")
        sides = Sides(pairs["s_closed_on"], pairs["l_dated_on"], pairs["x_dated_on"])
        by_rule = moved & ~self._is_newer() & self._moves_locked_dates
        self._found.add(Kind.DATED_OTHERWISE, by_rule, sides, about="Date")
        self.explain(moved & ~by_rule, Kind.OPPORTUNITY_CHANGED, sides, about="Date")
        agreed = ~pairs.differs("l_contact_id", "x_contact_id")
        other = pairs.differs("s_contact_id", "x_contact_id")
        sides = Sides(pairs["s_contact_id"], pairs["l_contact_id"], pairs["x_contact_id"])
        self.explain(self._both & agreed & other, Kind.OPPORTUNITY_CHANGED, sides, about="Contact")

    def _figures(self) -> None:
        pairs = self._pairs
        total = minus(pairs["x_total"], minus(pairs["x_sub_total"], _negative(pairs["x_tax"])))
        owed = minus(minus(pairs["x_total"], pairs["x_paid"]), pairs["x_credited"])
        off = _unlike_zero(total) | _unlike_zero(minus(pairs["x_due"], owed))
        sides = Sides(ledger=owed, xero=pairs["x_due"], amount=minus(pairs["x_due"], owed))
        self._found.add(Kind.INVOICE_INCONSISTENT, self._both & off, sides, about="AmountDue")

    def _credit_notes(self) -> None:
        """Find credit notes of ours that their customer has besides what the opportunity says."""
        pairs = self._pairs
        begun = self._steady & pairs.has("begun")
        self.explain(begun, Kind.CREDIT_NOTE_OPEN, Sides(ledger=pairs["begun"]), about="begun")
        is_owed = pairs.is_invoiced & flags(pc.greater(pairs["x_due"], ZERO))
        is_left = flags(pc.less(pairs["x_noted"], pairs["notes"])) & is_owed
        is_void = ~pairs.is_invoiced & flags(pc.greater(pairs["notes"], ZERO))
        left = self._steady & (is_left | is_void) & ~begun & ~self._undone
        sides = Sides(ledger=pairs["notes"], xero=pairs["x_noted"])
        self.explain(left, Kind.CREDIT_NOTE_OPEN, sides, about="CreditNotes")

    def _money(self, name: str) -> Sides:
        pairs = self._pairs
        s, x = pairs[f"s_{name}"], pairs[f"x_{name}"]
        return Sides(s, pairs[f"l_{name}"], x, minus(x, s))

    def _ledger_and_books(self, name: str) -> Sides:
        ledger, books = self._pairs[f"l_{name}"], self._pairs[f"x_{name}"]
        return Sides(ledger=ledger, xero=books, amount=minus(books, ledger))


def _at(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, STAMP)


def _short(digests: pa.Array) -> pa.Array:
    """Return so much of digests that other lines say something else."""
    return pc.utf8_slice_codeunits(digests, 0, 12)


def _negative(amounts: pa.Array) -> pa.Array:
    return pc.cast(pc.negate(amounts), MONEY)


def _unlike_zero(amounts: pa.Array) -> np.ndarray:
    return flags(pc.not_equal(amounts, pa.scalar(0, MONEY)))


def _within(gaps: pa.Array, most: Decimal) -> np.ndarray:
    return flags(pc.less_equal(pc.abs(gaps), pa.scalar(most, MONEY)))
