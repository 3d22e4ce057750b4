"""End one run several times in a database of Airflow's tables, and write down as JSON its notes.

Usage: notes.py ANSWER. A run that is cleared and ends anew is the same row, with the note it had.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from airflow import models, settings
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api.services.public.dag_run import patch_dag_run_note
from airflow.models.base import Base
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.sdk import DAG, BaseOperator
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy.orm import Session

from sfxero.orchestration.run_notes import Notes

NAME = {"dag_id": "salesforce_to_xero__demo", "run_id": "r1"}


def begin(session: Session) -> DagRun:
    """Add a run with its gate."""
    run = DagRun(
        **NAME,
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        run_after=datetime.now(UTC),
        state=DagRunState.RUNNING,
    )
    session.add(run)
    session.flush()
    with DAG(NAME["dag_id"], schedule=None):
        gate = BaseOperator(task_id="gate")
    session.add(TaskInstance(gate, dag_version_id=None, run_id="r1"))
    session.flush()
    return run


def ends(session: Session, run: DagRun) -> Iterator[str | None]:
    """End the run red, then green, then without a verdict; and red after a person wrote a note."""

    def end(verdict: str | None, *, is_good: bool) -> str | None:
        XComModel.clear(dag_id=NAME["dag_id"], run_id="r1", task_id="gate", session=session)
        if verdict is not None:
            XComModel.set("verdict", verdict, task_id="gate", session=session, **NAME)
        told = Notes().on_dag_run_success if is_good else Notes().on_dag_run_failed
        told(run, "")
        session.flush()
        session.expire_all()
        return run.note

    yield end("FAILED: 1 dead letter", is_good=False)
    yield end("passed: 1 in_step", is_good=True)
    yield end(None, is_good=False)
    pat = SimpleAuthManagerUser(username="pat", role=None)
    patch_dag_run_note(dag_run=run, note="Asked Pat", user=pat)
    yield end("FAILED: 2 dead letters", is_good=False)


def main(answer: Path) -> None:
    """End the run, then write."""
    models.import_all_models()
    assert settings.engine is not None
    Base.metadata.create_all(settings.engine)
    with create_session() as session:
        notes = list(ends(session, begin(session)))
    answer.write_text(json.dumps(notes), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
