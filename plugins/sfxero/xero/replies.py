"""What a reply means: pure functions from status, headers and body to facts or to an error."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from sfxero.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    SyncError,
    TenantDisconnected,
    UnexpectedResponse,
)
from sfxero.ratelimit.limiter import LimitKind, limit_kind
from sfxero.ratelimit.policy import Observed
from sfxero.transport.decimals import parse_json
from sfxero.transport.redact import redact

SERVICE: Final = "xero"
CONNECT_AGAIN: Final = (
    "Check the tenant id; connect the organisation again with `sfxero xero connect`, or authorise "
    "the Custom Connection again."
)
_MOST_DETAILS = 60


@dataclass(frozen=True, slots=True)
class XeroReply:
    """A reply that was let through; `body` is None where there is none.

    Of a read, that is so by a 204, and by a 304 to a call that asked for what changed.
    """

    status: int
    body: Any
    observed: Observed
    correlation_id: str | None


def observed_of(headers: Mapping[str, str]) -> Observed:
    """Read what is left of the limits; anything but a whole number counts as absent."""
    return Observed(
        minute_remaining=_whole(headers.get("x-minlimit-remaining")),
        day_remaining=_whole(headers.get("x-daylimit-remaining")),
        app_minute_remaining=_whole(headers.get("x-appminlimit-remaining")),
    )


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, which Xero sends for minute and day limits only."""
    seconds = _whole(headers.get("retry-after"))
    return None if seconds is None else float(seconds)


def problem_of(headers: Mapping[str, str]) -> str | None:
    """Return the limit's name on a 429; without one, a day with nothing left is named."""
    problem = headers.get("x-rate-limit-problem")
    if not problem and _whole(headers.get("x-daylimit-remaining")) == 0:
        return LimitKind.DAY
    return problem or None


def reply_of(
    response: httpx.Response, *, is_write: bool, now: datetime, is_conditional: bool = False
) -> XeroReply:
    """Return the reply's facts, or raise the error that its status stands for.

    `is_conditional` says that the call asked for what changed since a moment.
    """
    status = response.status_code
    if not (200 <= status < 300 or status == 304):
        raise failure_of(response, is_write=is_write, now=now)
    return XeroReply(
        status=status,
        body=_body_of(response, is_write=is_write, is_conditional=is_conditional),
        observed=observed_of(response.headers),
        correlation_id=_correlation(response),
    )


def failure_of(response: httpx.Response, *, is_write: bool, now: datetime) -> SyncError:
    """Return the error for a status other than 2xx; its class answers "try again?"."""
    status = response.status_code
    if status == 429:
        return _too_many(response, now=now)
    if status == 501 or (400 <= status < 500 and status != 408):
        return _REFUSALS.get(status, _rejected)(response)
    # A stored 503 may stand for a write that was carried out: never called harmless.
    text = f"Xero answered {status}"
    if is_write:
        return OutcomeUnknown(f"{text} to a write", **_facts(response))
    if status >= 500 or status == 408:
        return ServiceUnavailable(text, **_facts(response))
    return UnexpectedResponse(f"{text}, which it never should", **_facts(response))


def _body_of(response: httpx.Response, *, is_write: bool, is_conditional: bool) -> Any:
    status = response.status_code
    if status == 204 or (status == 304 and is_conditional):
        return None
    if not response.content:
        if is_write:
            return None
        # Whoever takes this for an empty list believes that all the rest is gone.
        raise ServiceUnavailable(f"Xero answered {status} without a body", **_facts(response))
    try:
        return parse_json(response)
    except UnexpectedResponse as error:
        if is_write:
            text = f"a write went through, but {error.message}"
            raise OutcomeUnknown(text, **_facts(response)) from error
        # A cut or foreign body in place of a list is a moment's trouble, as a 503 is.
        raise ServiceUnavailable(error.message, **_facts(response)) from error


def _unauthorised(response: httpx.Response) -> SyncError:
    detail = _text(_problem(response).get("Detail")) or ""
    code = detail.split(":", 1)[0] or None
    if "authorizationunsuccessful" in detail.lower():
        return PermissionDenied(
            "the token lacks a scope for this call",
            hint="Add the scope to the Xero app, authorise it again, or correct `scopes`.",
            code=code,
            **_facts(response),
        )
    return AuthenticationFailed("Xero refused the access token", code=code, **_facts(response))


