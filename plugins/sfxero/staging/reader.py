"""Reads staged files back: frames whose columns stay Arrow's, so that money stays decimal."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sfxero.errors import StagingError
from sfxero.model.finer import FINER
from sfxero.staging.columns import exact
from sfxero.staging.manifest import Staged, StagedFile

if TYPE_CHECKING:
    import pandas as pd

STAMP: Final = "SystemModstamp"
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)
_PIECE_BYTES: Final = 1024 * 1024
_AGAIN: Final = "Run the extract of this window again."


def read_frame(staged: Sequence[Staged]) -> "pd.DataFrame":
    """Return all rows of all manifests, in order, as they were staged."""
    return frame_of_table(read_table(staged))


def read_latest(staged: Sequence[Staged], *, by: str = "Id", stamp: str = STAMP) -> "pd.DataFrame":
    """Return the newest version of each record, by its stamp, then by the later manifest.

    Rows come sorted by `by`, since a job's own order means nothing.
    """
    table = read_table(staged)
    places = _newest(table, by, stamp)
    # Most jobs give each record once and in order: then nothing needs to be copied.
    is_as_staged = len(places) == len(table) and bool((np.diff(places) == 1).all())
    if not is_as_staged:
        table = table.take(pa.array(places))
        # What the unsorted rows took is as much again; the next step would come on top of it.
        pa.default_memory_pool().release_unused()
    return frame_of_table(table)


def read_latest_parts(
    staged: Sequence[Staged], *, columns: Sequence[str], rows: int, by: str = "Id"
) -> "Iterator[pd.DataFrame]":
    """Yield what `read_latest` returns, as staged and some columns only, by so many rows at most.

    Of the whole, only the columns that tell versions apart are held. A column that was not staged
    is left out. Numbers are as exact as the org has them.
    """
    keys = read_table(staged, columns=(by, STAMP))
    is_newest = np.zeros(len(keys), dtype=bool)
    is_newest[_newest(keys, by)] = True
    start = 0
    for entry, file in _files(staged):
        with opened(entry, file) as parquet:
            known = [name for name in (*columns, FINER) if name in parquet.schema_arrow.names]
            for batch in parquet.iter_batches(batch_size=rows, columns=known):
                mask = pa.array(is_newest[start : start + len(batch)])
                start += len(batch)
                yield frame_of_table(pa.Table.from_batches([exact(batch.filter(mask))]))


def read_ids(staged: Staged, *, column: str = "Id", size: int = 10_000) -> Iterator[list[str]]:
    """Yield the ids in one column, without nulls, in lists of at most `size`.

    Each part's ids come sorted: whoever stores them then writes neighbours together, which takes a
    third of the time.
    """
    for file in staged.manifest.files:
        with opened(staged, file) as parquet:
            if column not in parquet.schema_arrow.names:
                raise StagingError(f"{staged.folder / file.name} has no column {column}")
            ids = parquet.read(columns=[column]).column(0).combine_chunks().drop_null()
        ids = ids.take(pc.sort_indices(ids))
        for start in range(0, len(ids), size):
            yield ids.slice(start, size).to_pylist()


def staged_schema(staged: Staged) -> pa.Schema:
    """Return the columns and types of what is staged."""
    with opened(staged, staged.manifest.files[0]) as parquet:
        return parquet.schema_arrow


def frame_of_table(table: pa.Table) -> "pd.DataFrame":
    """Return a table as a frame whose columns stay Arrow's."""
    # Reading ids needs no frames, which cost time and memory to import.
    import pandas as pd

    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _newest(table: pa.Table, by: str, stamp: str = STAMP) -> np.ndarray:
    """Return the places of the newest version of each record, in the order of `by`."""
    missing = [name for name in (by, stamp) if name not in table.schema.names]
    if missing:
        raise StagingError(f"staged files without {missing} cannot be reduced to the newest rows")
    # The sort is stable, so that of equal stamps the later row stays behind.
    # Made here and not while the module loads, since it imports pandas, which a download needs not.
    before_all = pa.scalar(_BEFORE_ALL, pa.timestamp("us", "UTC"))
    keys = pa.table({by: table[by], stamp: pc.fill_null(table[stamp], before_all)})
    places = pc.sort_indices(keys, sort_keys=[(by, "ascending"), (stamp, "ascending")])
    ids = keys[by].combine_chunks().take(places)
    before, after = ids[:-1], ids[1:]
    differs = pc.coalesce(
        pc.not_equal(before, after), pc.xor(pc.is_null(before), pc.is_null(after))
    )
    is_last = np.ones(len(ids), dtype=bool)
    is_last[:-1] = differs.to_numpy(zero_copy_only=False)
    result: np.ndarray = places.to_numpy()[is_last].astype(np.int64)
    return result


def _files(staged: Sequence[Staged]) -> list[tuple[Staged, StagedFile]]:
    return [(entry, file) for entry in staged for file in entry.manifest.files]


def read_table(staged: Sequence[Staged], *, columns: Sequence[str] | None = None) -> pa.Table:
    """Return all rows of all manifests, in order, as an Arrow table."""
    tables = [_read(entry, file, columns) for entry, file in _files(staged)]
    if not tables:
        raise StagingError("no staged file to read")
    if any(FINER in table.schema.names for table in tables):
        tables = [_with_finer(table) for table in tables]
    for table in tables[1:]:
        if not table.schema.equals(tables[0].schema):
            # Filling up with nulls would look like values that were emptied in the org.
            raise StagingError("staged files of one object differ in their columns", hint=_AGAIN)
    return pa.concat_tables(tables)


def _with_finer(table: pa.Table) -> pa.Table:
    """Give a table of before there was the column an empty one: then nothing was finer."""
    if FINER in table.schema.names:
        return table
    return table.append_column(pa.field(FINER, pa.string()), pa.nulls(len(table), pa.string()))


def _read(staged: Staged, file: StagedFile, columns: Sequence[str] | None) -> pa.Table:
    with opened(staged, file) as parquet:
        table = parquet.read(columns=columns)
    if table.num_rows != file.rows:
        raise StagingError(
            f"{staged.folder / file.name} has {table.num_rows} rows, its manifest {file.rows}",
            hint=_AGAIN,
        )
    return table


@contextmanager
def opened(staged: Staged, file: StagedFile) -> Iterator[pq.ParquetFile]:
    """Open a part after proving that it is the one that the manifest means."""
    path = staged.folder / file.name
    if not path.exists():
        raise StagingError(f"{path} is missing", hint=_AGAIN)
    with path.open("rb") as handle:
        if _sha256(handle) != file.sha256:
            raise StagingError(f"{path} is not the file that its manifest names", hint=_AGAIN)
        handle.seek(0)
        yield pq.ParquetFile(handle)


def _sha256(handle: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := handle.read(_PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()
