"""A scripted Xero behind the transport seam."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from sfxero.clock import FakeClock
from sfxero.model.ids import TenantId
from sfxero.ratelimit.limiter import Limiter
from sfxero.ratelimit.policy import Grant, LimitPolicy, Observed
from sfxero.xero.client import XeroClient

TENANT = TenantId("7f1d0000-0000-0000-0000-000000000001")

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class FakeXero:
    """Answers API calls from a list, token requests by itself, and keeps all of them."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.calls: list[httpx.Request] = []
        self.token_calls: list[httpx.Request] = []
        self.token_answers: list[Answer] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/connect/token":
            self.token_calls.append(request)
            fallback = httpx.Response(
                200, json={"access_token": f"token-{len(self.token_calls)}", "expires_in": 1800}
            )
            return _play(self.token_answers.pop(0) if self.token_answers else fallback, request)
        self.calls.append(request)
        return _play(self.answers.pop(0), request)

    @property
    def authorizations(self) -> list[str]:
        return [request.headers["authorization"] for request in self.calls]


def _play(answer: Answer, request: httpx.Request) -> httpx.Response:
    if isinstance(answer, Exception):
        raise answer
    return answer(request) if callable(answer) else answer


class FakeQuota:
    """Grants at once, and keeps what it was told."""

    def __init__(self) -> None:
        self.takes: list[tuple[TenantId, LimitPolicy]] = []
        self.observed: list[Observed] = []
        self.blocks: list[tuple[float, str]] = []

    def take(self, tenant: TenantId, policy: LimitPolicy, **_: object) -> Grant:
        self.takes.append((tenant, policy))
        return Grant(0.0)

    def standing(self, *_: object, **__: object) -> Grant:
        return Grant(0.0)

    def observe(self, tenant: TenantId, observed: Observed) -> None:
        assert tenant == TENANT
        self.observed.append(observed)

    def block(self, tenant: TenantId, *, seconds: float, problem: str) -> None:
        assert tenant == TENANT
        self.blocks.append((seconds, problem))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def xero() -> FakeXero:
    return FakeXero()


@pytest.fixture
def quota() -> FakeQuota:
    return FakeQuota()


@pytest.fixture
def new_client(
    xero: FakeXero, quota: FakeQuota, clock: FakeClock
) -> Iterator[Callable[..., XeroClient]]:
    """Build clients over the scripted Xero; keywords replace the usual values."""
    made: list[XeroClient] = []

    def build(**changes: Any) -> XeroClient:
        values: dict[str, Any] = {
            "api_url": "https://api.test",
            "token_url": "https://identity.test/connect/token",
            "client_id": "the-id",
            "client_secret": "the-secret",
            "scopes": None,
            "tenant_id": TENANT,
            "limiter": Limiter(quota, LimitPolicy(), tenant=TENANT, sleeper=clock),
            "clock": clock,
            "sleeper": clock,
            "transport": httpx.MockTransport(xero),
        }
        made.append(XeroClient(**{**values, **changes}))
        return made[-1]

    yield build
    for client in made:
        client.close()


@pytest.fixture
def client(new_client: Callable[..., XeroClient]) -> XeroClient:
    return new_client()


@pytest.fixture
def page() -> Callable[..., httpx.Response]:
    """Build a list reply; `page_count` adds Xero's pagination object."""

    def build(plural: str, rows: list[Any], page_count: int | None = None) -> httpx.Response:
        body: dict[str, Any] = {"Status": "OK", plural: rows}
        if page_count is not None:
            body["pagination"] = {"page": 1, "pageSize": 100, "pageCount": page_count}
        return httpx.Response(200, content=json.dumps(body))

    return build
