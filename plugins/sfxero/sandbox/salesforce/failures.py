"""How Salesforce says no: error replies in the shapes and with the codes of its guides."""

import json
from collections.abc import Sequence

from starlette.responses import JSONResponse, Response

MEDIA_TYPE = "application/json;charset=UTF-8"


class ApiFailure(Exception):
    """A refusal of the REST or Bulk API; its body is a list."""

    def __init__(
        self, status: int, code: str, message: str, *, fields: Sequence[str] | None = None
    ) -> None:
        """Take the HTTP status, the error code, its text and the fields it names."""
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    @property
    def is_unreadable(self) -> bool:
        """Return whether the body as such could not be read, and not only one of its rows."""
        return self.code == "JSON_PARSER_ERROR"

    def response(self) -> Response:
        """Return the reply."""
        error: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            error["fields"] = list(self.fields)
        return Response(json.dumps([error]), self.status, media_type=MEDIA_TYPE)

    def async_response(self) -> Response:
        """Return the reply of Bulk API 1.0, an object with names of its own."""
        status, code = _ASYNC_CODES.get(self.code, (self.status, self.code))
        error = {"exceptionCode": code, "exceptionMessage": self.message}
        return Response(json.dumps(error), status, media_type=MEDIA_TYPE)


_ASYNC_CODES = {
    "INVALID_SESSION_ID": (401, "InvalidSessionId"),
    "UNSUPPORTED_API_VERSION": (400, "InvalidVersion"),
    "REQUEST_LIMIT_EXCEEDED": (403, "ExceededQuota"), "JSON_PARSER_ERROR": (400, "InvalidBatch"),
}  # fmt: skip


class TokenFailure(Exception):
    """A refusal of the token endpoint; its body is an object."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        """Take the OAuth error and its description."""
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status

    def response(self) -> Response:
        """Return the reply."""
        body = {"error": self.error, "error_description": self.description}
        return JSONResponse(body, self.status, headers={"Cache-Control": "no-cache, no-store"})


def invalid_session() -> ApiFailure:
    """Return the refusal of a missing, unknown or expired token."""
    return ApiFailure(401, "INVALID_SESSION_ID", "Session expired or invalid")


def not_found(message: str = "The requested resource does not exist") -> ApiFailure:
    """Return the refusal of an unknown path, record or job."""
    return ApiFailure(404, "NOT_FOUND", message)


def retired_version() -> ApiFailure:
    """Return the refusal of versions 7.0 to 30.0."""
    return ApiFailure(410, "UNSUPPORTED_API_VERSION", "The requested API version has been retired")


def request_limit() -> ApiFailure:
    """Return the refusal once the rolling day's calls are spent."""
    return ApiFailure(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def wrong_media_type(given: str) -> ApiFailure:
    """Return the refusal of a body that is not JSON."""
    return ApiFailure(
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        f"Request body content-type '{given}' is not supported; use application/json",
    )


def unreadable_json(message: str) -> ApiFailure:
    """Return the refusal of a body that cannot be read."""
    return ApiFailure(400, "JSON_PARSER_ERROR", message)
