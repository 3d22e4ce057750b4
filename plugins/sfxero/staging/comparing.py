"""Compares a listing of all records with what was read of them, a share at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sfxero.staging.columns import exact, exact_schema
from sfxero.staging.manifest import Staged
from sfxero.staging.reader import STAMP, frame_of_table, opened

if TYPE_CHECKING:
    import pandas as pd

_ROWS_AT_ONCE: Final = 500_000
_DELETED: Final = "IsDeleted"
_KNOWN: Final = "__known"
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LAST_LETTER: Final = 14
"""Of the fifteen of an id; it counts up, so that all are as frequent."""


@dataclass(slots=True)
class Differences:
    """Records of which something was not read, and those that are no more."""

    changed: list[str] = field(default_factory=list)
    gone: dict[str, str | None] = field(default_factory=dict)
    """With their parents, where the listing has a column for it."""

    def __len__(self) -> int:
        """Count both."""
        return len(self.changed) + len(self.gone)


def differences(
    listed: Staged,
    known: Sequence[Staged],
    *,
    parent: str | None = None,
    at_once: int = _ROWS_AT_ONCE,
) -> Differences:
    """Return what the listing has and `known`, from the oldest on, has not, and the reverse.

    Memory is that of about `at_once` records, however many there are.
    """
    found = Differences()
    columns = _columns(listed)
    shares = min(1 + listed.manifest.row_count // at_once, len(_LETTERS))
    for share in range(shares):
        letters = pa.array(list(_LETTERS[share::shares]))
        ours = _frame([listed], columns, letters)
        theirs = _newest(_frame(known, columns, letters))
        _compare(ours, theirs, found, parent=parent)
    return found


def _compare(
    ours: "pd.DataFrame", theirs: "pd.DataFrame", found: Differences, *, parent: str | None
) -> None:
    both = ours.merge(theirs, how="outer", on="Id", suffixes=("", _KNOWN), indicator="side")
    is_new = (both["side"] == "left_only") & ~_flags(both[_DELETED])
    is_same = both["side"] == "both"
    is_newer = is_same & _flags(both[STAMP] > both[f"{STAMP}{_KNOWN}"])
    # Buried by an earlier sweep with a stamp of its own day, and visible again with its old one.
    is_back = is_same & _flags(both[f"{_DELETED}{_KNOWN}"]) & ~_flags(both[_DELETED])
    differs = is_new | is_newer | is_back
    is_current = is_same & _flags(both[STAMP] == both[f"{STAMP}{_KNOWN}"])
    for name in set(ours.columns) - {"Id", STAMP}:
        differs |= is_current & _differs(both[name], both[f"{name}{_KNOWN}"])
    found.changed += both.loc[differs, "Id"].tolist()
    gone = both[(both["side"] == "right_only") & ~_flags(both[f"{_DELETED}{_KNOWN}"])]
    parents = gone[f"{parent}{_KNOWN}"].tolist() if parent else [None] * len(gone)
    found.gone |= dict(zip(gone["Id"].tolist(), parents, strict=True))


def _differs(left: "pd.Series[Any]", right: "pd.Series[Any]") -> "pd.Series[bool]":
    return _flags(left != right) | (left.isna() != right.isna())


def _flags(values: "pd.Series[Any]") -> "pd.Series[bool]":
    """Return plain flags; what is unknown is not so."""
    return values.fillna(value=False).astype(bool)


def _newest(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Keep of each record the newest version, and of equal ones that which was read last."""
    ordered = frame.sort_values(["Id", STAMP], kind="stable", na_position="first")
    return ordered.drop_duplicates("Id", keep="last")


def _columns(listed: Staged) -> pa.Schema:
    """Return what is compared, with the column of what is finer than its fields."""
    with opened(listed, listed.manifest.files[0]) as parquet:
        schema: pa.Schema = parquet.schema_arrow
    return schema


def _frame(staged: Iterable[Staged], columns: pa.Schema, letters: pa.Array) -> "pd.DataFrame":
    """Return the records whose ids have these last letters."""
    batches = [batch for one in staged for batch in _batches(one, columns, letters)]
    return frame_of_table(pa.Table.from_batches(batches, exact_schema(columns)))


def _batches(staged: Staged, columns: pa.Schema, letters: pa.Array) -> Iterator[pa.RecordBatch]:
    for file in staged.manifest.files:
        with opened(staged, file) as parquet:
            there = [name for name in columns.names if _has(parquet, columns.field(name))]
            for batch in parquet.iter_batches(columns=there):
                last = pc.utf8_slice_codeunits(batch["Id"], _LAST_LETTER, _LAST_LETTER + 1)
                yield exact(_aligned(batch.filter(pc.is_in(last, letters)), columns))


def _has(parquet: pq.ParquetFile, wanted: pa.Field) -> bool:
    """Say whether a file has a column of this type; under other rules it was another, or none."""
    schema = parquet.schema_arrow
    return wanted.name in schema.names and schema.field(wanted.name).type.equals(wanted.type)


def _aligned(batch: pa.RecordBatch, columns: pa.Schema) -> pa.RecordBatch:
    arrays = [
        batch[one.name] if one.name in batch.schema.names else pa.nulls(len(batch), one.type)
        for one in columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=columns)
