"""What checks and the mapping have to say about one record, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from sfxero.model.ids import SourceId
from sfxero.model.states import Disposition, Entity


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
