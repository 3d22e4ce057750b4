"""What opportunities show of their invoices, where the org has the fields for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import flags, text_column
from sfxero.mapping.organisation import View
from sfxero.mapping.status_fields import PaymentStatus
from sfxero.mapping.statuses import invoice_links, paid_days, payment_statuses
from sfxero.model.differences import DifferenceKind as Kind
from sfxero.proof.documents import STAMP, text
from sfxero.proof.found import Found, Sides
from sfxero.proof.pair_checks import KIND_OF_STATE, Moments
from sfxero.proof.pairs import Pairs, differing, minus

_VALUES: Final[Mapping[str, Kind]] = {
    "invoice_id": Kind.SHOWN_DIFFERS,
    "invoice_number": Kind.SHOWN_DIFFERS,
    "status": Kind.SHOWN_DIFFERS,
    "invoice_url": Kind.ADDRESS_SHOWN_DIFFERS,
    "payment_status": Kind.PAYMENT_STATUS_SHOWN_DIFFERS,
    "paid_on": Kind.PAID_ON_SHOWN_DIFFERS,
}
_MONEY: Final[Mapping[str, tuple[str, Kind]]] = {
    "amount_paid": ("x_paid", Kind.PAID_SHOWN_DIFFERS),
    "amount_due": ("x_due", Kind.DUE_SHOWN_DIFFERS),
    "amount_credited": ("x_credited", Kind.CREDITED_SHOWN_DIFFERS),
}
_OF_STATUSES: Final = {
    "Id": "x_id",
    "Status": "x_status",
    "Total": "x_total",
    "AmountDue": "x_due",
    "AmountPaid": "x_paid",
    "AmountCredited": "x_credited",
    "CreditNotesApplied": "x_noted",
    "DueDate": "x_due_on",
    "FullyPaidOnDate": "x_paid_on",
}


@dataclass(frozen=True, slots=True)
class _Shown:
    """The rows whose opportunity is to show its invoice, and which of them the sync has not read.

    `late` are those of which it has not read yet that they became overdue.
    """

    rows: np.ndarray
    unread: np.ndarray
    late: np.ndarray


def check_shown(
    pairs: Pairs, found: Found, *, moving: np.ndarray, moments: Moments, view: View
) -> None:
    """Compare the status fields that were read, but for what was made or shown meanwhile.

    What Xero changed since the last sync is unread, and what that has planned is on its way.
    """
    invoices = pa.table({name: pairs[column] for name, column in _OF_STATUSES.items()})
    statuses = text(payment_statuses(invoices, today_on=view.today_on))
    said = {
        "invoice_id": pairs["x_id"],
        "invoice_number": pairs["x_number"],
        "status": pairs["x_status"],
        "invoice_url": text(invoice_links(text_column(invoices, "Id"), view.short_code)),
        "payment_status": statuses,
        "paid_on": paid_days(invoices),
    }
    shown = _read(pairs, moving, moments, late=_late(invoices, statuses, moments, view))
    for key, kind in _VALUES.items():
        if (column := f"s_shown_{key}") in pairs:
            mask = shown.rows & differing(pairs[column], said[key])
            sides = Sides(salesforce=pairs[column], xero=said[key])
            _add(pairs, found, mask, shown, kind=kind, sides=sides, about=key)
    for key, (of_xero, kind) in _MONEY.items():
        if (column := f"s_shown_{key}") in pairs:
            gap = minus(pairs[of_xero], pairs[column])
            mask = shown.rows & flags(pc.not_equal(gap, pa.scalar(0, gap.type)))
            sides = Sides(salesforce=pairs[column], xero=pairs[of_xero], amount=gap)
            _add(pairs, found, mask, shown, kind=kind, sides=sides, about=key)


def _read(pairs: Pairs, moving: np.ndarray, moments: Moments, *, late: np.ndarray) -> _Shown:
    known = pairs.has("l_id") & pairs.has("x_id") & pairs.has("s_id")
    unread = flags(pc.greater_equal(pairs["x_updated_at"], _at(moments.books_read_to)))
    return _Shown(known & ~pairs.flag("s_deleted") & ~moving, unread, late)


def _late(invoices: pa.Table, statuses: pa.Array, moments: Moments, view: View) -> np.ndarray:
    """Say which invoices became overdue since the sync last looked for that.

    It does so in its first run of each day; an opportunity then still shows the day before.
    """
    looked_on = moments.overdue_read_on
    overdue = flags(pc.equal(statuses, pa.scalar(PaymentStatus.OVERDUE.value)))
    if looked_on is None:
        return overdue
    before = payment_statuses(invoices, today_on=min(looked_on, view.today_on))
    late: np.ndarray = overdue & differing(statuses, text(before))
    return late


def _at(moment: datetime | None) -> pa.Scalar:
    return pa.scalar(moment, STAMP)


def _add(
    pairs: Pairs,
    found: Found,
    mask: np.ndarray,
    shown: _Shown,
    *,
    kind: Kind,
    sides: Sides,
    about: str,
) -> None:
    left = mask
    for state, explained in KIND_OF_STATE.items():
        here = left & pairs.is_in("showing", [state])
        found.add(explained, here, sides, about=about)
        left &= ~here
    is_late = shown.late if kind is Kind.PAYMENT_STATUS_SHOWN_DIFFERS else np.zeros_like(left)
    unread = left & (shown.unread | is_late)
    found.add(Kind.NOT_READ_YET, unread, sides, about=about)
    found.add(kind, left & ~unread, sides, about=about)
