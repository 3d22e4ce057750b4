"""Encryption of stored tokens: Fernet keys, the newest seals, each row names the one it needs."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from sfxero.errors import ConfigurationError

_NEW_KEY: Final = (
    "Make one with: "
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)


class TokenCipher:
    """Seals and opens texts; without a key it refuses, for nothing is ever stored in the plain."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take Fernet keys, newest first; they are looked at when one is needed."""
        self._keys = tuple(keys)

    @property
    def newest(self) -> str:
        """The name of the key that seals."""
        return next(iter(self._fernets))

    def seal(self, text: str) -> str:
        """Encrypt with the newest key."""
        return self._fernets[self.newest].encrypt(text.encode()).decode()

    def open(self, sealed: str, *, key_id: str, connection: str) -> str:
        """Decrypt what the named key sealed; ConfigurationError if it is not at hand."""
        fernet = self._fernets.get(key_id)
        if fernet is None:
            raise ConfigurationError(
                f"the tokens of {connection} were encrypted with a key that is not at hand "
                f"(its fingerprint is {key_id})",
                hint="Put that key behind the newest one in SFXERO_TOKEN_KEY, separated by a "
                "comma, and run `sfxero tokens rotate`; if it is lost, run "
                f"`sfxero xero connect --conn-id {connection}`.",
            )
        try:
            return fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise ConfigurationError(
                f"the stored tokens of {connection} are damaged",
                hint=f"Run `sfxero xero connect --conn-id {connection}`.",
            ) from None

    @cached_property
    def _fernets(self) -> Mapping[str, Fernet]:
        if not self._keys:
            raise ConfigurationError(
                "there is no key to encrypt tokens with, and they are not stored without",
                hint=f"Set SFXERO_TOKEN_KEY, or Airflow's [core] fernet_key. {_NEW_KEY}",
            )
        return {fingerprint(key): _fernet(key, place) for place, key in enumerate(self._keys, 1)}


def fingerprint(key: str) -> str:
    """Return a short name of a key that tells nothing about it."""
    return hashlib.sha256(b"sfxero token key\0" + key.encode()).hexdigest()[:12]


def _fernet(key: str, place: int) -> Fernet:
    try:
        return Fernet(key)
    except ValueError:
        # The library's text is dropped with the key that it is about.
        raise ConfigurationError(
            f"key {place} for the encryption of tokens is not a Fernet key", hint=_NEW_KEY
        ) from None
