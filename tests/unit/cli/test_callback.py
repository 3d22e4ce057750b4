"""The door on localhost, over real sockets."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from sfxero.cli.callback import Answer, Callback


@pytest.fixture
def callback() -> Iterator[Callback]:
    with Callback(0) as door:
        yield door


@pytest.fixture
def waiting(callback: Callback) -> Iterator["Future[Answer | None]"]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(callback.wait, 10)


def test_the_query_of_one_request_is_the_answer_and_then_the_door_is_shut(
    callback: Callback, waiting: "Future[Answer | None]"
) -> None:
    page = httpx.get(callback.address, params={"code": "c-1", "state": "s-1"})

    assert waiting.result(10) == {"code": "c-1", "state": "s-1"}
    assert page.status_code == 200
    assert "c-1" not in page.text
    assert page.headers["cache-control"] == "no-store"
    callback.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(callback.address)


def test_other_paths_do_not_count(callback: Callback, waiting: "Future[Answer | None]") -> None:
    icon = httpx.get(f"http://localhost:{callback.port}/favicon.ico")
    assert (icon.status_code, waiting.done()) == (404, False)
    httpx.get(callback.address, params={"code": "c-1"})
    assert waiting.result(10) == {"code": "c-1"}


def test_a_connection_without_a_request_does_not_hold_up_the_answer(
    callback: Callback, waiting: "Future[Answer | None]"
) -> None:
    with socket.create_connection(("127.0.0.1", callback.port)):
        httpx.get(callback.address, params={"code": "c-1"}, timeout=9)
    assert waiting.result(10) == {"code": "c-1"}


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_both_loopback_addresses_lead_to_it(
    callback: Callback, waiting: "Future[Answer | None]", host: str
) -> None:
    if host == "[::1]" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    httpx.get(f"http://{host}:{callback.port}/callback?code=c-1")
    assert waiting.result(10) == {"code": "c-1"}


def test_without_an_answer_the_wait_ends(callback: Callback) -> None:
    assert callback.wait(0.01) is None


def test_a_taken_port_is_not_shared(callback: Callback) -> None:
    with pytest.raises(OSError, match="in use"):
        Callback(callback.port)


def test_the_code_is_not_printed(
    callback: Callback, waiting: "Future[Answer | None]", capfd: pytest.CaptureFixture[str]
) -> None:
    httpx.get(callback.address, params={"code": "hunter2"})
    waiting.result(10)
    assert "hunter2" not in "".join(capfd.readouterr())


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True
