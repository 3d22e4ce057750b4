"""The mart of receivables: one row for each invoice of ours that stands in Xero."""

from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.proof.documents import MONEY
from sfxero.proof.pairs import Pairs

BUCKETS: Final = ("not due", "1-30", "31-60", "61-90", "over 90")
_BOUNDS: Final = (1, 31, 61, 91)

RECEIVABLES: Final = pa.schema(
    [
        ("as_of", pa.date32()),
        ("account_id", pa.string()),
        ("account", pa.string()),
        ("contact_id", pa.string()),
        ("opportunity_id", pa.string()),
        ("opportunity", pa.string()),
        ("invoice_id", pa.string()),
        ("invoice_number", pa.string()),
        ("status", pa.string()),
        ("currency", pa.string()),
        ("dated_on", pa.date32()),
        ("due_on", pa.date32()),
        ("total", MONEY),
        ("tax", MONEY),
        ("paid", MONEY),
        ("credited", MONEY),
        ("due", MONEY),
        ("days_overdue", pa.int32()),
        ("ageing_bucket", pa.string()),
    ]
)


def receivables(pairs: Pairs, accounts: pa.Table, *, as_of: date) -> pa.Table:
    """Return the mart; what is paid, not approved or not due yet is no day overdue."""
    names = {one["Id"]: one["Name"] for one in accounts.select(["Id", "Name"]).to_pylist()}
    kept = pa.array(pairs.is_invoiced)
    read = {name: pairs[name].filter(kept) for name in _TAKEN.values()}
    rows = {name: read[source] for name, source in _TAKEN.items()}
    days = _days_overdue(rows["due_on"], is_owed(rows["status"], rows["due"]), as_of)
    places = np.searchsorted(_BOUNDS, days, side="right")
    account_ids = rows["account_id"].to_pylist()
    columns = rows | {
        "as_of": pa.repeat(pa.scalar(as_of, pa.date32()), len(days)),
        "account": pa.array([names.get(one) for one in account_ids], pa.string()),
        "days_overdue": pa.array(days, pa.int32()),
        "ageing_bucket": pa.array(BUCKETS).take(pa.array(places)),
    }
    return pa.table([columns[name] for name in RECEIVABLES.names], schema=RECEIVABLES)


_TAKEN: Final = {
    "account_id": "s_account_id",
    "contact_id": "x_contact_id",
    "opportunity_id": "id",
    "opportunity": "s_name",
    "invoice_id": "x_id",
    "invoice_number": "x_number",
    "status": "x_status",
    "currency": "x_currency",
    "dated_on": "x_dated_on",
    "due_on": "x_due_on",
    "total": "x_total",
    "tax": "x_tax",
    "paid": "x_paid",
    "credited": "x_credited",
    "due": "x_due",
}


def is_owed(status: Any, due: Any) -> Any:
    """Say which invoices customers owe: those that are approved and not settled."""
    return pc.and_(pc.equal(status, "AUTHORISED"), pc.greater(due, pa.scalar(0, MONEY)))


def _days_overdue(due_on: pa.Array, owed: pa.Array, as_of: date) -> np.ndarray:
    today = pa.scalar(as_of, pa.date32()).cast(pa.int32())
    late = pc.subtract(today, due_on.cast(pa.int32()))
    counted = pc.if_else(pc.and_(owed, pc.greater(late, 0)), late, pa.scalar(0, pa.int32()))
    result: np.ndarray = pc.fill_null(counted, 0).to_numpy(zero_copy_only=False)
    return result
