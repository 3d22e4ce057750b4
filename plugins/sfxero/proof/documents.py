"""Invoices as columns: from Xero's own word today, and from its word when the link was made."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.staging.writer import record_batches
from sfxero.xero.changes import credit_notes_applied, day_of
from sfxero.xero.dates import parse_xero_date
from sfxero.xero.snapshots import canonical_invoice

MONEY: Final = pa.decimal128(24, 4)
STAMP: Final = pa.timestamp("us", "UTC")
ZERO: Final = pa.scalar(0, MONEY)

_AMOUNTS: Final = {
    "sub_total": "SubTotal",
    "tax": "TotalTax",
    "total": "Total",
    "due": "AmountDue",
    "paid": "AmountPaid",
    "credited": "AmountCredited",
}
_TEXTS: Final = {
    "number": "InvoiceNumber",
    "type": "Type",
    "status": "Status",
    "reference": "Reference",
    "currency": "CurrencyCode",
    "url": "Url",
    "contact_id": "ContactID",
}
_DAYS: Final = {"dated_on": "Date", "due_on": "DueDate"}

INVOICE: Final = pa.schema(
    [
        ("id", pa.string()),
        *((name, pa.string()) for name in _TEXTS),
        *((name, pa.date32()) for name in _DAYS),
        *((name, MONEY) for name in _AMOUNTS),
        ("lines", pa.string()),
        ("updated_at", STAMP),
        ("noted", MONEY),
        ("paid_on", pa.date32()),
    ]
)
"""An invoice in Xero; `lines` is a digest of its lines, `noted` what credit notes gave to it.

What follows `lines` is empty in a link: the ledger keeps none of it.
"""

LINK: Final = pa.schema(
    [
        ("source_id", pa.string()),
        *INVOICE,
        ("wished", MONEY),
        ("stamp_at", STAMP),
        ("settled_at", STAMP),
    ]
)
"""A link: the invoice as it was when it was made, and the amount that was asked for."""

Row = Mapping[str, Any]


def invoice_rows(elements: Iterable[Row]) -> Iterator[Row]:
    """Yield what Xero lists as rows of INVOICE."""
    for element in elements:
        updated = element.get("UpdatedDateUTC")
        yield {
            **_row(canonical_invoice(element)),
            "updated_at": parse_xero_date(str(updated)).isoformat() if updated else None,
            "noted": credit_notes_applied(element),
            "paid_on": day_of(element, "FullyPaidOnDate"),
        }


def newest_invoices(rows: pa.Table) -> pa.Table:
    """Return the newest state of each invoice: one that changed while it was read came twice."""
    numbered = rows.append_column("place", pa.array(range(rows.num_rows), pa.int64()))
    return rows.take(numbered.group_by("id").aggregate([("place", "max")])["place_max"])


def link_table(links: Iterable[Any], *, amount: str) -> pa.Table:
    """Return links as columns of LINK; `amount` is the total that the opportunity's stands for."""
    return row_table((_link_row(link, amount) for link in links), LINK)


def amount_key(line_amount_types: str) -> str:
    """Return which of Xero's totals the opportunity's amount is."""
    return "Total" if line_amount_types == "Inclusive" else "SubTotal"


def amount_column(line_amount_types: str) -> str:
    """Return the column of that total."""
    return "total" if line_amount_types == "Inclusive" else "sub_total"


def text(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as plain strings in one piece."""
    whole = one_piece(values)
    return whole if whole.type == pa.string() else pc.cast(whole, pa.string())


def one_piece(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def places_in(keys: pa.Array, known: pa.Array) -> pa.Array:
    """Return where each key stands among the known, empty if it does not or is empty itself."""
    places = pc.index_in(keys, known)
    return pc.if_else(pc.is_null(keys), pa.scalar(None, places.type), places)


def row_table(rows: Iterable[Row], schema: pa.Schema) -> pa.Table:
    """Return rows as columns of a schema."""
    return pa.Table.from_batches(record_batches(rows, schema), schema=schema).combine_chunks()


def _link_row(link: Any, amount: str) -> Row:
    wished = json.loads(link.source_snapshot, parse_float=str, parse_int=str)
    return {
        **_row(json.loads(link.target_snapshot)),
        "source_id": link.source_id,
        # The ledger's own columns, not the snapshot's: they are what the sync goes by.
        "id": link.target_id,
        "number": link.target_number,
        "wished": wished.get(amount),
        "stamp_at": link.version.stamp_at.isoformat(),
        "settled_at": link.settled_at.isoformat(),
    }


def _row(canonical: Row) -> dict[str, Any]:
    row = {name: canonical.get(key) for name, key in {**_TEXTS, **_DAYS, **_AMOUNTS}.items()}
    lines = canonical.get("LineItems")
    digest = json.dumps(lines, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    row["lines"] = hashlib.sha256(digest.encode()).hexdigest() if lines else None
    row["id"] = canonical.get("InvoiceID")
    return row
