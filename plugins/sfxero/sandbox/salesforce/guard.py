"""What every call passes: version, session, call count, and the common reply headers."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sfxero.sandbox.salesforce.failures import (
    ApiFailure,
    TokenFailure,
    not_found,
    retired_version,
    unreadable_json,
    wrong_media_type,
)
from sfxero.sandbox.salesforce.models import RETIRED_VERSIONS, VERSIONS, SalesforceOrg
from sfxero.sandbox.salesforce.people import acting_as

LONGEST_HEAD = 16_384
Endpoint = Callable[[Request], Awaitable[Response]]


class Guard:
    """Wraps endpoints."""

    def __init__(self, org: SalesforceOrg) -> None:
        """Guard one org."""
        self._org = org

    def token(self, endpoint: Endpoint) -> Endpoint:
        """Wrap the token endpoint, which has failures of its own shape."""

        async def guarded(request: Request) -> Response:
            try:
                response = await endpoint(request)
            except TokenFailure as failure:
                response = failure.response()
            return self._dated(response)

        return guarded

    def open(self, endpoint: Endpoint) -> Endpoint:
        """Wrap an endpoint that anyone may call, uncounted."""

        async def guarded(request: Request) -> Response:
            return self._dated(await endpoint(request))

        return guarded

    def closed(self, endpoint: Endpoint, *, is_async: bool = False) -> Endpoint:
        """Wrap an endpoint that wants a session and is counted; Bulk API 1.0 fails otherwise."""

        async def guarded(request: Request) -> Response:
            counted = False
            try:
                _check_length(request)
                self._check_version(request)
                user_id = self._org.sessions.check(_authorization(request))
                counted = True
                self._org.count_call()
                self._org.catch_up()
                with acting_as(user_id):
                    response = await endpoint(request)
            except ApiFailure as failure:
                response = failure.async_response() if is_async else failure.response()
            if counted and self._shows_limits(request):
                response.headers["Sforce-Limit-Info"] = self._org.limit_header()
            return self._dated(response)

        return guarded

    def _check_version(self, request: Request) -> None:
        version = request.path_params.get("version")
        if version is None or version in VERSIONS:
            return
        raise retired_version() if version in RETIRED_VERSIONS else not_found()

    def _shows_limits(self, request: Request) -> bool:
        path = request.url.path
        is_bulk = "/jobs/" in path or "/async/" in path
        return not is_bulk or self._org.switches.limit_header_on_jobs

    def _dated(self, response: Response) -> Response:
        response.headers["Date"] = format_datetime(self._org.now(), usegmt=True)
        return response


def _check_length(request: Request) -> None:
    """Refuse an address, or an address with headers, that is too long."""
    uri = len(request.scope.get("raw_path", b"")) + 1 + len(request.scope["query_string"])
    head = sum(len(name) + len(value) for name, value in request.headers.raw)
    if uri > LONGEST_HEAD:
        raise ApiFailure(414, "URI_TOO_LONG", f"The URI is longer than {LONGEST_HEAD} bytes")
    if uri + head > LONGEST_HEAD:
        message = f"URI and headers are longer than {LONGEST_HEAD} bytes"
        raise ApiFailure(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", message)


def _authorization(request: Request) -> str:
    """Return the token; Bulk API 1.0 clients send it in a header of its own."""
    session = request.headers.get("x-sfdc-session")
    return request.headers.get("authorization", "") if session is None else f"Bearer {session}"


async def json_body(request: Request) -> Any:
    """Return the JSON body with exact decimals."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise wrong_media_type(kind)
    try:
        return json.loads(await request.body(), parse_float=Decimal)
    except ValueError as error:
        raise unreadable_json(f"Unexpected content in the request body: {error}") from None


async def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON body if it is an object."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise unreadable_json("The request body must be a JSON object")
    return body
