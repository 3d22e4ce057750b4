"""The token endpoint and its four grants."""

import base64
import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sfxero.sandbox.salesforce.auth import ClientApp, Sessions
from sfxero.sandbox.salesforce.failures import TokenFailure

SHARED_HOSTS = ("login", "test")
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Longer-lived assertions are refused; clients set three minutes, clocks differ a little.
LONGEST_ASSERTION_S = 300
_NO_STORE = {"Cache-Control": "no-cache, no-store"}
Form = dict[str, str]
Grant = Callable[[Form, "Place", tuple[str, str]], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token request arrived."""

    base_url: str
    label: str

    @property
    def is_shared(self) -> bool:
        """Return whether this is a host of all orgs and not the org's My Domain."""
        return self.label.rpartition("/")[2].split(".")[0] in SHARED_HOSTS


class Grants:
    """Answers token requests of one org."""

    def __init__(self, sessions: Sessions) -> None:
        """Serve these sessions."""
        self._sessions = sessions
        self._grants: dict[str, Grant] = {
            "client_credentials": self._client_credentials, JWT_BEARER: self._jwt,
            "refresh_token": self._refresh, "password": self._password,
        }  # fmt: skip

    async def token(self, request: Request) -> Response:
        """Answer `POST /services/oauth2/token`."""
        form = await _form(request)
        host = request.headers.get("host", "")
        label = request.path_params.get("label")
        place = Place(f"{request.url.scheme}://{host}", label or host)
        grant = self._grants.get(form.get("grant_type", ""))
        if grant is None:
            raise TokenFailure("unsupported_grant_type", "grant type not supported")
        given = _credentials(request.headers.get("authorization"), form)
        return JSONResponse(grant(form, place, given), headers=_NO_STORE)

    async def revoke(self, request: Request) -> Response:
        """Answer `POST /services/oauth2/revoke`."""
        token = (await _form(request)).get("token") or request.query_params.get("token", "")
        self._sessions.revoke(token)
        return Response(status_code=200)

    def _client_credentials(
        self, _form: Form, place: Place, given: tuple[str, str]
    ) -> dict[str, str]:
        if place.is_shared:
            raise TokenFailure("invalid_grant", "request not supported on this domain")
        app = self._sessions.app_with_secret(*given)
        if app.run_as is None:
            raise TokenFailure("invalid_grant", "no client credentials user enabled")
        return self._sessions.token_reply(app, app.run_as, base_url=place.base_url)

    def _refresh(self, form: Form, place: Place, given: tuple[str, str]) -> dict[str, str]:
        sessions, token = self._sessions, form.get("refresh_token", "")
        app = sessions.app(given[0])
        if given[1]:  # public clients have none
            app = sessions.app_with_secret(*given)
        client_id, username = sessions.refresh_tokens.get(token, ("", ""))
        if client_id != app.client_id:
            raise TokenFailure("invalid_grant", "expired access/refresh token")
        reply = sessions.token_reply(app, username, base_url=place.base_url)
        reply["scope"] = "refresh_token api"
        if sessions.switches.rotate_refresh_tokens:
            sessions.revoke(token)
            reply["refresh_token"] = sessions.new_refresh_token(client_id, username)
        return reply

    def _password(self, form: Form, place: Place, given: tuple[str, str]) -> dict[str, str]:
        sessions = self._sessions
        if not sessions.switches.password_grant:
            raise TokenFailure("unsupported_grant_type", "grant type not supported")
        app = sessions.app_with_secret(*given)
        user = sessions.users.get(form.get("username", ""))
        # A security token may follow the password.
        good = user is not None and hmac.compare_digest(
            form.get("password", "")[: len(user.password)].encode(), user.password.encode()
        )
        if user is None or not good:
            raise TokenFailure("invalid_grant", "authentication failure")
        return sessions.token_reply(app, user.username, base_url=place.base_url)

    def _jwt(self, form: Form, place: Place, _given: tuple[str, str]) -> dict[str, str]:
        app, claims = self._verified(form.get("assertion", ""))
        allowed = _audiences(place)
        named = claims.get("aud")
        audiences = set(named) if isinstance(named, list) else {named}
        if not audiences & allowed:
            raise TokenFailure("invalid_grant", "audience is invalid")
        self._check_expiry(claims.get("exp"))
        username = str(claims.get("sub") or claims.get("prn") or "")
        if username not in self._sessions.users or username not in app.approved:
            raise TokenFailure("invalid_grant", "user hasn't approved this consumer")
        return self._sessions.token_reply(app, username, base_url=place.base_url)

    def _verified(self, assertion: str) -> tuple[ClientApp, dict[str, Any]]:
        """Return the app and the claims if the app's certificate verifies the signature."""
        import jwt

        try:
            unverified = jwt.decode(assertion, options={"verify_signature": False})
            app = self._sessions.app(str(unverified.get("iss", "")))
            if app.certificate is None:
                raise TokenFailure("invalid_grant", "user hasn't approved this consumer")
            claims: dict[str, Any] = jwt.decode(
                assertion, public_key(app.certificate), algorithms=["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False,
                         "verify_nbf": False},
            )  # fmt: skip
        except jwt.InvalidTokenError:
            raise TokenFailure("invalid_grant", "invalid assertion") from None
        return app, claims

    def _check_expiry(self, given: object) -> None:
        """Refuse an assertion that has expired or lives too long, by the org's clock."""
        now = self._sessions.now.timestamp()
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise TokenFailure("invalid_grant", "invalid assertion")
        if given <= now:
            raise TokenFailure("invalid_grant", "expired authorization code")
        if given > now + LONGEST_ASSERTION_S:
            raise TokenFailure("invalid_grant", "assertion lives too long")


def public_key(pem: str) -> str:
    """Return the public key in PEM, out of a certificate if need be."""
    if "BEGIN CERTIFICATE" not in pem:
        return pem
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _audiences(place: Place) -> set[str]:
    host = place.base_url.partition("://")[2]
    label = place.label.removesuffix(".salesforce.com")
    return {
        "https://login.salesforce.com", "https://test.salesforce.com", place.base_url,
        f"https://{host}", f"https://{label}.salesforce.com", f"https://{host}/{label}.salesforce.com",
    }  # fmt: skip


async def _form(request: Request) -> Form:
    """Return the form fields; any other kind of body counts as none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}


def _credentials(authorization: str | None, form: Form) -> tuple[str, str]:
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
