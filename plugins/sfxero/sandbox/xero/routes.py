"""The Xero side's HTTP: token, connections, and the accounting door (checks in item 9's order)."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias
from urllib.parse import parse_qsl
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.failures import (
    AccessRefused,
    NotFound,
    PlainRefusal,
    TooManyCalls,
    VerbNotOffered,
    XeroFailure,
)
from sfxero.sandbox.xero.idempotency import KEYED_VERBS, fingerprint_of
from sfxero.sandbox.xero.identity import Bearer
from sfxero.sandbox.xero.reads import (
    read_accounts,
    read_contacts,
    read_currencies,
    read_invoices,
    read_organisation,
    read_tax_rates,
)
from sfxero.sandbox.xero.replies import STORED_REPLY, Reply, json_reply
from sfxero.sandbox.xero.service import XeroService
from sfxero.sandbox.xero.writes import write_contacts, write_invoices

LARGEST_BODY = 10 * 1024 * 1024
VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
WRITES = frozenset({"POST", "PUT", "PATCH"})

Answer: TypeAlias = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One resource: its scope and what answers each verb, alone or with an id in the path."""

    scope: str
    broad: str
    verbs: Mapping[str, Answer]
    verbs_by_id: Mapping[str, Answer]

    def allowed_scopes(self, method: str, *, broad: bool) -> tuple[str, ...]:
        """Reading is also allowed by the `.read` twin."""
        names = (self.scope, self.broad) if broad else (self.scope,)
        return tuple(f"{name}.read" for name in names) + names if method == "GET" else names


def _settings(answer: Answer) -> Endpoint:
    verbs = {"GET": answer}
    return Endpoint("accounting.settings", "accounting.settings", verbs, verbs)


_INVOICES = "accounting.invoices"
_PAYMENTS = "accounting.payments"
_BROAD = "accounting.transactions"
ENDPOINTS: Mapping[str, Endpoint] = {
    "Organisation": _settings(read_organisation),
    "Accounts": _settings(read_accounts),
    "TaxRates": _settings(read_tax_rates),
    "Currencies": _settings(read_currencies),
    "Contacts": Endpoint(
        "accounting.contacts",
        "accounting.contacts",
        {"GET": read_contacts, "PUT": write_contacts, "POST": write_contacts},
        {"GET": read_contacts, "POST": write_contacts},
    ),
    "Invoices": Endpoint(
        _INVOICES,
        _BROAD,
        {"GET": read_invoices, "PUT": write_invoices, "POST": write_invoices},
        {"GET": read_invoices, "POST": write_invoices},
    ),
    # Known to Xero, not to this sandbox yet: answered as verbs that are not offered.
    "Payments": Endpoint(_PAYMENTS, _BROAD, {}, {}),
    "CreditNotes": Endpoint(_INVOICES, _BROAD, {}, {}),
    "Items": Endpoint("accounting.settings", "accounting.settings", {}, {}),
}


def build_router(service: XeroService) -> APIRouter:
    """All routes of the Xero side."""
    router = APIRouter()

    @router.post("/connect/token")
    async def token(request: Request) -> Response:
        return _response(await _token(service, request), None)

    @router.get("/connections")
    async def connections(request: Request) -> Response:
        correlation = str(uuid4())
        try:
            reply = _connections(service, request)
        except XeroFailure as failure:
            reply = failure.reply(correlation)
        return _response(reply, correlation)

    @router.api_route("/api.xro/2.0/{path:path}", methods=VERBS)
    async def accounting(path: str, request: Request) -> Response:
        correlation = str(uuid4())
        try:
            reply = await _accounting(service, request, path, correlation)
        except XeroFailure as failure:
            reply = failure.reply(correlation)
        return _response(reply, correlation)

    return router


def _response(reply: Reply, correlation: str | None) -> Response:
    headers = dict(reply.headers)
    if correlation is not None:
        headers["Xero-Correlation-Id"] = correlation
    return Response(reply.body, reply.status, headers, reply.media_type)


async def _token(service: XeroService, request: Request) -> Reply:
    form = dict(parse_qsl((await _read_body(request)).decode("utf-8", "replace")))
    try:
        grant = service.identity.grant(
            form,
            request.headers.get("authorization"),
            scope_required=service.books.switches.scope_required,
        )
    except XeroFailure as failure:
        return failure.reply("")
    return replace(json_reply(grant), headers={"Cache-Control": "no-store"})


