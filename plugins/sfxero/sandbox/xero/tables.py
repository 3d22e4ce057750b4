"""Rows by id with indexes, kept in the order of their last change."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


class Index:
    """Which rows hold a key; one row, the usual case, costs no set."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        """Start empty."""
        self._found: dict[str, str | set[str]] = {}

    def add(self, key: str | None, row_id: str) -> None:
        """Note that a row holds the key; an empty key is none."""
        if not key:
            return
        found = self._found.get(key)
        if found is None or found == row_id:
            self._found[key] = row_id
        elif isinstance(found, set):
            found.add(row_id)
        else:
            self._found[key] = {found, row_id}

    def discard(self, key: str | None, row_id: str) -> None:
        """Forget that a row holds the key."""
        found = self._found.get(key) if key else None
        if isinstance(found, set):
            found.discard(row_id)
            if found:
                return
        elif found != row_id:
            return
        del self._found[str(key)]

    def find(self, key: str) -> list[str]:
        """The ids of all rows with this key, in a fixed order."""
        found = self._found.get(key)
        if found is None:
            return []
        return sorted(found) if isinstance(found, set) else [found]

    def __contains__(self, key: str) -> bool:
        """Whether any row holds the key."""
        return key in self._found


class Table(Generic[T]):
    """Rows of one kind; `rows` is ordered by the last change, oldest first."""

    def __init__(
        self,
        key: Callable[[T], str],
        stamp: Callable[[T], datetime],
        keys: Mapping[str, Callable[[T], str | None]] | None = None,
    ) -> None:
        """`keys` names the indexes and says what each holds of a row."""
        self._key = key
        self._stamp = stamp
        self._keys = dict(keys or {})
        self._is_sorted = True
        self.rows: dict[str, T] = {}
        self.indexes = {name: Index() for name in self._keys}

    def put(self, row: T) -> T | None:
        """Store a row; returns the one it replaces."""
        row_id = self._key(row)
        old = self.rows.get(row_id)
        self._reindex(row_id, old, row)
        if old is not None and self._stamp(old) != self._stamp(row):
            del self.rows[row_id]
        last = next(reversed(self.rows.values()), None)
        if last is not None and self._stamp(row) < self._stamp(last) and row_id not in self.rows:
            self._is_sorted = False
        self.rows[row_id] = row
        return old

    def restore(self, row_id: str, old: T | None) -> None:
        """Undo a change."""
        self._reindex(row_id, self.rows.get(row_id), old)
        if old is None:
            self.rows.pop(row_id, None)
        else:
            self.rows[row_id] = old
            self._is_sorted = False

    def find(self, index: str, key: str) -> list[T]:
        """All rows with this key."""
        return [self.rows[row_id] for row_id in self.indexes[index].find(key)]

    def newer(self, moment: datetime) -> Iterator[T]:
        """Rows changed at this moment or later, newest first; older rows are not looked at."""
        if not self._is_sorted:
            ordered = sorted(self.rows.items(), key=lambda item: self._stamp(item[1]))
            self.rows.clear()
            self.rows.update(ordered)
            self._is_sorted = True
        for row in reversed(self.rows.values()):
            if self._stamp(row) < moment:
                return
            yield row

    def _reindex(self, row_id: str, old: T | None, new: T | None) -> None:
        for name, key_of in self._keys.items():
            before = key_of(old) if old is not None else None
            after = key_of(new) if new is not None else None
            if before != after:
                self.indexes[name].discard(before, row_id)
                self.indexes[name].add(after, row_id)
