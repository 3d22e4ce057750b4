"""Logging in, by a secret or by a signed assertion: the token, and the API host it is for."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx

from sfxero.clock import Clock
from sfxero.errors import AuthenticationFailed, ConfigurationError, SyncError, UnexpectedResponse
from sfxero.model.ids import to_18
from sfxero.salesforce.failures import SERVICE, failure_of, words_of
from sfxero.salesforce.hosts import api_origin
from sfxero.transport.decimals import parse_json
from sfxero.transport.redact import redact
from sfxero.transport.tokens import Token
from sfxero.transport.wire import Wire

_TOKEN_PATH: Final = "/services/oauth2/token"  # noqa: S105 - a path
_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Salesforce's own figure (Help, OAuth 2.0 JWT bearer flow); an assertion is used once, at once.
_ASSERTION_LIFE: Final = timedelta(minutes=3)
_CLOCK_HINT: Final = "An assertion lives three minutes: set this machine's clock right."
_IDENTITY: Final = re.compile(r"/id/(00D(?:[A-Za-z0-9]{12}|[A-Za-z0-9]{15}))/")
_HINTS: Final[Mapping[str, str]] = {
    "request not supported on this domain": "Use the My Domain address, not login or test.",
    "no client credentials user enabled": "Set a Run As user in the external client app.",
    "client identifier invalid": "The consumer key is of no app of this org.",
    "invalid client credentials": "Copy the consumer secret from the app again.",
    "user hasn't approved this consumer": "See that the app has the certificate, that its policy "
    "is 'Admin approved users are pre-authorized', and that the user has its permission set.",
    "invalid assertion": "The private key must be that of the certificate in the app.",
    "audience is invalid": "Set audience to https://login.salesforce.com, or to "
    "https://test.salesforce.com for a sandbox.",
    "expired authorization code": _CLOCK_HINT,
    "assertion lives too long": _CLOCK_HINT,
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A token and the address it is good for."""

    token: Token
    instance_url: str
    org_id: str | None = None
    """The org's id in 18 characters, if the reply names it."""


class Login(Protocol):
    """Asks the login address for tokens."""

    def request(self) -> Grant:
        """Make one token request; a repeat does no harm, it only makes another token."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


@dataclass(frozen=True, slots=True)
class Signer:
    """A pre-authorised user, and the private key whose certificate the app has."""

    username: str = field(repr=False)
    private_key: str = field(repr=False)
    """PEM, RSA, without a passphrase."""
    audience: str | None = None
    """Whom assertions are for; None for the login address itself."""


class ClientCredentials:
    """Logs in with the app's secret in a Basic header, as the app's Run As user."""

    def __init__(
        self,
        *,
        login_url: str,
        client_id: str,
        client_secret: str,
        trusted_hosts: Collection[str] = (),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`login_url` is the org's My Domain address."""
        self._endpoint = _TokenEndpoint(login_url, trusted_hosts, transport)
        self._client_id = client_id
        self._client_secret = client_secret

    def request(self) -> Grant:
        """Make one token request."""
        return self._endpoint.ask(
            {"grant_type": "client_credentials"},
            auth=(self._client_id, self._client_secret),
            secrets=(self._client_secret, self._client_id),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._endpoint.close()


class JwtBearer:
    """Logs in with an assertion that names a user; the secret, a private key, is never sent."""

    def __init__(
        self,
        *,
        login_url: str,
        client_id: str,
        signer: Signer,
        clock: Clock,
        trusted_hosts: Collection[str] = (),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """ConfigurationError, without a word of it, for a key that cannot sign."""
        self._endpoint = _TokenEndpoint(login_url, trusted_hosts, transport)
        self._client_id = client_id
        self._username = signer.username
        self._audience = signer.audience or _origin(login_url)
        self._key = _rsa_key(signer.private_key)
        self._clock = clock

    def request(self) -> Grant:
        """Make one token request, with a new assertion."""
        assertion = self._assertion()
        return self._endpoint.ask(
            {"grant_type": _JWT_GRANT, "assertion": assertion},
            secrets=(assertion, self._client_id, self._username),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._endpoint.close()

    def _assertion(self) -> str:
        import jwt

        claims = {
            "iss": self._client_id,
            "sub": self._username,
            "aud": self._audience,
            "exp": int((self._clock.now() + _ASSERTION_LIFE).timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm="RS256")


class _TokenEndpoint:
    """One org's token endpoint."""

    def __init__(
        self, login_url: str, trusted: Collection[str], transport: httpx.BaseTransport | None
    ) -> None:
        self._wire = Wire(service=SERVICE, base_url=login_url, transport=transport)
        self._login_url = login_url
        self._trusted = tuple(trusted)

    def ask(
        self,
        form: Mapping[str, str],
        *,
        secrets: tuple[str, ...],
        auth: tuple[str, str] | None = None,
    ) -> Grant:
        response = self._wire.send("POST", _TOKEN_PATH, form=form, auth=auth)
        if not response.is_success:
            raise _refusal(response, secrets)
        body = parse_json(response)
        value = body.get("access_token") if isinstance(body, Mapping) else None
        address = body.get("instance_url") if isinstance(body, Mapping) else None
        if not isinstance(value, str) or not isinstance(address, str) or not value:
            raise UnexpectedResponse(
                "the token reply lacks access_token or instance_url", service=SERVICE
            )
        # Salesforce gives no expiry; the client renews on 401.
        origin = api_origin(address, login_url=self._login_url, trusted=self._trusted)
        identity = body.get("id") if isinstance(body, Mapping) else None
        return Grant(Token(value), origin, _org_id(identity))

    def close(self) -> None:
        self._wire.close()


def _org_id(identity: object) -> str | None:
    """Return the org's id out of the user's identity address, .../id/<org>/<user>."""
    found = _IDENTITY.search(identity) if isinstance(identity, str) else None
    return str(to_18(found[1])) if found else None


def _refusal(response: httpx.Response, secrets: tuple[str, ...]) -> SyncError:
    failure = failure_of(response)
    if failure.is_transient or not 400 <= response.status_code < 500:
        return failure
    words = words_of(response)
    said = words.message or words.code or f"HTTP {response.status_code}"
    return AuthenticationFailed(
        f"the token request was refused: {redact(said, secrets)}",
        service=SERVICE,
        status=response.status_code,
        code=words.code,
        hint=_HINTS.get(said),
    )


def _rsa_key(pem: str) -> Any:
    """Return the key, read once; texts of the library never go into the error."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (TypeError, ValueError):  # TypeError: it has a passphrase
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError(
            "the private key cannot be used",
            service=SERVICE,
            hint="Give an RSA key as PEM, from BEGIN to END, without a passphrase.",
        )
    return key


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
