"""What a request hears that fails without reaching the routes, in the words of its service."""

from sfxero.sandbox.faults import FaultKind, FaultRule
from sfxero.sandbox.xero.failures import PlainRefusal, TooManyCalls
from sfxero.sandbox.xero.replies import Reply, json_reply

_PAGE = (
    b"<!DOCTYPE html><html><head><title>Service unavailable</title></head>"
    b"<body><h1>The service is temporarily unavailable</h1><p>Please try again later.</p></body>"
    b"</html>"
)
_EMPTY_SALESFORCE_STATUSES = frozenset({406, 429})


def refusal_for(rule: FaultRule, service: str) -> Reply:
    """The reply of a fault that answers by itself."""
    if rule.kind is FaultKind.HTML_BODY:
        return Reply(rule.status, _PAGE, "text/html; charset=utf-8")
    if rule.kind is FaultKind.FORCE_429:
        return _too_many(rule, service)
    status = 500 if rule.kind is FaultKind.ERROR_AFTER else rule.status
    return _salesforce(status) if service == "salesforce" else _xero(status)


def _too_many(rule: FaultRule, service: str) -> Reply:
    if service == "salesforce":
        if rule.problem == "day":
            code, message = "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."
            return json_reply([{"message": message, "errorCode": code}], 403)
        return Reply(429, b"", None)
    # Only the minute and the day say when to come back.
    retry = rule.retry_after_s if rule.problem in {"minute", "day"} else None
    return TooManyCalls(rule.problem, retry_after_s=retry).reply("")


def _salesforce(status: int) -> Reply:
    if status in _EMPTY_SALESFORCE_STATUSES:
        return Reply(status, b"", None)
    code = "SERVER_UNAVAILABLE" if status == 503 else "UNKNOWN_EXCEPTION"
    return json_reply([{"message": "An unexpected error occurred.", "errorCode": code}], status)


def _xero(status: int) -> Reply:
    text = (
        "The Xero API is temporarily unavailable"
        if status == 503
        else "An error occurred in the Xero API"
    )
    return PlainRefusal(status, text).reply("")
