"""Marts as Parquet files: receivables and differences, one file for each day."""

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from sfxero.model.differences import KINDS
from sfxero.proof.documents import MONEY, STAMP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sfxero.ledger.differences import StoredDifference

_TEXTS: Final = (
    "kind", "key", "field", "source_id", "target_id", "number", "salesforce", "ledger", "xero",
    "currency",
)  # fmt: skip
DIFFERENCES: Final = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        ("amount", MONEY),
        ("dated_on", pa.date32()),
        ("is_explained", pa.bool_()),
        ("next_step", pa.string()),
        ("first_seen_at", STAMP),
        ("last_seen_at", STAMP),
        ("accepted_at", STAMP),
        ("accepted_by", pa.string()),
    ]
)


def difference_table(stored: "Iterable[StoredDifference]") -> pa.Table:
    """Return open differences as a table."""
    return pa.Table.from_pylist([_row(one) for one in stored], schema=DIFFERENCES)


def write_mart(table: pa.Table, path: Any) -> None:
    """Write a mart, in place of one of the same day."""
    draft = path.parent / f".{path.name}.draft"
    with draft.open("wb") as handle:
        pq.write_table(table, handle, compression="zstd")
    draft.rename(path)


def _row(one: "StoredDifference") -> dict[str, Any]:
    difference = one.difference
    facts = KINDS[difference.kind]
    return {
        **{name: getattr(difference, name) for name in _TEXTS},
        "kind": str(difference.kind),
        "amount": difference.amount,
        "dated_on": difference.dated_on,
        "is_explained": facts.is_explained,
        "next_step": facts.next_step,
        "first_seen_at": one.first_seen_at,
        "last_seen_at": one.last_seen_at,
        "accepted_at": one.accepted_at,
        "accepted_by": one.accepted_by,
    }
