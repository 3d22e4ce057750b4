"""What whole runs share: a database that was migrated once."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.world import (
    SLOW,
    Deployment,
    SandboxProcess,
    airflow_settings,
    clean_environment,
)


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's own database, empty; each home takes a copy."""
    home = tmp_path_factory.mktemp("migrated")
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=clean_environment(**airflow_settings(home)),
        capture_output=True,
        text=True,
        timeout=SLOW,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return home / "airflow.db"


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, migrated_database: Path, sandbox: SandboxProcess
) -> Deployment:
    """An Airflow whose connections lead to the module's own `sandbox`."""
    home = tmp_path_factory.mktemp("airflow")
    return Deployment.create(home, database=migrated_database, sandbox_url=sandbox.url)
