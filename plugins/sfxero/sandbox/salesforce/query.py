"""Run a query over the org's rows; both the REST and the Bulk API stand on it."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sfxero.sandbox.salesforce.binding import Binder, Column, Joins, Row, Test
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.records import Record, Records, Value
from sfxero.sandbox.salesforce.schema import ID_KINDS, TEXT_KINDS
from sfxero.sandbox.salesforce.soql import malformed, parse
from sfxero.sandbox.salesforce.soql_tree import Query

MAX_OFFSET = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a query found at one moment; later changes of the org do not reach it."""

    object_name: str
    columns: tuple[Column, ...]
    rows: list[Row]
    is_count: bool
    is_ordered: bool


def run_query(text: str, records: Records, *, now: datetime, deleted: bool) -> Answer:
    """Parse and run a query as `GET /query` does; `deleted` shows deleted rows as well."""
    return _run(parse(text), records, now=now, deleted=deleted)


def run_bulk_query(text: str, records: Records, *, now: datetime, deleted: bool) -> Answer:
    """Parse and run a query under the further limits of Bulk API 2.0."""
    query = parse(text)
    if query.is_count:
        raise _bulk_refusal("Aggregate Relationships not supported in Bulk Query")
    if query.offset is not None:
        raise _bulk_refusal("OFFSET is not supported in Bulk Query")
    answer = _run(query, records, now=now, deleted=deleted)
    source = records.schema.declared(answer.object_name)
    if not source.bulk_queryable:
        raise ApiFailure(
            400, "INVALIDENTITY", f"Entity '{source.name}' is not supported by the Bulk API."
        )
    if any(column.field.kind == "address" for column in answer.columns):
        raise _bulk_refusal("Selecting compound data not supported in Bulk Query")
    return answer


def _bulk_refusal(message: str) -> ApiFailure:
    return ApiFailure(400, "API_ERROR", message)


def _run(query: Query, records: Records, *, now: datetime, deleted: bool) -> Answer:
    def semi_join(inner: Query) -> frozenset[Value]:
        found = _run(inner, records, now=now, deleted=deleted)
        if len(found.columns) != 1 or found.columns[0].field.kind not in ID_KINDS:
            raise malformed("a semi-join must select exactly one id or reference field")
        return frozenset(found.columns[0].read(row) for row in found.rows)

    binder = Binder(query, records.schema, now=now, semi_join=semi_join)
    columns = tuple(binder.columns())
    test = binder.test(query.where) if query.where is not None else None
    order = [(binder.column(term.ref), term.descending, term.nulls_last) for term in query.order]
    live = records.rows(binder.source.name)
    if not deleted:
        live = (record for record in live if not record.get("IsDeleted"))
    rows = _matching(live, records, joins=binder.joins, test=test)
    found = _sorted(rows, order) if order else rows
    return Answer(
        object_name=binder.source.name, columns=columns, is_count=query.is_count,
        rows=list(_slice(found, query)), is_ordered=bool(order),
    )  # fmt: skip


def _matching(
    live: Iterable[Record], records: Records, *, joins: Joins, test: Test | None
) -> Iterator[Row]:
    for record in live:
        row = _joined(record, records, joins)
        if test is None or test(row):
            yield row


def _joined(record: Record, records: Records, joins: Joins) -> Row:
    row: list[Record | None] = [record]
    for source, via, target in joins.parents:
        child = row[source]
        parent_id = child.get(via.name) if child is not None else None
        row.append(records.get(target.name, parent_id) if isinstance(parent_id, str) else None)
    return tuple(row)


def _slice(rows: Iterable[Row], query: Query) -> Iterator[Row]:
    start = query.offset or 0
    if start > MAX_OFFSET:
        raise ApiFailure(400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
    stop = None if query.limit is None else start + query.limit
    return itertools.islice(rows, start, stop)


def _sorted(rows: Iterable[Row], order: list[tuple[Column, bool, bool]]) -> list[Row]:
    """Sort by the last term first; sorting is stable."""
    found = list(rows)
    for column, descending, nulls_last in reversed(order):
        absent = [row for row in found if column.read(row) is None]
        present = [row for row in found if column.read(row) is not None]
        present.sort(key=_sort_key(column), reverse=descending)
        found = present + absent if nulls_last else absent + present
    return found


def _sort_key(column: Column) -> Callable[[Row], str]:
    def key(row: Row) -> Value:
        value = column.read(row)
        if column.field.kind in TEXT_KINDS and isinstance(value, str):
            return value.casefold()
        return value

    return key  # type: ignore[return-value] # values of one field are of one comparable type
