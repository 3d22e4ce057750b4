"""Streams CSV bytes of a results page into typed record batches."""

import io
from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.csv as pv

from sfxero.errors import IncompleteExtract, StagingError
from sfxero.staging.columns import typed

# A record has at most 400,000 characters; one that fills a block cannot be parsed.
_BLOCK_BYTES: Final = 4 * 1024 * 1024
_QUOTE: Final = b'"'


class _CsvBytes(io.RawIOBase):
    """The chunks as a file: NUL bytes dropped, the last line ended, a cut in it noticed.

    The CSV parser takes a value that ends with the file inside its quotes for whole, and one that
    is missing after the last comma for null; cut there, a row would count and be wrong.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._left = bytearray()
        self._quotes = 0
        self._last = b""
        self._is_ended = False
        self.failure: Exception | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Fill `size`, since the parser takes each reading for a block, which no row may fill."""
        while not self._is_ended and (size < 0 or len(self._left) < size):
            self._left += self._next_chunk()
        end = len(self._left) if size < 0 else size
        piece = bytes(self._left[:end])
        del self._left[:end]
        return piece

    def is_empty(self) -> bool:
        """Say whether there is nothing but white space, reading as little as that needs."""
        while not self._left.strip() and not self._is_ended:
            self._left += self._next_chunk()
        return not self._left.strip()

    def _next_chunk(self) -> bytes:
        try:
            chunk = next(self._chunks, None)
        except Exception as error:
            # The parser may wrap what is raised here; the reader wants the error itself.
            self.failure = error
            raise
        if chunk is None:
            self._is_ended = True
            if self._quotes % 2 or self._last == b",":
                self.failure = IncompleteExtract("a results page ends inside a row")
                raise self.failure
            return b"" if self._last in {b"", b"\n"} else b"\n"
        chunk = chunk.replace(b"\0", b"")
        self._quotes += chunk.count(_QUOTE)
        self._last = chunk[-1:] or self._last
        return chunk


def read_batches(chunks: Iterable[bytes], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the page's rows, typed by `schema`; an empty page, with or without header, has none.

    Raises StagingError for a header or a value that is not as declared, and IncompleteExtract for a
    page that ends too early to be parsed.
    """
    source = _CsvBytes(chunks)
    try:
        if source.is_empty():
            return
        reader = _open(source, schema)
        row = 1
        for batch in reader:
            yield typed(batch, schema, first_row=row)
            row += batch.num_rows
    except pa.ArrowInvalid as error:
        if source.failure is not None:
            raise source.failure from None
        raise IncompleteExtract(f"a results page is no whole CSV: {_shape_only(error)}") from None
    except Exception:
        if source.failure is not None:
            raise source.failure from None
        raise


def _open(source: _CsvBytes, schema: pa.Schema) -> pv.CSVStreamingReader:
    reader = pv.open_csv(
        pa.PythonFile(source, mode="r"),
        read_options=pv.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=pv.ParseOptions(newlines_in_values=True),
        # Salesforce writes null as "", and stores no empty text.
        convert_options=pv.ConvertOptions(
            column_types={name: pa.string() for name in schema.names},
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=[""],
        ),
    )
    got, wanted = list(reader.schema.names), list(schema.names)
    if sorted(got) != sorted(wanted):
        missing = [name for name in wanted if name not in got]
        extra = [name for name in got if name not in wanted]
        raise StagingError(f"a results page lacks columns {missing} and has {extra} instead")
    return reader


def _shape_only(error: pa.ArrowInvalid) -> str:
    """Return the parser's words up to the colon after which it quotes the row."""
    return ":".join(str(error).split(":")[:2])[:120]
