"""The few calls of Airflow's REST API that the demo makes."""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from sfxero.cli.demo.processes import DemoError

_START_TIME_S: Final = 150.0
_POLL_S: Final = 0.5
_RUN_ID: Final = "first_sync"
SUCCESS: Final = "success"
_ENDED: Final = frozenset({SUCCESS, "failed"})


class AirflowApi:
    """A client of one Airflow that is about to come up."""

    def __init__(self, url: str, *, home: Path, check: Callable[[], None]) -> None:
        """`check` is called between looks, and raises if Airflow has died."""
        self._home = home
        self._check = check
        self._http = httpx.Client(base_url=url, timeout=20.0)
        self.user = "admin"
        self.password = ""

    def wait_until_up(self) -> None:
        """Wait for the scheduler, the DAG processor and the log-in."""

        def is_up() -> bool:
            health = self._http.get("/api/v2/monitor/health").json()
            parts = ("scheduler", "dag_processor")
            return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

        self._wait(is_up, what="Airflow")
        stored = self._home / "simple_auth_manager_passwords.json.generated"
        self.password = str(json.loads(stored.read_text(encoding="utf-8"))[self.user])
        reply = self._http.post(
            "/auth/token", json={"username": self.user, "password": self.password}
        )
        token = reply.raise_for_status().json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def create_pools(self, pools: Mapping[str, Mapping[str, Any]]) -> None:
        """Create the pools that do not exist yet."""
        for name, pool in pools.items():
            self._send("POST", "/api/v2/pools", {"name": name, **pool})

    def trigger(self, dag_id: str) -> str:
        """Unpause a DAG as soon as it is known, and start a run; returns its id."""
        path = f"/api/v2/dags/{dag_id}"
        self._wait(lambda: self._http.get(path).status_code == 200, what=f"DAG {dag_id}")
        # An id of ours: a repeated call starts no second run.
        self._send("POST", f"{path}/dagRuns", {"logical_date": None, "dag_run_id": _RUN_ID})
        self._send("PATCH", path, {"is_paused": False})
        return _RUN_ID

    def watch(
        self, dag_id: str, run_id: str, *, limit_s: float, tell: Callable[[str], None]
    ) -> str:
        """Tell of progress until the run has ended; returns its state."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        told = ""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            self._check()
            # A busy Airflow may answer late or not at all; the next look will tell.
            with contextlib.suppress(httpx.TransportError, ValueError):
                tasks = self._http.get(f"{path}/taskInstances", params={"limit": 100}).json()
                state = str(self._http.get(path).json().get("state"))
                now = progress(tasks.get("task_instances", []))
                if now != told:
                    tell(now)
                    told = now
                if state in _ENDED:
                    return state
            time.sleep(_POLL_S)
        raise DemoError(f"run {run_id} did not end within {limit_s:.0f} s")

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Send until Airflow has it: SQLite may be locked for a moment, or it is there (409)."""

        def is_done() -> bool:
            reply = self._http.request(method, path, json=body)
            if reply.is_client_error and reply.status_code != 409:
                raise DemoError(f"Airflow refused {method} {path}: {reply.text}")
            return not reply.is_server_error

        self._wait(is_done, what=f"{method} {path}")

    def _wait(self, is_so: Callable[[], bool], *, what: str) -> None:
        deadline = time.monotonic() + _START_TIME_S
        while time.monotonic() < deadline:
            self._check()
            try:
                if is_so():
                    return
            except (httpx.HTTPError, ValueError):
                pass
            time.sleep(_POLL_S)
        raise DemoError(f"{what} was not ready within {_START_TIME_S:.0f} s")


def progress(tasks: list[Mapping[str, Any]]) -> str:
    """Return one line: per group, how many of its tasks are done."""
    every: Counter[str] = Counter()
    done: Counter[str] = Counter()
    failed = []
    for task in tasks:
        group = str(task["task_id"]).split(".", 1)[0]
        every[group] += 1
        done[group] += task["state"] == SUCCESS
        if task["state"] in {"failed", "upstream_failed"}:
            failed.append(str(task["task_id"]))
    order = ("start", "extract", "read", "check", "prepare", "publish", "gate")
    line = "  ".join(f"{name} {done[name]}/{every[name]}" for name in order if every[name])
    return line + (f"  failed: {', '.join(sorted(set(failed)))}" if failed else "")
