"""Access tokens from a consent: renewed by one process for all, each step safe to crash after."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final, Protocol
from uuid import uuid4

from sfxero.clock import Clock, Sleeper
from sfxero.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConsentRevoked,
    NotSent,
    ServiceUnavailable,
    SyncError,
    UnexpectedResponse,
)
from sfxero.transport.tokens import AppAddress, Grant, HeldTokens, Token, TokenState
from sfxero.xero.token_endpoint import INVALID_GRANT, SERVICE
from sfxero.xero.watch import Watch

_log = logging.getLogger(__name__)

GRACE_S: Final = 30 * 60.0
"""For so long Xero takes a refresh token again that it has replaced already."""
_LEASE_S: Final = 60.0
"""Longer than one call may last (wire), and prolonged before each."""
_TRIES_AFTER_S: Final = (0.0, 1.0, 4.0)
_POLL_S: Final = 0.25
_PATIENCE: Final = timedelta(seconds=75)
"""Longer than a lease: whoever waits for a process that crashed takes over from it."""
_NO_ANSWER: Final = (NotSent, ServiceUnavailable, UnexpectedResponse)
"""Failures after which the tokens may have been rotated all the same."""


class TokenStore(Protocol):
    """Keeps the tokens of connections, encrypted, for all processes."""

    def read(self, connection: str) -> HeldTokens | None:
        """Return the tokens, None if there never was a consent."""
        ...

    def claim(self, connection: str, *, version: int, owner: str, lease_s: float) -> bool:
        """Take or prolong the right to renew this version."""
        ...

    def replace(
        self, connection: str, grant: Grant, *, spent: str, version: int, owner: str, grace_s: float
    ) -> bool:
        """Store what `spent` was exchanged for, unless the lease is lost."""
        ...

    def revoke(self, connection: str, *, version: int, owner: str) -> bool:
        """Mark the tokens as refused for good, unless the lease is lost."""
        ...

    def release(self, connection: str, *, owner: str) -> None:
        """Give the lease back."""
        ...


class _Overtaken(Exception):
    """Another process has the lease, or has renewed: look at what it stored."""


class Rotation:
    """Gives access tokens of one connection's consent; `fetch` suits `CachedTokens`."""

    def __init__(
        self,
        connection: str,
        app: AppAddress,
        *,
        store: TokenStore,
        refresh: Callable[[str], Grant],
        watch: Watch,
        clock: Clock,
        sleeper: Sleeper,
    ) -> None:
        """`refresh` asks the service; tokens of another app or address are never sent."""
        self._connection = connection
        self._app = app
        self._store = store
        self._refresh = refresh
        self._watch = watch
        self._clock = clock
        self._sleeper = sleeper
        self._owner = uuid4().hex
        self._given: str | None = None

    def fetch(self) -> Token:
        """Return a token that lasts, other than the one given last; renew it if need be."""
        return self._until_held(lambda held: held.is_fresh and held.access_token != self._given)

    def keep_alive(self, unused_for: timedelta) -> bool:
        """Renew tokens that nobody has renewed for so long; says whether that was needed."""
        before = self._held()
        if before.unused_s < unused_for.total_seconds():
            return False
        self._until_held(lambda held: held.version != before.version)
        return True

    def _until_held(self, is_wanted: Callable[[HeldTokens], bool]) -> Token:
        """Wait for another process's new tokens, or be the one that renews them."""
        give_up_at = self._clock.now() + _PATIENCE
        while True:
            held = self._held()
            if is_wanted(held):
                return self._give(held.access_token, held.left_s)
            if self._claim(held):
                with suppress(_Overtaken):
                    grant = self._renew(held)
                    return self._give(grant.access_token, grant.life_s)
            if self._clock.now() >= give_up_at:
                raise ServiceUnavailable(
                    f"another process is still renewing the token of {self._connection}",
                    service=SERVICE,
                )
            self._sleeper.sleep(_POLL_S)

    def _held(self) -> HeldTokens:
        """Return the stored tokens, if they are of this app and not revoked."""
        held = self._store.read(self._connection)
        connect = f"Run `sfxero xero connect --conn-id {self._connection}`."
        if held is None:
            raise ConfigurationError(
                f"nobody has consented to connection {self._connection} yet", hint=connect
            )
        if held.app != self._app:
            raise ConfigurationError(
                f"the consent to {self._connection} was given to another app or address",
                hint=f"Correct the connection, or consent anew. {connect}",
            )
        if held.state is TokenState.REVOKED:
            raise self._revoked()
        return held

    def _renew(self, held: HeldTokens) -> Grant:
        """Exchange the refresh token and store the new one before anything uses the other."""
        try:
            spent, grant = self._exchange(held)
        except AuthenticationFailed as refusal:
            if refusal.code != INVALID_GRANT:
                self._store.release(self._connection, owner=self._owner)
                raise
            if not self._store.revoke(self._connection, version=held.version, owner=self._owner):
                raise _Overtaken from None
            raise self._revoked(refusal) from None
        except SyncError:
            self._store.release(self._connection, owner=self._owner)
            raise
        self._keep(held, grant, spent=spent)
        _log.info("token_renewed connection=%s version=%d", self._connection, held.version + 1)
        self._watch.well()
        return grant

    def _exchange(self, held: HeldTokens) -> tuple[str, Grant]:
        """Return the refresh token that was accepted, and what it was exchanged for.

        If the newest is void, as after two crossing exchanges, the one before may still do.
        """
        try:
            return held.refresh_token, self._answered(held, held.refresh_token)
        except AuthenticationFailed as refusal:
            if refusal.code != INVALID_GRANT or held.previous is None:
                raise
        _log.warning("token_previous_tried connection=%s", self._connection)
        return held.previous, self._answered(held, held.previous)

    def _answered(self, held: HeldTokens, refresh_token: str) -> Grant:
        """Send the same refresh token until an answer comes: a lost reply has its grace."""
        failure: SyncError = NotSent("no try was made", service=SERVICE)
        for after_s in _TRIES_AFTER_S:
            self._sleeper.sleep(after_s)
            if not self._claim(held):
                raise _Overtaken
            try:
                return self._refresh(refresh_token)
            except _NO_ANSWER as error:
                failure = error
        raise failure

    def _keep(self, held: HeldTokens, grant: Grant, *, spent: str) -> None:
        """Store the new tokens; if the store is down, the spent one's grace must bridge it."""
        failure: SyncError = ServiceUnavailable("no try was made", service="ledger")
        for after_s in _TRIES_AFTER_S:
            self._sleeper.sleep(after_s)
            try:
                is_kept = self._store.replace(
                    self._connection,
                    grant,
                    spent=spent,
                    version=held.version,
                    owner=self._owner,
                    grace_s=GRACE_S,
                )
            except ServiceUnavailable as error:
                failure = error
                continue
            if is_kept:
                return
            raise _Overtaken
        raise failure

    def _claim(self, held: HeldTokens) -> bool:
        return self._store.claim(
            self._connection, version=held.version, owner=self._owner, lease_s=_LEASE_S
        )

    def _give(self, access_token: str, left_s: float) -> Token:
        self._given = access_token
        return Token(access_token, self._clock.now() + timedelta(seconds=left_s))

    def _revoked(self, refusal: SyncError | None = None) -> ConsentRevoked:
        """Say so to a person, once, and to whoever asked for the token."""
        error = ConsentRevoked(
            f"the consent to connection {self._connection} is revoked or has run out",
            service=SERVICE,
            status=refusal.status if refusal else None,
            code=INVALID_GRANT,
            hint=f"Renew it with `sfxero xero connect --conn-id {self._connection}`; "
            "what waits in the outbox goes on then.",
        )
        self._watch.trouble(error)
        return error
