"""A sandbox of its own for each module, and clients to it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sfxero.clock import FakeClock, SystemClock
from sfxero.model.ids import TenantId
from sfxero.sandbox.server import Sandbox, SandboxSettings, build_sandbox, serving
from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID
from sfxero.sandbox.xero.switches import Switches
from sfxero.xero.accounting import Accounting
from sfxero.xero.client import XeroClient


@pytest.fixture
def sandbox() -> Sandbox:
    # Reads of many tests in one minute must not meet the limit that one of them is about.
    return build_sandbox(SandboxSettings(switches=Switches(minute_limit=1000)))


@pytest.fixture
def address(sandbox: Sandbox) -> Iterator[str]:
    with serving(sandbox) as base_url:
        yield base_url


@pytest.fixture
def new_client(address: str) -> Iterator[Callable[..., XeroClient]]:
    """Build clients of the sandbox; keywords replace the usual values."""
    made: list[XeroClient] = []

    def build(**changes: Any) -> XeroClient:
        values: dict[str, Any] = {
            "api_url": address,
            "token_url": f"{address}/connect/token",
            "client_id": "sandbox-xero-client",
            "client_secret": "sandbox-xero-secret",
            "scopes": None,
            "tenant_id": TenantId(SANDBOX_TENANT_ID),
            "limiter": None,
            "clock": SystemClock(),
            "sleeper": FakeClock(datetime.now(UTC)),
        }
        made.append(XeroClient(**{**values, **changes}))
        return made[-1]

    yield build
    for client in made:
        client.close()


@pytest.fixture
def accounting(new_client: Callable[..., XeroClient]) -> Accounting:
    return Accounting(new_client())
