"""Differences collected from whole columns."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from sfxero.model.differences import KINDS, Difference, DifferenceKind


@dataclass(frozen=True, slots=True)
class Sides:
    """What each side says, as columns; one that has no say is left out."""

    salesforce: pa.Array | None = None
    ledger: pa.Array | None = None
    xero: pa.Array | None = None
    amount: pa.Array | None = None


_SILENT = Sides()


@dataclass(slots=True)
class Found:
    """The differences of one table of records, whose identifying columns are given once."""

    ids: dict[str, pa.Array]
    """Columns `key`, `source_id`, `target_id`, `number`, `currency` and `dated_on`."""
    rows: list[Difference] = field(default_factory=list)
    claimed: np.ndarray = field(init=False)
    """Records whose difference is told elsewhere."""
    primary: np.ndarray = field(init=False)
    """Per record, the first kind that was found, as a place in DifferenceKind; -1 for none."""

    def __post_init__(self) -> None:
        """Begin with none."""
        self.claimed = np.zeros(len(self.ids["key"]), dtype=bool)
        self.primary = np.full(len(self.ids["key"]), -1, dtype=np.int16)

    @property
    def named(self) -> np.ndarray:
        """Which records have a difference."""
        return self.primary >= 0

    def add(
        self, kind: DifferenceKind, mask: np.ndarray, sides: Sides = _SILENT, *, about: str = ""
    ) -> None:
        """Record a difference for each record of the mask; `about` names the field."""
        places = np.flatnonzero(mask)
        if not len(places):
            return
        self.primary[mask & ~self.named] = _PLACE[kind]
        ids = {name: _taken(column, places) for name, column in self.ids.items()}
        columns = (sides.salesforce, sides.ledger, sides.xero, sides.amount)
        said = [_taken(one, places) if one is not None else [None] * len(places) for one in columns]
        for row in range(len(places)):
            self.rows.append(
                Difference(
                    kind=kind,
                    field=about,
                    salesforce=shown(said[0][row]),
                    ledger=shown(said[1][row]),
                    xero=shown(said[2][row]),
                    amount=said[3][row],
                    **{name: values[row] for name, values in ids.items()},
                )
            )

    def claim(self, kind: DifferenceKind, mask: np.ndarray) -> None:
        """Let records count as named, whose difference is told elsewhere."""
        self.claimed |= mask
        self.primary[mask & ~self.named] = _PLACE[kind]


_PLACE = {kind: place for place, kind in enumerate(DifferenceKind)}


def is_open(difference: Difference) -> bool:
    """Say whether it fails a run unless a person has accepted it."""
    return not KINDS[difference.kind].is_explained


def shown(value: object) -> str | None:
    """Return a value as people read it: money with two decimals at least, days as ISO."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        cents = value.quantize(Decimal("0.01"))
        return f"{cents:f}" if cents == value else f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _taken(column: pa.Array, places: np.ndarray) -> list[Any]:
    taken: list[Any] = column.take(pa.array(places, pa.int64())).to_pylist()
    return taken
