"""What a refusal of Salesforce means, as an error of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from sfxero.errors import (
    AuthenticationFailed,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServiceUnavailable,
    SyncError,
    UnexpectedResponse,
)
from sfxero.transport.decimals import parse_json
from sfxero.transport.redact import redact

SERVICE: Final = "salesforce"

# Status codes of the REST API guide; 406, 420 and 429 are seen in passing, often without a body.
_PASSING: Final = frozenset({406, 408, 412, 420, 500, 502, 503, 504})
_PASSING_CODES: Final = frozenset(
    {
        "API_TEMPORARILY_UNAVAILABLE",
        "JOB_NOT_COMPLETE",
        "QUERY_TIMEOUT",
        "SERVER_UNAVAILABLE",
        "UNABLE_TO_LOCK_ROW",
    }
)
_ADVICE: Final[Mapping[int, str]] = {
    404: "The record, job or object does not exist, or is hidden from the integration user.",
    409: "A job's results must be read with the API version that created it.",
    410: "The API version or resource is retired; set a newer version in the connection.",
    414: "The query is too long for REST.",
    431: "The query is too long for REST.",
}


@dataclass(frozen=True, slots=True)
class ServiceWords:
    """What the body of a refusal says, if anything."""

    code: str | None
    message: str | None
    fields: tuple[str, ...] = ()


def words_of(response: httpx.Response) -> ServiceWords:
    """Read a list-shaped error, or the object of the token endpoint; survive any other body."""
    try:
        body = parse_json(response)
    except UnexpectedResponse:
        return ServiceWords(code=None, message=None)
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, Mapping):
        return ServiceWords(code=None, message=None)
    code = first.get("errorCode") or first.get("error")
    message = first.get("message") or first.get("error_description")
    fields = first.get("fields")
    return ServiceWords(
        code=redact(code) if isinstance(code, str) else None,
        message=redact(message) if isinstance(message, str) else None,
        fields=tuple(str(name) for name in fields) if isinstance(fields, list) else (),
    )


def failure_of(response: httpx.Response) -> SyncError:
    """Return the error that a reply outside 2xx stands for."""
    words = words_of(response)
    status = response.status_code
    where = f"{response.request.method} {response.request.url.path}"
    text = f"{where}: {words.message or f'refused with HTTP {status}'}"
    if status == 401 or words.code == "INVALID_SESSION_ID":
        return AuthenticationFailed(text, service=SERVICE, status=status, code=words.code)
    limit = _limit_failure(text, words, response)
    if limit is not None:
        return limit
    if status in _PASSING or status >= 500 or words.code in _PASSING_CODES:
        return ServiceUnavailable(text, service=SERVICE, status=status, code=words.code)
    if status == 403:
        return PermissionDenied(text, service=SERVICE, status=status, code=words.code)
    if status < 400:
        return UnexpectedResponse(
            f"{where}: an unexpected answer",
            service=SERVICE,
            status=status,
            hint="Give the org's My Domain address." if status > 300 else None,
        )
    advice = _ADVICE.get(status)
    return RequestRejected(
        f"{text}. {advice}" if advice else text,
        details=words.fields,
        service=SERVICE,
        status=status,
        code=words.code,
    )


def _limit_failure(text: str, words: ServiceWords, response: httpx.Response) -> SyncError | None:
    """Tell the org's daily limits from the passing ones (Developer Limits quick reference)."""
    if words.code == "REQUEST_LIMIT_EXCEEDED":
        if "concurrent" in (words.message or "").lower():
            return RateLimited(text, problem="concurrent", service=SERVICE)
        return QuotaExhausted(text, service=SERVICE)
    # Too many query jobs in 24 hours answers 400 with a text only.
    is_daily = "per 24 hrs" in (words.message or "")
    if words.code == "LIMIT_EXCEEDED" or (response.status_code == 400 and is_daily):
        return QuotaExhausted(text, service=SERVICE)
    if response.status_code == 429:
        return RateLimited(text, retry_after_s=_retry_after_s(response), service=SERVICE)
    return None


def _retry_after_s(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None
