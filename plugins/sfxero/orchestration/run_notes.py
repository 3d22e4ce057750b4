"""A run's verdict as its note in Airflow's UI, written where Airflow itself ends the run.

A task cannot: it reaches no table of Airflow's. A listener runs in the scheduler, so it does as
little as it can, and only for our DAGs.
"""

import logging
from contextlib import suppress
from typing import Any, Final

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import get_current_context

log = logging.getLogger(__name__)

_KEY: Final = "verdict"
_GATE: Final = "gate"
_OURS: Final = ("reconcile__", "salesforce_to_xero__")
_LONGEST: Final = 1_000


def leave_verdict(line: str) -> None:
    """Keep a gate's verdict for the note, also if the gate is about to fail."""
    with suppress(RuntimeError):  # outside of a task there is no run to note anything on
        get_current_context()["ti"].xcom_push(key=_KEY, value=line)


class Notes:
    """Listens to the ends of runs."""

    @hookimpl
    def on_dag_run_success(self, dag_run: Any, msg: str) -> None:
        """Note why a run is green."""
        del msg
        _note(dag_run)

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        """Note why a run is red."""
        del msg
        _note(dag_run)


class RunNotesPlugin(AirflowPlugin):
    """Brings the listener into the scheduler."""

    name = "sfxero_run_notes"
    listeners = [Notes()]  # noqa: RUF012 - the attribute is Airflow's


def _note(dag_run: Any) -> None:
    if not dag_run.dag_id.startswith(_OURS):
        return
    try:
        gate = dag_run.get_task_instance(_GATE)
        line = gate.xcom_pull(task_ids=_GATE, key=_KEY) if gate is not None else None
        if line and not dag_run.note:
            dag_run.note = str(line)[:_LONGEST]
    except Exception:  # noqa: BLE001 - a note must never cost the scheduler a run
        log.warning("run_note_failed dag=%s run=%s", dag_run.dag_id, dag_run.run_id)
