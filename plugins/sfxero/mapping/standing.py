"""Who of a frame's records is live, merged or converted, and what each would be called."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import (
    clean_text,
    flag_column,
    flags,
    map_unique,
    read_frame,
    text_column,
)
from sfxero.mapping.field_rules import FieldRule
from sfxero.mapping.names import base_name, name_key
from sfxero.mapping.refusals import Findings
from sfxero.mapping.rules import apply_rule
from sfxero.model.ids import SourceId, chain_end
from sfxero.model.states import Entity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Standing:
    """The records of a frame by what became of them: ids, and by id the one that took over."""

    live: frozenset[SourceId]
    gone: frozenset[SourceId]
    successors: Mapping[SourceId, SourceId]

    def heir_of(self, source_id: SourceId) -> SourceId:
        """Return where a chain of merges ends."""
        return chain_end(source_id, self.successors)


def standing_of(frame: "pd.DataFrame", *, successor: str) -> Standing:
    """Return how the records of a frame stand; `successor` is the field that names another."""
    table = read_frame(frame)
    ids, heirs = text_column(table, "Id"), clean_text(table, successor)
    is_gone = flag_column(table, "IsDeleted") | flags(pc.is_valid(heirs))
    mask = pa.array(is_gone)
    named = pc.is_valid(heirs)
    pairs = zip(ids.filter(named).to_pylist(), heirs.filter(named).to_pylist(), strict=True)
    return Standing(
        live=frozenset(ids.filter(pc.invert(mask)).to_pylist()),
        gone=frozenset(ids.filter(mask).to_pylist()),
        successors=dict(pairs),
    )


def without(frame: "pd.DataFrame", source_ids: Iterable[SourceId]) -> "pd.DataFrame":
    """Return the frame without some of its records."""
    left_out = list(source_ids)
    return frame[~frame["Id"].isin(left_out)] if left_out else frame


def base_keys(
    frame: "pd.DataFrame", rule: FieldRule, source_ids: Collection[SourceId]
) -> dict[SourceId, str]:
    """Return what the names of some records have in common with others', before any suffix."""
    table = read_frame(frame[frame["Id"].isin(list(source_ids))])
    ids = text_column(table, "Id")
    names = apply_rule(table, rule, Findings(Entity.ACCOUNT, ids), name="name", required=True)
    keys = map_unique(names, lambda text: name_key(base_name(text)) or None)
    pairs = zip(ids.to_pylist(), keys.to_pylist(), strict=True)
    return {one: key for one, key in pairs if key is not None}
