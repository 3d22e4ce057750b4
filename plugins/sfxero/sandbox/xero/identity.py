"""Tokens and connections: client credentials of one custom connection (xero-api, 1)."""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_plus
from uuid import UUID, uuid4

import jwt
from jwt.types import Options

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.xero.failures import AccessRefused, GrantRefused
from sfxero.sandbox.xero.replies import Json

TOKEN_LIFE_S = 1800
SANDBOX_TENANT_ID = "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"
DEFAULT_SCOPES = (
    "accounting.contacts",
    "accounting.invoices",
    "accounting.payments.read",
    "accounting.settings.read",
)
UNSUCCESSFUL = "AuthenticationUnsuccessful"


@dataclass(frozen=True, slots=True)
class App:
    """A registered application: a custom connection to one organisation."""

    client_id: str = "sandbox-xero-client"
    client_secret: str = field(default="sandbox-xero-secret", repr=False)
    name: str = "Sandbox custom connection"
    scopes: tuple[str, ...] = DEFAULT_SCOPES


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a valid access token says."""

    app: App
    scopes: frozenset[str]
    authentication_event_id: str

    def allows(self, *any_of: str) -> bool:
        """Whether the token carries one of these scopes."""
        return not self.scopes.isdisjoint(any_of)


@dataclass(slots=True)
class Connection:
    """The link between an app and an organisation."""

    connection_id: str
    tenant_id: str
    tenant_name: str
    created_at: datetime

    def as_json(self, event_id: str) -> Json:
        """Seven fraction digits and no zone letter, as the service writes them."""
        stamp = self.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"
        return {
            "id": self.connection_id,
            "authEventId": event_id,
            "tenantId": self.tenant_id,
            "tenantType": "ORGANISATION",
            "tenantName": self.tenant_name,
            "createdDateUtc": stamp,
            "updatedDateUtc": stamp,
        }


class Identity:
    """Issues and checks access tokens."""

    def __init__(self, clock: SandboxClock, app: App, tenant_name: str) -> None:
        """One app, one organisation; the signing key lives as long as the process."""
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self.apps = {app.client_id: app}
        self._event_id = str(uuid4())
        self.connections = [
            Connection(str(uuid4()), SANDBOX_TENANT_ID, tenant_name, clock.now()),
        ]

    def grant(
        self, form: dict[str, str], authorization: str | None, *, scope_required: bool
    ) -> Json:
        """Answer `POST /connect/token`, or raise the OAuth error."""
        app = self._proven_app(form, authorization)
        if form.get("grant_type") != "client_credentials":
            raise GrantRefused("unsupported_grant_type")
        asked = tuple(form.get("scope", "").split())
        if (scope_required and not asked) or not set(asked) <= set(app.scopes):
            raise GrantRefused("invalid_scope")
        scopes = asked or app.scopes
        return {
            "access_token": self._token(app, scopes),
            "expires_in": TOKEN_LIFE_S,
            "token_type": "Bearer",
            "scope": " ".join(scopes),
        }

    def authenticate(self, authorization: str | None) -> Bearer:
        """Read the bearer token, or refuse with the 401 bodies of the service."""
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise AccessRefused(401, UNSUCCESSFUL)
        claims = self._claims(token.strip())
        expires_at = datetime.fromtimestamp(int(str(claims["exp"])), UTC)
        if self._clock.now() >= expires_at:
            detail = f"TokenExpired: token expired at {expires_at:%m/%d/%Y %H:%M:%S}"
            raise AccessRefused(401, detail, challenge="Bearer error=invalid_token")
        app = self.apps.get(str(claims["client_id"]))
        if app is None:
            raise AccessRefused(401, UNSUCCESSFUL, challenge="Bearer error=invalid_token")
        scopes = frozenset(str(claims["scope"]).split())
        return Bearer(app, scopes, str(claims["authentication_event_id"]))

    def tenant_for(self, header: str | None) -> str:
        """A custom connection may leave the header out; a wrong one is 403."""
        wanted = header.strip().lower() if header else None
        for connection in self.connections:
            if wanted is None or wanted == connection.tenant_id:
                return connection.tenant_id
        raise AccessRefused(403, UNSUCCESSFUL)

    def _token(self, app: App, scopes: tuple[str, ...]) -> str:
        now = self._clock.now()
        claims = {
            "nbf": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=TOKEN_LIFE_S)).timestamp()),
            "iss": "https://identity.xero.com",
            "aud": "https://identity.xero.com/resources",
            "client_id": app.client_id,
            "xero_userid": str(UUID(int=0)),
            "authentication_event_id": self._event_id,
            "scope": " ".join(scopes),
            "jti": secrets.token_hex(16),
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def _claims(self, token: str) -> dict[str, object]:
        # The virtual clock decides on expiry, not the machine's.
        unverified = Options(verify_exp=False, verify_nbf=False, verify_aud=False, verify_iat=False)
        try:
            return jwt.decode(token, self._key, algorithms=["HS256"], options=unverified)
        except jwt.InvalidTokenError:
            challenge = "Bearer error=invalid_token"
            raise AccessRefused(401, UNSUCCESSFUL, challenge=challenge) from None

    def _proven_app(self, form: dict[str, str], authorization: str | None) -> App:
        client_id, secret = _basic(authorization) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        app = self.apps.get(client_id)
        if app is None or not hmac.compare_digest(app.client_secret.encode(), secret.encode()):
            raise GrantRefused("invalid_client")
        return app


def _basic(authorization: str | None) -> tuple[str, str] | None:
    kind, _, encoded = (authorization or "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    client_id, _, secret = text.partition(":")
    return (unquote_plus(client_id), unquote_plus(secret))
