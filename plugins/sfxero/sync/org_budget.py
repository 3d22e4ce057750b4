"""The org's budget: a run that would exceed the route's share of the day does not start."""

import logging
from datetime import datetime, timedelta
from typing import Final

from sfxero.mapping.related_sources import related_sources
from sfxero.model.org_day import Forecast, OrgDay
from sfxero.salesforce.client import SalesforceClient
from sfxero.sync.extract import has_other_rules
from sfxero.sync.scope import ENTITY_OF, Scope

log = logging.getLogger(__name__)

HOURLY_CALLS: Final = 5
"""Of one object: a describe, a query of a few pages, and what belongs to the rows by id."""
DAILY_CALLS: Final = 20
"""Of one object, for each whole day that its window is long: a job is followed and read."""
FULL_CALLS: Final = 250
"""Of one object that is read whole: ten million rows are 200 pages and 40 lists of them."""
QUERY_JOBS: Final = 2
"""Of one object: its job, and another one if that fails."""


def forecast(scope: Scope, *, full_refresh: bool) -> Forecast:
    """Return what a run needs at most, from the number of objects and the size of their windows.

    Whoever reads far more is stopped on the way, by the client, before it exceeds the share.
    """
    is_full = full_refresh or has_other_rules(scope)
    now_at, windows = scope.clock.now(), scope.ledger.windows
    marks = {
        name: None if is_full else windows.watermark(scope.route, entity)
        for name, entity in ENTITY_OF.items()
    }
    # Rows that belong to records are read as often as these are.
    related = [one.owner for one in related_sources(scope.spec)]
    overlap = timedelta(seconds=scope.spec.salesforce.overlap_s)
    return Forecast(
        calls=sum(
            _calls(marks[name], now_at=now_at, overlap=overlap) for name in (*marks, *related)
        ),
        query_jobs=QUERY_JOBS * len(marks),
    )


def reserve(scope: Scope, client: SalesforceClient, needed: Forecast) -> None:
    """Ask the org for its day and reserve what the run needs of it; one call.

    Raises QuotaExhausted, with the figures, if that would exceed the route's share.
    """
    day = client.day()
    if day.calls is None:
        # Nothing can be held against it; the client looks again at each reply.
        log.warning("org_day_unknown org=%s", _org(scope))
    scope.ledger.org_usage.reserve(
        scope.run_id,
        _org(scope),
        day=day,
        forecast=needed,
        share=scope.spec.salesforce.daily_share,
    )


def note(scope: Scope, client: SalesforceClient) -> None:
    """Store what the org's last reply said of its day, if any did."""
    if client.usage is not None:
        scope.ledger.org_usage.note(_org(scope), OrgDay(calls=client.usage, query_jobs=None))


def _calls(mark: datetime | None, *, now_at: datetime, overlap: timedelta) -> int:
    if mark is None:
        return FULL_CALLS
    days = max(now_at - mark + overlap, timedelta(0)).days
    return min(FULL_CALLS, HOURLY_CALLS + DAILY_CALLS * days)


def _org(scope: Scope) -> str:
    """Name the org by its connection, as its circuit is."""
    return scope.spec.salesforce.connection
