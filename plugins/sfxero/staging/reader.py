"""Reads staged files back: frames whose columns stay Arrow's, so that money stays decimal."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sfxero.errors import StagingError
from sfxero.staging.manifest import Staged, StagedFile

if TYPE_CHECKING:
    import pandas as pd

STAMP: Final = "SystemModstamp"
_ORDER: Final = "__order__"
_PIECE_BYTES: Final = 1024 * 1024
_AGAIN: Final = "Run the extract of this window again."


def read_frame(staged: Sequence[Staged]) -> "pd.DataFrame":
    """Return all rows of all manifests, in order, as they were staged."""
    return frame_of_table(read_table(staged))


def read_latest(staged: Sequence[Staged], *, by: str = "Id") -> "pd.DataFrame":
    """Return the newest version of each record, by its SystemModstamp, then by the later manifest.

    Rows come sorted by `by`, since a job's own order means nothing.
    """
    table = read_table(staged)
    missing = [name for name in (by, STAMP) if name not in table.schema.names]
    if missing:
        raise StagingError(f"staged files without {missing} cannot be reduced to the newest rows")
    order = pa.array(range(table.num_rows), type=pa.int64())
    frame = frame_of_table(table.append_column(_ORDER, order))
    newest = frame.sort_values([by, STAMP, _ORDER], na_position="first").drop_duplicates(
        by, keep="last"
    )
    return newest.drop(columns=_ORDER).reset_index(drop=True)


def read_ids(staged: Staged, *, column: str = "Id", size: int = 10_000) -> Iterator[list[str]]:
    """Yield the ids in one column, without nulls, in lists of at most `size`.

    Each part's ids come sorted: whoever stores them then writes neighbours together, which takes a
    third of the time.
    """
    for file in staged.manifest.files:
        with _opened(staged, file) as parquet:
            if column not in parquet.schema_arrow.names:
                raise StagingError(f"{staged.folder / file.name} has no column {column}")
            ids = parquet.read(columns=[column]).column(0).combine_chunks().drop_null()
        ids = ids.take(pc.sort_indices(ids))
        for start in range(0, len(ids), size):
            yield ids.slice(start, size).to_pylist()


def staged_schema(staged: Staged) -> pa.Schema:
    """Return the columns and types of what is staged."""
    with _opened(staged, staged.manifest.files[0]) as parquet:
        return parquet.schema_arrow


def frame_of_table(table: pa.Table) -> "pd.DataFrame":
    """Return a table as a frame whose columns stay Arrow's."""
    # Reading ids needs no frames, which cost time and memory to import.
    import pandas as pd

    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def read_table(staged: Sequence[Staged]) -> pa.Table:
    """Return all rows of all manifests, in order, as an Arrow table."""
    tables = [_read(entry, file) for entry in staged for file in entry.manifest.files]
    if not tables:
        raise StagingError("no staged file to read")
    for table in tables[1:]:
        if not table.schema.equals(tables[0].schema):
            # Filling up with nulls would look like values that were emptied in the org.
            raise StagingError("staged files of one object differ in their columns", hint=_AGAIN)
    return pa.concat_tables(tables)


def _read(staged: Staged, file: StagedFile) -> pa.Table:
    with _opened(staged, file) as parquet:
        table = parquet.read()
    if table.num_rows != file.rows:
        raise StagingError(
            f"{staged.folder / file.name} has {table.num_rows} rows, its manifest {file.rows}",
            hint=_AGAIN,
        )
    return table


@contextmanager
def _opened(staged: Staged, file: StagedFile) -> Iterator[pq.ParquetFile]:
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
