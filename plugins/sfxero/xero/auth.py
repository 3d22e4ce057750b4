"""The token of a Custom Connection: OAuth 2.0 client credentials (Xero, custom integrations)."""

from datetime import timedelta

import httpx

from sfxero.clock import Clock
from sfxero.errors import AuthenticationFailed
from sfxero.transport.tokens import Grant, Token
from sfxero.xero.token_endpoint import INVALID_SCOPE, TokenEndpoint

_USUAL_SCOPES = (
    "accounting.contacts accounting.invoices accounting.payments.read accounting.settings.read",
    # An app that was authorised for one direction only.
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
        self._endpoint = TokenEndpoint(
            token_url=token_url,
            client_id=client_id,
            client_secret=client_secret,
            transport=transport,
        )
        self._clock = clock
        given = " ".join((scopes or "").replace(",", " ").split())
        self._wishes: tuple[str | None, ...] = (given,) if given else (None, *_USUAL_SCOPES)

    def fetch(self) -> Token:
        """Return a new access token with its end."""
        grant = self._ask()
        return Token(grant.access_token, self._clock.now() + timedelta(seconds=grant.life_s))

    def close(self) -> None:
        """Give the connections back."""
        self._endpoint.close()

    def _ask(self) -> Grant:
        """Try the wishes in turn while Xero objects to the scopes; the accepted one stays first."""
        while True:
            scopes = self._wishes[0]
            form = {"grant_type": "client_credentials"} | ({"scope": scopes} if scopes else {})
            try:
                return self._endpoint.ask(form)
            except AuthenticationFailed as refusal:
                if refusal.code != INVALID_SCOPE or len(self._wishes) == 1:
                    raise
                self._wishes = self._wishes[1:]
