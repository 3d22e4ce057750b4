"""Rows of other objects that belong to the run's records: found, staged, and joined to them."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sfxero.mapping.related_sources import RelatedSource, related_sources
from sfxero.mapping.spec import RouteSpec
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.soql import id_chunks, select, window_where
from sfxero.staging.manifest import load
from sfxero.sync.scope import Scope
from sfxero.sync.staged import ids_in, save_rows, typed_schema

if TYPE_CHECKING:
    from sfxero.ledger.windows import Window


def touched_owners(
    scope: Scope, client: SalesforceClient, window: "Window", owner: str
) -> set[str]:
    """Return the records of which a row changed in the window, though they did not themselves.

    A window that reads all needs none, nor does a run over history.
    """
    if window.from_at is None or scope.is_history:
        return set()
    where = window_where(window.from_at, window.to_at)
    return {
        str(row[one.rules.of])
        for one in related_sources(scope.spec)
        if one.owner == owner
        for row in client.query(
            select(one.rules.object, ("Id", one.rules.of), where=where), all_rows=True
        )
        if row.get(one.rules.of)
    }


def stage_related(scope: Scope, client: SalesforceClient, window: "Window", owner: str) -> int:
    """Stage the rows that belong to the run's records of one object; returns how many there are."""
    sources = [one for one in related_sources(scope.spec) if one.owner == owner]
    if not sources:
        return 0
    owners = {one for staged in scope.staged(owner) for ids in ids_in(staged) for one in ids}
    return sum(_stage(scope, client, window, one, owners) for one in sources)


def with_related(scope: Scope, owner: str, frame: Any) -> Any:
    """Return the records with the fields that their rows lend them."""
    from sfxero.mapping.related import join_related
    from sfxero.staging.reader import read_frame

    for one in related_sources(scope.spec):
        if one.owner == owner:
            frame = join_related(frame, read_frame([load(_folder(scope, one))]), one)
    return frame


def read_related(
    spec: RouteSpec, client: SalesforceClient, owner: str, frame: Any, *, is_whole: bool = False
) -> Any:
    """Return the records with the fields that their rows lend them, read for this alone.

    Where the frame is the whole object, all rows cost fewer calls than rows by their records' ids.
    """
    from sfxero.mapping.related import join_related
    from sfxero.staging.records import frame_of

    for one in related_sources(spec):
        if one.owner == owner:
            schema = typed_schema(client, one.rules.object, one.read_fields)
            records = _rows(client, one, None if is_whole else list(frame["Id"]))
            rows = frame_of(records, schema=schema)
            frame = join_related(frame, rows, one)
    return frame


def without_related(spec: RouteSpec, client: SalesforceClient, owner: str, frame: Any) -> Any:
    """Return records that have no rows of other objects, since they are not in the org yet."""
    from sfxero.mapping.related import join_related
    from sfxero.staging.records import frame_of

    for one in related_sources(spec):
        if one.owner == owner:
            schema = typed_schema(client, one.rules.object, one.read_fields)
            frame = join_related(frame, frame_of([], schema=schema), one)
    return frame


def _stage(
    scope: Scope,
    client: SalesforceClient,
    window: "Window",
    source: RelatedSource,
    owners: Iterable[str],
) -> int:
    from sfxero.staging.writer import write_records

    folder = _folder(scope, source)
    schema = typed_schema(client, source.rules.object, source.read_fields)
    # Where all records are read, all rows cost fewer calls than rows by their records' ids.
    is_whole = window.from_at is None and not scope.is_history
    records = _rows(client, source, None if is_whole else sorted(owners))
    rows = write_records(records, schema=schema, folder=folder)
    bounds = (None, window.to_at)
    name, version = source.rules.object, client.api_version
    save_rows(scope, name, folder, rows, bounds=bounds, api_version=version)
    return rows.row_count


def _rows(
    client: SalesforceClient, source: RelatedSource, owners: Iterable[str] | None
) -> Iterator[Any]:
    """Yield the rows of these records, or all there are."""
    conditions = [None] if owners is None else id_chunks(owners, source.rules.of)
    for where in conditions:
        yield from client.query(select(source.rules.object, source.read_fields, where=where))


def _folder(scope: Scope, source: RelatedSource) -> Any:
    return scope.folder(f"{source.owner}-{source.name}")
