"""Who of a frame's records is live, merged or converted, and what each would be called."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from sfxero.mapping.columns import (
    TEXT,
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


class Standing:
    """The records of a frame by what became of them; the live ones stay a column, however many."""

    def __init__(
        self, live: pa.Array, gone: Iterable[SourceId], successors: Mapping[SourceId, SourceId]
    ) -> None:
        """`successors` gives by record the one that took over from it."""
        self._live = live
        self.gone = frozenset(gone)
        self.successors = successors

    def live_among(self, source_ids: Collection[SourceId]) -> set[SourceId]:
        """Return those of a few records that are in the frame and live."""
        wanted = pa.array(list(source_ids), TEXT)
        return set(self._live.filter(pc.is_in(self._live, wanted)).to_pylist())

    def known_among(self, source_ids: Collection[SourceId]) -> set[SourceId]:
        """Return those of a few records that are in the frame."""
        return self.live_among(source_ids) | self.gone.intersection(source_ids)

    def heir_of(self, source_id: SourceId) -> SourceId:
        """Return where a chain of merges ends."""
        return chain_end(source_id, self.successors)


def standing_of(frame: "pd.DataFrame", *, successor: str) -> Standing:
    """Return how the records of a frame stand; `successor` is the field that names another."""
    table = read_frame(frame)
    ids, heirs = text_column(table, "Id"), clean_text(table, successor)
    named = pc.is_valid(heirs)
    is_gone = pa.array(flag_column(table, "IsDeleted") | flags(named))
    pairs = zip(ids.filter(named).to_pylist(), heirs.filter(named).to_pylist(), strict=True)
    return Standing(
        ids.filter(pc.invert(is_gone)), ids.filter(is_gone).to_pylist(), successors=dict(pairs)
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
