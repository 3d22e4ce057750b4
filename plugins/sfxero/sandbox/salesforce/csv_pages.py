"""Pages of CSV out of a query's answer, rendered by columns in large pieces."""

import itertools
from collections.abc import Iterator, Sequence

from sfxero.sandbox.salesforce.binding import Column, Row
from sfxero.sandbox.salesforce.csv_text import (
    DELIMITERS,
    LINE_ENDINGS,
    csv_lines,
    plain_decimals,
    texts_of,
)
from sfxero.sandbox.salesforce.query import Answer
from sfxero.sandbox.salesforce.schema import DECIMAL_KINDS

# About 200 kB of 26 columns: big enough for the socket, short enough for the event loop.
ROWS_PER_CHUNK = 512


class CsvPages:
    """One answer in one dialect of CSV."""

    def __init__(
        self, answer: Answer, *, delimiter: str, line_ending: str, is_plain: bool = False
    ) -> None:
        """Take the names of the delimiter and the line ending."""
        self._answer = answer
        self._is_plain = is_plain
        self._between = f'"{DELIMITERS[delimiter]}"'.encode()
        self._ending = f'"{LINE_ENDINGS[line_ending]}"'.encode()
        self._dialect = {
            "delimiter": DELIMITERS[delimiter], "line_ending": LINE_ENDINGS[line_ending],
        }  # fmt: skip

    def page(self, start: int, size: int) -> Iterator[bytes]:
        """Yield one page, its header row first."""
        names = [[".".join(column.path)] for column in self._answer.columns]
        yield csv_lines(names, **self._dialect).encode()
        held, stop = len(self._answer.rows), min(start + size, len(self._answer))
        for first in range(start, min(stop, held), ROWS_PER_CHUNK):
            columns = self._stored(first, min(first + ROWS_PER_CHUNK, stop, held))
            yield csv_lines(columns, **self._dialect).encode()
        for first in range(max(start, held), stop, ROWS_PER_CHUNK):
            parts = self._computed(first - held, min(first + ROWS_PER_CHUNK, stop) - held)
            lines = map(self._between.join, zip(*parts, strict=True))
            yield b'"' + self._ending.join(lines) + self._ending[:-1]

    def _stored(self, start: int, stop: int) -> list[list[str]]:
        rows = self._answer.rows[start:stop]
        return [self._column(column, rows) for column in self._answer.columns]

    def _computed(self, start: int, stop: int) -> list[list[bytes]]:
        """Return computed rows as bytes; neighbours that repeat together come joined.

        One wide letter in a text would widen the whole chunk, which costs more than all else here.
        """
        computed, held = self._answer.computed, len(self._answer.rows)
        if computed is None:
            return []
        numbers = computed.slice(start, stop)
        found: list[list[bytes]] = []
        for is_own, group in itertools.groupby(self._answer.columns, self._is_computed):
            if is_own:
                names = computed.table.groups([column.field.name for column in group])
                found += [
                    computed.table.texts(each, numbers, between=self._between) for each in names
                ]
            else:
                rows = self._answer.slice(held + start, held + stop)
                texts = (self._column(column, rows) for column in group)
                found += [[text.encode() for text in column] for column in texts]
        return found

    def _is_computed(self, column: Column) -> bool:
        """Return whether the texts of a column are there without looking at values."""
        return column.slot == 0 and not self._is_plain_decimal(column)

    def _column(self, column: Column, rows: Sequence[Row]) -> list[str]:
        slot, name = column.slot, column.field.name
        records = [row[slot] for row in rows]
        values = [None if record is None else record.get(name) for record in records]
        return plain_decimals(values) if self._is_plain_decimal(column) else texts_of(values)

    def _is_plain_decimal(self, column: Column) -> bool:
        return self._is_plain and column.field.kind in DECIMAL_KINDS
