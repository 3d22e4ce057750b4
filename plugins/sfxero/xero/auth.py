"""The token of a Custom Connection: OAuth 2.0 client credentials (Xero, custom integrations)."""

import re
from datetime import timedelta
from typing import Final

import httpx

from sfxero.clock import Clock
from sfxero.errors import (
    AuthenticationFailed,
    ServiceUnavailable,
    SyncError,
    UnexpectedResponse,
)
from sfxero.transport.decimals import parse_json
from sfxero.transport.tokens import Token
from sfxero.transport.wire import Wire

_SERVICE: Final = "xero-identity"
_DEFAULT_LIFE_S: Final = 1800
_LONGEST_LIFE_S: Final = 24 * 3600
_CODE: Final = re.compile(r"[a-z_]{1,60}")
_HINTS: Final = {
    "invalid_scope": "Correct `scopes` of the Xero connection, or leave it out.",
    "invalid_client": "Check the client id and the client secret of the Xero connection.",
    "unauthorized_client": "Check that the Xero app is a Custom Connection and is authorised.",
}


_USUAL_SCOPES = (
    "accounting.contacts accounting.invoices accounting.settings.read",
    # Apps from before March 2026 have the broad names (Xero, granular scopes).
    "accounting.contacts accounting.transactions accounting.settings.read",
)


class ClientCredentials:
    """Asks for access tokens; there is no refresh token, a new token is asked for instead."""

    def __init__(
        self,
        *,
        token_url: str,
        client_id: str,
        client_secret: str,
        scopes: str | None,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Without `scopes`, none are asked for first: whether Xero wants them is not settled."""
        self._wire = Wire(service=_SERVICE, base_url=token_url, transport=transport)
        self._clock = clock
        self._client = (client_id, client_secret)
        given = " ".join((scopes or "").replace(",", " ").split())
        self._wishes: tuple[str | None, ...] = (given,) if given else (None, *_USUAL_SCOPES)

    def fetch(self) -> Token:
        """Return a new access token with its end."""
        response = self._ask(self._wishes[0])
        while _error_code(response) == "invalid_scope" and len(self._wishes) > 1:
            self._wishes = self._wishes[1:]
            response = self._ask(self._wishes[0])
        if response.status_code != 200:
            raise _refusal(response)
        body = _object(response)
        token = body.get("access_token")
        if not isinstance(token, str) or not token:
            raise UnexpectedResponse("the token endpoint sent no access token", service=_SERVICE)
        return Token(token, self._clock.now() + _life(body.get("expires_in")))

    def _ask(self, scopes: str | None) -> httpx.Response:
        form = {"grant_type": "client_credentials"} | ({"scope": scopes} if scopes else {})
        return self._wire.send(
            "POST",
            self._wire.base_url,
            headers={"Accept": "application/json"},
            form=form,
            auth=self._client,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()


def _refusal(response: httpx.Response) -> SyncError:
    status = response.status_code
    if status in {408, 429} or status >= 500:
        return ServiceUnavailable(
            "the token endpoint is not available", service=_SERVICE, status=status
        )
    if not 400 <= status < 500:
        return UnexpectedResponse(
            "the token endpoint redirects, which it never should", service=_SERVICE, status=status
        )
    code = _error_code(response)
    return AuthenticationFailed(
        "Xero gave no access token",
        service=_SERVICE,
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
        raise UnexpectedResponse("the token endpoint sent no JSON object", service=_SERVICE)
    return body


def _life(expires_in: object) -> timedelta:
    """Believe `expires_in`, a number or a text of digits; else Xero's documented 30 minutes."""
    text = str(expires_in)
    seconds = int(text[:9]) if text.isascii() and text.isdigit() else _DEFAULT_LIFE_S
    return timedelta(seconds=min(seconds, _LONGEST_LIFE_S))
