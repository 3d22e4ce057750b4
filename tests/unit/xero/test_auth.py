"""The token endpoint: what is asked, and what its refusals mean."""

import base64
import json
from datetime import timedelta
from urllib.parse import parse_qsl

import httpx
import pytest

from sfxero.clock import FakeClock
from sfxero.errors import (
    AuthenticationFailed,
    NotSent,
    ServiceUnavailable,
    SyncError,
    UnexpectedResponse,
)
from sfxero.xero.auth import ClientCredentials

URL = "https://identity.test/connect/token"
GOOD = {"access_token": "abc", "expires_in": 600, "token_type": "Bearer"}


def credentials(
    answer: httpx.Response | Exception, *, scopes: str | None = None
) -> tuple[ClientCredentials, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    source = ClientCredentials(
        token_url=URL,
        client_id="the-id",
        client_secret="the-secret",
        scopes=scopes,
        clock=FakeClock(),
        transport=httpx.MockTransport(handler),
    )
    return source, seen


def refusal(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"error": code})


def test_the_secret_goes_by_basic_authentication_and_nowhere_else() -> None:
    source, seen = credentials(httpx.Response(200, json=GOOD))

    source.fetch()

    (request,) = seen
    basic = base64.b64encode(b"the-id:the-secret").decode()
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["authorization"] == f"Basic {basic}"
    assert request.content == b"grant_type=client_credentials"


def test_scopes_are_sent_only_if_configured() -> None:
    source, seen = credentials(
        httpx.Response(200, json=GOOD), scopes="accounting.contacts,accounting.invoices"
    )

    source.fetch()

    assert b"scope=accounting.contacts+accounting.invoices" in seen[0].content


@pytest.mark.parametrize(
    ("expires_in", "life_s"),
    [(600, 600), ("601", 601), (None, 1800), (-5, 1800), ("soon", 1800)],
)
def test_the_life_of_a_token_is_believed_or_the_documented_one(
    expires_in: object, life_s: int
) -> None:
    body = {"access_token": "abc", "expires_in": expires_in}
    source, _ = credentials(httpx.Response(200, content=json.dumps(body)))

    token = source.fetch()

    assert token.value == "abc"
    assert token.expires_at == FakeClock().now() + timedelta(seconds=life_s)


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (refusal(400, "invalid_scope"), AuthenticationFailed, "invalid_scope"),
        (refusal(401, "invalid_client"), AuthenticationFailed, "invalid_client"),
        (httpx.Response(400, text="<html>"), AuthenticationFailed, None),
        (refusal(400, "<script>"), AuthenticationFailed, None),
        (httpx.Response(503, text="down"), ServiceUnavailable, None),
        (httpx.Response(429), ServiceUnavailable, None),
        (httpx.Response(302, headers={"location": "https://evil.test"}), UnexpectedResponse, None),
        (httpx.Response(200, text="<html>"), UnexpectedResponse, None),
        (httpx.Response(200, json={"access_token": ""}), UnexpectedResponse, None),
        (httpx.Response(200, json=["abc"]), UnexpectedResponse, None),
        (httpx.ConnectError("refused"), NotSent, None),
        (httpx.ReadTimeout("slow"), ServiceUnavailable, None),
    ],
)
def test_each_failure_has_its_class_and_code(
    answer: httpx.Response | Exception, error: type[SyncError], code: str | None
) -> None:
    source, seen = credentials(answer, scopes="accounting.contacts")

    with pytest.raises(error) as caught:
        source.fetch()

    assert caught.value.code == code
    assert len(seen) == 1
    assert "the-secret" not in f"{caught.value} {caught.value!r}"


def test_scopes_that_must_be_named_are_found_from_the_granular_names_to_the_broad_ones() -> None:
    asked: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode()))
        asked.append(form.get("scope"))
        if "accounting.transactions" in (form.get("scope") or ""):
            return httpx.Response(200, json=GOOD)
        return refusal(400, "invalid_scope")

    source = ClientCredentials(
        token_url=URL,
        client_id="the-id",
        client_secret="the-secret",
        scopes=None,
        clock=FakeClock(),
        transport=httpx.MockTransport(handler),
    )
    source.fetch()
    source.fetch()

    assert asked[0] is None
    assert "accounting.payments.read" in (asked[1] or "")
    assert "accounting.invoices" in (asked[2] or "")
    assert asked[3] == asked[4], "what was accepted once is asked for at once"
