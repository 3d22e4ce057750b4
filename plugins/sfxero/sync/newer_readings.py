"""Runs over history and others beside them: what these have turned down since stays so.

An older reading never overtakes a newer one. Of what is wished for, the outbox sees to that; of
what is not to be sent at all it holds nothing, so that the dispositions of other runs are asked.
"""

from datetime import datetime

from sfxero.mapping.result import TransformResult
from sfxero.model.ids import SourceId
from sfxero.model.states import Entity
from sfxero.sync.scope import Scope


def turned_down_since(
    scope: Scope, entity: Entity, read_at: datetime, result: TransformResult
) -> set[SourceId]:
    """Return whose documents a run left out that began after `read_at`; a sync is the newest.

    What changed after that run had read it, the next sync reads, so that nothing is lost.
    """
    if not scope.is_history:
        return set()
    return scope.ledger.runs.turned_down_since(
        read_at,
        route=scope.route,
        entity=entity,
        source_ids=(source_id for source_id, _ in result.documents.parents()),
    )


def has_history_beside(scope: Scope) -> bool:
    """Say whether a run over history may plan, by an older reading, what this one turns down."""
    return scope.ledger.runs.has_history_under_way(scope.route, beside=scope.run_id)
