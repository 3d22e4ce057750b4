"""Calls to one org: token, one renewal, bounded retries, errors and usage in one place."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

import httpx

from sfxero.clock import Clock, Sleeper
from sfxero.errors import (
    NotSent,
    OutcomeUnknown,
    ServiceUnavailable,
    SyncError,
    UnexpectedResponse,
)
from sfxero.ratelimit.circuit import Circuit
from sfxero.salesforce.auth import Login
from sfxero.salesforce.failures import SERVICE, failure_of
from sfxero.salesforce.usage import CallCeiling, usage_in
from sfxero.transport.decimals import parse_json
from sfxero.transport.retry import Decision, Outcome, RetryPolicy, Step, decide
from sfxero.transport.tokens import CachedTokens, Token
from sfxero.transport.wire import Timeouts, Wire

if TYPE_CHECKING:
    from sfxero.model.org_day import Allowance

_UNREACHED: Final = (NotSent, OutcomeUnknown, ServiceUnavailable)
CALL_DEADLINE_S: Final = 150.0
"""Salesforce works on a call for up to ten minutes, and for more than 20 seconds as a matter of
course; whoever leaves sooner asks it to do the same twice at once."""
_TIMEOUTS: Final = Timeouts(read_s=120.0, write_s=120.0)
_ONCE: Final = RetryPolicy(attempts=1)
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """How the session waits."""

    clock: Clock
    sleeper: Sleeper
    random: Random
    policy: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, slots=True)
class _Request:
    """What is sent, but for the token."""

    method: str
    path: str
    params: Mapping[str, str | int] | None
    content: bytes | None
    content_type: str = "application/json; charset=UTF-8"
    is_write: bool = False


class OrgSession:
    """An authenticated line to one org; safe to share between threads."""

    def __init__(
        self,
        login: Login,
        *,
        patience: Patience,
        transport: httpx.BaseTransport | None = None,
        circuit: Circuit | None = None,
        ceiling: CallCeiling | None = None,
    ) -> None:
        """Nothing is sent before the first call.

        `circuit` stops calls while the org is down, `ceiling` when their share is used up.
        """
        self._login = login
        self._patience = patience
        self._transport = transport
        self._circuit = circuit
        self._ceiling = ceiling
        self._tokens = CachedTokens(self._fetch_token, patience.clock)
        self._lock = Lock()
        self._wire: Wire | None = None
        self._org_id: str | None = None
        self.usage: Allowance | None = None

    @property
    def org_id(self) -> str:
        """Return the org's id as its token reply named it, else its address."""
        self._tokens.get()
        return self._org_id or self._current_wire().base_url

    @property
    def instance_url(self) -> str:
        """Return the API's address as the org's token reply named it."""
        self._tokens.get()
        return self._current_wire().base_url

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
        content_type: str = "application/json; charset=UTF-8",
    ) -> httpx.Response:
        """Return a 2xx reply; every call made here may be repeated without harm."""
        request = _Request(method, path, params, content, content_type)
        return self._until_success(partial(self._send, request), policy=self._patience.policy)

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
    ) -> object:
        """Return the JSON of a 2xx reply; every call made here may be repeated without harm."""
        attempt = 1
        while True:
            reply = self.call(method, path, params=params, content=content)
            try:
                return parse_json(reply)
            except UnexpectedResponse as error:
                # A cut or foreign body in its place is a moment's trouble, as a 503 is.
                trouble = ServiceUnavailable(
                    error.message, service=SERVICE, status=reply.status_code
                )
            self.wait_again(trouble, attempt=attempt)
            attempt += 1

    def write(self, method: str, path: str, *, content: bytes) -> httpx.Response:
        """Return a 2xx reply to a write, which is sent once, or again if the token was refused.

        OutcomeUnknown says that it may have been carried out; every other error that it was not.
        """
        request = _Request(method, path, None, content, is_write=True)
        return self._until_success(
            partial(self._send, request), policy=_ONCE, failure_of=_failure_of_write
        )

    def _send(self, request: "_Request", token: str) -> httpx.Response:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        if request.content is not None:
            headers["Content-Type"] = request.content_type
        return self._current_wire().send(
            request.method,
            request.path,
            headers=headers,
            params=request.params,
            content=request.content,
            is_write=request.is_write,
        )

    @contextmanager
    def stream(
        self, path: str, *, accept: str, params: Mapping[str, str | int], deadline_s: float
    ) -> Iterator[httpx.Response]:
        """Yield a 2xx reply with its body unread; a cut in the body is the reader's matter."""
        with ExitStack() as stack:

            def send(token: str) -> httpx.Response:
                headers = {
                    "Accept": accept,
                    "Accept-Encoding": "gzip",
                    "Authorization": f"Bearer {token}",
                }
                with ExitStack() as trial:
                    reply = trial.enter_context(
                        self._current_wire().stream(
                            "GET", path, headers=headers, params=params, deadline_s=deadline_s
                        )
                    )
                    if reply.is_success:
                        stack.push(trial.pop_all())
                    else:
                        reply.read()
                return reply

            yield self._until_success(send, policy=self._patience.policy)

    def wait_again(self, failure: SyncError, *, attempt: int) -> None:
        """Sleep before the next try of something larger than a call, or raise `failure`."""
        outcome = Outcome(failure, is_token_renewed=True)
        decision = self._decide(outcome, attempt=attempt, policy=self._patience.policy)
        if decision.step is not Step.RETRY:
            self._say_if_open(failure)
            raise failure
        self._patience.sleeper.sleep(decision.delay_s)

    def close(self) -> None:
        """Give the connections back."""
        self._login.close()
        with self._lock:
            if self._wire is not None:
                self._wire.close()

    def _until_success(
        self,
        send: Callable[[str], httpx.Response],
        *,
        policy: RetryPolicy,
        failure_of: Callable[[httpx.Response], SyncError] = failure_of,
    ) -> httpx.Response:
        is_renewed = False
        attempt = 1
        while True:
            token = self._tokens.get()
            failure: SyncError
            try:
                with self._ceiling.call() if self._ceiling else nullcontext():
                    response = self._through_circuit(partial(send, token))
            except SyncError as error:
                failure = error
            else:
                self._note_usage(response)
                if response.is_success:
                    return response
                failure = failure_of(response)
            outcome = Outcome(failure, is_token_renewed=is_renewed)
            decision = self._decide(outcome, attempt=attempt, policy=policy)
            if decision.step is Step.GIVE_UP:
                if policy is not _ONCE:
                    # Of a write its caller must know whether it may have been carried out.
                    self._say_if_open(failure)
                raise failure
            if decision.step is Step.RENEW_TOKEN:
                self._tokens.renew(token)
                is_renewed = True
                continue
            self._patience.sleeper.sleep(decision.delay_s)
            attempt += 1

    def _fetch_token(self) -> Token:
        attempt = 1
        while True:
            try:
                grant = self._through_circuit(self._login.request)
            except SyncError as failure:
                self.wait_again(failure, attempt=attempt)
                attempt += 1
            else:
                self._point_at(grant.instance_url)
                self._org_id = grant.org_id
                return grant.token

    def _through_circuit(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask unless the org is believed down, and tell the circuit whether it was reached."""
        if self._circuit is None:
            return ask()
        admission = self._circuit.admit()
        try:
            answer = ask()
        except SyncError as failure:
            if isinstance(failure, _UNREACHED):
                self._circuit.failed(admission)
            elif failure.status is not None:
                self._circuit.succeeded(admission)
            raise
        if isinstance(answer, httpx.Response) and answer.status_code >= 500:
            self._circuit.failed(admission)
        else:
            self._circuit.succeeded(admission)
        return answer

    def _say_if_open(self, failure: SyncError) -> None:
        """Raise CircuitOpen in place of a failure that opened the circuit."""
        if self._circuit is not None and isinstance(failure, _UNREACHED):
            self._circuit.admit()

    def _point_at(self, address: str) -> None:
        with self._lock:
            if self._wire is None or self._wire.base_url != address:
                self._wire = Wire(
                    service=SERVICE,
                    base_url=address,
                    transport=self._transport,
                    timeouts=_TIMEOUTS,
                    deadline_s=CALL_DEADLINE_S,
                )

    def _current_wire(self) -> Wire:
        with self._lock:
            if self._wire is None:
                raise UnexpectedResponse("no token was asked for yet", service=SERVICE)
            return self._wire

    def _decide(self, outcome: Outcome, *, attempt: int, policy: RetryPolicy) -> Decision:
        return decide(outcome, attempt=attempt, policy=policy, random=self._patience.random)

    def _note_usage(self, response: httpx.Response) -> None:
        usage = usage_in(response)
        if usage is not None:
            self.usage = usage
            if self._ceiling is not None:
                self._ceiling.see(usage)


def _failure_of_write(response: httpx.Response) -> SyncError:
    """Tell what may have been carried out; of a token's failure nothing was."""
    failure = failure_of(response)
    status = response.status_code
    if isinstance(failure, ServiceUnavailable) and (status >= 500 or status == 408):
        return OutcomeUnknown(
            f"Salesforce answered {status} to a write",
            service=SERVICE,
            status=status,
            code=failure.code,
        )
    return failure
