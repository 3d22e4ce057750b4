"""A run's verdict as its note in Airflow's UI, written where Airflow itself ends the run.

A task cannot: it reaches no table of Airflow's. A listener runs in the scheduler, so it does as
little as it can, and only for our DAGs.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
        with _session_of(dag_run) as (session, row):
            gate = row.get_task_instance(_GATE, session=session)
            line = gate and gate.xcom_pull(task_ids=_GATE, key=_KEY, session=session)
            _put(row, str(line)[:_LONGEST] if line else None)
    except Exception:  # noqa: BLE001 - a note must never cost the scheduler a run
        log.warning("run_note_failed dag=%s run=%s", dag_run.dag_id, dag_run.run_id)


def _put(row: Any, line: str | None) -> None:
    """Replace what an earlier end of the run left; what a person wrote stays."""
    note = row.dag_run_note
    if note is not None and note.user_id is not None:
        return
    if line is not None:
        row.note = line
    elif note is not None:
        row.dag_run_note = None


@contextmanager
def _session_of(dag_run: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the scheduler's own session and its row of the run.

    It must be handed on: whoever asks Airflow for a session gets the same one, and closes it. Only
    `airflow dags test` brings a run that belongs to none.
    """
    from airflow.utils.session import create_session
    from sqlalchemy.orm import object_session

    own = object_session(dag_run)
    if own is not None:
        yield own, dag_run
        return
    with create_session() as session:
        yield session, session.get(type(dag_run), dag_run.id)
