"""Writes pages and records into typed Parquet parts, counted as they go."""

import hashlib
import io
import itertools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sfxero.errors import IncompleteExtract, StagingError, SyncError, TransientError
from sfxero.model.finer import FINER
from sfxero.staging.columns import plain_fields, typed
from sfxero.staging.csv_reader import read_batches
from sfxero.staging.layout import MANIFEST_NAME, StagingPath, part_name
from sfxero.staging.manifest import StagedFile, withdraw
from sfxero.staging.storage import storage_errors

_GROUP_ROWS: Final = 64 * 1024
_GROUP_BYTES: Final = 64 * 1024 * 1024
_SAMPLE_ROWS: Final = 2_000
_SOUGHT: Final = ("Id", "SystemModstamp")
_RECORDS_PER_BATCH: Final = 2_000
_COMPRESSION: Final = "zstd"


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


@dataclass(slots=True)
class Parsing:
    """How pages of one job are parsed: what one of them teaches holds for those that follow."""

    is_wide: bool = False
    """Numbers are finer than their fields; it takes longer, so that only a need for it says so."""


@storage_errors()
def stage_page(
    page: Page,
    *,
    schema: pa.Schema,
    folder: StagingPath,
    name: str,
    parsing: Parsing | None = None,
) -> StagedFile:
    """Write one page as the part `name`, which counts once something durable names it.

    After a cut the part is begun anew. Pages of one job may share their `parsing`. Raises
    IncompleteExtract unless the rows are as many as the page says.
    """
    parsing = parsing or Parsing()
    is_careful = False
    while True:
        is_wide = parsing.is_wide
        try:
            batches = read_batches(page.chunks(), schema, is_wide=is_wide, is_careful=is_careful)
            return _write_part(
                folder / name, batches, schema=schema, expected=page.number_of_records
            )
        except (TransientError, IncompleteExtract, StagingError) as failure:
            # A page cut short may also show as a value or a count that does not fit.
            page.reopen(failure)
            if isinstance(failure, StagingError) and FINER in schema.names and not is_wide:
                parsing.is_wide = True
            elif not isinstance(failure, TransientError):
                is_careful = True


@storage_errors()
def write_records(
    records: Iterable[Mapping[str, object]], *, schema: pa.Schema, folder: StagingPath
) -> StagedRows:
    """Write records of a REST query as one part, typed as strictly as CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    # The part of an earlier try is replaced, so its manifest must not outlive it.
    withdraw(folder)
    file = _write_part(folder / part_name(0), record_batches(records, schema), schema=schema)
    return StagedRows((file,), file.rows)


def sweep(folder: StagingPath, *, keep: Collection[str]) -> None:
    """Remove the parts of tries that came to nothing."""
    for path in list(folder.iterdir()):
        if path.name not in keep and path.name != MANIFEST_NAME:
            # Another worker may have removed it just now.
            with suppress(OSError):
                path.unlink()


def _write_part(
    path: StagingPath,
    batches: Iterable[pa.RecordBatch],
    *,
    schema: pa.Schema,
    expected: int | None = None,
) -> StagedFile:
    """Write a part; nothing of it stays if it fails or has not the expected rows."""
    try:
        with path.open("wb") as handle:
            sink = _HashingFile(handle)
            rows = _write_groups(_groups(batches), sink, schema=schema)
            _make_durable(handle)
        _check_count(path.name, rows, expected)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return StagedFile(path.name, rows, sink.tell(), sink.hexdigest())


def _write_groups(groups: Iterator[pa.Table], sink: "_HashingFile", *, schema: pa.Schema) -> int:
    # The schema's own empty table would import pandas, for half a second and 40 MB.
    first = next(groups, None) or pa.Table.from_batches([], schema)
    give_back = pa.default_memory_pool().release_unused
    rows = 0
    with pq.ParquetWriter(
        pa.PythonFile(sink, mode="w"),
        schema,
        compression=_COMPRESSION,
        use_dictionary=_repetitive(first),
        # Whoever looks for records looks by these; the statistics of all cost a sixth of writing.
        write_statistics=[name for name in _SOUGHT if name in schema.names],
    ) as writer:
        for group in itertools.chain([first], groups):
            rows += group.num_rows
            # The pool keeps what was freed for a while; parsing and writing would add up.
            give_back()
            writer.write_table(group)
            give_back()
    return rows


def _repetitive(table: pa.Table) -> list[str]:
    """Return the columns worth a dictionary: for ids and names it costs time and space."""
    sample = table.slice(0, _SAMPLE_ROWS)
    return [
        name
        for name in sample.schema.names
        if 2 * pc.count_distinct(sample.column(name)).as_py() <= max(sample.num_rows, 2)
    ]


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


def record_batches(
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
    names = [field.name for field in plain_fields(schema)]
    columns = [
        pa.array([_text(record.get(name)) for record in records], type=pa.string())
        for name in names
    ]
    return pa.record_batch(columns, names=names)


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).replace("\0", "")
