"""Records with other values than they have, to see what the mapping would make of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sfxero.model.ids import SourceId

if TYPE_CHECKING:
    import pandas as pd


def with_values(
    frame: "pd.DataFrame", values: Mapping[SourceId, Mapping[str, str | None]]
) -> "pd.DataFrame":
    """Return those records of a frame that are named, with these texts in their fields."""
    import pandas as pd

    tried = frame[frame["Id"].isin(list(values))].copy()
    for name in {name for one in values.values() for name in one}:
        column = [
            values[record_id].get(name, before)
            for record_id, before in zip(tried["Id"], tried[name], strict=True)
        ]
        tried[name] = pd.Series(column, index=tried.index, dtype=frame[name].dtype)
    return tried
