"""First loads: one that is too large for a run is read by several, part after part by time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sfxero.errors import UnexpectedResponse
from sfxero.model.states import Entity
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import count_of, select, window_where
from sfxero.sync.scope import OBJECT_OF, Scope

_SECOND: Final = timedelta(seconds=1)
_OPPORTUNITY: Final = OBJECT_OF[Entity.OPPORTUNITY]
_STAMP: Final = "SystemModstamp"


def is_under_way(scope: Scope) -> bool:
    """Say whether the route has not read everything once; the lines' watermark comes last."""
    return scope.ledger.windows.watermark(scope.route, Entity.OPPORTUNITY_LINE) is None


def end_of_part(scope: Scope, client: SalesforceClient, *, to_at: datetime) -> datetime | None:
    """Return where this run's part ends; None if all that is left fits into one.

    One call if it does, and one for each halving of the time that is left if not.
    """
    if not is_under_way(scope):
        return None
    from_at = scope.ledger.windows.watermark(scope.route, Entity.OPPORTUNITY)

    def count(until: datetime) -> int:
        return client.count(count_of(_OPPORTUNITY, where=window_where(from_at, until)))

    most = scope.spec.salesforce.first_load_rows
    if count(to_at) <= most:
        return None
    low = from_at or _oldest(client, to_at)
    return cut(count, low=low.replace(microsecond=0), high=to_at.replace(microsecond=0), most=most)


def cut(count: Callable[[datetime], int], *, low: datetime, high: datetime, most: int) -> datetime:
    """Return a second before which there are at most so many records, and not much less.

    Records of one second are never parted, so that there may be more of them, too. There must be
    more than `most` before `high`, and none before `low`.
    """
    found = 0
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        rows = count(middle)
        if rows > most:
            high = middle
        elif 2 * rows >= most:
            return middle
        else:
            low, found = middle, rows
    return low if found else high


def _oldest(client: SalesforceClient, to_at: datetime) -> datetime:
    """Return the least stamp that there is."""
    soql = select(_OPPORTUNITY, (_STAMP,), where=window_where(None, to_at))
    for row in client.query(f"{soql} ORDER BY {_STAMP} LIMIT 1", all_rows=True):
        return datetime.fromisoformat(str(row[_STAMP]))
    raise UnexpectedResponse("records that were counted are not there", service="salesforce")
