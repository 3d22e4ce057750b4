"""Reads lists whose order changes while they are paged, without skipping a row.

Rows come by `UpdatedDateUTC`, so a row that changes while we read moves to the end and all others
move up by one: page numbers alone would skip. Instead the next page is the first one since the
last row's time, less a second. Page numbers are used only inside one such second, and then the
page before is read again: if it still ends as it did, nothing has moved up in between.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sfxero.errors import UnexpectedResponse
from sfxero.xero.dates import parse_xero_date

_OVERLAP: Final = timedelta(seconds=1)
_SMALLEST_PAGE: Final = 100
"""Xero's default page; a server that ignores `pageSize` sends no fewer on a full page."""

Row = Mapping[str, Any]
_Key = tuple[object, object]
_NO_KEYS: Final[list[_Key]] = []


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows; `page_count` is None where the reply did not say."""

    rows: list[Row]
    page_count: int | None
    sent_at: datetime | None = None
    """Xero's own time of the reply."""


FetchPage = Callable[[int, datetime | None], Page]
"""Asks for a page number of what changed since a moment."""


def page_of(body: Any, plural: str) -> Page:
    """Return the rows under `plural`; None stands for a reply that says so (304)."""
    if body is None:
        return Page(rows=[], page_count=0)
    if not isinstance(body, dict):
        raise UnexpectedResponse(f"a list of {plural} is not an object", service="xero")
    rows = body.get(plural)
    if rows in (None, "") and body.get("Status") == "OK":
        rows = []  # what is absent comes as a missing key, as null or as an empty text
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnexpectedResponse(f"a reply holds no list of {plural}", service="xero")
    pagination = body.get("pagination")
    count = pagination.get("pageCount") if isinstance(pagination, dict) else None
    return Page(
        rows=rows,
        page_count=count if isinstance(count, int) else None,
        sent_at=_sent_at(body.get("DateTimeUTC")),
    )


def seek_rows(fetch: FetchPage, *, id_field: str, since: datetime | None) -> Iterator[Row]:
    """Yield every row at least once, and again if it changed meanwhile, oldest change first."""
    seen: set[_Key] = set()
    page_number, before = 1, _NO_KEYS
    while True:
        page = fetch(page_number, since)
        keys = _keys(page, id_field)
        for key, row in zip(keys, page.rows, strict=True):
            if key not in seen:
                seen.add(key)
                yield row
        if page_number > 1 and _keys(fetch(page_number - 1, since), id_field) != before:
            page_number = 1
            continue
        if _is_last(page, page_number):
            return
        next_since = _seek_to(page.rows)
        if next_since is not None and (since is None or next_since > since):
            since, page_number = next_since, 1
        else:
            before = keys
            page_number += 1


def numbered_rows(fetch: FetchPage, *, since: datetime | None = None) -> Iterator[Row]:
    """Yield the rows of a list whose rows do not move up, such as a look-up, page after page."""
    page_number = 1
    while True:
        page = fetch(page_number, since)
        yield from page.rows
        if _is_last(page, page_number):
            return
        page_number += 1


def _sent_at(text: object) -> datetime | None:
    try:
        return parse_xero_date(text) if isinstance(text, str) else None
    except UnexpectedResponse:
        return None


def _keys(page: Page, id_field: str) -> list[_Key]:
    return [(row.get(id_field), row.get("UpdatedDateUTC")) for row in page.rows]


def _is_last(page: Page, page_number: int) -> bool:
    if page.page_count is not None:
        return page_number >= page.page_count
    return len(page.rows) < _SMALLEST_PAGE


def _seek_to(rows: list[Row]) -> datetime | None:
    """Return where to go on, or None if the rows are not in the promised order."""
    times = [row.get("UpdatedDateUTC") for row in rows]
    if not all(isinstance(time, str) for time in times):
        return None
    moments = [parse_xero_date(str(time)) for time in times]
    if moments != sorted(moments):
        return None
    return moments[-1].replace(microsecond=0) - _OVERLAP if moments else None
