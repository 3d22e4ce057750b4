"""Lists of more rows than Xero allows, read in ranges of dates instead.

Xero refuses a query that matches too many rows (about 100,000) with status 400. Among the fields by
which it finds fast, the date cuts a list best: every document has one, and few share it. Contacts
have none; they are cut by the time of their last change.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol, Self, TypeVar

from sfxero.errors import RequestRejected
from sfxero.xero.paging import Row

_FIRST_DAY: Final = date(1990, 1, 1)
_LAST_DAY: Final = date(2100, 1, 1)
_BAD_REQUEST: Final = 400


class Range(Protocol):
    """A part of a list."""

    def halves(self) -> tuple[Self, Self] | None:
        """Cut it in two, the earlier one first; None for what cannot be cut."""
        ...


_Range = TypeVar("_Range", bound=Range)


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


@dataclass(frozen=True, slots=True)
class ChangeRange:
    """Times of the last change in `[first, end)`; None leaves an end open.

    What changes while its range is read turns up in a later one, so they are read in their order.
    """

    first: datetime | None = None
    end: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Say whether nothing is cut off."""
        return self.first is None and self.end is None

    def where(self) -> dict[str, str]:
        """Return the query that asks for these times; empty if for all."""
        parts = []
        if self.first is not None:
            parts.append(f"UpdatedDateUTC>={_moment(self.first)}")
        if self.end is not None:
            parts.append(f"UpdatedDateUTC<{_moment(self.end)}")
        return {"where": " AND ".join(parts)} if parts else {}

    def halves(self) -> "tuple[ChangeRange, ChangeRange] | None":
        """Cut the range at a midnight, else at a second; None for a second, which cannot be cut."""
        low = self.first or datetime(_FIRST_DAY.year, 1, 1, tzinfo=UTC)
        high = self.end or datetime(_LAST_DAY.year, 1, 1, tzinfo=UTC)
        middle = low + (high - low) / 2
        midnight = middle.replace(hour=0, minute=0, second=0, microsecond=0)
        cut = midnight if low < midnight else middle.replace(microsecond=0)
        if not low < cut < high:
            return None
        return ChangeRange(self.first, cut), ChangeRange(cut, self.end)


EVER: Final = DateRange()
ALL_CHANGES: Final = ChangeRange()
SALES: Final = 'Type=="ACCREC"'
"""The clause that leaves out bills."""


def in_ranges(read: Callable[[_Range], Iterator[Row]], whole: _Range) -> Iterator[Row]:
    """Yield the rows of a range, in as many parts as Xero allows rows.

    A row that changes meanwhile may come again. Raises RequestRejected where the smallest part is
    refused: then the number of rows is not the reason, or nothing can be done.
    """
    ranges = [whole]
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


def _moment(moment: datetime) -> str:
    """Return a time; at midnight in the shorter form, which is the one that Xero documents."""
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return _day(moment.date())
    numbers = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    return f"DateTime({','.join(map(str, numbers))})"
