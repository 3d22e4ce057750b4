"""The demo from start to end."""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from rich.console import Console

from sfxero.cli.demo.airflow_api import SUCCESS, AirflowApi
from sfxero.cli.demo.bookkeeper import pay_some
from sfxero.cli.demo.processes import DemoError, Processes, free_ports, own_folder
from sfxero.cli.demo.report import read_outcome, show
from sfxero.cli.pools import needed_pools

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUTE: Final = "demo"
DAG_ID: Final = f"salesforce_to_xero__{ROUTE}"
SHOW_DAG_ID: Final = f"xero_to_salesforce__{ROUTE}"
_UI_PORT: Final = 8080
_SANDBOX_PORT: Final = 8099
_LOG_PORTS: Final = (8793, 8794)
_RUN_LIMIT_S: Final = 600.0
_SANDBOX_LIMIT_S: Final = 30.0
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_demo(*, stays_up: bool) -> int:
    """Run the demo; returns 0 if all was well, 1 if not, 130 after Ctrl-C."""
    console = Console(highlight=False)
    for number in _ENDINGS:
        signal.signal(number, _interrupt)
    try:
        with own_folder(_root()) as folder:
            return _run_in(folder, console, stays_up=stays_up)
    except DemoError as error:
        console.print(f"[red]The demo stopped:[/red] {error}", markup=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 130


def _run_in(folder: Path, console: Console, *, stays_up: bool) -> int:
    ui_port, sandbox_port, *log_ports = free_ports([_UI_PORT, _SANDBOX_PORT, *_LOG_PORTS])
    sandbox_url = f"http://127.0.0.1:{sandbox_port}"
    environment = {**os.environ, **_settings(folder, ui_port, sandbox_url, log_ports)}
    processes = Processes(folder, environment)
    api = AirflowApi(f"http://127.0.0.1:{ui_port}", home=folder, check=processes.check)
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.0f} s[/dim]  {text}")

    try:
        tell(f"starting sandbox and Airflow in {folder}")
        processes.start("sandbox", _sandbox_command(sandbox_port))
        processes.start("airflow", [sys.executable, "-m", "airflow", "standalone"])
        _wait_for_sandbox(sandbox_url, processes)
        api.wait_until_up()
        api.create_pools(needed_pools())
        tell(f"Airflow is up at http://127.0.0.1:{ui_port}")
        run_id = api.trigger(DAG_ID)
        state = api.watch(DAG_ID, run_id, limit_s=_RUN_LIMIT_S, tell=tell)
        if state == SUCCESS:
            tell(f"the bookkeeper pays {pay_some(sandbox_url)} of the invoices")
            shown_id = api.trigger(SHOW_DAG_ID)
            state = api.watch(SHOW_DAG_ID, shown_id, limit_s=_RUN_LIMIT_S, tell=tell)
        is_well = _report(folder, console, sandbox_url=sandbox_url, run_id=run_id, state=state)
        console.print(
            f"Airflow UI   http://127.0.0.1:{ui_port}   "
            f"user {api.user}, password {api.password}\nSandbox      {sandbox_url}/_sandbox/state"
        )
        if stays_up:
            console.print("Ctrl-C stops everything.")
            while True:
                processes.check()
                time.sleep(1)
        return 0 if is_well else 1
    finally:
        api.close()
        processes.stop()


def _report(folder: Path, console: Console, *, sandbox_url: str, run_id: str, state: str) -> bool:
    from sfxero.ledger.ledger import Ledger

    with Ledger(f"sqlite:///{folder / 'sfxero' / 'ledger.db'}") as ledger:
        outcome = read_outcome(sandbox_url, ledger, route=ROUTE, run_id=run_id)
    show(outcome, console, state=state)
    return state == SUCCESS and not outcome.faults


def _settings(folder: Path, ui_port: int, sandbox_url: str, log_ports: list[int]) -> dict[str, str]:
    """Return Airflow's settings for SQLite on a small machine, and the demo's connections."""
    connections: Mapping[str, Mapping[str, Any]] = {
        "SALESFORCE_DEMO": {
            "conn_type": "salesforce",
            "extra": {
                "instance_url": sandbox_url,
                "consumer_key": "sandbox-sf-client",
                "consumer_secret": "sandbox-sf-secret",
            },
        },
        "XERO_DEMO": {
            "conn_type": "xero",
            "host": sandbox_url,
            "login": "sandbox-xero-client",
            "password": "sandbox-xero-secret",
        },
        "SFXERO_LEDGER": {"conn_type": "sqlite", "host": str(folder / "sfxero" / "ledger.db")},
    }
    airflow = {
        "CORE__DAGS_FOLDER": str(_checkout() / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        # SQLite is locked by more (Airflow 3.3 under its default of 32).
        "CORE__PARALLELISM": "6",
        "CORE__TEST_CONNECTION": "Enabled",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{ui_port}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(ui_port),
        "API__BASE_URL": f"http://127.0.0.1:{ui_port}",
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "LOGGING__WORKER_LOG_SERVER_PORT": str(log_ports[0]),
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(log_ports[1]),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {
        "AIRFLOW_HOME": str(folder),
        # Airflow starts its parts by their bare name.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "SFXERO_INCLUDE": str(_checkout() / "include"),
        **{f"AIRFLOW__{name}": value for name, value in airflow.items()},
        **{f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in connections.items()},
    }


def _sandbox_command(port: int) -> list[str]:
    return [sys.executable, "-m", "sfxero.cli.main", "sandbox", "start", "--port", str(port)]


def _wait_for_sandbox(url: str, processes: Processes) -> None:
    deadline = time.monotonic() + _SANDBOX_LIMIT_S
    while time.monotonic() < deadline:
        processes.check()
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/_sandbox/state", timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    raise DemoError(f"the sandbox did not answer at {url}")


def _checkout() -> Path:
    """Return the checkout that this package runs from; a wheel alone has no DAG files."""
    root = Path(__file__).resolve().parents[4]
    if not (root / "dags" / "salesforce_to_xero.py").exists():
        raise DemoError("the demo runs from a checkout: clone the project, then `make demo`")
    return root


def _root() -> Path:
    return _checkout() / ".demo"


def _interrupt(_number: int, _frame: object) -> None:
    """End the demo once; a second Ctrl-C must not break off the clean-up after the first."""
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
