"""Which contacts meet a condition of the route."""

from typing import TYPE_CHECKING

import pyarrow as pa

from sfxero.mapping.columns import read_frame, text_column
from sfxero.mapping.comparing import meets
from sfxero.mapping.conditions import Condition

if TYPE_CHECKING:
    import pandas as pd


def ids_meeting(frame: "pd.DataFrame", condition: Condition) -> list[str]:
    """Return the ids of the records of a frame that meet the condition."""
    table = read_frame(frame)
    ids: list[str] = text_column(table, "Id").filter(pa.array(meets(condition, table))).to_pylist()
    return ids
