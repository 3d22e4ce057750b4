"""REST queries that did not fit into one reply."""

from collections import OrderedDict

from sfxero.sandbox.salesforce.failures import ApiFailure
from sfxero.sandbox.salesforce.query import Answer
from sfxero.sandbox.salesforce.records import make_id

KEPT = 50


class Cursors:
    """Open cursors; the oldest is closed when there are too many."""

    def __init__(self) -> None:
        """Start without cursors."""
        self._open: OrderedDict[str, tuple[Answer, int]] = OrderedDict()
        self._given = 0

    def open(self, answer: Answer, *, batch_size: int) -> str:
        """Keep an answer for further pages and return the cursor's id."""
        self._given += 1
        cursor_id = make_id("01g", self._given)
        self._open[cursor_id] = (answer, batch_size)
        while len(self._open) > KEPT:
            self._open.popitem(last=False)
        return cursor_id

    def find(self, locator: str) -> tuple[str, Answer, int, int]:
        """Return cursor id, answer, page size and start of a locator such as 01g...-2000."""
        cursor_id, _, start = locator.rpartition("-")
        if cursor_id not in self._open or not start.isdigit():
            raise ApiFailure(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        answer, batch_size = self._open[cursor_id]
        return cursor_id, answer, batch_size, int(start)
