"""One DAG per route file; a file that is refused becomes a DAG that says so and fails."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from airflow.sdk import DAG, CronTriggerTimetable, task

from sfxero.errors import MappingFileError
from sfxero.mapping.loader import load_route
from sfxero.mapping.spec import RouteSpec
from sfxero.settings import load_settings

_WHEN_REFUSED: Final = "@hourly"
_LONGEST_NAME: Final = 40
_IN_NO_DAG_ID: Final = re.compile(r"[^A-Za-z0-9_.-]")


def declare_routes(file_name: str, declare: Callable[[RouteSpec], DAG]) -> dict[str, DAG]:
    """Return the DAGs of all routes by dag id, which is `<file name>__<route>`.

    An import error would take down the DAGs of every route; one organisation's mistake is to stay
    its own, and to stay visible: its DAG is red each hour until the file is mended.
    """
    dags = {}
    for path in sorted(load_settings().mappings.glob("*.yaml")):
        if path.name.startswith("."):  # what an editor or a file system keeps beside a file
            continue
        dag_id = f"{file_name}__{_name_of(path.stem)}"
        try:
            dags[dag_id] = declare(load_route(path))
        except MappingFileError as error:
            dags[dag_id] = _refused(dag_id, str(error))
    return dags


def _name_of(stem: str) -> str:
    """Return a file's name as a DAG can bear it; no route has a hyphen, so none is replaced."""
    name = _IN_NO_DAG_ID.sub("-", stem)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}-"


def timetable(cron: str | None, *, zone: str = "UTC") -> CronTriggerTimetable | None:
    """Return the schedule; unpausing a DAG waits for its next time, and starts nothing."""
    if cron is None:
        return None
    return CronTriggerTimetable(cron, timezone=zone, run_immediately=timedelta(0))


def _refused(dag_id: str, reason: str) -> DAG:
    @task(retries=0)
    def refused() -> None:
        """Fail with what is wrong in the route file."""
        from sfxero.errors import ConfigurationError

        raise ConfigurationError(reason)

    with DAG(
        dag_id=dag_id,
        description=f"The route file is refused: {reason}"[:1000],
        schedule=timetable(_WHEN_REFUSED),
        catchup=False,
        max_active_runs=1,
        tags=["sfxero", "refused"],
        doc_md=f"### The route file is refused\n\n{reason}",
    ) as dag:
        refused()
    return dag
