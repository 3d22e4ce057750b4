"""Turns columns of text into their declared types; what does not fit is named, never lost."""

import re
from decimal import ROUND_UP, Context, Decimal, InvalidOperation
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.errors import StagingError
from sfxero.model.finer import FINER, piece_before

WHOLE: Final = pa.decimal128(38, 0)
_EXACT: Final = pa.decimal128(38, 18)
"""All digits of any number that Salesforce keeps."""
_LEAST: Final = Decimal(1).scaleb(-18)
_DIGITS: Final = Context(prec=38)
# Arrow lets too great a number overflow in silence (seen with pyarrow 26.0.1).
_GREAT: Final = r"[eE]\+?(?:[2-9]\d|\d{3,})$|^[-+]?\d{21,}"


def typed(text: pa.RecordBatch, schema: pa.Schema, *, first_row: int) -> pa.RecordBatch:
    """Return the batch with the schema's columns and types; rows count from `first_row`.

    With a column for it in the schema, numbers may be finer than their fields.
    """
    arrays, finer = [], None
    keeps_finer = FINER in schema.names
    for field in plain_fields(schema):
        is_exact = keeps_finer and pa.types.is_decimal(field.type) and field.type.scale < 18
        kind = _EXACT if is_exact else field.type
        values = _column(text.column(field.name), field, kind, first_row=first_row)
        if is_exact:
            values, more = _rounded(values, field)
            finer = _joined(finer, more)
        arrays.append(values)
    if keeps_finer:
        arrays.append(_nothing(len(text)) if finer is None else finer)
    return pa.record_batch(arrays, schema=schema)


def narrowed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch that was parsed with types, in the schema's order and with its integers."""
    if batch.schema.equals(schema):
        return batch
    try:
        columns = [
            pc.cast(batch.column(field.name), field.type)
            if pa.types.is_integer(field.type)
            else batch.column(field.name)
            for field in plain_fields(schema)
        ]
    except pa.ArrowInvalid:
        raise StagingError("a whole number is too large for its column") from None
    if FINER in schema.names:
        columns.append(_nothing(len(batch)))
    return pa.record_batch(columns, schema=schema)


def plain_fields(schema: pa.Schema) -> list[pa.Field]:
    """Return the fields that the service gives."""
    return [field for field in schema if field.name != FINER]


def exact(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch as it was staged with its numbers as exact as the org has them.

    The column for what is finer has had its use and is left out.
    """
    finer = batch.column(FINER) if FINER in batch.schema.names else None
    arrays = [
        _exact_of(batch.column(field.name), finer, field.name)
        if pa.types.is_decimal(field.type)
        else batch.column(field.name)
        for field in plain_fields(batch.schema)
    ]
    return pa.record_batch(arrays, schema=exact_schema(batch.schema))


def exact_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of what `exact` returns."""
    return pa.schema(
        [
            field.with_type(_EXACT) if pa.types.is_decimal(field.type) else field
            for field in plain_fields(schema)
        ]
    )


def _exact_of(values: pa.Array, finer: pa.Array | None, name: str) -> pa.Array:
    numbers = pc.cast(values, _EXACT)
    if finer is None or finer.null_count == len(finer):
        return numbers
    found = pc.extract_regex(finer, f"{re.escape(piece_before(name))}(?P<number>[^;]+)")
    return pc.coalesce(pc.cast(pc.struct_field(found, "number"), _EXACT), numbers)


def _nothing(rows: int) -> pa.Array:
    return pa.nulls(rows, pa.string())


def _rounded(values: pa.Array, field: pa.Field) -> tuple[pa.Array, pa.Array | None]:
    """Return the numbers as the org shows them, and the text of those that are finer, if any."""
    try:
        return pc.cast(values, field.type), None
    except pa.ArrowInvalid:
        shown = pc.round(values, ndigits=field.type.scale, round_mode="half_towards_infinity")
    # Scalars are made here and not while the module loads, since that imports pandas.
    before = pa.scalar(piece_before(field.name), pa.string())
    texts = pc.binary_join_element_wise(before, pc.cast(values, pa.string()), "")
    is_finer = pc.not_equal(values, shown)
    return pc.cast(shown, field.type), pc.if_else(is_finer, texts, pa.scalar(None, pa.string()))


def _joined(before: pa.Array | None, more: pa.Array | None) -> pa.Array | None:
    if before is None or more is None:
        return more if before is None else before
    both = pc.binary_join_element_wise(before, more, "")
    return pc.coalesce(both, before, more)


def _column(values: pa.Array, field: pa.Field, kind: pa.DataType, *, first_row: int) -> pa.Array:
    if pa.types.is_string(kind):
        return values
    try:
        return _cast(values, kind)
    except pa.ArrowInvalid:
        row = _first_misfit(values, kind)
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
    if target != _EXACT:
        return pc.cast(values, target)
    try:
        if not pc.any(pc.match_substring_regex(values, _GREAT)).as_py():
            return pc.cast(values, target)
    except pa.ArrowInvalid:
        pass
    # Formulas may give numbers as small as 3.3E-5 with all 17 digits of a double.
    return pa.array([None if one is None else _cut(one) for one in values.to_pylist()], _EXACT)


def _cut(text: str) -> Decimal:
    """Return a number with 18 decimals, up if it has more: too fine it stays, and never is 0."""
    try:
        return Decimal(text).quantize(_LEAST, ROUND_UP, _DIGITS)
    except InvalidOperation:
        raise pa.ArrowInvalid("no such number") from None


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
