"""Lists of more rows than Xero allows, read in ranges of document dates instead.

Xero refuses a query that matches too many rows (about 100,000) with status 400. Among the fields by
which it finds fast, the date cuts a list best: every document has one, and few share it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sfxero.errors import RequestRejected
from sfxero.xero.paging import Row

_FIRST_DAY: Final = date(1990, 1, 1)
_LAST_DAY: Final = date(2100, 1, 1)
_BAD_REQUEST: Final = 400


@dataclass(frozen=True, slots=True)
class DateRange:
    """Document dates in `[first, last]`; None leaves an end open."""

    first: date | None = None
    last: date | None = None

    def where(self, *clauses: str) -> dict[str, str]:
        """Return the query that asks for these dates and whatever else; empty if for nothing."""
        parts = list(clauses)
        if self.first is not None:
            parts.append(f"Date>={_day(self.first)}")
        if self.last is not None:
            parts.append(f"Date<={_day(self.last)}")
        return {"where": " AND ".join(parts)} if parts else {}

    def halves(self) -> "tuple[DateRange, DateRange] | None":
        """Cut the range in the middle; None for a single day, which cannot be cut."""
        low, high = self.first or _FIRST_DAY, self.last or _LAST_DAY
        if low >= high:
            return None
        middle = low + (high - low) / 2
        return DateRange(self.first, middle), DateRange(middle + timedelta(days=1), self.last)


EVER: Final = DateRange()
SALES: Final = 'Type=="ACCREC"'
"""The clause that leaves out bills."""


def in_ranges(read: Callable[[DateRange], Iterator[Row]], dates: DateRange = EVER) -> Iterator[Row]:
    """Yield the rows of these dates, in as many ranges as Xero allows rows.

    A row that changes meanwhile may come again. Raises RequestRejected where a single day is
    refused: then the number of rows is not the reason, or nothing can be done.
    """
    ranges = [dates]
    while ranges:
        wanted = ranges.pop()
        try:
            yield from read(wanted)
        except RequestRejected as refusal:
            halves = wanted.halves()
            if refusal.status != _BAD_REQUEST or halves is None:
                raise
            ranges += reversed(halves)


def _day(day: date) -> str:
    return f"DateTime({day.year},{day.month},{day.day})"
