"""One DAG per route file; a file that is refused becomes a DAG that says so and fails."""

from collections.abc import Callable
from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, task

from sfxero.errors import MappingFileError
from sfxero.mapping.loader import load_route
from sfxero.mapping.spec import RouteSpec
from sfxero.settings import load_settings

_WHEN_REFUSED = "@hourly"


def declare_routes(file_name: str, declare: Callable[[RouteSpec], DAG]) -> dict[str, DAG]:
    """Return the DAGs of all routes by dag id, which is `<file name>__<route>`.

    An import error would take down the DAGs of every route; one organisation's mistake is to stay
    its own, and to stay visible: its DAG is red each hour until the file is mended.
    """
    dags = {}
    for path in sorted(load_settings().mappings.glob("*.yaml")):
        dag_id = f"{file_name}__{path.stem}"
        try:
            dags[dag_id] = declare(load_route(path))
        except MappingFileError as error:
            dags[dag_id] = _refused(dag_id, str(error))
    return dags


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
