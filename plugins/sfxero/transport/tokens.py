"""Access tokens: fetched once, shared by threads, renewed before and after they end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Final, Protocol

from sfxero.clock import Clock

_MARGIN: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; `expires_at` is None where the service does not say."""

    value: str = field(repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token endpoint gave; the life of a token counts from now."""

    access_token: str = field(repr=False)
    life_s: int
    refresh_token: str | None = field(default=None, repr=False)
    refresh_life_s: int = 0
    scopes: tuple[str, ...] = ()


class TokenState(StrEnum):
    """Whether stored tokens are of use; a new consent makes revoked ones good again."""

    GOOD = "good"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class AppAddress:
    """Which app tokens belong to, and where they may be sent: never to another place."""

    client_id: str
    token_url: str
    api_url: str


@dataclass(frozen=True, slots=True)
class HeldTokens:
    """What a store holds of one connection, at the version that was read.

    `previous` is the refresh token before, for as long as the service may still take it.
    """

    app: AppAddress
    state: TokenState
    version: int
    life_s: float
    left_s: float
    unused_s: float
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)

    @property
    def is_fresh(self) -> bool:
        """Whether the access token will last; a short-lived one is used for half its life."""
        return self.left_s > min(_MARGIN.total_seconds(), self.life_s / 2)


class TokenSource(Protocol):
    """Gives tokens to a client."""

    def get(self) -> str:
        """Return a token believed to be good."""
        ...

    def renew(self, stale: str) -> str:
        """Return another token than `stale`, which the service refused."""
        ...


class CachedTokens:
    """Keeps one token in memory; of many threads that need a new one, one fetches it."""

    def __init__(self, fetch: Callable[[], Token], clock: Clock) -> None:
        """`fetch` asks the service for a token and may raise."""
        self._fetch = fetch
        self._clock = clock
        self._lock = Lock()
        self._value: str | None = None
        self._fresh_until: datetime | None = None

    def get(self) -> str:
        """Return the token, or a new one if it ends within a minute."""
        with self._lock:
            if self._value is None or self._is_ending():
                return self._store(self._fetch())
            return self._value

    def renew(self, stale: str) -> str:
        """Return a new token, unless another thread has replaced `stale` already."""
        with self._lock:
            if self._value is None or self._value == stale:
                return self._store(self._fetch())
            return self._value

    def _is_ending(self) -> bool:
        return self._fresh_until is not None and self._clock.now() >= self._fresh_until

    def _store(self, token: Token) -> str:
        self._value = token.value
        self._fresh_until = None
        if token.expires_at is not None:
            # A token that lives less than two margins is used for half its life.
            margin = min(_MARGIN, (token.expires_at - self._clock.now()) / 2)
            self._fresh_until = token.expires_at - margin
        return token.value
