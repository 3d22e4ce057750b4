"""Records of REST queries as frames, typed as staged ones are, without a file between."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from sfxero.staging.columns import exact
from sfxero.staging.reader import frame_of_table
from sfxero.staging.writer import record_batches

if TYPE_CHECKING:
    import pandas as pd


def frame_of(records: Iterable[Mapping[str, object]], *, schema: pa.Schema) -> "pd.DataFrame":
    """Return a frame as reading them back from staging would give it."""
    return frame_of_table(pa.Table.from_batches(list(record_batches(records, schema)), schema))


def exact_frame(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a frame with its numbers as exact as the org has them, as suites look at them."""
    batch = pa.RecordBatch.from_pandas(frame, preserve_index=False)
    return frame_of_table(pa.Table.from_batches([exact(batch)]))
