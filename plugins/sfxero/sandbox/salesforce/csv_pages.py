"""Pages of CSV out of a query's answer, rendered by columns in large pieces."""

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

# About half a megabyte of 26 columns: big enough for the socket, short enough for the loop.
ROWS_PER_CHUNK = 1024


class CsvPages:
    """One answer in one dialect of CSV."""

    def __init__(
        self, answer: Answer, *, delimiter: str, line_ending: str, is_plain: bool = False
    ) -> None:
        """Take the names of the delimiter and the line ending."""
        self._answer = answer
        self._is_plain = is_plain
        self._dialect = {
            "delimiter": DELIMITERS[delimiter], "line_ending": LINE_ENDINGS[line_ending],
        }  # fmt: skip

    def page(self, start: int, size: int) -> Iterator[bytes]:
        """Yield one page, its header row first."""
        names = [[".".join(column.path)] for column in self._answer.columns]
        head = csv_lines(names, **self._dialect).encode()
        stop = min(start + size, len(self._answer))
        for place in range(start, max(stop, start + 1), ROWS_PER_CHUNK):
            columns = self._columns(place, min(place + ROWS_PER_CHUNK, stop))
            yield head + csv_lines(columns, **self._dialect).encode()
            head = b""

    def _columns(self, start: int, stop: int) -> list[list[str]]:
        """Return the texts of these rows by column: stored rows first, then computed ones."""
        answer, held = self._answer, len(self._answer.rows)
        if answer.computed is None or stop <= held:
            return self._texts(answer.rows[start:stop])
        if start < held:
            parts = self._texts(answer.rows[start:held]), self._columns(held, stop)
            return [left + right for left, right in zip(*parts, strict=True)]
        rules = answer.computed.table.rules
        numbers = answer.computed.slice(start - held, stop - held)
        rows = None
        found = []
        for column in answer.columns:
            if column.slot == 0 and not self._is_plain_decimal(column):
                rule = rules.get(column.field.name)
                found.append([""] * len(numbers) if rule is None else rule.texts(numbers))
                continue
            rows = rows or answer.slice(start, stop)
            found.append(self._column(column, rows))
        return found

    def _texts(self, rows: Sequence[Row]) -> list[list[str]]:
        return [self._column(column, rows) for column in self._answer.columns]

    def _column(self, column: Column, rows: Sequence[Row]) -> list[str]:
        slot, name = column.slot, column.field.name
        records = [row[slot] for row in rows]
        values = [None if record is None else record.get(name) for record in records]
        return plain_decimals(values) if self._is_plain_decimal(column) else texts_of(values)

    def _is_plain_decimal(self, column: Column) -> bool:
        return self._is_plain and column.field.kind in DECIMAL_KINDS
