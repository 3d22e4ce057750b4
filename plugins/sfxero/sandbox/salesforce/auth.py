"""Sessions: who may ask for tokens, and the opaque tokens given out."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sfxero.clock import Clock
from sfxero.sandbox.salesforce.failures import TokenFailure, invalid_session
from sfxero.sandbox.salesforce.people import User
from sfxero.sandbox.salesforce.switches import Switches

DEFAULT_CLIENT_ID = "sandbox-sf-client"
DEFAULT_CLIENT_SECRET = "sandbox-sf-secret"  # noqa: S105 - opens nothing but the sandbox


@dataclass(slots=True)
class ClientApp:
    """One External Client App or Connected App of the org."""

    client_id: str
    secret: str
    run_as: str | None
    """User name that client credentials act as; None if no administrator chose one."""
    certificate: str | None = None
    """PEM of the certificate or public key that JWT assertions are verified with."""
    approved: set[str] = field(default_factory=set)
    """User names that are pre-authorised for JWT."""


@dataclass(slots=True)
class Session:
    """One token's life."""

    user_id: str
    expires_at: datetime


class Sessions:
    """Apps, tokens and refresh tokens of one org."""

    def __init__(
        self, clock: Clock, *, organization_id: str, users: Mapping[str, User], switches: Switches
    ) -> None:
        """Know one app from the start, which runs as the first user."""
        self._clock = clock
        self._organization_id = organization_id
        self._switches = switches
        self._sessions: dict[str, Session] = {}
        self._calls_left: int | None = None
        self.users = users
        self.refresh_tokens: dict[str, tuple[str, str]] = {}
        first = next(iter(users))
        self.apps = {
            DEFAULT_CLIENT_ID: ClientApp(
                DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, first, approved={first}
            )
        }

    @property
    def now(self) -> datetime:
        """Return the org's present moment."""
        return self._clock.now()

    @property
    def switches(self) -> Switches:
        """Return what the tester may change."""
        return self._switches

    def check(self, authorization: str) -> str:
        """Return whose token this is; refuse a missing, unknown or expired one."""
        scheme, _, token = authorization.partition(" ")
        session = self._sessions.get(token.strip())
        # OAuth is the scheme of older clients; the service takes both.
        if scheme.lower() not in {"bearer", "oauth"} or session is None:
            raise invalid_session()
        if session.expires_at <= self.now or self._is_last_call():
            self._sessions.pop(token.strip(), None)
            raise invalid_session()
        return session.user_id

    def _is_last_call(self) -> bool:
        """Count down to the moment when all sessions end; it comes once."""
        if self._calls_left is None:
            return False
        self._calls_left -= 1
        if self._calls_left >= 0:
            return False
        self._calls_left = None
        self._sessions.clear()
        return True

    def expire_all(self, *, after_calls: int = 0) -> int:
        """End all sessions, now or after that many further calls; return how many there are."""
        count = len(self._sessions)
        if after_calls:
            self._calls_left = after_calls
        else:
            self._sessions.clear()
        return count

    def revoke(self, token: str) -> None:
        """End one session or refresh token."""
        self._sessions.pop(token, None)
        self.refresh_tokens.pop(token, None)

    def app(self, client_id: str) -> ClientApp:
        """Return the app of that consumer key, or refuse."""
        found = self.apps.get(client_id)
        if found is None:
            raise TokenFailure("invalid_client_id", "client identifier invalid")
        return found

    def app_with_secret(self, client_id: str, secret: str) -> ClientApp:
        """Return the app if the secret fits."""
        found = self.app(client_id)
        if not hmac.compare_digest(found.secret.encode(), secret.encode()):
            raise TokenFailure("invalid_client", "invalid client credentials")
        return found

    def new_refresh_token(self, client_id: str, username: str) -> str:
        """Return a refresh token, as a user's approval in the browser gives one."""
        token = f"5Aep{secrets.token_urlsafe(60)}"
        self.refresh_tokens[token] = (client_id, username)
        return token

    def token_reply(self, app: ClientApp, username: str, *, base_url: str) -> dict[str, str]:
        """Return the reply to a good request; there is no expires_in."""
        user = self.users[username]
        token = f"{self._organization_id[:15]}!{secrets.token_urlsafe(72)}"
        lifetime = timedelta(seconds=self._switches.session_s)
        self._sessions[token] = Session(user.user_id, self.now + lifetime)
        issued_at = str(int(self.now.timestamp() * 1000))
        identity = f"{base_url}/id/{self._organization_id}/{user.user_id}"
        seal = hmac.new(app.secret.encode(), (identity + issued_at).encode(), hashlib.sha256)
        return {
            "access_token": token, "signature": base64.b64encode(seal.digest()).decode(),
            "scope": "api", "instance_url": base_url, "id": identity, "token_type": "Bearer",
            "issued_at": issued_at,
        }  # fmt: skip
