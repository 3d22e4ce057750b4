"""Rows of other objects joined to the records that they belong to, as further columns."""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import (
    TEXT,
    finer_texts,
    flags,
    join_filled,
    number_column,
    raw_column,
    read_frame,
    text_column,
)
from sfxero.mapping.comparing import meets
from sfxero.mapping.related_sources import RelatedSource
from sfxero.model.finer import FINER, piece_before

if TYPE_CHECKING:
    import pandas as pd


def join_related(
    frame: "pd.DataFrame", rows: "pd.DataFrame", source: RelatedSource
) -> "pd.DataFrame":
    """Return the records with the fields of their rows; null where there is no such row."""
    import pandas as pd

    related = read_frame(rows)
    owners = pc.index_in(
        text_column(related, source.rules.of), text_column(read_frame(frame), "Id")
    )
    wanted = flags(pc.is_valid(owners))
    if source.rules.when is not None:
        wanted &= meets(source.rules.when, related)
    kept = _ordered(related.filter(pa.array(wanted)), owners.filter(pa.array(wanted)), source)
    columns, finer = {}, []
    for place in range(source.most):
        chosen = kept.filter(pc.equal(kept["__rank__"], place))
        index = pc.index_in(pa.array(np.arange(len(frame)), pa.int32()), chosen["__owner__"])
        for field in source.fields:
            column = chosen[field].combine_chunks().take(index)
            name = source.column(field, place)
            columns[name] = pd.arrays.ArrowExtensionArray(column)
            exact = finer_texts(chosen, field)
            if exact is not None:
                before, nothing = (pa.scalar(one, TEXT) for one in (piece_before(name), ""))
                finer.append(pc.binary_join_element_wise(before, exact.take(index), nothing))
    if finer:
        # What is lent is as exact as it is where it comes from.
        own = [text_column(read_frame(frame), FINER)] if FINER in frame.columns else []
        joined = join_filled([*own, *finer], "")
        columns[FINER] = pd.arrays.ArrowExtensionArray(joined)
    return frame.assign(**columns)


def _ordered(related: pa.Table, owners: pa.Array, source: RelatedSource) -> pa.Table:
    """Return the rows in the order of their records, each different one once, with its rank."""
    rules = source.rules
    later = ~meets(rules.first, related) if rules.first else np.zeros(related.num_rows, bool)
    keys = {"owner": owners, "later": pa.array(later), "id": text_column(related, "Id")}
    if rules.order_by is not None:
        keys["rank"] = _comparable(related, rules.order_by)
    order = [(name, "ascending") for name in ("owner", "later", "rank", "id") if name in keys]
    table = related.append_column("__owner__", owners).take(
        pc.sort_indices(pa.table(keys), sort_keys=order)
    )
    if not table.num_rows:
        return table.append_column("__rank__", pa.array([], pa.int64()))
    first = ~table.select(["__owner__", *source.fields]).to_pandas().duplicated().to_numpy()
    table = table.filter(pa.array(first))
    places = table["__owner__"].to_numpy()
    starts = np.searchsorted(places, places, side="left")
    return table.append_column("__rank__", pa.array(np.arange(len(places)) - starts))


def _comparable(table: pa.Table, path: str) -> pa.Array:
    """Return a column to sort by; decimals and texts as they compare."""
    raw = raw_column(table, path)
    return number_column(table, path) if pa.types.is_decimal(raw.type) else raw.combine_chunks()
