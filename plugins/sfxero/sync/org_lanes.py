"""All lanes to an org, one after the other: what fails in one keeps no other from its work."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sfxero.errors import (
    AuthenticationFailed,
    CircuitOpen,
    LedgerError,
    QuotaExhausted,
    SyncError,
)
from sfxero.model.states import Entity
from sfxero.sync.org_ends import OrgReport

log = logging.getLogger(__name__)

_FOR_ALL: Final = (AuthenticationFailed, CircuitOpen, LedgerError, QuotaExhausted)
"""What the next lane would meet as well."""
_LEDGER: Final = "ledger"


@dataclass(slots=True)
class LanesEnd:
    """What the lanes did, and what stopped some of them."""

    reports: dict[Entity, OrgReport] = field(default_factory=dict)
    failures: list[SyncError] = field(default_factory=list)
    deferred_by: str | None = None
    """Why the last one ended before its time: the service is down, or its day spent."""

    def raise_worst(self) -> None:
        """Raise the failure that asks most of a person, with a note on each other; none is none.

        What passes by itself would be tried again, or left to the next run, and hide the rest.
        """
        if not self.failures:
            return
        worst = min(self.failures, key=_rank)
        for one in self.failures:
            if one is not worst:
                worst.add_note(f"Another lane failed as well: {one}")
        raise worst


def run_lanes(entities: Iterable[Entity], publish: Callable[[Entity], OrgReport]) -> LanesEnd:
    """Publish each kind of entry; ends early only over what would stop every lane."""
    end = LanesEnd()
    for entity in entities:
        try:
            report = end.reports[entity] = publish(entity)
        except SyncError as error:
            log.warning("lane_failed entity=%s error=%s", entity, error)
            end.failures.append(error)
            if isinstance(error, _FOR_ALL) or error.service == _LEDGER:
                break
        else:
            end.deferred_by = report.deferred_by
            if report.deferred_by is not None:
                break
    return end


def _rank(error: SyncError) -> int:
    if isinstance(error, LedgerError) or error.service == _LEDGER:
        return 0
    return 2 if error.is_transient else 1
