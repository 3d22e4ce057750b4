"""Turns columns of text into their declared types; what does not fit is named, never lost."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.errors import StagingError

WHOLE: Final = pa.decimal128(38, 0)


def typed(text: pa.RecordBatch, schema: pa.Schema, *, first_row: int) -> pa.RecordBatch:
    """Return the batch with the schema's columns and types; rows count from `first_row`."""
    columns = [_column(text.column(field.name), field, first_row=first_row) for field in schema]
    return pa.record_batch(columns, schema=schema)


def narrowed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch that was parsed with types, in the schema's order and with its integers."""
    if batch.schema.equals(schema):
        return batch
    try:
        columns = [
            pc.cast(batch.column(field.name), field.type)
            if pa.types.is_integer(field.type)
            else batch.column(field.name)
            for field in schema
        ]
    except pa.ArrowInvalid:
        raise StagingError("a whole number is too large for its column") from None
    return pa.record_batch(columns, schema=schema)


def _column(values: pa.Array, field: pa.Field, *, first_row: int) -> pa.Array:
    if pa.types.is_string(field.type):
        return values
    try:
        return _cast(values, field.type)
    except pa.ArrowInvalid:
        row = _first_misfit(values, field.type)
        # The value itself may be personal, so the place is named instead.
        raise StagingError(
            f"column {field.name}, row {first_row + row}: the value is no {field.type}",
            hint="Compare the field's type and decimal places in the org with its describe.",
        ) from None


def _cast(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast strictly: a decimal keeps its value exactly, or the cast fails."""
    if pa.types.is_integer(target):
        # Numbers come as Java prints a double, 8.0E7, which only the decimal cast reads.
        return pc.cast(pc.cast(values, WHOLE), target)
    return pc.cast(values, target)


def _first_misfit(values: pa.Array, target: pa.DataType) -> int:
    """Return the index of the first value that does not fit, found by halving."""
    low, high = 0, len(values)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            _cast(values.slice(low, middle - low), target)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    return low
