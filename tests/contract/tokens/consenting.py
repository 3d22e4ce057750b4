"""A consent given in the sandbox, and what renews it."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from sfxero.clock import Clock, Sleeper
from sfxero.ledger import Ledger
from sfxero.model.alerts import AlertKind
from sfxero.model.ids import TenantId
from sfxero.sandbox.xero.identity import SANDBOX_TENANT_ID
from sfxero.transport.tokens import AppAddress, CachedTokens, Grant
from sfxero.xero.client import XeroClient
from sfxero.xero.consent import CodeFlow, ConsentRequest
from sfxero.xero.rotation import Rotation, TokenStore
from sfxero.xero.scopes import CONSENT
from sfxero.xero.token_endpoint import TokenEndpoint
from sfxero.xero.watch import Watch

BOOKS = "books"
CLIENT_ID, CLIENT_SECRET = "sandbox-xero-web", "sandbox-xero-web-secret"
CALLBACK = "http://localhost:8080/callback"
TENANT = TenantId(SANDBOX_TENANT_ID)


def app_at(address: str) -> AppAddress:
    """The sandbox's web app."""
    return AppAddress(CLIENT_ID, f"{address}/connect/token", address)


def code_flow(address: str) -> CodeFlow:
    return CodeFlow(
        TokenEndpoint(
            token_url=f"{address}/connect/token", client_id=CLIENT_ID, client_secret=CLIENT_SECRET
        )
    )


def consent(address: str) -> Grant:
    """Let the sandbox's user say yes, as a browser would."""
    request = ConsentRequest(
        authorize_url=f"{address}/identity/connect/authorize",
        client_id=CLIENT_ID,
        redirect_uri=CALLBACK,
        scopes=CONSENT,
    )
    there = httpx.get(request.address)
    answer = dict(parse_qsl(urlsplit(there.headers["location"]).query))
    with closing(code_flow(address)) as flow:
        return flow.redeem(request, request.code_of(answer))


def refresh(address: str, refresh_token: str) -> Grant:
    """Exchange a refresh token at the service."""
    with closing(code_flow(address)) as flow:
        return flow.refresh(refresh_token)


def rotation(
    address: str,
    ledger: Ledger,
    *,
    clock: Clock,
    sleeper: Sleeper,
    store: TokenStore | None = None,
    exchange: Callable[[str], Grant] | None = None,
) -> Rotation:
    """What renews the tokens, as the hook builds it."""
    return Rotation(
        BOOKS,
        app_at(address),
        store=store or ledger.tokens,
        refresh=exchange or partial(refresh, address),
        watch=Watch(ledger.alerts, AlertKind.CONSENT_REVOKED, BOOKS),
        clock=clock,
        sleeper=sleeper,
    )


def client(
    address: str, ledger: Ledger, *, clock: Clock, sleeper: Sleeper, tenant: TenantId = TENANT
) -> XeroClient:
    """A client of the web app, whose tokens lie in the ledger."""
    source = rotation(address, ledger, clock=clock, sleeper=sleeper)
    return XeroClient(
        api_url=address,
        token_url=f"{address}/connect/token",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        scopes=None,
        tenant_id=tenant,
        limiter=None,
        clock=clock,
        sleeper=sleeper,
        tokens=CachedTokens(source.fetch, clock),
        watch=Watch(ledger.alerts, AlertKind.TENANT_DISCONNECTED, tenant),
    )


class Control:
    """The sandbox's control plane."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=f"{address}/_sandbox")

    def post(self, path: str, /, **body: Any) -> Any:
        reply = self._http.post(path, json=body)
        assert reply.is_success, reply.text
        return reply.json()

    def arm(self, kind: str, **rule: Any) -> None:
        self.post("/fault", kind=kind, **rule)

    def token_calls(self) -> list[dict[str, Any]]:
        """The requests to the token endpoint since the last look."""
        entries = self._http.get("/journal", params={"service": "xero"}).json()
        self._http.delete("/journal")
        return [entry for entry in entries if entry["path"] == "/connect/token"]

    def close(self) -> None:
        self._http.close()
