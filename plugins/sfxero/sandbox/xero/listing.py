"""Lists: filters, order, paging (xero-api, 3.3 and 3.4)."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Generic, TypeAlias, TypeVar

from sfxero.sandbox.xero.books import Books
from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.failures import BadQuery
from sfxero.sandbox.xero.fields import guid_or_none
from sfxero.sandbox.xero.replies import Json
from sfxero.sandbox.xero.tables import Table
from sfxero.sandbox.xero.where import FieldKinds, Value, parse_order, parse_where

LARGEST_PAGE = 1000
DEFAULT_PAGE = 100
_WHOLE_SECONDS = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}")

# A where clause that asks for one key only.
_EXACT = re.compile(r'\s*(?P<field>\w+)\s*==\s*"(?P<value>[^"\\]*)"\s*')

T = TypeVar("T")
SortKey: TypeAlias = tuple[bool, str | Decimal]


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """How `where`, `order` and `searchTerm` see one kind of record."""

    kinds: FieldKinds
    value: Callable[[Books, T, str], Value]
    folded: Mapping[str, Callable[[str], str]]
    searched: tuple[str, ...]
    updated_at: Callable[[T], datetime]
    record_id: Callable[[T], str]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The rows to show; `pagination` only on paged lists."""

    rows: list[T]
    pagination: Json | None


def select(call: Call, records: Iterable[T], shape: Shape[T], *, paged: bool) -> Page[T]:
    """Filter, sort and cut."""
    found = _filtered(call, list(records), shape)
    if len(found) > call.books.switches.largest_list:
        # That it is refused is documented, and in which words is not.
        raise BadQuery("The query matches too many rows.")
    found = _ordered(call, found, shape)
    if not paged:
        return Page(found, None)
    page = max(1, _whole(call.query.get("page"), 1))
    size = min(LARGEST_PAGE, max(1, _whole(call.query.get("pageSize"), DEFAULT_PAGE)))
    rows = found[(page - 1) * size : page * size]
    return Page(
        rows,
        {
            "page": page,
            "pageSize": size,
            "pageCount": -(-len(found) // size),
            "itemCount": len(found),
        },
    )


def select_settings(call: Call, records: Iterable[T], shape: Shape[T]) -> list[T]:
    """Filter; settings keep their own order unless another one is asked for, and have no pages."""
    found = _filtered(call, list(records), shape)
    return _ordered(call, found, shape) if call.query.get("order", "").strip() else found


def candidates(call: Call, table: Table[T], ids: Iterable[str] | None) -> Iterable[T]:
    """The rows a list has to look at: those asked for by id or key, or the newest ones."""
    if ids is not None:
        return [table.rows[one] for one in ids if one in table.rows]
    exact = _EXACT.fullmatch(call.query.get("where", ""))
    if exact and exact["field"] in table.indexes:
        return table.find(exact["field"], exact["value"])
    since = modified_since(call)
    return table.rows.values() if since is None else table.newer(since)


def is_paged(call: Call) -> bool:
    """`page`, `pageSize`, `Statuses` or `summaryOnly` make a list paged."""
    return (
        "page" in call.query
        or "pageSize" in call.query
        or bool(call.query.get("Statuses"))
        or call.asks("summaryOnly")
    )


def wanted_ids(call: Call, name: str = "IDs") -> set[str] | None:
    """An id list of the query; a word that is no id is an error."""
    found = call.comma_list(name)
    if found is None:
        return None
    ids = {text: guid_or_none(text) for text in found}
    wrong = [text for text, value in ids.items() if value is None]
    if wrong:
        raise BadQuery(f"{name}: '{wrong[0]}' is no id.")
    return {value for value in ids.values() if value is not None}


def plain(text: str) -> str:
    """Without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def modified_since(call: Call) -> datetime | None:
    """Whole seconds of UTC without a zone; other forms are ignored, as has been reported."""
    text = call.headers.get("if-modified-since", "").strip()
    if call.books.switches.modified_since_lenient:
        text = text[:19]
    if not _WHOLE_SECONDS.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _filtered(call: Call, records: list[T], shape: Shape[T]) -> list[T]:
    books = call.books
    since = modified_since(call)
    if since is not None:
        inclusive = books.switches.modified_since_inclusive
        records = [one for one in records if _is_newer(shape.updated_at(one), since, inclusive)]
    clause = call.query.get("where", "").strip()
    if clause:
        matches = parse_where(clause, shape.kinds, folded=shape.folded)
        records = [one for one in records if matches(_row(books, one, shape))]
    term = plain(call.query.get("searchTerm", "").strip())
    if term and shape.searched:
        records = [one for one in records if _mentions(books, one, shape, term)]
    return records


def _is_newer(moment: datetime, since: datetime, inclusive: bool) -> bool:
    return moment >= since if inclusive else moment > since


def _row(books: Books, record: T, shape: Shape[T]) -> Callable[[str], Value]:
    return lambda name: shape.value(books, record, name)


def _mentions(books: Books, record: T, shape: Shape[T], term: str) -> bool:
    texts = (shape.value(books, record, name) for name in shape.searched)
    return any(term in plain(str(text)) for text in texts if text is not None)


def _ordered(call: Call, records: list[T], shape: Shape[T]) -> list[T]:
    """By time of change, then id, unless an order is asked for."""
    rows = sorted(records, key=lambda one: (shape.updated_at(one), shape.record_id(one)))
    clause = call.query.get("order", "").strip()
    if clause:
        for name, downwards in reversed(parse_order(clause, shape.kinds)):
            rows.sort(key=_sort_key(call.books, shape, name), reverse=downwards)
    return rows


def _sort_key(books: Books, shape: Shape[T], name: str) -> Callable[[T], SortKey]:
    def key(record: T) -> SortKey:
        value = shape.value(books, record, name)
        if isinstance(value, Decimal):
            return (True, value)
        if value is None:
            return (False, Decimal(0) if shape.kinds[name] is Decimal else "")
        return (True, value.isoformat() if isinstance(value, date) else plain(str(value)))

    return key


def _whole(text: str | None, default: int) -> int:
    try:
        return int(text) if text else default
    except ValueError:
        return default
