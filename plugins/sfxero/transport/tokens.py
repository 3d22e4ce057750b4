"""Access tokens: fetched once, shared by threads, renewed before and after they end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol

from sfxero.clock import Clock

_MARGIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; `expires_at` is None where the service does not say."""

    value: str = field(repr=False)
    expires_at: datetime | None = None


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
