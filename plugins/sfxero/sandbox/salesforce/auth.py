"""The token endpoint: client credentials in, opaque bearer tokens out."""

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from urllib.parse import parse_qs, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfxero.clock import Clock
from sfxero.sandbox.salesforce.failures import TokenFailure, invalid_session

DEFAULT_CLIENT_ID = "sandbox-sf-client"
DEFAULT_CLIENT_SECRET = "sandbox-sf-secret"  # noqa: S105 - opens nothing but the sandbox
SHARED_HOSTS = ("login", "test")


class Sessions:
    """Who may ask for tokens, and the tokens given out."""

    def __init__(self, clock: Clock, *, organization_id: str, user_id: str) -> None:
        """Know one client from the start."""
        self._clock = clock
        self._organization_id = organization_id
        self._user_id = user_id
        self._expiries: dict[str, datetime] = {}
        self.clients = {DEFAULT_CLIENT_ID: DEFAULT_CLIENT_SECRET}
        self.lifetime = timedelta(hours=2)
        self.has_run_as_user = True

    def issue(self) -> str:
        """Return a new token."""
        token = f"{self._organization_id[:15]}!{secrets.token_urlsafe(72)}"
        self._expiries[token] = self._clock.now() + self.lifetime
        return token

    def check(self, authorization: str) -> None:
        """Refuse a request whose token is missing, unknown or expired."""
        scheme, _, token = authorization.partition(" ")
        expiry = self._expiries.get(token.strip())
        # OAuth is the scheme of older clients; the service takes both.
        if scheme.lower() not in {"bearer", "oauth"} or expiry is None:
            raise invalid_session()
        if expiry <= self._clock.now():
            del self._expiries[token.strip()]
            raise invalid_session()

    def expire_all(self) -> int:
        """Forget all tokens and return how many there were."""
        count = len(self._expiries)
        self._expiries.clear()
        return count

    def token_reply(self, *, base_url: str) -> dict[str, str]:
        """Return the reply to a good request; there is no expires_in."""
        issued_at = str(int(self._clock.now().timestamp() * 1000))
        identity = f"{base_url}/id/{self._organization_id}/{self._user_id}"
        key = "".join(self.clients.values()).encode()
        seal = hmac.new(key, (identity + issued_at).encode(), hashlib.sha256).digest()
        return {
            "access_token": self.issue(), "signature": base64.b64encode(seal).decode(),
            "scope": "api", "instance_url": base_url, "id": identity, "token_type": "Bearer",
            "issued_at": issued_at,
        }  # fmt: skip

    async def token_endpoint(self, request: Request) -> Response:
        """Answer `POST /services/oauth2/token`."""
        form = await _form(request)
        host = request.headers.get("host", "")
        label = request.path_params.get("label", host)
        if form.get("grant_type") != "client_credentials":
            raise TokenFailure("unsupported_grant_type", "grant type not supported")
        if label.split(".")[0] in SHARED_HOSTS:
            raise TokenFailure("invalid_grant", "request not supported on this domain")
        self._check_client(*_credentials(request.headers.get("authorization"), form))
        if not self.has_run_as_user:
            raise TokenFailure("invalid_grant", "no client credentials user enabled")
        reply = self.token_reply(base_url=f"{request.url.scheme}://{host}")
        return JSONResponse(reply, headers={"Cache-Control": "no-cache, no-store"})

    def _check_client(self, client_id: str, secret: str) -> None:
        known = self.clients.get(client_id)
        if known is None:
            raise TokenFailure("invalid_client_id", "client identifier invalid")
        if not hmac.compare_digest(known.encode(), secret.encode()):
            raise TokenFailure("invalid_client", "invalid client credentials")


async def _form(request: Request) -> dict[str, str]:
    """Return the form fields; any other kind of body counts as none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}


def _credentials(authorization: str | None, form: dict[str, str]) -> tuple[str, str]:
    """Return client id and secret from the Basic header, else from the body."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        plain = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise TokenFailure("invalid_client", "invalid client credentials") from None
    client_id, _, secret = plain.partition(":")
    return unquote(client_id), unquote(secret)
