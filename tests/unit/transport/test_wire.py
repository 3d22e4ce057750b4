import logging
import ssl

import httpx
import pytest

from sfxero.errors import (
    ConfigurationError,
    NotSent,
    OutcomeUnknown,
    ServiceUnavailable,
    SyncError,
)
from sfxero.transport.wire import Wire, check_address


def _wire(handler) -> Wire:
    return Wire(
        service="xero", base_url="https://api.test/2.0", transport=httpx.MockTransport(handler)
    )


def _raising(error: Exception):
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


@pytest.mark.parametrize(
    "url",
    ["https://acme.my.salesforce.com", "http://127.0.0.1:8080", "http://127.9.9.9", "http://[::1]:1",
     "http://LOCALHOST:8080/x"],
)  # fmt: skip
def test_address_over_tls_or_on_this_machine_is_accepted(url):
    assert check_address(url) == url


@pytest.mark.parametrize(
    "url",
    ["http://api.xero.com", "http://10.0.0.1", "http://localhost.evil.test", "ftp://api.test",
     "https://", "https://user:pw@api.test", "https://user@api.test", "api.test", "https://[::1",
     "http://127.0.0.1.evil.test", "https://api.test:port"],
)  # fmt: skip
def test_address_that_could_leak_a_secret_is_refused(url):
    with pytest.raises(ConfigurationError):
        check_address(url)


def test_refused_address_does_not_show_its_password():
    with pytest.raises(ConfigurationError) as caught:
        check_address("https://user:hunter2@api.test")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://evil.test/x", "//evil.test/x"])
def test_absolute_address_of_a_call_is_checked_too(url):
    with pytest.raises(ConfigurationError):
        _wire(lambda _request: httpx.Response(200)).send("GET", url)


@pytest.mark.parametrize("is_write", [True, False])
@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x"),
     httpx.ProxyError("x")],
)  # fmt: skip
def test_call_without_connection_was_not_sent(error, is_write):
    with pytest.raises(NotSent):
        _wire(_raising(error)).send("PUT", "/Invoices", is_write=is_write)


@pytest.mark.parametrize(
    "error",
    [httpx.ReadTimeout("x"), httpx.ReadError("x"), httpx.WriteError("x"), httpx.WriteTimeout("x"),
     httpx.RemoteProtocolError("x"), httpx.DecodingError("x"), ssl.SSLError("x")],
)  # fmt: skip
def test_lost_reply_leaves_a_write_in_doubt_and_a_read_repeatable(error):
    wire = _wire(_raising(error))
    with pytest.raises(OutcomeUnknown):
        wire.send("PUT", "/Invoices", is_write=True)
    with pytest.raises(ServiceUnavailable):
        wire.send("GET", "/Invoices")


@pytest.mark.parametrize("is_write", [True, False])
@pytest.mark.parametrize(
    ("error", "is_given_up"),
    [(httpx.ReadTimeout("x"), True), (httpx.WriteTimeout("x"), True),
     (httpx.ConnectTimeout("x"), False), (httpx.PoolTimeout("x"), False),
     (httpx.ConnectError("x"), False), (httpx.ReadError("x"), False),
     (httpx.RemoteProtocolError("x"), False)],
)  # fmt: skip
def test_only_a_call_that_we_stopped_waiting_for_may_still_be_worked_at(
    error, is_given_up, is_write
):
    with pytest.raises(SyncError) as caught:
        _wire(_raising(error)).send("PUT", "/Invoices", is_write=is_write)
    assert caught.value.is_given_up is is_given_up


def test_untrusted_certificate_is_a_matter_of_configuration():
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE"):
        _wire(_raising(error)).send("GET", "/Invoices")


def test_statuses_are_not_judged_and_redirects_not_followed():
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "https://evil.test/"}, text="moved")

    response = _wire(handler).send("GET", "/Invoices")
    assert (response.status_code, response.text) == (302, "moved")


def test_call_carries_what_it_was_given_and_no_cookie_comes_back():
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, headers={"Set-Cookie": "sid=secret; Path=/"})

    wire = _wire(handler)
    for _ in range(2):
        wire.send("POST", "/token", form={"a": "b c"}, auth=("id", "key"), headers={"X-Own": "1"})
    last = seen[-1]
    assert str(last.url) == "https://api.test/2.0/token"
    assert last.content == b"a=b+c"
    assert last.headers["Authorization"] == "Basic aWQ6a2V5"
    assert last.headers["X-Own"] == "1"
    assert last.headers["User-Agent"].startswith("sfxero/")
    assert "Cookie" not in last.headers


def test_cut_stream_is_an_unavailable_service():
    class _Cut(httpx.SyncByteStream):
        def __iter__(self):
            yield b"half"
            raise httpx.RemoteProtocolError("peer closed connection")

    wire = _wire(lambda _request: httpx.Response(200, stream=_Cut()))
    pieces = []
    with pytest.raises(ServiceUnavailable), wire.stream("GET", "/results") as response:
        pieces.extend(response.iter_bytes())
    assert pieces == [b"half"]


def test_neither_logs_nor_errors_show_query_headers_or_body(caplog):
    caplog.set_level(logging.DEBUG)
    secret = "hunter2"

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("timed out")

    parts = {"params": {"q": secret}, "headers": {"Authorization": secret}}
    _wire(lambda _request: httpx.Response(200, text=secret)).send("GET", "/ok", **parts)
    with pytest.raises(ServiceUnavailable) as caught:
        _wire(refuse).send("GET", "/lost", **parts)
    assert secret not in caplog.text + str(caught.value) + repr(caught.value)
    assert "wire_reply service=xero method=GET path=/2.0/ok status=200" in caplog.text
    assert "wire_failed service=xero method=GET path=/2.0/lost" in caplog.text
