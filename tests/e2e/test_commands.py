"""Commands see what Airflow's own commands see."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.world import clean_environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_a_command_sees_connections_of_airflows_own_database(tmp_path: Path) -> None:
    environment = clean_environment(AIRFLOW_HOME=str(tmp_path))

    def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    assert run("airflow", "db", "migrate").returncode == 0
    fields = ("--conn-type", "xero", "--conn-login", "the-id", "--conn-password", "the-secret")
    assert run("airflow", "connections", "add", "books", *fields).returncode == 0

    found = run("sfxero.cli.main", "xero", "status", "--conn-id", "books")
    missing = run("sfxero.cli.main", "xero", "status", "--conn-id", "shop")

    assert "books is a Custom Connection" in found.stdout, found.stderr
    assert (missing.returncode, "there is no connection shop" in missing.stderr) == (1, True)
    assert "the-secret" not in found.stdout + found.stderr
