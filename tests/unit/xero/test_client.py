"""Calls: headers, permits, renewal of the token, and which failures are tried again."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sfxero.clock import FakeClock
from sfxero.errors import (
    AuthenticationFailed,
    ConfigurationError,
    NotSent,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    SyncError,
    UnexpectedResponse,
)
from sfxero.ratelimit.policy import Observed
from sfxero.xero.client import XeroClient
from sfxero.xero.tenants import list_organisations

OK = httpx.Response(200, json={"Status": "OK"})
EXPIRED = httpx.Response(
    401,
    json={"Status": 401, "Detail": "TokenExpired: token expired at 11/22/2026 03:10:00"},
    headers={"www-authenticate": "Bearer error=invalid_token"},
)
MINUTE = httpx.Response(429, headers={"x-rate-limit-problem": "minute", "retry-after": "21"})


def write(client: XeroClient, **changes: Any) -> object:
    values = {"content": b"{}", "idempotency_key": "key-1", "is_write": True}
    return client.call("PUT", "Invoices", **{**values, **changes}).body


def test_a_call_carries_tenant_token_and_the_wish_for_json(xero: Any, client: XeroClient) -> None:
    xero.answers = [OK]

    client.call("GET", "Invoices", params={"page": 1})

    (request,) = xero.calls
    assert str(request.url) == "https://api.test/api.xro/2.0/Invoices?page=1"
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.headers["xero-tenant-id"] == client.tenant_id
    assert request.headers["accept"] == "application/json"
    assert not {"content-type", "idempotency-key", "if-modified-since"} & set(request.headers)


def test_a_write_carries_its_key_and_exact_bytes(xero: Any, client: XeroClient) -> None:
    xero.answers = [OK]

    write(client, content=b'{"Total":10.00}')

    (request,) = xero.calls
    assert request.content == b'{"Total":10.00}'
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == "key-1"


def test_if_modified_since_has_whole_seconds_and_no_zone(xero: Any, client: XeroClient) -> None:
    xero.answers = [OK]

    client.call(
        "GET", "Invoices", if_modified_since=datetime(2026, 11, 2, 3, 4, 5, 999_000, tzinfo=UTC)
    )

    assert xero.calls[0].headers["if-modified-since"] == "2026-11-02T03:04:05"


@pytest.mark.parametrize("key", ["", "k" * 129])
def test_a_key_of_a_wrong_length_never_leaves(xero: Any, client: XeroClient, key: str) -> None:
    with pytest.raises(ValueError, match="1 to 128"):
        write(client, idempotency_key=key)

    assert xero.calls == []


def test_without_a_tenant_the_header_is_left_out(
    xero: Any, new_client: Callable[..., XeroClient]
) -> None:
    xero.answers = [OK]

    new_client(tenant_id=None).call("GET", "Organisation")

    assert "xero-tenant-id" not in xero.calls[0].headers


@pytest.mark.parametrize("api_url", ["https://api.test/", "https://api.test/api.xro/2.0/"])
def test_the_api_address_may_name_the_accounting_path_or_not(
    xero: Any, new_client: Callable[..., XeroClient], api_url: str
) -> None:
    xero.answers = [OK, httpx.Response(200, json=[])]
    client = new_client(api_url=api_url, token_url="https://identity.test")

    client.call("GET", "Accounts")
    list_organisations(client)

    assert [request.url.path for request in xero.calls] == [
        "/api.xro/2.0/Accounts",
        "/connections",
    ]


@pytest.mark.parametrize("name", ["api_url", "token_url"])
def test_a_secret_never_goes_over_plain_http(
    new_client: Callable[..., XeroClient], name: str
) -> None:
    with pytest.raises(ConfigurationError):
        new_client(**{name: "http://example.test"})


def test_permits_are_taken_per_accounting_call_and_not_for_connections(
    xero: Any, client: XeroClient, quota: Any
) -> None:
    xero.answers = [OK, OK, httpx.Response(200, json=[])]

    client.call("GET", "Accounts")
    client.take_permit()
    client.call("GET", "Accounts", permit_taken=True)
    list_organisations(client)

    assert len(quota.takes) == 2


def test_a_permit_for_a_write_comes_with_a_token_ready(
    xero: Any, client: XeroClient, quota: Any
) -> None:
    client.take_permit()
    xero.answers = [OK]

    write(client, permit_taken=True)

    assert (len(xero.token_calls), len(quota.takes)) == (1, 1)


def test_remaining_calls_are_reported_and_odd_headers_are_not(
    xero: Any, client: XeroClient, quota: Any
) -> None:
    headers = {"x-minlimit-remaining": "58", "x-daylimit-remaining": "many", "retry-after": "-1"}
    xero.answers = [httpx.Response(200, json={}, headers=headers)]

    client.call("GET", "Accounts")

    assert quota.observed == [Observed(minute_remaining=58)]


def test_a_refused_token_is_renewed_once_and_the_call_repeated(
    xero: Any, client: XeroClient
) -> None:
    xero.answers = [EXPIRED, OK]

    write(client)

    assert xero.authorizations == ["Bearer token-1", "Bearer token-2"]
    assert len({request.content for request in xero.calls}) == 1


def test_a_second_refusal_of_the_token_is_final(xero: Any, client: XeroClient) -> None:
    xero.answers = [EXPIRED, EXPIRED]

    with pytest.raises(AuthenticationFailed) as caught:
        client.call("GET", "Accounts")

    assert caught.value.code == "TokenExpired"
    assert len(xero.token_calls) == 2


@pytest.mark.parametrize(
    ("status", "detail"),
    [(401, "AuthorizationUnsuccessful"), (403, "AuthenticationUnsuccessful")],
)
def test_a_missing_scope_or_tenant_is_not_answered_with_a_new_token(
    xero: Any, client: XeroClient, status: int, detail: str
) -> None:
    xero.answers = [httpx.Response(status, json={"Detail": detail, "Instance": "0f0c"})]

    with pytest.raises(PermissionDenied) as caught:
        client.call("GET", "Accounts")

    assert (caught.value.code, len(xero.token_calls)) == (detail, 1)


def test_refused_credentials_end_a_call_at_once(xero: Any, client: XeroClient) -> None:
    xero.token_answers = [httpx.Response(400, json={"error": "invalid_client"})]

    with pytest.raises(AuthenticationFailed):
        client.call("GET", "Accounts")

    assert (len(xero.token_calls), xero.calls) == (1, [])


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(503, text="The Xero API is temporarily unavailable"),
        httpx.Response(500, json={}),
        httpx.Response(200, text='{"Accounts": [{"Na'),
        httpx.Response(200, html="<html>maintenance</html>"),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
        MINUTE,
    ],
    ids=["503", "500", "cut", "html", "time-out", "no connection", "minute"],
)
def test_a_read_is_tried_three_times_and_no_more(
    xero: Any, client: XeroClient, quota: Any, trouble: Any
) -> None:
    xero.answers = [trouble, trouble, OK]
    client.call("GET", "Accounts")
    xero.answers = [trouble] * 4

    with pytest.raises((ServiceUnavailable, NotSent, RateLimited)):
        client.call("GET", "Accounts")

    assert (len(xero.answers), len(quota.takes)) == (1, 6)


def test_a_read_waits_as_long_as_a_minute_limit_asks(
    xero: Any, client: XeroClient, quota: Any, clock: FakeClock
) -> None:
    xero.answers = [MINUTE, OK]
    started = clock.now()

    client.call("GET", "Accounts")

    assert (clock.now() - started).total_seconds() >= 21
    assert quota.blocks == [(22.0, "minute")]


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (httpx.Response(503, text="down"), OutcomeUnknown),
        (httpx.Response(500), OutcomeUnknown),
        (httpx.Response(408), OutcomeUnknown),
        (httpx.Response(303, headers={"location": "/login"}), OutcomeUnknown),
        (httpx.Response(200, text='{"Invoices": [{"In'), OutcomeUnknown),
        (httpx.ReadTimeout("slow"), OutcomeUnknown),
        (httpx.ConnectError("refused"), NotSent),
        (MINUTE, RateLimited),
        (httpx.Response(400, json={"ErrorNumber": 10}), RequestRejected),
        (httpx.Response(412), RequestRejected),
    ],
)
def test_a_write_is_sent_once_whatever_comes_back(
    xero: Any, client: XeroClient, trouble: Any, error: type[SyncError]
) -> None:
    xero.answers = [trouble, OK]

    with pytest.raises(error):
        write(client)

    assert len(xero.calls) == 1


def test_a_day_limit_ends_the_call_at_once_and_says_when_it_is_over(
    xero: Any, client: XeroClient, quota: Any, clock: FakeClock
) -> None:
    started = clock.now()
    headers = {
        "x-rate-limit-problem": "day",
        "retry-after": "66975",
        "x-minlimit-remaining": "60",
    }
    xero.answers = [httpx.Response(429, headers=headers, content=b"")]

    with pytest.raises(QuotaExhausted) as caught:
        client.call("GET", "Accounts")

    assert caught.value.resets_at is not None
    assert (caught.value.resets_at - started).total_seconds() == 66_975
    assert (clock.now(), quota.blocks) == (started, [(66_976.0, "day")])


def test_a_day_limit_is_recognised_without_its_name(xero: Any, client: XeroClient) -> None:
    xero.answers = [httpx.Response(429, headers={"x-daylimit-remaining": "0"})]

    with pytest.raises(QuotaExhausted):
        write(client)


def test_a_redirect_is_an_error_and_the_token_does_not_follow_it(
    xero: Any, client: XeroClient
) -> None:
    xero.answers = [httpx.Response(302, headers={"location": "https://evil.test/"})]

    with pytest.raises(UnexpectedResponse):
        client.call("GET", "Accounts")

    assert len(xero.calls) == 1


def test_a_write_is_not_sent_when_its_token_took_too_long(
    xero: Any, client: XeroClient, clock: FakeClock
) -> None:
    def slow(request: httpx.Request) -> httpx.Response:
        clock.advance(30)
        return httpx.Response(200, json={"access_token": "late", "expires_in": 1800})

    xero.token_answers = [slow]

    with pytest.raises(NotSent):
        write(client, permit_taken=True)

    assert xero.calls == []


def test_a_refusal_carries_number_message_and_the_reasons_of_its_elements(
    xero: Any, client: XeroClient
) -> None:
    reasons = [{"Message": "Account code must be specified"}, {"Description": "No lines"}]
    body = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": [{"InvoiceNumber": "INV-7", "ValidationErrors": reasons}, None],
    }
    xero.answers = [httpx.Response(400, json=body, headers={"xero-correlation-id": "0f0c"})]

    with pytest.raises(RequestRejected) as caught:
        write(client)

    error = caught.value
    assert (error.code, error.status, error.request_id) == ("10", 400, "0f0c")
    assert error.details == ("Account code must be specified", "No lines")
    assert "A validation exception occurred" in error.message


def test_a_missing_page_is_a_refusal_although_it_is_html(xero: Any, client: XeroClient) -> None:
    xero.answers = [httpx.Response(404, html="<html>The resource cannot be found</html>")]

    with pytest.raises(RequestRejected) as caught:
        client.call("GET", "Invoices/243c")

    assert caught.value.status == 404


REUSED = "Idempotency Key: key-1 is used with a different request."


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(400, json={"Message": REUSED}), httpx.Response(400, text=REUSED)],
    ids=["json", "text"],
)
def test_a_reused_key_is_told_apart(xero: Any, client: XeroClient, answer: httpx.Response) -> None:
    xero.answers = [answer]

    with pytest.raises(RequestRejected) as caught:
        write(client)

    assert caught.value.code == "IdempotencyKeyReused"


def test_without_a_limiter_calls_go_out_at_once(
    xero: Any, new_client: Callable[..., XeroClient]
) -> None:
    xero.answers = [MINUTE, OK]
    client = new_client(limiter=None)

    client.take_permit()
    client.call("GET", "Accounts")

    assert len(xero.calls) == 2
