"""Streams CSV bytes of a results page into typed record batches."""

import io
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv

from sfxero.errors import IncompleteExtract, StagingError
from sfxero.staging.columns import WHOLE, narrowed, plain_fields, typed

# The parser reads 32 blocks ahead; small ones keep memory flat and the processor's cache warm.
_BLOCK_BYTES: Final = 512 * 1024
# A record has at most 400,000 characters; one that fills a block cannot be parsed.
_CAREFUL_BLOCK_BYTES: Final = 8 * 1024 * 1024
_QUOTE: Final = ord('"')
_MISFIT: Final = "In CSV column #"


class _CsvBytes(io.RawIOBase):
    """The chunks as a file: NUL bytes dropped, the last line ended, a cut in it noticed.

    The CSV parser takes a value that ends with the file inside its quotes for whole, and one that
    is missing after the last comma for null; cut there, a row would count and be wrong.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._left = b""
        self._quotes = 0
        self._last = b""
        self._is_ended = False
        self.failure: Exception | None = None

    def readable(self) -> bool:
        return True

    def read_buffer(self, size: int) -> pa.Buffer:
        """Fill `size`, since the parser takes each reading for a block, which no row may fill.

        The parser prefers this to `read`. Its memory comes from Arrow's pool: blocks that the C
        library hands out and takes back cost as much as their unpacking.
        """
        block = pa.allocate_buffer(size, resizable=True)
        filled, target = 0, np.frombuffer(block, dtype=np.uint8)
        while filled < size and (piece := self._left or self._next_chunk()):
            taken = min(len(piece), size - filled)
            target[filled : filled + taken] = np.frombuffer(piece, dtype=np.uint8, count=taken)
            filled += taken
            self._left = piece[taken:]
        return block.slice(0, filled)

    def is_empty(self) -> bool:
        """Say whether there is nothing but white space, reading as little as that needs."""
        while not self._left.strip() and (chunk := self._next_chunk()):
            self._left += chunk
        return not self._left.strip()

    def _next_chunk(self) -> bytes:
        """Return the next bytes, none at the end."""
        while not self._is_ended:
            try:
                chunk = next(self._chunks, None)
            except Exception as error:
                # The parser may wrap what is raised here; the reader wants the error itself.
                self.failure = error
                raise
            if chunk is None:
                self._is_ended = True
                return self._ending()
            if b"\0" in chunk:
                chunk = chunk.replace(b"\0", b"")
            if chunk:
                self._note(chunk)
                return chunk
        return b""

    def _note(self, chunk: bytes) -> None:
        # Every seventh byte is a quote: counting them by numpy costs a third of bytes.count.
        self._quotes += int(np.count_nonzero(np.frombuffer(chunk, dtype=np.uint8) == _QUOTE))
        self._last = chunk[-1:]

    def _ending(self) -> bytes:
        if self._quotes % 2 or self._last == b",":
            self.failure = IncompleteExtract("a results page ends inside a row")
            raise self.failure
        return b"" if self._last in {b"", b"\n"} else b"\n"


def read_batches(
    chunks: Iterable[bytes],
    schema: pa.Schema,
    *,
    is_wide: bool = False,
    is_careful: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Yield the page's rows, typed by `schema`; an empty page, with or without header, has none.

    Raises StagingError for a header or a value that is not as declared, and IncompleteExtract for a
    page that ends too early to be parsed. The wide way takes numbers that are finer than their
    fields, if the schema has a column for what is more, and is slower: it names the place of a
    value that does not fit. The careful way also reads records that the others find too long.
    """
    source = _CsvBytes(chunks)
    try:
        if source.is_empty():
            return
        as_text = is_wide or is_careful
        block = _CAREFUL_BLOCK_BYTES if is_careful else _BLOCK_BYTES
        row = 1
        for batch in _open(source, schema, as_text=as_text, block=block):
            yield typed(batch, schema, first_row=row) if as_text else narrowed(batch, schema)
            row += batch.num_rows
    except pa.ArrowInvalid as error:
        if source.failure is not None:
            raise source.failure from None
        raise _failure(error) from None
    except Exception:
        if source.failure is not None:
            raise source.failure from None
        raise


def _open(
    source: _CsvBytes, schema: pa.Schema, *, as_text: bool, block: int
) -> pv.CSVStreamingReader:
    fields = plain_fields(schema)
    reader = pv.open_csv(
        pa.PythonFile(source, mode="r"),
        # One thread parses: another page is the better use of another core.
        read_options=pv.ReadOptions(block_size=block, use_threads=False),
        parse_options=pv.ParseOptions(newlines_in_values=True),
        # Salesforce writes null as "", and stores no empty text.
        convert_options=pv.ConvertOptions(
            column_types={
                field.name: pa.string() if as_text else _read_as(field.type) for field in fields
            },
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=[""],
            true_values=["true"],
            false_values=["false"],
        ),
    )
    got, wanted = list(reader.schema.names), [field.name for field in fields]
    if sorted(got) != sorted(wanted):
        missing = [name for name in wanted if name not in got]
        extra = [name for name in got if name not in wanted]
        raise StagingError(f"a results page lacks columns {missing} and has {extra} instead")
    return reader


def _read_as(wanted: pa.DataType) -> pa.DataType:
    """Return the type to parse: Java's spelling of whole numbers, 8.0E7, is only a decimal's."""
    return WHOLE if pa.types.is_integer(wanted) else wanted


def _failure(error: pa.ArrowInvalid) -> StagingError | IncompleteExtract:
    """Return our error, without the row or value that the parser quotes."""
    if _MISFIT in str(error) and "UTF8" not in str(error):
        return StagingError("a results page holds a value that does not fit its column's type")
    shape = ":".join(str(error).split(":")[:2])[:120]
    return IncompleteExtract(f"a results page is no whole CSV: {shape}")
