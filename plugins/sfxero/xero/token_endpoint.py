"""Xero's token endpoint: one form out, tokens or an OAuth error back."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from sfxero.errors import (
    AuthenticationFailed,
    ServiceUnavailable,
    SyncError,
    UnexpectedResponse,
)
from sfxero.transport.decimals import parse_json
from sfxero.transport.tokens import Grant
from sfxero.transport.wire import Wire

SERVICE: Final = "xero-identity"
_PATH: Final = "/connect/token"
INVALID_GRANT: Final = "invalid_grant"
INVALID_SCOPE: Final = "invalid_scope"
_DEFAULT_LIFE_S: Final = 1800
_LONGEST_LIFE_S: Final = 24 * 3600
_REFRESH_LIFE_S: Final = 60 * 24 * 3600
"""Of a refresh token that is not used; each use gives a new one."""
_CODE: Final = re.compile(r"[a-z_]{1,60}")
_HINTS: Final = {
    INVALID_SCOPE: "Correct `scopes` of the Xero connection, or leave it out.",
    "invalid_client": "Check the client id and the client secret of the Xero connection.",
    "unauthorized_client": "Check that the Xero app is of the kind that `flow` of the connection "
    "says, and is authorised.",
}


class TokenEndpoint:
    """Speaks to the token endpoint as one app."""

    def __init__(
        self,
        *,
        token_url: str,
        client_id: str,
        client_secret: str | None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Without a secret the app is a native one, which proves itself by PKCE alone."""
        address = token_address(token_url)
        self._wire = Wire(service=SERVICE, base_url=address, transport=transport)
        self._named = {} if client_secret else {"client_id": client_id}
        self._proof = (client_id, client_secret) if client_secret else None

    def ask(self, form: Mapping[str, str]) -> Grant:
        """Return the tokens; AuthenticationFailed carries OAuth's error code."""
        response = self._wire.send(
            "POST",
            self._wire.base_url,
            headers={"Accept": "application/json"},
            form={**form, **self._named},
            auth=self._proof,
        )
        if response.status_code != 200:
            raise _refusal(response)
        return _grant(_object(response))

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()


def token_address(token_url: str) -> str:
    """Return the token endpoint; an address without a path gets Xero's own path."""
    return token_url if urlsplit(token_url).path.strip("/") else token_url.rstrip("/") + _PATH


def _grant(body: Mapping[str, object]) -> Grant:
    token, refresh_token = body.get("access_token"), body.get("refresh_token")
    if not isinstance(token, str) or not token:
        raise UnexpectedResponse("the token endpoint sent no access token", service=SERVICE)
    return Grant(
        access_token=token,
        life_s=_life_s(body.get("expires_in")),
        refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        refresh_life_s=_REFRESH_LIFE_S,
        scopes=tuple(str(body.get("scope") or "").split()),
    )


def _refusal(response: httpx.Response) -> SyncError:
    status = response.status_code
    if status in {408, 429} or status >= 500:
        return ServiceUnavailable(
            "the token endpoint is not available", service=SERVICE, status=status
        )
    if not 400 <= status < 500:
        return UnexpectedResponse(
            "the token endpoint redirects, which it never should", service=SERVICE, status=status
        )
    code = _error_code(response)
    return AuthenticationFailed(
        "Xero gave no access token",
        service=SERVICE,
        status=status,
        code=code,
        hint=_HINTS.get(code or "", "Check the Xero connection."),
    )


def _error_code(response: httpx.Response) -> str | None:
    """Return OAuth's error code, if there is one that looks like a code."""
    try:
        code = _object(response).get("error")
    except UnexpectedResponse:
        return None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _object(response: httpx.Response) -> dict[str, object]:
    body = parse_json(response)
    if not isinstance(body, dict):
        raise UnexpectedResponse("the token endpoint sent no JSON object", service=SERVICE)
    return body


def _life_s(expires_in: object) -> int:
    """Believe `expires_in`, a number or a text of digits; else Xero's documented 30 minutes."""
    text = str(expires_in)
    seconds = int(text[:9]) if text.isascii() and text.isdigit() else _DEFAULT_LIFE_S
    return min(seconds, _LONGEST_LIFE_S)
