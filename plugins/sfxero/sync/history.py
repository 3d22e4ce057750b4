"""History: one month of the past, read beside the sync, which does not notice."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sfxero.mapping.spec import RouteSpec
from sfxero.model.org_day import Forecast
from sfxero.model.states import Entity, Measure
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import count_of
from sfxero.sync import jobs, org_budget
from sfxero.sync.scope import ENTITY_OF, OBJECT_OF, Scope

_FEWEST_CALLS: Final = 40
_ROWS_PER_CALL: Final = 100
"""Of opportunities; pages hold more, but their accounts are read by id."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The half-open range `[from_at, to_at)` of a run over history."""

    from_at: datetime
    to_at: datetime
    measure: Measure


def interval_of(spec: RouteSpec, from_at: datetime, to_at: datetime) -> Interval:
    """Return what a run with this data interval reads.

    A close date belongs to no zone: what the route's own calendar calls the first of a month is
    meant, and from here on the days are kept as such.
    """
    measure = Measure(spec.history.by)
    if measure is Measure.STAMP:
        return Interval(from_at, to_at, measure)
    zone = ZoneInfo(spec.timezone)
    first, last = (_midnight(moment.astimezone(zone)) for moment in (from_at, to_at))
    return Interval(first, last, measure)


def draw_windows(scope: Scope, interval: Interval) -> dict[str, int]:
    """Open one window per object and return their ids by object; no watermark will move."""
    return {
        object_name: scope.ledger.windows.open(
            scope.run_id,
            scope.route,
            entity,
            from_at=interval.from_at,
            to_at=interval.to_at,
            moves_watermark=False,
            measure=interval.measure,
        )
        for object_name, entity in ENTITY_OF.items()
    }


def forecast(scope: Scope, client: SalesforceClient, windows: dict[str, int]) -> Forecast:
    """Return what reading the windows needs at most; one call, which counts the opportunities."""
    name = OBJECT_OF[Entity.OPPORTUNITY]
    where = jobs.where_of(scope.ledger.windows.get(windows[name]))
    rows = client.count(count_of(name, where=where))
    return Forecast(
        calls=_FEWEST_CALLS + rows // _ROWS_PER_CALL,
        query_jobs=org_budget.QUERY_JOBS * len(windows),
    )


def _midnight(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
