"""A door on localhost for the one answer that a browser brings back from Xero."""

import errno
import socket
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from selectors import EVENT_READ, DefaultSelector
from socketserver import TCPServer
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

_PATH: Final = "/callback"
_PAGE: Final = (
    "<!DOCTYPE html><title>sfxero</title>"
    "<p>Done here. The terminal says how it went; you may close this page.</p>"
)
_SILENT_S: Final = 3.0
"""Browsers open connections in advance that they never use; none may hold up the answer."""

Answer = dict[str, str]


class Callback:
    """Listens on both loopback addresses, since `localhost` may mean either, until answered."""

    def __init__(self, port: int) -> None:
        """Bind; raises OSError if the port is taken."""
        self._answers: list[Answer] = []
        self._doors = [_Door(socket.AF_INET, "127.0.0.1", port, self._answers)]
        self.port: int = self._doors[0].server_address[1]
        try:
            self._doors.append(_Door(socket.AF_INET6, "::1", self.port, self._answers))
        except OSError as error:
            # A machine without IPv6 has no second door that a stranger could stand behind.
            if error.errno == errno.EADDRINUSE:
                self.close()
                raise

    @property
    def address(self) -> str:
        """What the app must have registered as its redirect address."""
        return f"http://localhost:{self.port}{_PATH}"

    def __enter__(self) -> Self:
        """Listen for the time of a block."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop listening."""
        self.close()

    def wait(self, timeout_s: float) -> Answer | None:
        """Return the query of the one request that counts; None if none came in time."""
        ends_at = time.monotonic() + timeout_s
        with DefaultSelector() as ready:
            for door in self._doors:
                ready.register(door, EVENT_READ, door)
            while not self._answers and (left_s := ends_at - time.monotonic()) > 0:
                for key, _ in ready.select(left_s):
                    key.data.handle_request()
        return self._answers[0] if self._answers else None

    def close(self) -> None:
        """Stop listening."""
        for door in self._doors:
            door.server_close()


class _Door(TCPServer):
    allow_reuse_address = True

    def __init__(
        self, family: socket.AddressFamily, host: str, port: int, answers: list[Answer]
    ) -> None:
        self.address_family = family
        self.answers = answers
        super().__init__((host, port), _Visitor)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: who broke off concerns nobody, and the text may hold a code."""


class _Visitor(BaseHTTPRequestHandler):
    timeout = _SILENT_S
    server: _Door

    def do_GET(self) -> None:
        """Take the answer; other paths, such as an icon's, do not count."""
        asked = urlsplit(self.path)
        is_answer = asked.path == _PATH
        if is_answer and not self.server.answers:
            self.server.answers.append(dict(parse_qsl(asked.query)))
        page = _PAGE.encode() if is_answer else b""
        self.send_response(200 if is_answer else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Connection", "close")
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
        """Say nothing: the address holds the code."""
