"""What checks and the mapping have to say about one record, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sfxero.model.ids import SourceId
from sfxero.model.outbox import Planned, PlanOutcome
from sfxero.model.states import DISPOSITION_OF, Disposition, Entity

NEWER_VERSION: Final = "newer_version"
"""Rule of a record of which something newer is sent or waits already."""


class Severity(StrEnum):
    """A refusal sends the record to quarantine; a warning lets it go and is kept."""

    REFUSE = "refuse"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that one record of `entity` did not meet, with the value and what to do."""

    entity: Entity
    source_id: SourceId
    rule: str
    field: str | None
    value: str | None
    hint: str
    severity: Severity = Severity.REFUSE


@dataclass(frozen=True, slots=True)
class DispositionRow:
    """What became of one record; with `entry_id` the entry's state has the last word."""

    entity: Entity
    source_id: SourceId
    disposition: Disposition
    rule: str | None = None
    entry_id: int | None = None


def row_of(planned: Planned, entity: Entity, source_id: SourceId) -> DispositionRow:
    """Turn the outbox's answer into the disposition of a record; a live entry has the last word."""
    if planned.outcome is PlanOutcome.STALE:
        return DispositionRow(entity, source_id, Disposition.SUPERSEDED, NEWER_VERSION)
    if planned.entry_id is None or planned.state is None:
        return DispositionRow(entity, source_id, Disposition.IN_STEP)
    return DispositionRow(
        entity, source_id, DISPOSITION_OF[planned.state], entry_id=planned.entry_id
    )
