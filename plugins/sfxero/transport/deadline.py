"""An HTTP transport whose calls end at a deadline, however slowly the bytes arrive."""

import time
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any, Self

import httpcore
import httpx

_WRITE_STEP_BYTES = 64 * 1024


class Until(float):
    """A timeout in seconds that also carries the monotonic moment at which the whole call ends.

    It travels in place of a plain timeout through httpx and httpcore to the socket, so it needs no
    state of the thread, and a stream may be read in another thread than it was opened in.
    """

    ends_at: float

    def __new__(cls, seconds: float, *, ends_at: float) -> Self:
        """Keep both limits; the nearer one counts."""
        self = super().__new__(cls, seconds)
        self.ends_at = ends_at
        return self

    def remaining_s(self) -> float:
        """Return what is left, zero or less when the deadline has passed."""
        return min(float(self), self.ends_at - time.monotonic())


def _left(timeout: float | None, expired: type[Exception]) -> float | None:
    if not isinstance(timeout, Until):
        return timeout
    left = timeout.remaining_s()
    if left <= 0:
        raise expired("the call's deadline has passed")
    return left


class _DeadlineStream(httpcore.NetworkStream):
    """A socket's stream that asks for the time left before each step."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITE_STEP_BYTES):
            step = buffer[start : start + _WRITE_STEP_BYTES]
            self._stream.write(step, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _DeadlineBackend(httpcore.SyncBackend):
    """Opens sockets whose streams keep the deadline."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(super().connect_tcp(host, port, left, local_address, socket_options))


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's own transport over sockets that keep the deadline carried by an `Until`."""

    def __init__(self, *, verify: SSLContext | bool = True, proxy: str | None = None) -> None:
        """`proxy` is an address; certificates come from `verify` or the environment."""
        super().__init__(verify=verify, proxy=proxy)
        # httpx offers no argument for the backend; a test with a trickling server guards this.
        self._pool._network_backend = _DeadlineBackend()  # noqa: SLF001 - no public way