def _forbidden(response: httpx.Response) -> SyncError:
    """A tenant that is disconnected is told from a 403 of another kind, such as a gateway's."""
    detail = _text(_problem(response).get("Detail"))
    if "authenticationunsuccessful" not in (detail or "").lower():
        return PermissionDenied("Xero forbids this call", code=detail, **_facts(response))
    return TenantDisconnected(
        "Xero lets this app no longer see the tenant: it was disconnected, or its id is wrong",
        hint=CONNECT_AGAIN,
        code=detail,
        **_facts(response),
    )


def _too_many(response: httpx.Response, *, now: datetime) -> SyncError:
    # The body of a 429 may be empty, so only its headers are read.
    retry_after_s, problem = retry_after_of(response.headers), problem_of(response.headers)
    if limit_kind(problem, retry_after_s) is LimitKind.DAY:
        resets_at = None if retry_after_s is None else now + timedelta(seconds=retry_after_s)
        return QuotaExhausted(
            "Xero's calls of the day are used up", service=SERVICE, resets_at=resets_at
        )
    return RateLimited(
        "Xero asks to wait",
        retry_after_s=retry_after_s,
        problem=problem,
        service=SERVICE,
        request_id=_correlation(response),
    )


def _rejected(response: httpx.Response) -> RequestRejected:
    """Carry ErrorNumber, Message and the messages of the elements, cut to a safe length."""
    problem = _problem(response)
    message = _text(problem.get("Message")) or _text(problem.get("Detail")) or _plain(response)
    number = problem.get("ErrorNumber")
    code = str(number) if isinstance(number, int) else None
    if message and "is used with a different request" in message:
        code = "IdempotencyKeyReused"
    return RequestRejected(
        f"Xero refused the request: {message or 'without a reason'}",
        details=tuple(_details(problem)),
        code=code,
        **_facts(response),
    )


_REFUSALS: Final[Mapping[int, Callable[[httpx.Response], SyncError]]] = {
    401: _unauthorised,
    403: _forbidden,
}


def _details(problem: Mapping[str, Any]) -> list[str]:
    elements = problem.get("Elements")
    found = []
    for element in elements if isinstance(elements, list) else []:
        if isinstance(element, dict):
            found += messages_of(element, "ValidationErrors")
    return [redact(text) for text in found[:_MOST_DETAILS]]


def messages_of(element: Mapping[str, Any], key: str) -> list[str]:
    """Return the texts of a list of messages; one documentation sample calls them Description."""
    listed = element.get(key)
    texts = []
    for item in listed if isinstance(listed, list) else []:
        text = (item.get("Message") or item.get("Description")) if isinstance(item, dict) else item
        if isinstance(text, str) and text.strip():
            texts.append(text.strip())
    return texts


def _problem(response: httpx.Response) -> dict[str, Any]:
    """Return the body of a refusal, empty if it is not a JSON object (404 is HTML, 503 text)."""
    try:
        body = parse_json(response)
    except UnexpectedResponse:
        return {}
    return body if isinstance(body, dict) else {}


def _plain(response: httpx.Response) -> str | None:
    """Return a refusal that came as plain text; a page of HTML says nothing that helps."""
    is_plain = response.headers.get("content-type", "").startswith("text/plain")
    return _text(response.text) if is_plain else None


def _facts(response: httpx.Response) -> dict[str, Any]:
    return {
        "service": SERVICE,
        "status": response.status_code,
        "request_id": _correlation(response),
    }


def _correlation(response: httpx.Response) -> str | None:
    correlation_id: str | None = response.headers.get("xero-correlation-id")
    return correlation_id


def _text(value: object) -> str | None:
    return redact(value) if isinstance(value, str) and value.strip() else None


def _whole(text: str | None) -> int | None:
    """Return a count of zero or more, None for anything else."""
    if text is None or not text.strip().isascii() or not text.strip().isdigit():
        return None
    return int(text.strip()[:9])
