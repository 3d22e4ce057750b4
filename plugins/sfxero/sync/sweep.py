"""Sweep: holds a listing of all records against what was read, and reads what differs.

It finds what no window can: what was committed too late for its window, what was deleted for good,
and values that change without a stamp, which are those of formulas and of parents.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from sfxero.errors import IncompleteExtract, StagingError
from sfxero.mapping.fields import needed_fields
from sfxero.mapping.spec import RouteSpec
from sfxero.model.states import Entity, Measure, WindowState
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import id_chunks, select
from sfxero.staging.layout import folder_of
from sfxero.staging.manifest import Staged, load
from sfxero.sync.scope import ENTITY_OF, OBJECT_OF, Scope
from sfxero.sync.staged import publish_staged, take_back, typed_schema

if TYPE_CHECKING:
    from sfxero.ledger.windows import Window
    from sfxero.staging.comparing import Differences

_PARENT: Final = {Entity.OPPORTUNITY_LINE: "OpportunityId"}
_LISTED: Final = ("Id", "SystemModstamp", "IsDeleted")
_OVERLAP: Final = timedelta(days=1)
"""How long before the last listing a run may have begun whose rows it does not hold."""
_MOST: Final = 20_000
"""Records of one object that are read by id, 400 or so with each call."""


def listed_fields(spec: RouteSpec, client: SalesforceClient) -> dict[str, tuple[str, ...]]:
    """Return, by object, what a listing reads: which fields move no stamp the org itself tells."""
    found = {}
    for object_name, fields in needed_fields(spec).items():
        described = client.describe(object_name).fields
        unstamped = [
            name
            for name in fields
            if "." in name or (name in described and described[name].calculated)
        ]
        parent = _PARENT.get(ENTITY_OF[object_name])
        names = (*_LISTED, *([parent] if parent else ()), *unstamped)
        found[object_name] = tuple(dict.fromkeys(names))
    return found


def draw_windows(scope: Scope, listing: Scope, *, server_now: datetime) -> dict[str, int]:
    """Open for each object a listing, and a window; returns the listings.

    The window itself is empty: its rows are those that differ, read by id.
    """
    drawn = {}
    for object_name, entity in ENTITY_OF.items():
        open_one = partial(
            scope.ledger.windows.open,
            route=scope.route,
            entity=entity,
            to_at=server_now,
            moves_watermark=False,
        )
        open_one(scope.run_id, from_at=server_now)
        drawn[object_name] = open_one(listing.run_id, from_at=None, measure=Measure.LISTING)
    return drawn


def stage_differences(scope: Scope, listing: Scope, client: SalesforceClient) -> dict[str, int]:
    """Compare the listings with what was read, and stage what differs; returns rows by object.

    What was prepared is kept: its listing is by now what it would be compared with.
    """
    windows = scope.ledger.windows
    counts = {}
    for window in windows.of_run(scope.run_id):
        object_name = OBJECT_OF[window.entity]
        if window.state is WindowState.PREPARED:
            counts[object_name] = window.row_count or 0
            continue
        found = _differences(scope, listing, window)
        take_back(scope, window.entity, scope.folder(object_name))
        counts[object_name] = _stage(scope, client, window, found)
    return counts


def keep(scope: Scope) -> None:
    """Let the next sweep begin with this run's listing, since what differed is prepared."""
    windows = scope.ledger.windows
    windows.mark_prepared([one.window_id for one in windows.of_run(scope.listing_run_id)])


def _differences(scope: Scope, listing: Scope, window: "Window") -> "Differences":
    from sfxero.staging.comparing import differences

    object_name = OBJECT_OF[window.entity]
    found = differences(
        load(listing.folder(object_name)),
        list(_known(scope, window.entity)),
        parent=_PARENT.get(window.entity),
    )
    if len(found) > _MOST:
        raise IncompleteExtract(
            f"{len(found)} records of {object_name} differ from what was read of them, more than "
            f"the {_MOST} that a sweep reads by id",
            service="salesforce",
            hint="Run salesforce_to_xero with full_refresh: a job reads so many for fewer calls.",
        )
    return found


def _known(scope: Scope, entity: Entity) -> Iterator[Staged]:
    """Yield the last listing, and what runs have staged and prepared since; else all there is."""
    windows, object_name = scope.ledger.windows, OBJECT_OF[entity]
    since = None
    base = windows.last_listing(scope.route, entity)
    listed = None if base is None else _staged(scope, base.run_id, object_name)
    if base is not None and listed is not None:
        since = base.opened_at - _OVERLAP
        yield listed
    for window in windows.prepared(scope.route, entity, since=since):
        for name in (object_name, f"{object_name}-companions"):
            staged = _staged(scope, window.run_id, name)
            if staged is not None:
                yield staged


def _staged(scope: Scope, run_id: str, name: str) -> Staged | None:
    """Return what a run staged, if it is still there."""
    folder = folder_of(scope.root, route=scope.route, run_id=run_id, object_name=name)
    try:
        return load(folder)
    except StagingError:
        return None


def _stage(scope: Scope, client: SalesforceClient, window: "Window", found: "Differences") -> int:
    """Read what differs by id; what is gone and cannot be read becomes a tombstone."""
    from sfxero.staging.writer import write_records

    object_name = OBJECT_OF[window.entity]
    fields = scope.fields[object_name]
    records = [
        record
        for where in id_chunks([*found.changed, *found.gone], "Id")
        for record in client.query(select(object_name, fields, where=where), all_rows=True)
    ]
    read = {record["Id"] for record in records}
    buried = {one: parent for one, parent in found.gone.items() if one not in read}
    records += _tombstones(buried, fields, window)
    folder = scope.folder(object_name)
    schema = typed_schema(client, object_name, fields)
    rows = write_records(records, schema=schema, folder=folder)
    publish_staged(scope, object_name, folder, window=window, rows=rows)
    scope.ledger.windows.mark_staged(
        window.window_id, manifest=str(folder), row_count=rows.row_count
    )
    return rows.row_count


def _tombstones(
    gone: Mapping[str, str | None], fields: tuple[str, ...], window: "Window"
) -> Iterator[Mapping[str, object]]:
    """Make rows as the org gave them while the records were in its recycle bin."""
    stamp = f"{window.to_at:%Y-%m-%dT%H:%M:%S}.000+0000"
    blank = dict.fromkeys(fields)
    for record_id, parent in gone.items():
        row = {**blank, "Id": record_id, "IsDeleted": True, "SystemModstamp": stamp}
        if window.entity in _PARENT:
            row[_PARENT[window.entity]] = parent
        yield row
