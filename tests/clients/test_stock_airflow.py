"""The Salesforce provider's own hook and operator: a connection is all that they are given."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import (
    SALESFORCE_CLIENT_ID,
    SALESFORCE_CLIENT_SECRET,
    Running,
    environment_of_client,
)

# Airflow takes its time to be imported, and a process of its own is fresh.
pytestmark = [pytest.mark.clients, pytest.mark.timeout(150)]

PROBE = Path(__file__).parent / "probes" / "stock_airflow.py"


def ask_airflow(running: Running, tmp_path: Path, wanted: str) -> Any:
    extra = {
        "consumer_key": SALESFORCE_CLIENT_ID,
        "consumer_secret": SALESFORCE_CLIENT_SECRET,
        "domain": f"localhost:{running.port}/acme.my",
        "version": "66.0",
    }
    connection = json.dumps({"conn_type": "salesforce", "extra": extra})
    kept = {
        name: value
        for name, value in environment_of_client().items()
        if not name.startswith(("AIRFLOW", "SFXERO", "PYTHON"))
    }
    answer = tmp_path / "answer.json"
    done = subprocess.run(
        [sys.executable, str(PROBE), str(answer), wanted],
        env={
            **kept,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_SALESFORCE_SANDBOX": connection,
            "REQUESTS_CA_BUNDLE": running.ca_file,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{wanted} failed:\n{done.stdout}\n{done.stderr}"
    return json.loads(answer.read_text(encoding="utf-8"))


def test_the_stock_hook_reads(running, tmp_path):
    running.control("POST", "/seed", {"seed": 7, "accounts": 30, "opportunities": 10})
    said = ask_airflow(running, tmp_path, "read")
    rows = running.control("GET", "/salesforce/Account")
    assert said["ids"] == sorted(row["Id"] for row in rows if not row["IsDeleted"])
    assert said["total"] == len(said["ids"])
    # The hook lower-cases the columns.
    assert {"id", "name"} <= set(said["columns"])
    assert {"ABN__c", "BillingStreet"} <= set(said["fields"])


def test_the_stock_operator_writes_by_bulk_api_1(running, tmp_path):
    said = ask_airflow(running, tmp_path, "write")
    assert [each["success"] for each in said["inserted"]] == [True, False]
    [error] = said["inserted"][1]["errors"]
    assert error["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert [each["success"] for each in said["updated"]] == [True]
    [account] = running.control("GET", "/salesforce/Account")
    assert (account["Name"], account["Phone"]) == ("First", "1300 555 019")
