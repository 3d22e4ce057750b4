"""The sandbox's ports: plain HTTP, and on request HTTPS with a proxy that leads to it."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from sfxero.sandbox.strikes import App
from sfxero.sandbox.tls import TlsFiles
from sfxero.sandbox.tunnel import LONGEST_HEAD, Tunnel

# Longer than the clients' pools keep a connection, so that none is closed under a request.
KEEP_ALIVE_S = 75
# As often as the server itself looks whether it is to end.
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running sandbox is reached; all but `plain` need HTTPS switched on."""

    plain: str
    tls: str = ""
    proxy: str = ""
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class TlsDoor:
    """The bound sockets of HTTPS and of its proxy."""

    listener: socket.socket
    proxy_listener: socket.socket
    files: TlsFiles


class Doors:
    """One application behind all its ports, in one event loop."""

    def __init__(self, app: App, listener: socket.socket, tls: TlsDoor | None = None) -> None:
        """Take sockets that already listen."""
        self._doors = [(_server(app), listener)]
        self._tls = tls
        if tls is not None:
            self._doors.append((_server(app, tls.files), tls.listener))

    @property
    def addresses(self) -> Addresses:
        """Where clients call."""
        plain = _address("http", self._doors[0][1])
        if self._tls is None:
            return Addresses(plain)
        return Addresses(
            plain,
            tls=_address("https", self._tls.listener),
            proxy=_address("http", self._tls.proxy_listener),
            ca_file=self._tls.files.ca_file,
        )

    def run(self) -> None:
        """Serve until stopped or interrupted."""
        loop_factory = self._doors[0][0].config.get_loop_factory()
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(self._serve())

    def stop(self) -> None:
        """Ask all ports to close."""
        for server, _ in self._doors:
            server.should_exit = True

    async def _serve(self) -> None:
        close_proxy = await self._open_proxy()
        tasks = [
            asyncio.ensure_future(server.serve(sockets=[listener]))
            for server, listener in self._doors
        ]
        try:
            while not self._is_ending():
                await asyncio.wait(tasks, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # First the tunnels: the servers wait for their connections to end.
            close_proxy()
            self.stop()
        await asyncio.gather(*tasks)

    def _is_ending(self) -> bool:
        return any(server.should_exit for server, _ in self._doors)

    async def _open_proxy(self) -> Callable[[], None]:
        """Open the proxy, if there is HTTPS to lead to; returns what closes it."""
        if self._tls is None:
            return lambda: None
        host, port = self._tls.listener.getsockname()[:2]
        tunnel = Tunnel((host, port))
        proxy = await asyncio.start_server(
            tunnel.take, sock=self._tls.proxy_listener, limit=LONGEST_HEAD
        )

        def close() -> None:
            proxy.close()
            tunnel.close()

        return close


def _server(app: App, files: TlsFiles | None = None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        access_log=False,
        # The date is the sandbox clock's; the server would add the machine's beside it.
        date_header=False,
        server_header=False,
        log_level="warning",
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=2,
        ssl_certfile=None if files is None else files.certificate_file,
        ssl_keyfile=None if files is None else files.key_file,
    )
    return uvicorn.Server(config)


def _address(scheme: str, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
