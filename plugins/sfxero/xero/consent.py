"""The consent of a user: authorisation code flow with PKCE (RFC 7636), and what follows it."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from sfxero.errors import AuthenticationFailed
from sfxero.transport.tokens import Grant
from sfxero.xero.token_endpoint import INVALID_GRANT, SERVICE, TokenEndpoint

_AGAIN = "Run `sfxero xero connect` again."


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """One request for consent; `state` and `verifier` tie the answer to it."""

    authorize_url: str
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def address(self) -> str:
        """Where the user says yes or no; holds no secret."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.scopes),
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.authorize_url}?{urlencode(query)}"

    def code_of(self, answer: Mapping[str, str]) -> str:
        """Return the code of the answer, if the answer is to this request and a yes."""
        if not hmac.compare_digest(answer.get("state", "").encode(), self.state.encode()):
            raise AuthenticationFailed(
                "the answer has another state than the request: it is not an answer to it",
                service=SERVICE,
                hint=_AGAIN,
            )
        if answer.get("error"):
            raise AuthenticationFailed(
                "the consent was not given",
                service=SERVICE,
                code="access_denied" if answer["error"] == "access_denied" else None,
                hint=_AGAIN,
            )
        if not answer.get("code"):
            raise AuthenticationFailed("the answer has no code", service=SERVICE, hint=_AGAIN)
        return answer["code"]


class CodeFlow:
    """Exchanges codes and refresh tokens of one app."""

    def __init__(self, endpoint: TokenEndpoint) -> None:
        """`endpoint` proves which app asks."""
        self._endpoint = endpoint

    def redeem(self, request: ConsentRequest, code: str) -> Grant:
        """Return the tokens that the code stands for; it works once and for five minutes."""
        try:
            return self._endpoint.ask(
                {
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": request.redirect_uri,
                    "code_verifier": request.verifier,
                }
            )
        except AuthenticationFailed as refusal:
            if refusal.code != INVALID_GRANT:
                raise
            raise AuthenticationFailed(
                "Xero did not accept the code: it is used, too old, or of another request",
                service=SERVICE,
                status=refusal.status,
                code=refusal.code,
                hint=_AGAIN,
            ) from None

    def refresh(self, refresh_token: str) -> Grant:
        """Return new tokens; the old refresh token may be sent again for half an hour."""
        return self._endpoint.ask({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def close(self) -> None:
        """Give the connections back."""
        self._endpoint.close()
