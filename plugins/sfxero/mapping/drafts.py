"""Invoice lines on their way: columns in the order of the documents that own them."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class DraftLines:
    """Aligned columns; `owners` gives the place of each line's opportunity, in order.

    What a rule refused is null. A tracking category is a column under its own name.
    """

    owners: np.ndarray
    columns: dict[str, pa.Array]

    def with_more(self, others: "DraftLines") -> "DraftLines":
        """Return both, each document's own lines first."""
        owners = np.concatenate([self.owners, others.owners])
        order = np.argsort(owners, kind="stable")
        columns = {
            name: pa.concat_arrays([column, others.columns[name]]).take(pa.array(order))
            for name, column in self.columns.items()
        }
        return DraftLines(owners[order], columns)
