"""Every refusal of the Xero side, as an exception that renders itself (xero-api, 1.5, 2.1, 3.5)."""

from typing import ClassVar

from sfxero.sandbox.xero.replies import Json, Reply, json_reply

_NOT_FOUND_PAGE = (
    b"<!DOCTYPE html><html><head><title>404 - Not Found</title></head>"
    b"<body><h1>The resource you're looking for cannot be found</h1></body></html>"
)


class XeroFailure(Exception):
    """A request that is refused; `reply` says how."""

    def reply(self, correlation_id: str) -> Reply:
        """Render the refusal."""
        raise NotImplementedError


class AccessRefused(XeroFailure):
    """401 or 403 with the problem body of the API's door."""

    def __init__(self, status: int, detail: str, *, challenge: str | None = None) -> None:
        """`challenge` goes into `WWW-Authenticate`."""
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.challenge = challenge

    def reply(self, correlation_id: str) -> Reply:
        """The `Instance` equals the correlation id header."""
        body: Json = {
            "Type": None,
            "Title": "Unauthorized" if self.status == 401 else "Forbidden",
            "Status": self.status,
            "Detail": self.detail,
            "Instance": correlation_id,
            "Extensions": {},
        }
        answer = json_reply(body, self.status)
        if self.challenge:
            answer.headers["WWW-Authenticate"] = self.challenge
        return answer


class GrantRefused(XeroFailure):
    """The token endpoint's 400."""

    def __init__(self, error: str) -> None:
        """`error` is OAuth's word for it."""
        super().__init__(error)
        self.error = error

    def reply(self, correlation_id: str) -> Reply:  # noqa: ARG002 - the identity host has no such id
        """Render OAuth's error object."""
        return json_reply({"error": self.error}, 400)


class TooManyCalls(XeroFailure):
    """429, with an empty body as in the one recorded case."""

    def __init__(self, problem: str, *, retry_after_s: int | None, body: bytes = b"") -> None:
        """`Retry-After` is sent for the minute and the day only (D: limits)."""
        super().__init__(problem)
        self.problem = problem
        self.retry_after_s = retry_after_s
        self.body = body

    def reply(self, correlation_id: str) -> Reply:  # noqa: ARG002 - the body stays empty
        """Render headers only."""
        headers = {"X-Rate-Limit-Problem": self.problem}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        return Reply(429, self.body, None, headers)


class NotFound(XeroFailure):
    """404 is a web page, not JSON."""

    def reply(self, correlation_id: str) -> Reply:  # noqa: ARG002 - the page does not show it
        """Render the page."""
        return Reply(404, _NOT_FOUND_PAGE, "text/html; charset=utf-8")


class PlainRefusal(XeroFailure):
    """A refusal in plain text."""

    def __init__(self, status: int, text: str) -> None:
        """Keep the status and the text."""
        super().__init__(text)
        self.status = status
        self.text = text

    def reply(self, correlation_id: str) -> Reply:  # noqa: ARG002 - plain text has no place for it
        """Render the text."""
        return Reply(self.status, self.text.encode(), "text/plain; charset=utf-8")


class ApiException(XeroFailure):
    """A refusal with Xero's `ErrorNumber`, `Type` and `Message`."""

    status: ClassVar[int] = 400
    number: ClassVar[int]
    kind: ClassVar[str]

    def reply(self, correlation_id: str) -> Reply:  # noqa: ARG002 - not part of this shape
        """Render the error object."""
        body: Json = {"ErrorNumber": self.number, "Type": self.kind, "Message": str(self)}
        return json_reply(body, self.status)


class BadPostData(ApiException):
    """The body cannot be read, or holds an unknown enum value."""

    number = 14
    kind = "PostDataInvalidException"


class BadQuery(ApiException):
    """A `where` or `order` clause that cannot be understood."""

    number = 16
    kind = "QueryParseException"


class VerbNotOffered(ApiException):
    """The endpoint exists, the verb does not."""

    status = 501
    number = 20
    kind = "ApiMethodNotImplementedException"

    def __init__(self) -> None:
        """The text is fixed."""
        super().__init__("The Api Method called is not implemented")


class ValidationFailed(XeroFailure):
    """400 with the refused elements, when the caller did not ask for results per element."""

    def __init__(self, elements: list[Json]) -> None:
        """`elements` carry their `ValidationErrors`."""
        super().__init__("A validation exception occurred")
        self.elements = elements

    def reply(self, correlation_id: str) -> Reply:  # noqa: ARG002 - not part of this shape
        """Render the error object."""
        body: Json = {
            "ErrorNumber": 10,
            "Type": "ValidationException",
            "Message": str(self),
            "Elements": self.elements,
        }
        return json_reply(body, 400)
