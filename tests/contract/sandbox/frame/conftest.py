"""A served sandbox and a client that holds tokens of both services."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sfxero.sandbox.server import Sandbox, SandboxSettings, build_sandbox, serving
from sfxero.sandbox.xero.switches import Switches

SECRET = "sandbox-xero-secret"


class Caller:
    """Calls both services and the control plane."""

    def __init__(self, client: httpx.Client, sandbox: Sandbox) -> None:
        self.client = client
        self.sandbox = sandbox
        self.tokens: dict[str, str] = {}
        self.log_in()

    def log_in(self) -> None:
        form = {"grant_type": "client_credentials"}
        xero = self.client.post("/connect/token", data=form, auth=("sandbox-xero-client", SECRET))
        salesforce = self.client.post(
            "/services/oauth2/token", data=form, auth=("sandbox-sf-client", "sandbox-sf-secret")
        )
        self.tokens = {
            "/api.xro/2.0": xero.json()["access_token"],
            "/services/data/v66.0": salesforce.json()["access_token"],
        }

    def xero(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._call("/api.xro/2.0", method, path, options)

    def salesforce(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._call("/services/data/v66.0", method, path, options)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.client.request(method, f"/_sandbox{path}", json=body)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None

    def arm(self, kind: str, **rule: Any) -> Any:
        return self.control("POST", "/fault", {"kind": kind, **rule})

    def last_entry(self) -> dict[str, Any]:
        entry: dict[str, Any] = self.control("GET", "/journal")[-1]
        return entry

    def _call(self, root: str, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self.tokens[root]}",
            "Accept": "application/json",
            **options.pop("headers", {}),
        }
        return self.client.request(method, f"{root}/{path}", headers=headers, **options)


@pytest.fixture
def caller() -> Iterator[Caller]:
    sandbox = build_sandbox(SandboxSettings(switches=Switches(write_latency_s=0.0)))
    sandbox.org.change_switches({"job_delay_s": 0.0})
    with serving(sandbox) as base_url, httpx.Client(base_url=base_url) as client:
        yield Caller(client, sandbox)