def _connections(service: XeroService, request: Request) -> Reply:
    bearer = service.identity.authenticate(request.headers.get("authorization"))
    service.limits.count_app_call(bearer.app.client_id)
    event_id = request.query_params.get("authEventId")
    rows = [
        one.as_json(bearer.authentication_event_id)
        for one in service.identity.connections
        if event_id in {None, bearer.authentication_event_id}
    ]
    return replace(json_reply(rows), headers=service.limits.app_headers(bearer.app.client_id))


async def _accounting(service: XeroService, request: Request, path: str, correlation: str) -> Reply:
    """Token, scope, tenant, rate limit, then idempotency and the endpoint itself."""
    body = await _read_body(request)
    bearer = service.identity.authenticate(request.headers.get("authorization"))
    name, _, identifier = path.strip("/").partition("/")
    endpoint = ENDPOINTS.get(name)
    if endpoint is not None:
        _check_scope(service, bearer, endpoint, request.method)
    tenant_id = service.identity.tenant_for(request.headers.get("xero-tenant-id"))
    client_id = bearer.app.client_id
    call = Call(
        books=service.books,
        bearer=bearer,
        tenant_id=tenant_id,
        method=request.method,
        identifier=identifier or None,
        query=dict(request.query_params),
        headers=request.headers,
        body=body,
    )
    try:
        with service.limits.admitted(client_id, tenant_id):
            reply = await _once(service, call, endpoint, request, correlation)
    except (TooManyCalls, PlainRefusal) as refusal:
        reply = refusal.reply(correlation)
    headers = service.limits.headers(client_id, tenant_id)
    if not service.books.switches.problem_header:
        reply.headers.pop("X-Rate-Limit-Problem", None)
    return replace(reply, headers={**reply.headers, **headers})


def _check_scope(service: XeroService, bearer: Bearer, endpoint: Endpoint, method: str) -> None:
    allowed = endpoint.allowed_scopes(method, broad=service.books.switches.broad_scopes)
    if not bearer.allows(*allowed):
        raise AccessRefused(401, "AuthorizationUnsuccessful")


async def _once(
    service: XeroService,
    call: Call,
    endpoint: Endpoint | None,
    request: Request,
    correlation: str,
) -> Reply:
    async def carry_out() -> Reply:
        try:
            return await _carry_out(service, call, endpoint)
        except XeroFailure as failure:
            return failure.reply(correlation)

    key = request.headers.get("idempotency-key")
    if not key or call.method not in KEYED_VERBS:
        return await carry_out()

    async def carry_out_and_break() -> Reply:
        """A fault after commit is a server error, and those are stored too (3.6)."""
        reply = await carry_out()
        broken = request.scope.get(STORED_REPLY)
        return broken if isinstance(broken, Reply) else reply

    fingerprint = fingerprint_of(call.method, str(request.url), call.body)
    client_id = call.bearer.app.client_id
    return await service.idempotency.once((client_id, key), fingerprint, carry_out_and_break)


async def _carry_out(service: XeroService, call: Call, endpoint: Endpoint | None) -> Reply:
    """The latency lies around the commit; the commit itself never awaits, so it is atomic."""
    answer = _answer_of(call, endpoint)
    switches = service.books.switches
    latency = switches.write_latency_s if call.method in WRITES else switches.read_latency_s
    await asyncio.sleep(latency / 2)
    try:
        return answer(call)
    finally:
        await asyncio.sleep(latency / 2)


def _answer_of(call: Call, endpoint: Endpoint | None) -> Answer:
    if endpoint is None or "/" in (call.identifier or ""):
        raise NotFound
    verbs = endpoint.verbs if call.identifier is None else endpoint.verbs_by_id
    answer = verbs.get(call.method)
    if answer is None:
        raise VerbNotOffered
    accept = call.headers.get("accept", "")
    if "json" not in accept.lower():
        # Deviation: Xero would answer in XML, its default; this sandbox has JSON only.
        raise PlainRefusal(406, "Send 'Accept: application/json': the sandbox has no XML.")
    if call.method in WRITES:
        _check_body(call)
    return answer


def _check_body(call: Call) -> None:
    if len(call.body) > LARGEST_BODY:
        raise PlainRefusal(413, "The request body is larger than 10 MB.")
    if "json" not in call.headers.get("content-type", "").lower():
        raise PlainRefusal(412, "Send 'Content-Type: application/json' with a JSON body.")


async def _read_body(request: Request) -> bytes:
    """Read the body, but keep no more than shows that it is too large."""
    body = bytearray()
    try:
        async for part in request.stream():
            if len(body) <= LARGEST_BODY:
                body += part
    except ClientDisconnect:
        raise PlainRefusal(400, "The request body ended early.") from None
    return bytes(body)
