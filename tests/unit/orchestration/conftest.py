"""Connections by value or by environment: no test here opens a database."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

if "AIRFLOW_HOME" not in os.environ:
    # Airflow makes its folders when it is imported: not in the home of who runs the tests.
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)


@pytest.fixture
def connection() -> Callable[..., Any]:
    """Make a connection from the fields of its form."""
    from airflow.sdk import Connection

    def make(conn_type: str = "xero", **fields: Any) -> Any:
        return Connection(conn_id="books", conn_type=conn_type, **fields)

    return make
