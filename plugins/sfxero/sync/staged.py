"""Staged files as the steps of a run see them: their schema, their publication, their ids."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sfxero.mapping.fields import needed_fields
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity, Measure
from sfxero.salesforce.client import SalesforceClient
from sfxero.staging.manifest import Manifest, Staged, is_published, load, save, withdraw
from sfxero.sync.scope import ENTITY_OF, Scope

if TYPE_CHECKING:
    from sfxero.ledger.windows import Window
    from sfxero.staging.writer import StagedRows


def schema_of(spec: RouteSpec, client: SalesforceClient, object_name: str) -> Any:
    """Return the Arrow schema of the object's fields that the route needs, as the org has them."""
    return typed_schema(client, object_name, needed_fields(spec)[object_name])


def typed_schema(client: SalesforceClient, object_name: str, fields: Sequence[str]) -> Any:
    """Return the Arrow schema of an object's fields, as the org has them."""
    from sfxero.staging.arrow_schema import parent_objects, schema_for, with_finer

    described = client.describe(object_name)
    parents = {name: client.describe(name) for name in parent_objects(described, fields)}
    return with_finer(schema_for(described, fields, parents=parents))


def save_rows(
    scope: Scope,
    name: str,
    folder: Any,
    rows: "StagedRows",
    *,
    bounds: tuple[datetime | None, datetime] | None = None,
    api_version: str,
    job_id: str | None = None,
    mapping_version: str | None = None,
) -> Staged:
    """Publish what was written to `folder` by its manifest; `bounds` is everything until now."""
    now = scope.clock.now()
    from_at, to_at = bounds or (None, now)
    manifest = Manifest(
        route=scope.route,
        run_id=scope.run_id,
        object_name=name,
        window_from_at=from_at,
        window_to_at=to_at,
        api_version=api_version,
        job_id=job_id,
        mapping_version=mapping_version or scope.spec.mapping_version,
        files=rows.files,
        row_count=rows.row_count,
        staged_at=now,
    )
    return save(manifest, folder)


def publish_staged(
    scope: Scope, object_name: str, folder: Any, *, window: "Window", rows: "StagedRows"
) -> Staged:
    """Write the manifest, and note in the ledger which records the run has read.

    To see one in a listing is not to read it.
    """
    staged = save_rows(
        scope,
        object_name,
        folder,
        rows,
        bounds=(window.from_at, window.to_at),
        api_version=window.api_version or scope.spec.salesforce.api_version or "",
        job_id=window.job_id,
    )
    if window.measure is Measure.LISTING:
        return staged
    for ids in ids_in(staged):
        scope.ledger.runs.add_records(scope.run_id, ENTITY_OF[object_name], map(SourceId, ids))
    return staged


def take_back(scope: Scope, entity: Entity, folder: Any, *, beside: Iterable[Any] = ()) -> None:
    """Withdraw what an earlier try of a step staged, and that the run has read it.

    The new try may find other records: one that it does not find would have no end in this run.
    What the folders `beside` hold has been read by them, too.
    """
    if not is_published(folder):
        return
    before = {one for ids in ids_in(load(folder)) for one in ids}
    for other in beside:
        if is_published(other):
            before.difference_update(*ids_in(load(other)))
    scope.ledger.runs.forget_records(scope.run_id, entity, map(SourceId, sorted(before)))
    withdraw(folder)


def ids_in(staged: Staged, column: str = "Id") -> Iterable[list[str]]:
    """Yield the ids in a column of staged files, in lists."""
    from sfxero.staging.reader import read_ids

    return read_ids(staged, column=column)
