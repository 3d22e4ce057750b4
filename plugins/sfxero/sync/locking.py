"""Invoices that Xero has, of periods that were locked since: unchanged they are in step."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from sfxero.mapping.organisation import OrganisationFacts
from sfxero.mapping.result import TransformResult
from sfxero.mapping.spec import InvoicesSection
from sfxero.model.findings import Finding
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity
from sfxero.sync.memory import Memory

if TYPE_CHECKING:
    from sfxero.ledger.links import Link

_DATE: Final = re.compile(r'[{,]"Date":"(\d{4}-\d{2}-\d{2})"')
"""Quotes inside a text are escaped, and only the invoice itself has a date."""


class Locked:
    """Those opportunities of a locked period that have an invoice in Xero."""

    def __init__(
        self, memory: Memory, spec: InvoicesSection, frame: Any, *, organisation: OrganisationFacts
    ) -> None:
        """`frame` holds the opportunities that are looked at."""
        from sfxero.mapping.lock_dates import locked_ids

        self._field = spec.date
        self._last = organisation.locked_until_on
        ids = [SourceId(one) for one in locked_ids(frame, spec, organisation)]
        self._links = memory.invoices_of(ids)
        self.written = _written(self._links)
        """The dates of the invoices as they were written last, by opportunity."""

    def changed(self, result: TransformResult) -> Iterator[Finding]:
        """Find invoices that would change, though Xero lets nobody change them any more."""
        from sfxero.mapping.lock_dates import PERIOD_LOCKED, hint_of

        if self._last is None or not self.written:
            return
        for one in result.documents:
            day = self.written.get(one.source_id)
            if day is None or day > self._last:
                continue
            if one.content_hash != self._links[one.source_id].content_hash:
                yield Finding(
                    Entity.OPPORTUNITY,
                    one.source_id,
                    PERIOD_LOCKED,
                    self._field,
                    day.isoformat(),
                    hint_of(self._last),
                )


def _written(links: Mapping[SourceId, "Link"]) -> dict[SourceId, date]:
    """Return the date that each invoice was given; one that a person linked was given none."""
    found = ((one, _DATE.search(link.source_snapshot)) for one, link in links.items())
    return {one: date.fromisoformat(match[1]) for one, match in found if match}
