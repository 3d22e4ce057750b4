"""The identity hosts' HTTP: consent, tokens, revocation, keys, connections (xero-api, 1)."""

from collections.abc import Callable
from dataclasses import replace
from html import escape
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from fastapi import APIRouter, Request, Response

from sfxero.sandbox.xero.failures import NotFound, XeroFailure
from sfxero.sandbox.xero.identity import App, Identity
from sfxero.sandbox.xero.replies import Reply, json_reply
from sfxero.sandbox.xero.service import XeroService
from sfxero.sandbox.xero.tokens import ISSUER, published_keys
from sfxero.sandbox.xero.wire import read_body, respond

_HTML = "text/html; charset=utf-8"
_CARRIED = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "nonce",
)


def add_identity(router: APIRouter, service: XeroService) -> None:
    """Routes of login, identity and connections."""
    _add_consent(router, service)
    _add_tokens(router, service)
    _add_connections(router, service)


def _add_consent(router: APIRouter, service: XeroService) -> None:
    @router.get("/identity/connect/authorize")
    async def authorize(request: Request) -> Response:
        asked = dict(request.query_params)
        problem = _problem(service, asked)
        if problem is not None:
            return _page(_error_page(problem), 400)
        if service.books.switches.auto_consent:
            return _redirect(asked, code=_allow(service, asked))
        return _page(_consent_page(service.identity.apps[asked["client_id"]], asked), 200)

    @router.post("/identity/connect/authorize")
    async def decide(request: Request) -> Response:
        form = dict(parse_qsl((await read_body(request)).decode("utf-8", "replace")))
        problem = _problem(service, form)
        if problem is not None:
            return _page(_error_page(problem), 400)
        if form.get("decision") != "allow":
            return _redirect(form, error="access_denied")
        return _redirect(form, code=_allow(service, form))


def _add_tokens(router: APIRouter, service: XeroService) -> None:
    identity = service.identity

    @router.post("/connect/token")
    async def token(request: Request) -> Response:
        form, proof = await _form(request)
        reply = _answered(lambda: json_reply(identity.grant(form, proof, service.books.switches)))
        if reply.status == 200:
            reply = replace(reply, headers={"Cache-Control": "no-store"})
        return respond(reply, None)

    @router.post("/connect/revocation")
    async def revocation(request: Request) -> Response:
        form, proof = await _form(request)

        def revoke() -> Reply:
            identity.revoke(form, proof, service.books.switches)
            return Reply(200, b"", None)

        return respond(_answered(revoke), None)

    @router.get("/.well-known/openid-configuration")
    async def discovery(request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        return respond(json_reply(_discovery(base)), None)

    @router.get("/.well-known/openid-configuration/jwks")
    async def keys() -> Response:
        return respond(json_reply(published_keys()), None)


def _add_connections(router: APIRouter, service: XeroService) -> None:
    @router.get("/connections")
    async def connections(request: Request) -> Response:
        return _connection_call(service, request, lambda: _listed(service, request))

    @router.delete("/connections/{connection_id}")
    async def disconnect(connection_id: str, request: Request) -> Response:
        def delete() -> Reply:
            bearer = service.identity.authenticate(request.headers.get("authorization"))
            if not service.identity.disconnect(bearer, connection_id.lower()):
                raise NotFound
            return Reply(204, b"", None)

        return _connection_call(service, request, delete)


def _connection_call(
    service: XeroService, request: Request, answer: Callable[[], Reply]
) -> Response:
    """Only the app-minute counts and is told here (S: xero-ruby 128)."""
    correlation = str(uuid4())
    try:
        bearer = service.identity.authenticate(request.headers.get("authorization"))
        service.limits.count_app_call(bearer.app.client_id)
        reply = answer()
        headers = service.limits.app_headers(bearer.app.client_id)
        reply = replace(reply, headers={**reply.headers, **headers})
    except XeroFailure as failure:
        reply = failure.reply(correlation)
    return respond(reply, correlation)


def _listed(service: XeroService, request: Request) -> Reply:
    bearer = service.identity.authenticate(request.headers.get("authorization"))
    event_id = request.query_params.get("authEventId")
    found = service.identity.connections_of(bearer)
    return json_reply([one.as_json() for one in found if event_id in {None, one.event_id}])


async def _form(request: Request) -> tuple[dict[str, str], str | None]:
    body = (await read_body(request)).decode("utf-8", "replace")
    return dict(parse_qsl(body)), request.headers.get("authorization")


def _answered(answer: Callable[[], Reply]) -> Reply:
    try:
        return answer()
    except XeroFailure as failure:
        return failure.reply("")


def _problem(service: XeroService, asked: dict[str, str]) -> str | None:
    """What is shown instead of the page; nothing is ever sent to an unknown address."""
    app = service.identity.apps.get(asked.get("client_id", ""))
    if app is None or app.kind == "custom":
        return "unauthorized_client: Unknown client or client not enabled"
    if asked.get("redirect_uri") not in app.redirect_uris:
        return "unauthorized_client: Invalid redirect_uri"
    scopes = set(asked.get("scope", "").split())
    if not scopes or not app.may_ask(scopes, broad=service.books.switches.broad_scopes):
        return "invalid_scope"
    return _protocol_problem(app, asked)


def _protocol_problem(app: App, asked: dict[str, str]) -> str | None:
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    has_challenge = bool(asked.get("code_challenge"))
    if app.kind == "native" and not has_challenge:
        return "invalid_request: code challenge required"
    if has_challenge and asked.get("code_challenge_method") != "S256":
        return "invalid_request: transform algorithm not supported"
    return None


def _allow(service: XeroService, asked: dict[str, str]) -> str:
    identity: Identity = service.identity
    scopes = tuple(asked["scope"].split())
    return identity.consent(identity.apps[asked["client_id"]], scopes, asked)


def _redirect(asked: dict[str, str], **answer: str) -> Response:
    fields = {**answer, **({"state": asked["state"]} if "state" in asked else {})}
    mark = "&" if "?" in asked["redirect_uri"] else "?"
    location = f"{asked['redirect_uri']}{mark}{urlencode(fields)}"
    return Response(status_code=302, headers={"Location": location})


def _page(html: str, status: int) -> Response:
    return Response(html, status, media_type=_HTML)


def _consent_page(app: App, asked: dict[str, str]) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(asked[name])}">'
        for name in _CARRIED
        if name in asked
    )
    scopes = "".join(f"<li>{escape(scope)}</li>" for scope in asked["scope"].split())
    return (
        "<!DOCTYPE html><html><head><title>Authorise</title></head><body>"
        f"<h1>{escape(app.name)} wants access to your organisation</h1><ul>{scopes}</ul>"
        f'<form method="post" action="/identity/connect/authorize">{hidden}'
        '<button name="decision" value="allow">Allow access</button>'
        '<button name="decision" value="cancel">Cancel</button></form></body></html>'
    )


def _error_page(problem: str) -> str:
    return (
        "<!DOCTYPE html><html><head><title>Error</title></head><body>"
        f"<h1>Sorry, something went wrong</h1><p>Error: {escape(problem)}</p></body></html>"
    )


def _discovery(base: str) -> dict[str, object]:
    return {
        "issuer": ISSUER,
        "authorization_endpoint": f"{base}/identity/connect/authorize",
        "token_endpoint": f"{base}/connect/token",
        "revocation_endpoint": f"{base}/connect/revocation",
        "jwks_uri": f"{base}/.well-known/openid-configuration/jwks",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }
