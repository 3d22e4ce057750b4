"""Client credentials: the token, and the API host that comes with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from sfxero.errors import AuthenticationFailed, SyncError, UnexpectedResponse
from sfxero.salesforce.failures import SERVICE, failure_of, words_of
from sfxero.transport.decimals import parse_json
from sfxero.transport.redact import redact
from sfxero.transport.tokens import Token
from sfxero.transport.wire import Wire, check_address

_TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105 - a path
_HINTS: Final[Mapping[str, str]] = {
    "request not supported on this domain": "Use the My Domain address, not login or test.",
    "no client credentials user enabled": "Set a Run As user in the external client app.",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A token and the address it is good for."""

    token: Token
    instance_url: str


class ClientCredentials:
    """Asks the login address for tokens, the secret in a Basic header."""

    def __init__(
        self,
        *,
        login_url: str,
        client_id: str,
        client_secret: str,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`login_url` is the org's My Domain address."""
        self._wire = Wire(service=SERVICE, base_url=login_url, transport=transport)
        self._client_id = client_id
        self._client_secret = client_secret

    def request(self) -> Grant:
        """Make one token request.

        A repeat does no harm: it only makes another token.
        """
        response = self._wire.send(
            "POST",
            _TOKEN_PATH,
            form={"grant_type": "client_credentials"},
            auth=(self._client_id, self._client_secret),
        )
        if not response.is_success:
            raise self._refusal(response)
        body = parse_json(response)
        value = body.get("access_token") if isinstance(body, Mapping) else None
        address = body.get("instance_url") if isinstance(body, Mapping) else None
        if not isinstance(value, str) or not isinstance(address, str) or not value:
            raise UnexpectedResponse(
                "the token reply lacks access_token or instance_url", service=SERVICE
            )
        # Salesforce gives no expiry; the client renews on 401.
        return Grant(Token(value), _origin(address))

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()

    def _refusal(self, response: httpx.Response) -> SyncError:
        failure = failure_of(response)
        if failure.is_transient or not 400 <= response.status_code < 500:
            return failure
        words = words_of(response)
        said = redact(
            words.message or words.code or f"HTTP {response.status_code}",
            (self._client_secret, self._client_id),
        )
        return AuthenticationFailed(
            f"the token request was refused: {said}",
            service=SERVICE,
            status=response.status_code,
            code=words.code,
            hint=_HINTS.get(said),
        )


def _origin(address: str) -> str:
    """Return scheme, host and port of `address`; what else it says is not followed."""
    parts = urlsplit(check_address(address))
    return f"{parts.scheme}://{parts.netloc}"
