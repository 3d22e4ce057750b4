"""Columns rendered as canonical JSON text: fixed key order, no white space, exact numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import TEXT, map_unique, rewrite

_ESCAPED: Final = r'["\\\x00-\x1F]'
_EMPTY: Final = pa.scalar("", TEXT)


@dataclass(frozen=True, slots=True)
class Json:
    """A column of JSON values without the quotes that go around each; null is no value."""

    texts: pa.Array | pa.Scalar
    quote: str = ""

    def filled(self, prefix: str) -> list[pa.Array | pa.Scalar]:
        """Return the pieces of `prefix` and value, empty where there is no value."""
        pieces = [pa.scalar(prefix + self.quote, TEXT), self.texts]
        if self.quote:
            pieces.append(pa.scalar(self.quote, TEXT))
        if isinstance(self.texts, pa.Array) and self.texts.null_count:
            return [pc.fill_null(_join(pieces), _EMPTY)]
        return pieces


def json_text(values: pa.Array) -> Json:
    """Return texts as JSON strings."""
    return Json(rewrite(values, _ESCAPED, _escape), '"')


def json_number(values: pa.Array) -> Json:
    """Return decimals as JSON numbers with all the digits of their scale."""
    return Json(pc.cast(values, TEXT))


def json_date(values: pa.Array) -> Json:
    """Return days as JSON strings YYYY-MM-DD."""
    return Json(pc.cast(values, TEXT), '"')


def json_constant(text: str) -> Json:
    """Return one text as the JSON string of every row."""
    return Json(pa.scalar(orjson.dumps(text).decode(), TEXT))


def or_null(column: Json) -> Json:
    """Return a column in which no value is null: it is written down, and so clears a field."""
    quote = pa.scalar(column.quote, TEXT)
    return Json(pc.fill_null(_join([quote, column.texts, quote]), pa.scalar("null", TEXT)))


def json_object(fields: Mapping[str, Json]) -> pa.Array:
    """Return objects of the fields that have a value; the first must have one in each row."""
    pieces: list[pa.Array | pa.Scalar] = []
    for place, (name, column) in enumerate(fields.items()):
        pieces += column.filled(f'{"," if place else "{"}"{name}":')
    return _join([*pieces, pa.scalar("}", TEXT)])


def json_array(elements: pa.Array, *, offsets: np.ndarray) -> Json:
    """Return arrays of consecutive elements; `offsets` has one bound more than there are arrays."""
    groups = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements)
    return json_array_of_one(pc.binary_join(groups, pa.scalar(",", TEXT)))


def json_array_of_one(elements: pa.Array) -> Json:
    """Return each element as an array of its own."""
    return Json(_join([pa.scalar("[", TEXT), elements, pa.scalar("]", TEXT)]))


def _join(pieces: list[pa.Array | pa.Scalar]) -> pa.Array:
    return pc.binary_join_element_wise(*pieces, _EMPTY)


def _escape(texts: pa.Array) -> pa.Array:
    return map_unique(texts, lambda text: orjson.dumps(text)[1:-1].decode())
