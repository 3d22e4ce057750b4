"""What our commands need to run beside Airflow's own processes."""

import os


def as_airflow_command() -> None:
    """Let this process see connections of Airflow's own database, as Airflow's commands do.

    Outside of tasks and servers only those of the environment and of secrets backends are seen.
    """
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
