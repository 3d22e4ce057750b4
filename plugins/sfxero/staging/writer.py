"""Writes pages and records into typed Parquet parts, counted as they go."""

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from sfxero.errors import IncompleteExtract, StagingError, SyncError, TransientError
from sfxero.staging.columns import typed
from sfxero.staging.csv_reader import read_batches
from sfxero.staging.layout import StagingPath, part_name
from sfxero.staging.manifest import StagedFile, withdraw

_GROUP_ROWS: Final = 64 * 1024
_GROUP_BYTES: Final = 64 * 1024 * 1024
_RECORDS_PER_BATCH: Final = 2_000


class Page(Protocol):
    """One page of results, which can be read again from its start."""

    @property
    def number_of_records(self) -> int | None:
        """The service's count of this page's rows."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Yield the CSV text's bytes."""
        ...

    def reopen(self, failure: SyncError) -> None:
        """Make `chunks` start again, or raise `failure` if it was tried often enough."""
        ...


@dataclass(frozen=True, slots=True)
class StagedRows:
    """What was written, for the manifest."""

    files: tuple[StagedFile, ...]
    row_count: int


def stage_pages(
    pages: Iterable[Page], *, schema: pa.Schema, folder: StagingPath, expected_rows: int | None
) -> StagedRows:
    """Write one part per page; the manifest that publishes them is the caller's to save.

    Raises IncompleteExtract unless the rows are as many as each page and the job say.
    """
    parts = _Parts(schema, folder)
    for page in pages:
        _stage_page(page, parts)
    staged = parts.finish()
    if expected_rows is not None and staged.row_count != expected_rows:
        raise IncompleteExtract(
            f"{staged.row_count} rows were staged in {folder}, the job counted {expected_rows}"
        )
    return staged


def write_records(
    records: Iterable[Mapping[str, object]], *, schema: pa.Schema, folder: StagingPath
) -> StagedRows:
    """Write records of a REST query as one part, typed as strictly as CSV."""
    parts = _Parts(schema, folder)
    parts.add(_record_batches(records, schema))
    return parts.finish()


def _stage_page(page: Page, parts: "_Parts") -> None:
    """Write one page; after a cut its part is dropped and the page read again."""
    while True:
        try:
            parts.add(read_batches(page.chunks(), parts.schema), expected=page.number_of_records)
        except (TransientError, IncompleteExtract, StagingError) as failure:
            # A page cut short may also show as a value or a count that does not fit.
            page.reopen(failure)
        else:
            return


class _Parts:
    """The parts of one folder, each written under a draft name and moved when it is whole."""

    def __init__(self, schema: pa.Schema, folder: StagingPath) -> None:
        self.schema = schema
        self._folder = folder
        self._files: list[StagedFile] = []
        folder.mkdir(parents=True, exist_ok=True)
        # Parts of an earlier try are replaced below, so its manifest must not outlive them.
        withdraw(folder)

    def add(self, batches: Iterable[pa.RecordBatch], *, expected: int | None = None) -> None:
        """Write one part; nothing of it stays if it fails or has not the expected rows."""
        name = part_name(len(self._files))
        draft = self._folder / f".{name}.draft"
        try:
            rows, sink = self._write(draft, batches)
            _check_count(name, rows, expected)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        draft.rename(self._folder / name)
        self._files.append(StagedFile(name, rows, sink.tell(), sink.hexdigest()))

    def finish(self) -> StagedRows:
        """Return what was written; without any page, an empty part that keeps the schema."""
        if not self._files:
            self.add(())
        return StagedRows(tuple(self._files), sum(file.rows for file in self._files))

    def _write(
        self, draft: StagingPath, batches: Iterable[pa.RecordBatch]
    ) -> "tuple[int, _HashingFile]":
        rows = 0
        with draft.open("wb") as handle:
            sink = _HashingFile(handle)
            with pq.ParquetWriter(
                pa.PythonFile(sink, mode="w"), self.schema, compression="zstd"
            ) as writer:
                for group in _groups(batches):
                    rows += group.num_rows
                    writer.write_table(group)
            _make_durable(handle)
        return rows, sink


def _check_count(name: str, rows: int, expected: int | None) -> None:
    if expected is not None and rows != expected:
        raise IncompleteExtract(f"{name}: {rows} rows were read, the page counts {expected}")


class _HashingFile(io.RawIOBase):
    """A file that is hashed while it is written; Parquet is written strictly forward."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._write: Callable[[Any], object] = handle.write
        self._hash = hashlib.sha256()
        self._size_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._write(piece)
        self._hash.update(piece)
        self._size_bytes += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._size_bytes

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _make_durable(handle: IO[bytes]) -> None:
    """Put a local file on disk, since the watermark moves on the strength of it."""
    handle.flush()
    with suppress(AttributeError, OSError):
        os.fsync(handle.fileno())


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield row groups large enough for Parquet and small enough for memory."""
    held: list[pa.RecordBatch] = []
    rows = size_bytes = 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        size_bytes += batch.nbytes
        if rows >= _GROUP_ROWS or size_bytes >= _GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held, rows, size_bytes = [], 0, 0
    if rows:
        yield pa.Table.from_batches(held)


def _record_batches(
    records: Iterable[Mapping[str, object]], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Yield the records as text first, so that one set of rules types JSON and CSV."""
    first_row = 1
    held: list[Mapping[str, object]] = []
    for record in records:
        held.append(record)
        if len(held) == _RECORDS_PER_BATCH:
            yield typed(_as_text(held, schema), schema, first_row=first_row)
            first_row += len(held)
            held = []
    if held:
        yield typed(_as_text(held, schema), schema, first_row=first_row)


def _as_text(records: Sequence[Mapping[str, object]], schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        pa.array([_text(record.get(name)) for record in records], type=pa.string())
        for name in schema.names
    ]
    return pa.record_batch(columns, names=schema.names)


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).replace("\0", "")
