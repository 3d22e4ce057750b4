"""What opportunities show of their invoices, where the org has the fields for it."""

from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import flags
from sfxero.model.differences import DifferenceKind as Kind
from sfxero.proof.documents import STAMP
from sfxero.proof.found import Found, Sides
from sfxero.proof.pair_checks import KIND_OF_STATE
from sfxero.proof.pairs import Pairs, minus

_TEXTS: Final = {"invoice_id": "x_id", "invoice_number": "x_number", "status": "x_status"}
_MONEY: Final = {
    "amount_paid": ("x_paid", Kind.PAID_SHOWN_DIFFERS),
    "amount_due": ("x_due", Kind.DUE_SHOWN_DIFFERS),
    "amount_credited": ("x_credited", Kind.CREDITED_SHOWN_DIFFERS),
}


def check_shown(pairs: Pairs, found: Found, *, moving: np.ndarray, books_read_to: datetime) -> None:
    """Compare the status fields that were read, but for what was made or shown meanwhile.

    What Xero changed since the last sync is unread, and what that has planned is on its way.
    """
    known = pairs.has("l_id") & pairs.has("x_id") & pairs.has("s_id")
    shown = known & ~pairs.flag("s_deleted") & ~moving
    unread = flags(pc.greater_equal(pairs["x_updated_at"], pa.scalar(books_read_to, STAMP)))
    for key, of_xero in _TEXTS.items():
        if (column := f"s_shown_{key}") in pairs:
            mask = shown & pairs.differs(column, of_xero)
            sides = Sides(salesforce=pairs[column], xero=pairs[of_xero])
            _add(pairs, found, mask, unread, kind=Kind.SHOWN_DIFFERS, sides=sides, about=key)
    for key, (of_xero, kind) in _MONEY.items():
        if (column := f"s_shown_{key}") in pairs:
            gap = minus(pairs[of_xero], pairs[column])
            mask = shown & flags(pc.not_equal(gap, pa.scalar(0, gap.type)))
            sides = Sides(salesforce=pairs[column], xero=pairs[of_xero], amount=gap)
            _add(pairs, found, mask, unread, kind=kind, sides=sides, about=key)


def _add(
    pairs: Pairs,
    found: Found,
    mask: np.ndarray,
    unread: np.ndarray,
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
    found.add(Kind.NOT_READ_YET, left & unread, sides, about=about)
    found.add(kind, left & ~unread, sides, about=about)
