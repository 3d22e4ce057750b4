"""The bodies of the gates: judge the run, store the verdict, and end as it says."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk.exceptions import AirflowSkipException

from sfxero.errors import GateFailed
from sfxero.mapping.spec import RouteSpec
from sfxero.model.ids import RouteName, RunId, TenantId
from sfxero.model.states import Entity, WindowState
from sfxero.orchestration.hooks.ledger import open_ledger
from sfxero.orchestration.opening import (
    Run,
    drain_run_id,
    history_run_id,
    ledger_run_id,
    reconcile_run_id,
    show_run_id,
    spec_of,
    sweep_run_id,
)
from sfxero.orchestration.run_notes import leave_verdict
from sfxero.sync import gate as gates
from sfxero.sync import reconcile_gate as reconciles

if TYPE_CHECKING:
    from sfxero.ledger.ledger import Ledger

log = logging.getLogger(__name__)

NOTHING_DUE: Final = "it was not time to read anything"
_RUNNING: Final = "running"
_SUCCEEDED: Final = "succeeded"
_WAITING: Final = "waiting"
"""In what a drain's first task returns: how many entries waited."""
States = Mapping[str, str | None]
"""States of the run's other tasks by task id."""


def gate(route: str, run: Run | None, *, run_id: str, task_states: States) -> dict[str, Any]:
    """Judge a sync; `run` is None if its first task has not returned.

    Fails unless all that was read has ended; skipped if that is so and the run was deferred.
    """
    spec = spec_of(route)
    with open_ledger(spec.ledger.connection) as ledger:
        found = _judge(spec, ledger, run, run_id=ledger_run_id(route, run_id), states=task_states)
    return _end(found)


def history_gate(
    route: str, run: Run | None, *, run_id: str, task_states: States
) -> dict[str, Any]:
    """Judge a run over history: no later run reads its month, so it must have been read."""
    spec, ledger_run = spec_of(route), ledger_run_id(route, history_run_id(run_id))
    with open_ledger(spec.ledger.connection) as ledger:
        is_read = _has_read(ledger, ledger_run)
        found = _judge(spec, ledger, run, run_id=ledger_run, states=task_states, is_read=is_read)
    return _end(found)


def sweep_gate(route: str, run: Run | None, *, run_id: str, task_states: States) -> dict[str, Any]:
    """Judge a sweep; one that has nothing to compare with is skipped, and no run of the ledger."""
    spec, run_id = spec_of(route), sweep_run_id(run_id)
    with open_ledger(spec.ledger.connection) as ledger:
        begun = ledger.runs.begun(ledger_run_id(route, run_id))
    is_under_way = begun is not None and begun.state == _RUNNING
    if run is None and "skipped" in task_states.values() and not is_under_way:
        raise AirflowSkipException("there was nothing to compare")
    return gate(route, run, run_id=run_id, task_states=task_states)


def drain_gate(route: str, run: Run | None, *, run_id: str, task_states: States) -> dict[str, Any]:
    """Judge a drain, which has nothing to account for but what it sent."""
    if run is None and "skipped" in task_states.values():
        raise AirflowSkipException("there was nothing to send")
    return gate(route, run, run_id=drain_run_id(run_id), task_states=task_states)


def show_gate(route: str, run: Run | None, *, run_id: str, task_states: States) -> dict[str, Any]:
    """Judge a run from Xero to Salesforce; one that had nothing to read is skipped."""
    spec, run_id = spec_of(route), show_run_id(run_id)
    with open_ledger(spec.ledger.connection) as ledger:
        begun = ledger.runs.begun(ledger_run_id(route, run_id))
    if run is None and begun is not None and begun.state == _SUCCEEDED:
        raise AirflowSkipException(NOTHING_DUE)
    return gate(route, run, run_id=run_id, task_states=task_states)


def reconcile_gate(
    route: str, told: Mapping[str, Any] | None, *, run_id: str, task_states: States
) -> dict[str, Any]:
    """Judge a reconciliation; `told` is what its comparison returned, None if it did not."""
    spec, run = spec_of(route), ledger_run_id(route, reconcile_run_id(run_id))
    with open_ledger(spec.ledger.connection) as ledger:
        begun = ledger.runs.begun(run)
        if begun is None:
            raise GateFailed(f"run {run} did not begin: its first task failed")
        verdict = reconciles.judge(told, task_states=task_states, deferral=begun.reason)
        ledger.runs.finish(run, state=verdict.state, verdict=verdict.line)
    return _end(verdict)


def _judge(
    spec: RouteSpec,
    ledger: "Ledger",
    run: Run | None,
    *,
    run_id: RunId,
    states: States,
    is_read: bool = True,
) -> gates.Verdict:
    runs = ledger.runs
    begun = runs.begun(run_id)
    if begun is None:
        raise GateFailed(f"run {run_id} did not begin: its first task failed")
    deferral = gates.deferral_of(states, begun.reason)
    if deferral is not None:
        runs.leave_to_the_next(run_id)
    verdict = gates.judge(
        runs.settle(run_id),
        limits=spec.quarantine,
        linked=_linked(ledger, run),
        task_states=states,
        outstanding=ledger.outbox.outstanding(RouteName(spec.route)),
        deferral=deferral,
        is_read=is_read,
    )
    if run is not None and _WAITING in run:
        verdict = replace(verdict, counts={"entries waited before": run[_WAITING]})
    runs.finish(run_id, state=verdict.state, verdict=verdict.line)
    return verdict


def _has_read(ledger: "Ledger", run_id: RunId) -> bool:
    """Say whether a run has prepared all its windows since it was last started."""
    windows, started_at = ledger.windows.of_run(run_id), ledger.runs.started_at(run_id)
    if not windows or started_at is None:
        return False
    # Begun again, and held up before it draws windows, it still has those of its last start.
    return all(one.state is WindowState.PREPARED and one.opened_at >= started_at for one in windows)


def _linked(ledger: "Ledger", run: Run | None) -> dict[Entity, int]:
    """Count the records in step; a run that has not begun does not know of which organisation."""
    if run is None:
        return {}
    tenant = TenantId(run["tenant"])
    return {
        Entity.ACCOUNT: ledger.links.count(tenant, Entity.CONTACT),
        Entity.OPPORTUNITY: ledger.links.count(tenant, Entity.INVOICE),
        Entity.INVOICE: ledger.links.count(tenant, Entity.INVOICE),
    }


def _end(verdict: gates.Verdict) -> dict[str, Any]:
    log.info("gate verdict=%s", verdict.line)
    leave_verdict(verdict.line)
    gates.pass_or_fail(verdict)
    if verdict.is_deferred:
        raise AirflowSkipException(verdict.line)
    return {"verdict": verdict.line, **verdict.counts}
