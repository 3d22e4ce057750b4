"""Rows that are computed from their number and never stored, so that millions cost no memory."""

import math
import random
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from sfxero.sandbox.salesforce.csv_text import inner_text
from sfxero.sandbox.salesforce.records import (
    FIRST_SERIAL,
    LETTERS,
    POD,
    Record,
    Value,
    base62,
    capitals_of,
    id_suffix,
)

_LOW = 62**2
LONGEST_PERIOD = 57_600
_MERGED_KEPT = 12


class Pool:
    """A column whose values repeat: row n holds value n modulo their count."""

    def __init__(self, values: Sequence[Value]) -> None:
        """Render the few values once."""
        self._values = list(values)
        self._texts = [inner_text(value).encode() for value in self._values]

    @property
    def period(self) -> int:
        """Return after how many rows the values repeat."""
        return len(self._values)

    def value(self, number: int) -> Value:
        """Return the value of row `number`."""
        return self._values[number % len(self._values)]

    def texts(self, numbers: Sequence[int]) -> list[bytes]:
        """Return the CSV texts of these rows, without their outer quotes."""
        texts, count = self._texts, len(self._texts)
        if count == 1:
            return texts * len(numbers)
        return [texts[number % count] for number in numbers]


class Pattern:
    """A text column that ends in the row's number of eight figures, after a text without quotes."""

    def __init__(self, prefix: str) -> None:
        """Take what stands before the number."""
        self._prefix = prefix.encode()

    def value(self, number: int) -> Value:
        """Return the value of row `number`."""
        return self.texts((number,))[0].decode()

    def texts(self, numbers: Sequence[int]) -> list[bytes]:
        """Return the CSV texts of these rows."""
        prefix, low = self._prefix, _four_figures()
        return [prefix + low[number // 10_000] + low[number % 10_000] for number in numbers]


@lru_cache(maxsize=1)
def _four_figures() -> list[bytes]:
    return [b"%04d" % number for number in range(10_000)]


class Ids:
    """The id column: the same ids that the org would have given, made by table."""

    def __init__(self, key_prefix: str, first_serial: int) -> None:
        """Start behind `first_serial`."""
        self._first = first_serial + FIRST_SERIAL
        head = f"{key_prefix}{POD}0"
        self._head = f"{head}{'0' * (10 - len(head))}"
        self._suffix = id_suffix(f"{self._head}00000")[:2]
        self._high: dict[int, tuple[bytes, list[bytes]]] = {}
        self._tails: dict[int, list[bytes]] = {}

    def value(self, number: int) -> str:
        """Return the id of row `number`."""
        return self.texts((number,))[0].decode()

    def number(self, record_id: str) -> int:
        """Return the row an id belongs to, below zero if to none."""
        if len(record_id) != 18 or not record_id.startswith(self._head):
            return -1
        total = 0
        for letter in record_id[10:15]:
            total = total * 62 + _DIGITS.get(letter, 0)
        found = total - self._first
        return found if found >= 0 and self.value(found) == record_id else -1

    def texts(self, numbers: Sequence[int]) -> list[bytes]:
        """Return the ids of these rows."""
        first, known = self._first, self._high
        found = []
        for number in numbers:
            above, below = divmod(number + first, _LOW)
            if above not in known:
                self._add_high(above)
            head, tails = known[above]
            found.append(head + tails[below])
        return found

    def _add_high(self, above: int) -> None:
        """Remember the ids' first 13 figures, and the endings that fit their capitals."""
        text = base62(above, 3)
        capitals = capitals_of(text)
        if capitals not in self._tails:
            low = [base62(number, 2) for number in range(_LOW)]
            self._tails[capitals] = [
                f"{each}{self._suffix}{LETTERS[capitals | capitals_of(each) << 3]}".encode()
                for each in low
            ]
        self._high[above] = (self._head + text).encode(), self._tails[capitals]


_DIGITS = {base62(number, 1): number for number in range(62)}
Rule = Pool | Pattern | Ids


class LazyRecord:
    """One computed row; reads as a record and holds nothing but its number."""

    __slots__ = ("_table", "number")

    def __init__(self, table: "SyntheticTable", number: int) -> None:
        """Stand for row `number`."""
        self._table = table
        self.number = number

    def get(self, name: str, default: Value = None) -> Value:
        """Return one field."""
        rule = self._table.rules.get(name)
        return default if rule is None else rule.value(self.number)

    def __getitem__(self, name: str) -> Value:
        """Return one field."""
        return self._table.rules[name].value(self.number)


class SyntheticTable(MutableMapping[str, Record]):
    """Stored rows and, behind them, computed ones; a computed row that changes becomes stored."""

    def __init__(self, stored: Iterable[tuple[str, Record]], rules: dict[str, Rule], count: int, *, ids: Ids) -> None:  # fmt: skip # noqa: E501 - one signature
        """Take what is stored already."""
        self.stored = dict(stored)
        self.rules: dict[str, Rule] = {"Id": ids, **rules}
        self.count = count
        self._ids = ids
        self._gone: set[int] = set()
        self._merged: OrderedDict[tuple[bytes | str, ...], list[bytes]] = OrderedDict()

    def texts(self, names: Sequence[str], numbers: Sequence[int], *, between: bytes) -> list[bytes]:
        """Return the CSV texts of neighbouring columns, joined; those that repeat are kept."""
        if len(names) == 1:
            return self.rules[names[0]].texts(numbers)
        merged = self._merged.get((between, *names))
        if merged is None:
            merged = self._merge(names, between)
        period = len(merged)
        return [merged[number % period] for number in numbers]

    def _merge(self, names: Sequence[str], between: bytes) -> list[bytes]:
        period = range(math.lcm(*(self.period(name) for name in names)))
        columns = [self.rules[name].texts(period) for name in names]
        merged = list(map(between.join, zip(*columns, strict=True)))
        self._merged[(between, *names)] = merged
        while len(self._merged) > _MERGED_KEPT:
            self._merged.popitem(last=False)
        return merged

    def period(self, name: str) -> int:
        """Return after how many rows a column repeats; 0 if it never does."""
        rule = self.rules.get(name)
        return rule.period if isinstance(rule, Pool) else 0

    def groups(self, names: Sequence[str]) -> list[list[str]]:
        """Return the columns in their order, those together that repeat together."""
        found: list[list[str]] = []
        period = 0
        for name in names:
            own = self.period(name)
            if own and period and math.lcm(own, period) <= LONGEST_PERIOD:
                found[-1].append(name)
                period = math.lcm(own, period)
            else:
                found.append([name])
                period = own
        return found

    def numbers(self) -> "range | array[int]":
        """Return the rows that are still computed."""
        if not self._gone:
            return range(self.count)
        return array("I", (each for each in range(self.count) if each not in self._gone))

    def record(self, number: int) -> Record:
        """Return a computed row in full."""
        return {name: rule.value(number) for name, rule in self.rules.items()}

    def lazy(self, number: int) -> Record:
        """Return a computed row that is read field by field."""
        return cast(Record, LazyRecord(self, number))

    def __getitem__(self, record_id: str) -> Record:
        """Return a row by id."""
        if record_id in self.stored:
            return self.stored[record_id]
        number = self._ids.number(record_id)
        if 0 <= number < self.count and number not in self._gone:
            return self.record(number)
        raise KeyError(record_id)

    def __setitem__(self, record_id: str, record: Record) -> None:
        """Store a row; a computed one is computed no more."""
        self._drop(record_id)
        self.stored[record_id] = record

    def __delitem__(self, record_id: str) -> None:
        """Remove a row."""
        if record_id in self.stored:
            del self.stored[record_id]
        elif not self._drop(record_id):
            raise KeyError(record_id)

    def _drop(self, record_id: str) -> bool:
        number = self._ids.number(record_id)
        if not 0 <= number < self.count or number in self._gone:
            return False
        self._gone.add(number)
        return True

    def __iter__(self) -> Iterator[str]:
        """Iterate over all ids."""
        yield from self.stored
        for number in self.numbers():
            yield self._ids.value(number)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.stored) + self.count - len(self._gone)


@dataclass(slots=True)
class Selection:
    """Computed rows that a query found, in an order of their own."""

    table: SyntheticTable
    numbers: Sequence[int]
    step: int = 1
    offset: int = 0

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.numbers)

    def scramble(self, chance: random.Random) -> None:
        """Put the rows into another order without a list of it."""
        count = len(self.numbers)
        if count < 3:
            return
        self.offset = chance.randrange(count)
        self.step = chance.randrange(1, count)
        while math.gcd(self.step, count) != 1:
            self.step = chance.randrange(1, count)

    def slice(self, start: int, stop: int) -> list[int]:
        """Return the row numbers at these places."""
        numbers, count = self.numbers, len(self.numbers)
        places = (
            (self.offset + place * self.step) % count for place in range(start, min(stop, count))
        )
        return list(places) if isinstance(numbers, range) else [numbers[each] for each in places]


def matching(table: SyntheticTable, test: Callable[[Record], bool] | None) -> Selection:
    """Return the computed rows that pass a test."""
    numbers = table.numbers()
    if test is None:
        return Selection(table, numbers)
    found = array("I", (number for number in numbers if test(table.lazy(number))))
    return Selection(table, found)
