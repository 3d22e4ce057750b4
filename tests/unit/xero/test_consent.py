"""The code flow: what is asked for, which answers count, what is exchanged."""

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from sfxero.errors import AuthenticationFailed
from sfxero.xero.consent import CodeFlow, ConsentRequest
from sfxero.xero.token_endpoint import TokenEndpoint

CALLBACK = "http://localhost:8085/callback"
RFC_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
RFC_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def request_for(**changes: Any) -> ConsentRequest:
    values: dict[str, Any] = {
        "authorize_url": "https://login.test/authorize",
        "client_id": "the-id",
        "redirect_uri": CALLBACK,
        "scopes": ("offline_access", "accounting.contacts"),
    }
    return ConsentRequest(**{**values, **changes})


def flow(
    answer: httpx.Response, *, proof: str | None = "the-secret"
) -> tuple[CodeFlow, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer

    endpoint = TokenEndpoint(
        token_url="https://identity.test",
        client_id="the-id",
        client_secret=proof,
        transport=httpx.MockTransport(handler),
    )
    return CodeFlow(endpoint), seen


def tokens(**changes: Any) -> httpx.Response:
    body = {
        "access_token": "abc",
        "refresh_token": "def",
        "expires_in": 600,
        "scope": "offline_access accounting.contacts",
    }
    return httpx.Response(200, json={**body, **changes})


def test_the_challenge_is_that_of_the_standards_own_example() -> None:
    query = parse_qs(urlsplit(request_for(verifier=RFC_VERIFIER).address).query)
    assert query["code_challenge"] == [RFC_CHALLENGE]
    assert query["code_challenge_method"] == ["S256"]


def test_the_address_asks_for_a_code_and_holds_no_verifier() -> None:
    request = request_for()
    asked = dict(parse_qsl(urlsplit(request.address).query))
    assert request.verifier not in request.address
    assert (asked["response_type"], asked["redirect_uri"]) == ("code", CALLBACK)
    assert (asked["scope"], asked["state"]) == ("offline_access accounting.contacts", request.state)


def test_no_two_requests_share_state_or_verifier() -> None:
    one, other = request_for(), request_for()
    assert len({one.state, other.state, one.verifier, other.verifier}) == 4
    assert 43 <= len(one.verifier) <= 128
    assert one.verifier not in repr(one)


@pytest.mark.parametrize(
    ("answer", "said", "code"),
    [
        ({"code": "c"}, "another state", None),
        ({"code": "c", "state": "guessed"}, "another state", None),
        ({"error": "access_denied", "state": "guessed"}, "another state", None),
        ({"error": "access_denied", "state": "right"}, "not given", "access_denied"),
        ({"error": "<script>", "state": "right"}, "not given", None),
        ({"code": "", "state": "right"}, "no code", None),
    ],
)
def test_an_answer_counts_only_if_it_is_ours_and_a_yes(
    answer: dict[str, str], said: str, code: str | None
) -> None:
    with pytest.raises(AuthenticationFailed, match=said) as caught:
        request_for(state="right").code_of(answer)
    assert caught.value.code == code


def test_a_code_goes_with_the_verifier_and_the_same_address() -> None:
    source, seen = flow(tokens())
    request = request_for(verifier=RFC_VERIFIER, state="right")

    grant = source.redeem(request, request.code_of({"code": "c-1", "state": "right"}))

    form = dict(parse_qsl(seen[0].content.decode()))
    assert form == {
        "grant_type": "authorization_code",
        "code": "c-1",
        "redirect_uri": CALLBACK,
        "code_verifier": RFC_VERIFIER,
    }
    assert (grant.access_token, grant.refresh_token, grant.life_s) == ("abc", "def", 600)
    assert grant.scopes == ("offline_access", "accounting.contacts")


def test_a_native_app_names_itself_and_has_no_secret_to_show() -> None:
    source, seen = flow(tokens(), proof=None)
    source.refresh("r-1")
    assert dict(parse_qsl(seen[0].content.decode())) == {
        "grant_type": "refresh_token",
        "refresh_token": "r-1",
        "client_id": "the-id",
    }
    assert "authorization" not in seen[0].headers


def test_a_code_that_is_not_accepted_is_no_revoked_consent() -> None:
    source, _ = flow(httpx.Response(400, json={"error": "invalid_grant"}))
    with pytest.raises(AuthenticationFailed, match="did not accept the code") as caught:
        source.redeem(request_for(), "c-secret")
    assert type(caught.value) is AuthenticationFailed
    assert "c-secret" not in f"{caught.value} {caught.value!r}"


def test_tokens_do_not_show_themselves() -> None:
    source, _ = flow(tokens(access_token="hunter2", refresh_token="hunter3"))
    assert "hunter" not in repr(source.refresh("r-1"))
