"""The deadline of a call over real sockets, where only the transport can keep it."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from sfxero.errors import NotSent, OutcomeUnknown, ServiceUnavailable
from sfxero.transport.wire import Timeouts, Wire

pytestmark = pytest.mark.contract

DEADLINE_S = 0.3


@contextmanager
def _server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one connection by `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                try:
                    answer(connection)
                except OSError:
                    return

        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join(5)


def _trickle(connection: socket.socket, text: bytes) -> None:
    for position in range(len(text)):
        connection.sendall(text[position : position + 1])
        time.sleep(0.02)


def _trickle_headers(connection: socket.socket) -> None:
    _trickle(connection, b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 500)


def _trickle_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    _trickle(connection, b"y" * 500)


@pytest.mark.parametrize("answer", [_trickle_headers, _trickle_body])
@pytest.mark.parametrize(
    ("is_write", "error"), [(True, OutcomeUnknown), (False, ServiceUnavailable)]
)
def test_reply_that_trickles_ends_at_the_deadline(answer, is_write, error):
    with _server(answer) as address:
        wire = Wire(service="xero", base_url=address, deadline_s=DEADLINE_S)
        started = time.monotonic()
        with pytest.raises(error):
            wire.send("PUT", "/Invoices", is_write=is_write)
        assert DEADLINE_S <= time.monotonic() - started < 3
        wire.close()


def test_stream_that_trickles_ends_at_its_own_deadline():
    with _server(_trickle_body) as address:
        wire = Wire(service="salesforce", base_url=address)
        with (
            pytest.raises(ServiceUnavailable),
            wire.stream("GET", "/results", deadline_s=DEADLINE_S) as reply,
        ):
            reply.read()
        wire.close()


def test_silence_ends_before_the_deadline():
    with _server(lambda connection: connection.recv(1)) as address:
        wire = Wire(service="xero", base_url=address, timeouts=Timeouts(read_s=0.1))
        with pytest.raises(OutcomeUnknown):
            wire.send("PUT", "/Invoices", is_write=True)
        wire.close()


def test_body_shorter_than_promised_is_no_reply():
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")

    with _server(answer) as address:
        wire = Wire(service="xero", base_url=address)
        with pytest.raises(OutcomeUnknown):
            wire.send("PUT", "/Invoices", is_write=True)
        wire.close()


def test_refused_connection_was_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    wire = Wire(service="xero", base_url=address)
    with pytest.raises(NotSent):
        wire.send("PUT", "/Invoices", is_write=True)
    wire.close()


def test_proxy_of_the_environment_is_not_used_for_this_machine(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with _server(answer) as address:
        wire = Wire(service="xero", base_url=address)
        assert wire.send("GET", "/Organisation").status_code == 204
        wire.close()
