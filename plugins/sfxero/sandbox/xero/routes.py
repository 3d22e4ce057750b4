"""The Xero side's HTTP: token, connections, and the accounting door (checks in item 9's order)."""

import asyncio
from dataclasses import replace
from uuid import uuid4

from fastapi import APIRouter, Request, Response

from sfxero.sandbox.xero.calls import Call
from sfxero.sandbox.xero.endpoints import Answer, Endpoint, Place, place_of
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
from sfxero.sandbox.xero.replies import STORED_REPLY, WHOLE_BODY, Reply
from sfxero.sandbox.xero.routes_identity import add_identity
from sfxero.sandbox.xero.service import XeroService
from sfxero.sandbox.xero.wire import LARGEST_BODY, read_body, respond

VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def build_router(service: XeroService) -> APIRouter:
    """All routes of the Xero side."""
    router = APIRouter()
    add_identity(router, service)

    @router.api_route("/api.xro/2.0/{path:path}", methods=VERBS)
    async def accounting(path: str, request: Request) -> Response:
        correlation = str(uuid4())
        try:
            reply = await _accounting(service, request, path, correlation)
        except XeroFailure as failure:
            reply = failure.reply(correlation)
        return respond(reply, correlation)

    return router


async def _accounting(service: XeroService, request: Request, path: str, correlation: str) -> Reply:
    """Token, scope, tenant, rate limit, then idempotency and the endpoint itself."""
    body = await read_body(request)
    bearer = service.identity.authenticate(request.headers.get("authorization"))
    place = place_of(path)
    if place.endpoint is not None:
        _check_scope(service, bearer, place.endpoint, request.method)
    tenant_id = service.identity.tenant_for(bearer, request.headers.get("xero-tenant-id"))
    client_id = bearer.app.client_id
    call = Call(
        books=service.books,
        bearer=bearer,
        tenant_id=tenant_id,
        method=request.method,
        resource=place.resource,
        identifier=place.identifier,
        part_id=place.part_id,
        query=dict(request.query_params),
        headers=request.headers,
        body=body,
        violate=service.violations.append,
    )
    try:
        with service.limits.admitted(client_id, tenant_id):
            reply = await _once(service, call, place, request, correlation)
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
    place: Place,
    request: Request,
    correlation: str,
) -> Reply:
    async def carry_out() -> Reply:
        try:
            return await _carry_out(service, call, place)
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

    sent = request.scope.get(WHOLE_BODY, call.body)
    fingerprint = fingerprint_of(call.method, str(request.url), sent)
    client_id = call.bearer.app.client_id
    return await service.idempotency.once((client_id, key), fingerprint, carry_out_and_break)


async def _carry_out(service: XeroService, call: Call, place: Place) -> Reply:
    """The latency lies around the commit; the commit itself never awaits, so it is atomic."""
    answer = _answer_of(call, place)
    switches = service.books.switches
    latency = switches.write_latency_s if call.method in WRITES else switches.read_latency_s
    await asyncio.sleep(latency / 2)
    try:
        return answer(call)
    finally:
        await asyncio.sleep(latency / 2)


def _answer_of(call: Call, place: Place) -> Answer:
    if place.endpoint is None:
        raise NotFound
    verbs = place.endpoint.verbs_at(
        identifier=place.identifier, part=place.part, part_id=place.part_id
    )
    if not verbs:
        raise NotFound
    answer = verbs.get(call.method)
    if answer is None:
        raise VerbNotOffered
    accept = call.headers.get("accept", "")
    if "json" not in accept.lower():
        # Deviation: Xero would answer in XML, its default; this sandbox has JSON only.
        raise PlainRefusal(406, "Send 'Accept: application/json': the sandbox has no XML.")
    if call.method in WRITES and (call.body or place.part != "Email"):
        _check_body(call)
    return answer


def _check_body(call: Call) -> None:
    if len(call.body) > LARGEST_BODY:
        raise PlainRefusal(413, "The request body is larger than 10 MB.")
    if call.method != "DELETE" and "json" not in call.headers.get("content-type", "").lower():
        raise PlainRefusal(412, "Send 'Content-Type: application/json' with a JSON body.")
