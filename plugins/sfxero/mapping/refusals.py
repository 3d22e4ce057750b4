"""Findings collected from whole columns: which records broke which rule, and with what value."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from sfxero.model.findings import Finding, Severity
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity


class Findings:
    """The findings about one frame's records, in the order of the rules."""

    def __init__(self, entity: Entity, ids: pa.Array) -> None:
        """`ids` has one id per record; masks are aligned with it."""
        self.entity = entity
        self.ids = ids
        self.rows: list[Finding] = []
        self.refused = np.zeros(len(ids), dtype=bool)

    def add(
        self,
        rule: str,
        mask: np.ndarray,
        *,
        field: str | None,
        hint: str,
        values: pa.Array | None = None,
        severity: Severity = Severity.REFUSE,
    ) -> None:
        """Record each record of the mask."""
        records = np.flatnonzero(mask)
        shown = None if values is None else [_text(one) for one in take(values, records)]
        self.add_at(rule, records, field=field, hint=hint, shown=shown, severity=severity)

    def add_at(
        self,
        rule: str,
        records: np.ndarray,
        *,
        field: str | None,
        hint: str,
        shown: Sequence[str | None] | None,
        severity: Severity = Severity.REFUSE,
    ) -> None:
        """Record the records at the given places, each with the value to show."""
        if not len(records):
            return
        self.rows += [
            Finding(self.entity, SourceId(one), rule, field, value, hint, severity)
            for one, value in zip(
                take(self.ids, records), shown or [None] * len(records), strict=True
            )
        ]
        if severity is Severity.REFUSE:
            self.refused[records] = True


def take(values: pa.Array, places: np.ndarray) -> list[Any]:
    """Return the values at the given places."""
    result: list[Any] = values.take(pa.array(places, pa.int64())).to_pylist()
    return result


def _text(value: object) -> str | None:
    if value is None:
        return None
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
