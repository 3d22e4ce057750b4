"""The same tests in process and over a socket: `SFXERO_SANDBOX_OVER=socket` chooses the latter."""

import os
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from sfxero.sandbox.doors import Doors
from sfxero.sandbox.strikes import App, Receive, Scope, Send


class Turntable:
    """Serves whatever application the running test has; one server lasts for all tests."""

    def __init__(self) -> None:
        self.app: App | None = None
        self.port = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def turntable() -> Iterator[Turntable]:
    table = Turntable()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        table.port = listener.getsockname()[1]
        doors = Doors(table, listener)
        thread = threading.Thread(target=doors.run, daemon=True)
        thread.start()
        yield table
        doors.stop()
        thread.join(10)


@pytest.fixture(autouse=True)
def _over_socket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.environ.get("SFXERO_SANDBOX_OVER") != "socket":
        return
    table = request.getfixturevalue("turntable")

    class OverSocket(httpx.AsyncBaseTransport):
        """Takes the place of httpx's transport for applications in process."""

        def __init__(self, app: App) -> None:
            self.app = app

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            table.app = self.app
            url = request.url.copy_with(scheme="http", host="127.0.0.1", port=table.port)
            sent = httpx.Request(
                request.method,
                url,
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
            # Without certificates, which take long to load and are not needed here.
            async with httpx.AsyncHTTPTransport(verify=False) as wire:
                response = await wire.handle_async_request(sent)
                body = b"".join([part async for part in response.aiter_raw()])
            return httpx.Response(
                response.status_code, headers=response.headers, stream=httpx.ByteStream(body)
            )

    monkeypatch.setattr(httpx, "ASGITransport", OverSocket)
