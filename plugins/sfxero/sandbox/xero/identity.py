"""Apps, their tokens and their connections to organisations (xero-api, 1)."""

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import unquote_plus
from uuid import UUID, uuid4

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.xero.consents import Consent, Consents
from sfxero.sandbox.xero.failures import AccessRefused, GrantRefused
from sfxero.sandbox.xero.replies import Json
from sfxero.sandbox.xero.scopes import (
    ACCOUNTING_SCOPES,
    BROAD_SCOPES,
    DEFAULT_SCOPES,
    SIGN_IN_SCOPES,
)
from sfxero.sandbox.xero.switches import Switches
from sfxero.sandbox.xero.tokens import ID_TOKEN_LIFE_S, TOKEN_LIFE_S, claims_of, signed

SANDBOX_TENANT_ID = "5a4db0c5-7e1f-4b0e-9d3a-1c2b3d4e5f60"
UNSUCCESSFUL = "AuthenticationUnsuccessful"
_CHALLENGE = "Bearer error=invalid_token"
_USER_ID = str(UUID(int=0))


@dataclass(frozen=True, slots=True)
class App:
    """A registered app: a custom connection, a web app, or a native app without a secret."""

    client_id: str = "sandbox-xero-client"
    client_secret: str = field(default="sandbox-xero-secret", repr=False)
    name: str = "Sandbox custom connection"
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    kind: Literal["custom", "web", "native"] = "custom"
    redirect_uris: tuple[str, ...] = ()

    def may_ask(self, scopes: set[str], *, broad: bool) -> bool:
        """Whether the app may ask for these scopes; a wider scope includes its `.read`."""
        known = {*self.scopes, *(f"{name}.read" for name in self.scopes)}
        return scopes <= (known | BROAD_SCOPES if broad else known)


_CALLBACKS = ("http://localhost:8080/callback", "https://localhost/callback")
WEB_APP = App(
    client_id="sandbox-xero-web",
    client_secret="sandbox-xero-web-secret",  # noqa: S106 - a made-up value of the sandbox
    name="Sandbox web app",
    scopes=(*ACCOUNTING_SCOPES, *SIGN_IN_SCOPES),
    kind="web",
    redirect_uris=_CALLBACKS,
)
NATIVE_APP = App(
    client_id="sandbox-xero-native",
    client_secret="",
    name="Sandbox native app",
    scopes=(*ACCOUNTING_SCOPES, *SIGN_IN_SCOPES),
    kind="native",
    redirect_uris=_CALLBACKS,
)


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
    client_id: str
    event_id: str
    tenant_id: str
    tenant_name: str
    created_at: datetime
    updated_at: datetime
    tenant_type: str = "ORGANISATION"

    def as_json(self) -> Json:
        """Seven fraction digits and no zone letter, as the service writes them."""
        return {
            "id": self.connection_id,
            "authEventId": self.event_id,
            "tenantId": self.tenant_id,
            "tenantType": self.tenant_type,
            "tenantName": self.tenant_name,
            "createdDateUtc": _seven(self.created_at),
            "updatedDateUtc": _seven(self.updated_at),
        }


