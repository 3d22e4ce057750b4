"""Parse a folder of DAG files as Airflow does, and write down as JSON what that found and touched.

Usage: parse.py ANSWER FOLDER. It runs in a process of its own: nothing was imported before.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

# Whatever Airflow itself needs comes first: the rest is then the DAG files' own.
import airflow.sdk  # noqa: F401
from airflow.dag_processing.dagbag import DagBag

WATCHED = (
    "open",
    "os.system",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "sqlite3.connect",
    "subprocess.Popen",
)


def main(answer: Path, folder: Path) -> None:
    """Parse, then write."""
    touched: list[tuple[str, str]] = []
    loaded_before = set(sys.modules)

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        # A descriptor was opened by its path before, and is noted then.
        if event in WATCHED and not isinstance(arguments[0], int):
            touched.append((event, str(arguments[0] if event == "open" else arguments)))

    sys.addaudithook(note)
    began_s = time.process_time()
    bag = DagBag(folder)
    cpu_s = time.process_time() - began_s
    told = list(touched)
    facts = {
        "import_errors": bag.import_errors,
        "files": sorted(one.file for one in bag.dagbag_stats),
        "cpu_s": cpu_s,
        "loaded": sorted(sys.modules),
        "newly_loaded": sorted(set(sys.modules) - loaded_before),
        "opened": sorted(said for event, said in told if event == "open"),
        "reached": [f"{event} {said}" for event, said in told if event != "open"],
        "dags": {dag_id: dag_facts(dag) for dag_id, dag in bag.dags.items()},
    }
    answer.write_text(json.dumps(facts), encoding="utf-8")


def dag_facts(dag: Any) -> dict[str, Any]:
    """Return what the policy is about."""
    return {
        "file": Path(dag.fileloc).name,
        "tags": sorted(dag.tags),
        "description": dag.description,
        "doc_md": dag.doc_md,
        "schedule": getattr(dag.schedule, "_expression", None) or repr(dag.schedule),
        "end_date": dag.end_date and dag.end_date.isoformat(),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "params": sorted(dag.params),
        "leaves": sorted(one.task_id for one in dag.leaves),
        "roots": sorted(one.task_id for one in dag.roots),
        "tasks": {one.task_id: task_facts(one) for one in dag.tasks},
    }


def task_facts(task: Any) -> dict[str, Any]:
    """Return what the policy is about."""
    return {
        "is_mapped": task.is_mapped,
        "pool": task.pool,
        "retries": task.retries,
        "retry_policy": type(getattr(task, "retry_policy", None)).__name__,
        "retry_delay_s": task.retry_delay.total_seconds(),
        "trigger_rule": str(task.trigger_rule),
        "downstream": sorted(task.downstream_task_ids),
        "group": task.task_group.group_id,
        "mode": (task.partial_kwargs if task.is_mapped else vars(task)).get("mode"),
        "priority_weight": task.priority_weight,
        "weight_rule": type(task.weight_rule).__name__,
        "doc": (task.doc_md or "").strip(),
        "execution_timeout_s": task.execution_timeout and task.execution_timeout.total_seconds(),
    }


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
