"""Consents of users: codes and refresh tokens on the virtual clock (xero-api, 1.1 and 1.2)."""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.xero.failures import GrantRefused

CODE_LIFE = timedelta(minutes=5)
IDLE_LIFE = timedelta(days=60)
GRACE = timedelta(minutes=30)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Consent:
    """What a user has allowed an app."""

    client_id: str
    scopes: tuple[str, ...]
    event_id: str
    nonce: str | None = None


@dataclass(slots=True)
class _Code:
    consent: Consent
    redirect_uri: str
    challenge: str | None
    expires_at: datetime


@dataclass(slots=True)
class _Refresh:
    consent: Consent
    issued_at: datetime
    replaced_at: datetime | None = None


class Consents:
    """Gives and takes codes and refresh tokens."""

    def __init__(self, clock: SandboxClock) -> None:
        """Start without any."""
        self._clock = clock
        self._codes: dict[str, _Code] = {}
        self._refreshes: dict[str, _Refresh] = {}
        self._allowed: dict[str, set[str]] = {}

    def allow(
        self,
        client_id: str,
        scopes: tuple[str, ...],
        *,
        redirect_uri: str,
        challenge: str | None,
        nonce: str | None,
    ) -> tuple[str, Consent]:
        """Note a user's yes; scopes add up over consents. Returns the code."""
        allowed = self._allowed.setdefault(client_id, set())
        allowed.update(scopes)
        consent = Consent(client_id, tuple(sorted(allowed)), str(uuid4()), nonce)
        code = secrets.token_urlsafe(32)
        expires_at = self._clock.now() + CODE_LIFE
        self._codes[code] = _Code(consent, redirect_uri, challenge, expires_at)
        return code, consent

    def take_code(self, client_id: str, form: dict[str, str], *, needs_proof: bool) -> Consent:
        """Exchange a code: it works once, soon, for its app, address and verifier."""
        code = self._codes.get(form.get("code", ""))
        if code is None or code.consent.client_id != client_id:
            raise GrantRefused("invalid_grant")
        del self._codes[form["code"]]
        is_late = self._clock.now() >= code.expires_at
        if is_late or form.get("redirect_uri") != code.redirect_uri:
            raise GrantRefused("invalid_grant")
        if code.challenge is None and needs_proof:
            raise GrantRefused("invalid_grant")
        if code.challenge is not None and not _proves(form.get("code_verifier"), code.challenge):
            raise GrantRefused("invalid_grant")
        return code.consent

    def new_refresh(self, consent: Consent) -> str:
        """A fresh refresh token."""
        token = secrets.token_urlsafe(48)
        self._refreshes[token] = _Refresh(consent, self._clock.now())
        return token

    def take_refresh(self, client_id: str, token: str) -> Consent:
        """Use a refresh token; a replaced one still works for half an hour."""
        found, now = self._refreshes.get(token), self._clock.now()
        if found is None or found.consent.client_id != client_id:
            raise GrantRefused("invalid_grant")
        is_idle = now >= found.issued_at + IDLE_LIFE
        is_stale = found.replaced_at is not None and now >= found.replaced_at + GRACE
        if is_idle or is_stale:
            del self._refreshes[token]
            raise GrantRefused("invalid_grant")
        found.replaced_at = found.replaced_at or now
        return found.consent

    def revoke(self, client_id: str, token: str) -> bool:
        """Forget all that users have allowed this app, if the token is one of its own."""
        found = self._refreshes.get(token)
        if found is None or found.consent.client_id != client_id:
            return False
        self.forget(client_id)
        return True

    def forget(self, client_id: str | None = None) -> None:
        """Forget all refresh tokens and codes, of one app or of all."""
        self._refreshes = {
            token: one
            for token, one in self._refreshes.items()
            if client_id not in {None, one.consent.client_id}
        }
        self._codes = {
            code: one
            for code, one in self._codes.items()
            if client_id not in {None, one.consent.client_id}
        }
        if client_id is None:
            self._allowed.clear()
        else:
            self._allowed.pop(client_id, None)


def _proves(verifier: str | None, challenge: str) -> bool:
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(expected, challenge)
