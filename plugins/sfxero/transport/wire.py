"""The one HTTP seam: addresses checked, time bounded, httpx errors told apart by their effect."""

import ipaddress
import logging
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from sfxero.errors import (
    ConfigurationError,
    NotSent,
    OutcomeUnknown,
    ServiceUnavailable,
    SyncError,
)
from sfxero.transport.deadline import DeadlineTransport, Until

_log = logging.getLogger(__name__)

CALL_DEADLINE_S: Final = 45.0
"""Below the 60 s lease of a claim, so that no call outlives the claim it was made for."""

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_GIVEN_UP = (httpx.ReadTimeout, httpx.WriteTimeout)
"""We stopped waiting; any other broken connection was ended by the service, or on the way."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Longest silence in each phase of a call."""

    connect_s: float = 5.0
    read_s: float = 30.0
    write_s: float = 30.0
    pool_s: float = 5.0

    def until(self, deadline_s: float) -> httpx.Timeout:
        """Return httpx's form of it for a call that must end `deadline_s` from now."""
        ends_at = time.monotonic() + deadline_s
        return httpx.Timeout(
            connect=Until(self.connect_s, ends_at=ends_at),
            read=Until(self.read_s, ends_at=ends_at),
            write=Until(self.write_s, ends_at=ends_at),
            pool=min(self.pool_s, deadline_s),
        )


def is_loopback(host: str) -> bool:
    """Say whether `host` can only be this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(url: str) -> str:
    """Return `url` if secrets may be sent there, else raise ConfigurationError."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError("an address is not a URL") from None
    if not host or parts.scheme not in {"https", "http"}:
        raise ConfigurationError("an address must start with https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"the address of {host} must not carry a user or a password")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            f"plain http to {host} is refused", hint="Use https; http is for loopback hosts only."
        )
    return url


@cache
def user_agent() -> str:
    """Return the name and version under which the services see us."""
    try:
        return f"sfxero/{version('sfxero')}"
    except PackageNotFoundError:
        return "sfxero/0"


class Wire:
    """Sends requests to one service; judges addresses and outcomes, never statuses."""

    def __init__(
        self,
        *,
        service: str,
        base_url: str,
        timeouts: Timeouts = Timeouts(),
        transport: httpx.BaseTransport | None = None,
        deadline_s: float = CALL_DEADLINE_S,
    ) -> None:
        """`transport` replaces the network in tests; `deadline_s` bounds each whole call."""
        self.service = service
        self.base_url = check_address(base_url)
        self._timeouts = timeouts
        self._deadline_s = deadline_s
        # httpx reports every full URL, queries included, at INFO; httpcore all headers at DEBUG.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        self._client = httpx.Client(
            base_url=base_url,
            transport=transport or _network(base_url),
            headers={"User-Agent": user_agent()},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            follow_redirects=False,
        )

    def send(
        self,
        method: str,
        path_or_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        is_write: bool = False,
    ) -> httpx.Response:
        """Return the reply, whatever its status, with its body read.

        Raises NotSent if nothing left; else OutcomeUnknown for a write and ServiceUnavailable for a
        read that got no whole reply.
        """
        request = self._request(
            method,
            path_or_url,
            headers=headers,
            params=params,
            content=content,
            data=form,
        )
        with self._judged(request, is_write=is_write) as call:
            call.response = self._client.send(request, auth=auth)
            return call.response

    @contextmanager
    def stream(
        self,
        method: str,
        path_or_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        deadline_s: float | None = None,
    ) -> Iterator[httpx.Response]:
        """Yield the reply of a read before its body, for `iter_raw` or `iter_bytes`."""
        request = self._request(
            method, path_or_url, headers=headers, params=params, deadline_s=deadline_s
        )
        with self._judged(request, is_write=False) as call:
            call.response = self._client.send(request, stream=True)
            try:
                yield call.response
            finally:
                call.response.close()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _request(
        self, method: str, path_or_url: str, *, deadline_s: float | None = None, **parts: object
    ) -> httpx.Request:
        if "://" in path_or_url or path_or_url.startswith("//"):
            check_address(path_or_url)
        timeout = self._timeouts.until(self._deadline_s if deadline_s is None else deadline_s)
        try:
            return self._client.build_request(method, path_or_url, timeout=timeout, **parts)  # type: ignore[arg-type]  # the callers' types are httpx's own
        except httpx.InvalidURL:
            # The text of the URL may hold what must not be shown.
            raise ConfigurationError("an address is not a URL", service=self.service) from None

    @contextmanager
    def _judged(self, request: httpx.Request, *, is_write: bool) -> Iterator["_Call"]:
        call = _Call()
        started = time.monotonic()
        try:
            yield call
        except (httpx.HTTPError, httpx.StreamError, ssl.SSLError) as error:
            failure = self._failure(error, request, is_write=is_write)
            _log.info(
                "wire_failed service=%s method=%s path=%s error=%s cause=%s duration_ms=%d",
                self.service,
                request.method,
                request.url.path,
                type(failure).__name__,
                type(error).__name__,
                (time.monotonic() - started) * 1000,
            )
            raise failure from error
        else:
            _log.debug(
                "wire_reply service=%s method=%s path=%s status=%s duration_ms=%d",
                self.service,
                request.method,
                request.url.path,
                call.response.status_code if call.response else None,
                (time.monotonic() - started) * 1000,
            )

    def _failure(self, error: Exception, request: httpx.Request, *, is_write: bool) -> SyncError:
        call = f"{request.method} {request.url.host}{request.url.path}"
        cause = type(error).__name__
        if isinstance(error, httpx.UnsupportedProtocol):
            return ConfigurationError(f"{call}: not an http address", service=self.service)
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return ConfigurationError(
                f"{call}: the server's certificate is not trusted",
                service=self.service,
                hint="For a private authority, name its file in SSL_CERT_FILE.",
            )
        if isinstance(error, _NOT_SENT):
            return NotSent(f"{call}: no connection ({cause})", service=self.service)
        is_given_up = isinstance(error, _GIVEN_UP)
        if is_write:
            text = f"{call}: sent, but no reply ({cause})"
            return OutcomeUnknown(text, service=self.service, is_given_up=is_given_up)
        text = f"{call}: no whole reply ({cause})"
        return ServiceUnavailable(text, service=self.service, is_given_up=is_given_up)


@dataclass(slots=True)
class _Call:
    """What a call has got so far."""

    response: httpx.Response | None = None


def _network(base_url: str) -> httpx.BaseTransport:
    """Return sockets with the environment's proxy and certificates; none of them for loopback."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    proxy = None
    if not is_loopback(host) and not proxy_bypass(host):
        proxies = getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all")
    return DeadlineTransport(verify=_trusted(), proxy=proxy)


def _trusted() -> ssl.SSLContext | bool:
    """Return the certificates to trust; httpx itself reads SSL_CERT_FILE and SSL_CERT_DIR."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle and not os.environ.get("SSL_CERT_FILE"):
        return ssl.create_default_context(cafile=bundle)
    return True
