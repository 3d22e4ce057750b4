"""Staged columns as typed Arrow arrays, and the cleaning that every text gets."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.errors import StagingError
from sfxero.mapping.template import split_template
from sfxero.model.finer import FINER, piece_before

if TYPE_CHECKING:
    import pandas as pd

# Large strings: a window's texts together may pass the 2 GiB that 32-bit offsets can reach.
TEXT: Final = pa.large_string()
# Salesforce numbers have at most 18 digits, so each of them fits.
NUMBER: Final = pa.decimal128(38, 18)
STAMP: Final = pa.timestamp("us", "UTC")

# XML, which Xero keeps documents in, cannot hold these.
_CONTROL: Final = r"[\x00-\x08\x0E-\x1F\x7F]"
_LINE_BREAK: Final = "[ \t]*(?:\r\n|[\n\r\v\f\u0085\u2028\u2029])"
_UNCLEAN: Final = "[\\x00-\\x1F\\x7F\u0085\u2028\u2029]|^[\\s\\pZ]|[\\s\\pZ]$|^$"


def read_frame(frame: "pd.DataFrame") -> pa.Table:
    """Return a frame as an Arrow table without copying."""
    return pa.Table.from_pandas(frame, preserve_index=False)


def read_records(frame: "pd.DataFrame") -> pa.Table:
    """Return a frame of records, each of which may stand in it once."""
    table = read_frame(frame)
    ids = text_column(table, "Id")
    if ids.null_count or len(ids) != len(pc.unique(ids)):
        raise StagingError("a staged frame holds a record twice, or one without an Id")
    return table


def text_column(table: pa.Table, path: str) -> pa.Array:
    """Return a column as text, exactly as staged."""
    return _column(table, path, TEXT)


def clean_text(table: pa.Table, path: str) -> pa.Array:
    """Return a column trimmed, with \\n line breaks, without control characters, '' as null."""
    return rewrite(text_column(table, path), _UNCLEAN, _clean)


def rewrite(values: pa.Array, pattern: str, function: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Apply a function to the texts that match a pattern; mostly there are few, or none."""
    mask = pc.fill_null(pc.match_substring_regex(values, pattern), pa.scalar(False))
    if not pc.any(mask).as_py():
        return values
    return pc.replace_with_mask(values, mask, function(values.filter(mask)))


def _clean(texts: pa.Array) -> pa.Array:
    texts = pc.replace_substring_regex(texts, _LINE_BREAK, "\n")
    texts = pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, _CONTROL, ""))
    return pc.if_else(pc.equal(texts, pa.scalar("", TEXT)), pa.scalar(None, TEXT), texts)


def number_column(table: pa.Table, path: str) -> pa.Array:
    """Return a column as exact decimals; floating point is refused."""
    if pa.types.is_floating(raw_column(table, path).type):
        raise StagingError(f"column {path} was staged as floating point; amounts must be decimals")
    numbers = _column(table, path, NUMBER)
    finer = finer_texts(table, path)
    return numbers if finer is None else pc.coalesce(pc.cast(finer, NUMBER), numbers)


def finer_texts(table: pa.Table, path: str) -> pa.Array | None:
    """Return the exact numbers of those rows whose number is finer than its field; None if none."""
    if FINER not in table.column_names or table[FINER].null_count == table.num_rows:
        return None
    pattern = f"{re.escape(piece_before(path))}(?P<number>[^;]+)"
    found = pc.extract_regex(text_column(table, FINER), pattern)
    return pc.struct_field(found, "number")


def date_column(table: pa.Table, path: str) -> pa.Array:
    """Return a column as calendar days."""
    return _column(table, path, pa.date32())


def stamp_column(table: pa.Table, path: str) -> pa.Array:
    """Return a column as UTC moments; none may be missing."""
    stamps = _column(table, path, STAMP)
    if stamps.null_count:
        raise StagingError(f"column {path} has records without a value")
    return stamps


def flag_column(table: pa.Table, path: str) -> np.ndarray:
    """Return a column of booleans; missing counts as false."""
    return flags(_column(table, path, pa.bool_()))


def flags(mask: pa.Array) -> np.ndarray:
    """Return an Arrow mask for indexing; null counts as false."""
    result: np.ndarray = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return result


def first_filled(columns: Sequence[pa.Array]) -> pa.Array:
    """Return, per row, the first value that is there."""
    return columns[0] if len(columns) == 1 else pc.coalesce(*columns)


def join_filled(columns: Sequence[pa.Array], separator: str) -> pa.Array:
    """Return, per row, all values that are there with a separator between them; null for none.

    Arrow's own way to skip nulls drops rows that have nothing but nulls (seen with pyarrow 26.0.1).
    """
    empty = pa.scalar("", TEXT)
    pieces = [
        pc.fill_null(pc.binary_join_element_wise(pa.scalar(separator, TEXT), column, empty), empty)
        for column in columns
    ]
    joined = pc.binary_join_element_wise(*pieces, empty)
    texts = pc.utf8_slice_codeunits(joined, len(separator))
    return pc.if_else(pc.equal(joined, empty), pa.scalar(None, TEXT), texts)


def map_unique(values: pa.Array, function: Callable[[str], str | None]) -> pa.Array:
    """Apply a function to each distinct text once; null stays null."""
    encoded = pc.dictionary_encode(values)
    mapped = pa.array([function(one) for one in encoded.dictionary.to_pylist()], TEXT)
    return mapped.take(encoded.indices)


def fill_template(
    table: pa.Table, template: str, *, known: dict[str, str] | None = None
) -> pa.Array:
    """Return a template's text per row; null where one of its fields is empty."""
    pieces: list[pa.Array | pa.Scalar] = []
    for literal, field in split_template(template):
        pieces.append(pa.scalar(literal, TEXT))
        if field is None:
            continue
        value = (known or {}).get(field)
        pieces.append(clean_text(table, field) if value is None else pa.scalar(value, TEXT))
    pieces.append(pa.scalar("", TEXT))
    return pc.binary_join_element_wise(*pieces)


def raw_column(table: pa.Table, path: str) -> pa.ChunkedArray:
    """Return a column as it was staged."""
    if path not in table.column_names:
        raise StagingError(f"column {path} was not staged; the route's mapping needs it")
    return table.column(path)


def _column(table: pa.Table, path: str, kind: pa.DataType) -> pa.Array:
    raw = raw_column(table, path)
    try:
        column = raw if raw.type == kind else pc.cast(raw, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise StagingError(f"column {path} was staged as {raw.type}, not as {kind}") from None
    return column.combine_chunks()
