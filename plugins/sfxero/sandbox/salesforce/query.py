"""Run a query over the org's rows; both the REST and the Bulk API stand on it."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sfxero.sandbox.salesforce.binding import Binder, Column, Joins, Row
from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.records import Record, Records, Value
from sfxero.sandbox.salesforce.schema import ID_KINDS, TEXT_KINDS, Schema
from sfxero.sandbox.salesforce.soql import malformed, parse
from sfxero.sandbox.salesforce.soql_tree import Query
from sfxero.sandbox.salesforce.synthetic import Selection, SyntheticTable, matching

MAX_OFFSET = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a query found at one moment; later changes of the org do not reach it."""

    object_name: str
    columns: tuple[Column, ...]
    rows: list[Row]
    computed: Selection | None
    joined: Callable[[Record], Row]
    is_count: bool
    is_ordered: bool

    def __len__(self) -> int:
        """Return how many rows were found."""
        return len(self.rows) + (len(self.computed) if self.computed is not None else 0)

    def slice(self, start: int, stop: int) -> list[Row]:
        """Return the rows at these places."""
        found = self.rows[start:stop]
        if self.computed is not None and stop > len(self.rows):
            held, table = len(self.rows), self.computed.table
            numbers = self.computed.slice(max(start - held, 0), stop - held)
            found += [self.joined(table.lazy(number)) for number in numbers]
        return found

    def scramble(self, chance: random.Random) -> None:
        """Put the rows into another order."""
        if not self.is_ordered:
            chance.shuffle(self.rows)
            if self.computed is not None:
                self.computed.scramble(chance)


@dataclass(frozen=True, slots=True)
class Source:
    """What a query reads: the rows, as one user may see them, at one moment."""

    records: Records
    schema: Schema
    now: datetime
    deleted: bool = False


def run_query(text: str, source: Source) -> Answer:
    """Parse and run a query as `GET /query` does."""
    return _run(parse(text), source)


def run_bulk_query(text: str, source: Source, *, stages: bool = False) -> Answer:
    """Parse and run a query under the further limits of Bulk API 2.0."""
    query = parse(text)
    if query.is_count:
        raise _bulk_refusal("Aggregate Relationships not supported in Bulk Query")
    if query.offset is not None:
        raise _bulk_refusal("OFFSET is not supported in Bulk Query")
    answer = _run(query, source)
    entity = source.schema.declared(answer.object_name)
    if not entity.bulk_queryable and not (stages and entity.name == "OpportunityStage"):
        raise ApiFailure(
            400, "INVALIDENTITY", f"Entity '{entity.name}' is not supported by the Bulk API."
        )
    if any(column.field.kind == "address" for column in answer.columns):
        raise _bulk_refusal("Selecting compound data not supported in Bulk Query")
    return answer


def _bulk_refusal(message: str) -> ApiFailure:
    return ApiFailure(400, "API_ERROR", message)


def _run(query: Query, source: Source) -> Answer:
    def semi_join(inner: Query) -> frozenset[Value]:
        found = _run(inner, source)
        if len(found.columns) != 1 or found.columns[0].field.kind not in ID_KINDS:
            raise malformed("a semi-join must select exactly one id or reference field")
        return frozenset(found.columns[0].read(row) for row in found.slice(0, len(found)))

    binder = Binder(query, source.schema, now=source.now, semi_join=semi_join)
    columns = tuple(binder.columns())
    test = binder.test(query.where) if query.where is not None else None
    order = [(binder.column(term.ref), term.descending, term.nulls_last) for term in query.order]
    records, joins = source.records, binder.joins

    def joined(record: Record) -> Row:
        return _joined(record, records, joins)

    def passes(record: Record) -> bool:
        return test is None or test(joined(record))

    table = records.tables[binder.source.name]
    stored = records.visible_rows(binder.source.name)
    if not source.deleted:
        stored = (record for record in stored if not record.get("IsDeleted"))
    rows = [joined(record) for record in stored if passes(record)]
    computed = None
    if isinstance(table, SyntheticTable):
        computed = matching(table, None if test is None else passes)
    if order or query.limit is not None or query.offset is not None:
        rows = list(_slice(_in_order(rows, computed, joined, order), query))
        computed = None
    return Answer(
        object_name=binder.source.name, columns=columns, is_count=query.is_count, rows=rows,
        computed=computed, joined=joined, is_ordered=bool(order),
    )  # fmt: skip


def _in_order(
    rows: list[Row], computed: Selection | None, joined: Callable[[Record], Row],
    order: list[tuple[Column, bool, bool]],
) -> Iterable[Row]:  # fmt: skip
    """Return stored and computed rows as one; only this costs an object for each."""
    lazy: Iterable[Row] = ()
    if computed is not None:
        lazy = (joined(computed.table.lazy(number)) for number in computed.numbers)
    found = itertools.chain(rows, lazy)
    return _sorted(found, order) if order else found


def _joined(record: Record, records: Records, joins: Joins) -> Row:
    row: list[Record | None] = [record]
    for source, via, target in joins.parents:
        child = row[source]
        parent_id = child.get(via.name) if child is not None else None
        row.append(records.visible(target.name, parent_id) if isinstance(parent_id, str) else None)
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