class Identity:
    """Issues and checks tokens, and knows who is connected."""

    def __init__(self, clock: SandboxClock, app: App, tenant_name: str) -> None:
        """One organisation; the first app is the custom connection."""
        self._clock = clock
        self.tenant_id = SANDBOX_TENANT_ID
        self._tenant_name = tenant_name
        self.apps = {one.client_id: one for one in (app, WEB_APP, NATIVE_APP)}
        self.consents = Consents(clock)
        self._live: dict[str, tuple[Bearer, datetime]] = {}
        self.connections: list[Connection] = []
        self._lost: list[Connection] = []
        if app.kind == "custom":
            self._connect(app.client_id, str(uuid4()))

    def grant(self, form: dict[str, str], authorization: str | None, switches: Switches) -> Json:
        """Answer `POST /connect/token`, or raise the OAuth error."""
        app = self._proven_app(form, authorization, switches)
        kind = form.get("grant_type")
        if kind not in {"client_credentials", "authorization_code", "refresh_token"}:
            raise GrantRefused("unsupported_grant_type")
        if (kind == "client_credentials") != (app.kind == "custom"):
            raise GrantRefused("unauthorized_client")
        if kind == "client_credentials":
            return self._own_grant(app, form, switches)
        if kind == "authorization_code":
            consent = self.consents.take_code(app.client_id, form, needs_proof=app.kind == "native")
        else:
            consent = self.consents.take_refresh(app.client_id, form.get("refresh_token", ""))
        return self._user_grant(app, consent)

    def revoke(self, form: dict[str, str], authorization: str | None, switches: Switches) -> None:
        """Answer `POST /connect/revocation`: all of that user's connections to the app go."""
        app = self._proven_app(form, authorization, switches)
        if self.consents.revoke(app.client_id, form.get("token", "")):
            self.connections = [one for one in self.connections if one.client_id != app.client_id]

    def consent(self, app: App, scopes: tuple[str, ...], request: dict[str, str]) -> str:
        """A user says yes: connects the organisation and returns the code."""
        code, consent = self.consents.allow(
            app.client_id,
            scopes,
            redirect_uri=request["redirect_uri"],
            challenge=request.get("code_challenge") or None,
            nonce=request.get("nonce") or None,
        )
        self._connect(app.client_id, consent.event_id)
        return code

    def connect(self, app: App) -> None:
        """Authorise a custom connection."""
        self._connect(app.client_id, str(uuid4()))

    def authenticate(self, authorization: str | None) -> Bearer:
        """Read the bearer token, or refuse with the 401 bodies of the service."""
        kind, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token:
            raise AccessRefused(401, UNSUCCESSFUL)
        found = self._live.get(token)
        if found is None:
            claims = claims_of(token)
            # A token that has run out is named, also after it was forgotten here.
            expires_at = _moment(claims["exp"]) if claims else None
            if expires_at is None or self._clock.now() < expires_at:
                raise AccessRefused(401, UNSUCCESSFUL, challenge=_CHALLENGE)
        else:
            bearer, expires_at = found
            if self._clock.now() < expires_at:
                return bearer
        detail = f"TokenExpired: token expired at {expires_at:%m/%d/%Y %H:%M:%S}"
        raise AccessRefused(401, detail, challenge=_CHALLENGE)

    def tenant_for(self, bearer: Bearer, header: str | None) -> str:
        """A custom connection may leave the header out; a wrong or lost tenant is 403."""
        wanted = header.strip().lower() if header else None
        for connection in self.connections_of(bearer):
            is_meant = wanted is None and bearer.app.kind == "custom"
            if connection.tenant_type == "ORGANISATION" and (
                is_meant or wanted == connection.tenant_id
            ):
                return connection.tenant_id
        raise AccessRefused(403, UNSUCCESSFUL)

    def connections_of(self, bearer: Bearer) -> list[Connection]:
        """The connections of a token's app."""
        return [one for one in self.connections if one.client_id == bearer.app.client_id]

    def disconnect(self, bearer: Bearer, connection_id: str) -> bool:
        """Answer `DELETE /connections/{id}`; tokens stay valid."""
        before = len(self.connections)
        self.connections = [
            one
            for one in self.connections
            if one.client_id != bearer.app.client_id or one.connection_id != connection_id
        ]
        return len(self.connections) < before

    def disconnect_all(self) -> None:
        """A user disconnects inside Xero: tokens and refreshes go on, calls are 403."""
        self._lost += self.connections
        self.connections = []

    def reconnect(self) -> None:
        """Undo `disconnect_all`."""
        known = {(one.client_id, one.tenant_id) for one in self.connections}
        self.connections += [
            one for one in self._lost if (one.client_id, one.tenant_id) not in known
        ]
        self._lost = []

    def expire_tokens(self) -> None:
        """All access tokens run out ahead of their time."""
        now = self._clock.now()
        self._live = {token: (bearer, now) for token, (bearer, _) in self._live.items()}

    def revoke_tokens(self) -> None:
        """All access and refresh tokens stop working."""
        self._live.clear()
        self.consents.forget()

    def reset(self) -> None:
        """All connections stand again; tokens stay valid so that running clients go on."""
        self.reconnect()
        custom = next(iter(self.apps.values()))
        if custom.kind == "custom" and not any(
            one.client_id == custom.client_id for one in self.connections
        ):
            self._connect(custom.client_id, str(uuid4()))

    def _own_grant(self, app: App, form: dict[str, str], switches: Switches) -> Json:
        asked = tuple(form.get("scope", "").split())
        allowed = app.may_ask(set(asked), broad=switches.broad_scopes)
        if (switches.scope_required and not asked) or not allowed:
            raise GrantRefused("invalid_scope")
        scopes = asked or app.scopes
        event_id = next(
            (one.event_id for one in self.connections if one.client_id == app.client_id), _USER_ID
        )
        return self._access(app, scopes, event_id)

    def _user_grant(self, app: App, consent: Consent) -> Json:
        grant = self._access(app, consent.scopes, consent.event_id)
        if "offline_access" in consent.scopes:
            grant["refresh_token"] = self.consents.new_refresh(consent)
        if "openid" in consent.scopes:
            grant["id_token"] = self._id_token(app, consent)
        return grant

    def _access(self, app: App, scopes: tuple[str, ...], event_id: str) -> Json:
        now = self._clock.now()
        claims: Json = {
            "client_id": app.client_id,
            "xero_userid": _USER_ID,
            "authentication_event_id": event_id,
            "scope": list(scopes),
        }
        token = signed(
            claims, audience="https://identity.xero.com/resources", now=now, life_s=TOKEN_LIFE_S
        )
        self._live = {key: one for key, one in self._live.items() if one[1] > now}
        bearer = Bearer(app, frozenset(scopes), event_id)
        whole_now = now.replace(microsecond=0)
        self._live[token] = (bearer, whole_now + timedelta(seconds=TOKEN_LIFE_S))
        return {
            "access_token": token,
            "expires_in": TOKEN_LIFE_S,
            "token_type": "Bearer",
            "scope": " ".join(scopes),
        }

    def _id_token(self, app: App, consent: Consent) -> str:
        now = self._clock.now()
        claims: Json = {
            "sub": _USER_ID.replace("-", ""),
            "xero_userid": _USER_ID,
            "authentication_event_id": consent.event_id,
            "auth_time": int(now.timestamp()),
        }
        if "email" in consent.scopes:
            claims |= {"email": "user@example.com"}
        if "profile" in consent.scopes:
            claims |= {
                "preferred_username": "user@example.com",
                "name": "Sandbox User",
                "given_name": "Sandbox",
                "family_name": "User",
            }
        if consent.nonce:
            claims |= {"nonce": consent.nonce}
        return signed(claims, audience=app.client_id, now=now, life_s=ID_TOKEN_LIFE_S)

    def _connect(self, client_id: str, event_id: str) -> None:
        now = self._clock.now()
        for one in self.connections:
            if one.client_id == client_id:
                one.event_id, one.updated_at = event_id, now
                return
        self.connections.append(
            Connection(
                str(uuid4()), client_id, event_id, self.tenant_id, self._tenant_name, now, now
            )
        )

    def _proven_app(
        self, form: dict[str, str], authorization: str | None, switches: Switches
    ) -> App:
        client_id, secret = _basic(authorization) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        app = self.apps.get(client_id)
        if app is None or not hmac.compare_digest(app.client_secret.encode(), secret.encode()):
            raise GrantRefused(switches.client_error)
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


def _seven(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"


def _moment(seconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(seconds)), UTC)
