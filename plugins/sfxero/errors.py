"""The error tree; the class answers "is another try, unchanged, worth it?".

::

    SyncError
    ├── TransientError          another try, later, may succeed
    │   ├── NotSent             the request never left: sending it again is safe
    │   ├── OutcomeUnknown      the request may have been carried out: look up before sending again
    │   ├── ServiceUnavailable  a read failed, or the service refused before doing anything
    │   ├── RateLimited         a short limit was met (minute, concurrent, app minute)
    │   ├── QuotaExhausted      a long limit was met (day, budget): end the task, keep the rest
    │   └── CircuitOpen         the service is believed down, nothing was sent: end the task as well
    └── TerminalError           never worth another try unchanged
        ├── ConfigurationError  a connection, setting or route file is wrong
        │   └── MappingFileError    with file, line and hint
        ├── AuthenticationFailed    the credentials or the token were refused
        │   └── ConsentRevoked      the consent is gone: only a person can give it again
        ├── PermissionDenied    a scope or permission is missing
        │   └── TenantDisconnected  the organisation is not connected to the app any more
        ├── RequestRejected     the service understood and refused (4xx)
        ├── UnexpectedResponse  the answer has not the promised shape
        ├── JobFailed           a bulk job ended without its rows
        ├── IncompleteExtract   counts of server, parser and staging disagree
        ├── StagingError        a staged file or manifest is missing or does not fit
        ├── ChecksFailed        too many staged rows break an expectation
        ├── LedgerError         the ledger refused: a state transition or version that cannot be
        ├── AuditBroken         the audit log was changed, cut or rewritten
        └── GateFailed          a run lost, gave up or quarantined too much
"""

from datetime import datetime
from typing import ClassVar


class SyncError(Exception):
    """Base of every error this package raises on purpose."""

    is_transient: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        service: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        hint: str | None = None,
        is_given_up: bool = False,
    ) -> None:
        """Keep the facts as fields; `hint` says what a person can do next.

        `is_given_up` says that we stopped waiting: the service may still be at work on the call.
        """
        super().__init__(message)
        self.message = message
        self.service = service
        self.status = status
        self.code = code
        self.request_id = request_id
        self.hint = hint
        self.is_given_up = is_given_up

    def __str__(self) -> str:
        """Join the message, the service's facts and the hint into one line."""
        facts = [
            f"{name}={value}"
            for name, value in (
                ("service", self.service),
                ("status", self.status),
                ("code", self.code),
                ("request_id", self.request_id),
            )
            if value is not None
        ]
        text = f"{self.message} ({', '.join(facts)})" if facts else self.message
        return f"{text} {self.hint}" if self.hint else text


class TransientError(SyncError):
    """Another try, later and unchanged, may succeed."""

    is_transient: ClassVar[bool] = True


class NotSent(TransientError):
    """No connection was made, so the request had no effect."""


class OutcomeUnknown(TransientError):
    """The request may have been carried out; only a look-up can tell."""


class ServiceUnavailable(TransientError):
    """The service is down or overloaded, and nothing was changed by the request."""


class RateLimited(TransientError):
    """A short limit was met; `retry_after_s` is the service's word, if it gave one."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        problem: str | None = None,
        service: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """`problem` is the limit's name in the service's own spelling."""
        super().__init__(message, service=service, status=429, code=problem, request_id=request_id)
        self.retry_after_s = retry_after_s
        self.problem = problem


class QuotaExhausted(TransientError):
    """The day's calls are used up, or the planned budget is; `resets_at` if known."""

    def __init__(
        self,
        message: str,
        *,
        service: str | None = None,
        resets_at: datetime | None = None,
        budget: str | None = None,
        hint: str | None = None,
    ) -> None:
        """The caller ends its task and leaves its entries pending; `budget` is its class."""
        super().__init__(message, service=service, hint=hint)
        self.resets_at = resets_at
        self.budget = budget


class CircuitOpen(TransientError):
    """The service is believed down; nothing was sent, and nobody asks before `retry_after_s`."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float,
        service: str | None = None,
        hint: str | None = None,
    ) -> None:
        """The caller ends its task and leaves its entries as they are."""
        super().__init__(message, service=service, hint=hint)
        self.retry_after_s = retry_after_s


class TerminalError(SyncError):
    """Never worth another try unchanged."""


class ConfigurationError(TerminalError):
    """A connection, a setting or a route file is wrong."""


class MappingFileError(ConfigurationError):
    """A route file, or a suite beside it, is refused; says where and what to do."""

    def __init__(self, message: str, *, file: str, line: int | None, hint: str | None) -> None:
        """`line` counts from 1."""
        where = f"{file}:{line}" if line is not None else file
        super().__init__(f"{where}: {message}", hint=hint)
        self.file = file
        self.line = line


class AuthenticationFailed(TerminalError):
    """The credentials, or a token made from them just now, were refused."""


class ConsentRevoked(AuthenticationFailed):
    """The refresh token was refused for good; a person must give consent again."""


class PermissionDenied(TerminalError):
    """A scope or permission is missing."""


class TenantDisconnected(PermissionDenied):
    """The organisation is not connected to the app any more; its token may still be good."""


class RequestRejected(TerminalError):
    """The service understood the request and refused it; `details` are its reasons."""

    def __init__(
        self,
        message: str,
        *,
        details: tuple[str, ...] = (),
        service: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """`details` are short texts of the service, without values of ours."""
        super().__init__(message, service=service, status=status, code=code, request_id=request_id)
        self.details = details


class UnexpectedResponse(TerminalError):
    """The answer has not the shape that the service promises."""


class JobFailed(TerminalError):
    """A bulk job failed, was aborted or expired."""


class IncompleteExtract(TerminalError):
    """Server, parsed and staged counts of one window disagree."""


class StagingError(TerminalError):
    """A staged file or manifest is missing, damaged or of another window."""


class ChecksFailed(TerminalError):
    """More staged rows break a rule than the expectation suite allows."""


class LedgerError(TerminalError):
    """The ledger refused a transition or a version."""


class AuditBroken(TerminalError):
    """The audit log does not add up, by itself or against what was noted of it earlier."""


class GateFailed(TerminalError):
    """A run lost track of a record, gave one up, or quarantined more than its threshold."""
