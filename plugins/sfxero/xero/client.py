"""Calls to Xero's API: token, tenant, permit, limits, and what follows a refusal."""

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Final

import httpx

from sfxero.clock import Clock, Sleeper, seeded_random
from sfxero.errors import (
    AuthenticationFailed,
    NotSent,
    OutcomeUnknown,
    ServiceUnavailable,
    SyncError,
    TenantDisconnected,
)
from sfxero.model.ids import TenantId
from sfxero.ratelimit.circuit import NO_ADMISSION, Circuit
from sfxero.ratelimit.limiter import Limiter, Turn
from sfxero.transport.retry import Outcome, RetryPolicy, Step, decide
from sfxero.transport.tokens import CachedTokens, TokenSource
from sfxero.transport.wire import Wire
from sfxero.xero.auth import ClientCredentials
from sfxero.xero.dates import modified_since
from sfxero.xero.replies import (
    SERVICE,
    XeroReply,
    observed_of,
    problem_of,
    reply_of,
    retry_after_of,
)
from sfxero.xero.scopes import scopes_of
from sfxero.xero.watch import Watch

_log = logging.getLogger(__name__)

_ACCOUNTING: Final = "/api.xro/2.0"
_LONGEST_KEY: Final = 128
_READS: Final = RetryPolicy(attempts=3, base_s=2.0, longest_wait_s=65.0)
_WRITES: Final = RetryPolicy(attempts=1)
_UNREACHED: Final = (NotSent, OutcomeUnknown, ServiceUnavailable)
_WRITE_STARTS_WITHIN: Final = timedelta(seconds=10)
"""With the wire's deadline this stays below a claim's lease, also if a token must be renewed."""


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: str
    params: Mapping[str, str | int] | None
    content: bytes | None
    headers: Mapping[str, str]
    is_accounting: bool
    is_write: bool
    permit_taken: bool
    start_by_at: datetime | None


class XeroClient:
    """Speaks to the API as one Xero app, for one tenant if that is known."""

    def __init__(  # noqa: PLR0913 - the composition root's values, all by name
        self,
        *,
        api_url: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        scopes: str | None,
        tenant_id: TenantId | None,
        limiter: Limiter | None,
        clock: Clock,
        sleeper: Sleeper,
        transport: httpx.BaseTransport | None = None,
        random: Random | None = None,
        circuit: Circuit | None = None,
        tokens: TokenSource | None = None,
        watch: Watch | None = None,
    ) -> None:
        """`api_url` may end in /api.xro/2.0 or not; without a limiter no permit is taken.

        Without `tokens` the client gets its own by client credentials; `watch` hears when the
        tenant turns out to be disconnected.
        """
        self.tenant_id = tenant_id
        self._limiter = limiter
        self._circuit = circuit
        self._turn: Turn | None = None
        self._admission = NO_ADMISSION
        self._clock = clock
        self._sleeper = sleeper
        self._random = random or seeded_random(os.getpid())
        root = api_url.rstrip("/").removesuffix(_ACCOUNTING)
        self._wire = Wire(service=SERVICE, base_url=root, transport=transport)
        self._watch = watch
        self._credentials = None
        if tokens is None:
            self._credentials = ClientCredentials(
                token_url=token_url,
                client_id=client_id,
                client_secret=client_secret,
                scopes=scopes,
                clock=clock,
                transport=transport,
            )
            tokens = CachedTokens(self._credentials.fetch, clock)
        self._tokens = tokens

    def scopes(self) -> tuple[str, ...]:
        """Return the scopes that the access token claims, for display."""
        return scopes_of(self._tokens.get())

    def serve(self, tenant_id: TenantId, limiter: Limiter | None) -> None:
        """Turn to a tenant that was not known when the client was made."""
        self.tenant_id = tenant_id
        self._limiter = limiter
        self._turn = None

    def take_permit(self) -> None:
        """Have a token ready, then wait for the right to make one call.

        Raises CircuitOpen while Xero is believed down, and QuotaExhausted when the day is over.
        """
        self._admit()
        self._token(self._tokens.get)
        if self._limiter is not None:
            # Whoever found nothing to send has still the turn that was to send it.
            unused, self._turn = self._turn, None
            self._turn = self._limiter.acquire(unused=unused)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        content: bytes | None = None,
        idempotency_key: str | None = None,
        if_modified_since: datetime | None = None,
        is_write: bool = False,
        permit_taken: bool = False,
    ) -> XeroReply:
        """Make one call, a read up to three times; `path` is the accounting API's, or absolute.

        A write is sent once (twice if the token was refused): NotSent, ServiceUnavailable and the
        limits' errors say that it had no effect, OutcomeUnknown and a 400 that it may have had one.
        """
        is_accounting = not path.startswith("/")
        call = _Call(
            method=method,
            url=f"{_ACCOUNTING}/{path}" if is_accounting else path,
            params=params,
            content=content,
            headers=self._headers(
                has_body=content is not None,
                tenant_id=self.tenant_id if is_accounting else None,
                idempotency_key=idempotency_key,
                if_modified_since=if_modified_since,
            ),
            is_accounting=is_accounting,
            is_write=is_write,
            permit_taken=permit_taken,
            start_by_at=(
                self._clock.now() + _WRITE_STARTS_WITHIN if is_write and permit_taken else None
            ),
        )
        try:
            reply = self._until_answered(call)
        except TenantDisconnected as error:
            if self._watch is not None:
                self._watch.trouble(error)
            raise
        if is_accounting and self._watch is not None:
            self._watch.well()
        return reply

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()
        if self._credentials is not None:
            self._credentials.close()

    def _until_answered(self, call: _Call) -> XeroReply:
        policy = _WRITES if call.is_write else _READS
        attempt, is_token_renewed = 1, False
        while True:
            token = None
            try:
                self._admit()
                token = self._token(self._tokens.get)
                return self._send_once(call, token)
            except SyncError as failure:
                if token is None and isinstance(failure, AuthenticationFailed):
                    raise
                decision = decide(
                    Outcome(failure, is_token_renewed),
                    attempt=attempt,
                    policy=policy,
                    random=self._random,
                )
                if decision.step is Step.GIVE_UP:
                    if isinstance(failure, NotSent | ServiceUnavailable) and not call.is_write:
                        self._admit()  # whoever may not ask again for a while shall know it
                    raise
            if decision.step is Step.RENEW_TOKEN and token is not None:
                self._token(partial(self._tokens.renew, token))
                is_token_renewed = True
            else:
                self._sleeper.sleep(decision.delay_s)
                attempt += 1

    def _send_once(self, call: _Call, token: str) -> XeroReply:
        with self._flight(call):
            self._admit()  # the way here may have been long
            # Last of all: whatever comes between this and the sending may outlast a lease.
            if call.start_by_at is not None and self._clock.now() > call.start_by_at:
                raise NotSent("a write was not sent: it had to wait too long", service=SERVICE)
            response = self._exchange(call, token)
            self._tell_limiter(response)
        return reply_of(
            response,
            is_write=call.is_write,
            now=self._clock.now(),
            is_conditional="If-Modified-Since" in call.headers,
        )

    def _flight(self, call: _Call) -> AbstractContextManager[None]:
        """Hold a permit while the call is under way; a write that waits long is not sent."""
        if self._limiter is None or not call.is_accounting:
            return nullcontext()
        turn = None
        if call.permit_taken:
            turn, self._turn = self._turn, None
        if call.start_by_at is None:
            return self._limiter.flight(turn)
        within = call.start_by_at - self._clock.now()
        return self._limiter.flight(turn, within_s=max(0.0, within.total_seconds()))

    def _exchange(self, call: _Call, token: str) -> httpx.Response:
        """Send, and tell the circuit whether Xero was reached."""
        try:
            response = self._wire.send(
                call.method,
                call.url,
                headers={**call.headers, "Authorization": f"Bearer {token}"},
                params=call.params,
                content=call.content,
                is_write=call.is_write,
            )
        except _UNREACHED:
            self._tell_circuit(is_reached=False)
            raise
        # 501 says that Xero knows no such verb, and nothing of how it is.
        is_reached = response.status_code < 500 or response.status_code == 501
        self._tell_circuit(is_reached=is_reached)
        return response

    def _token(self, get: Callable[[], str]) -> str:
        """Return a token; without the token endpoint, Xero cannot be reached either."""
        try:
            return get()
        except _UNREACHED as failure:
            if (failure.service or "").startswith(SERVICE):
                self._tell_circuit(is_reached=False)
            raise

    def _admit(self) -> None:
        """Look whether calls may be made; who got the probe keeps it for the calls that follow."""
        if self._circuit is not None:
            self._admission = self._circuit.admit(self._admission)

    def _tell_circuit(self, *, is_reached: bool) -> None:
        if self._circuit is None:
            return
        if is_reached:
            self._circuit.succeeded(self._admission)
        else:
            self._circuit.failed(self._admission)

    def _tell_limiter(self, response: httpx.Response) -> None:
        if self._limiter is None:
            return
        headers = response.headers
        try:
            if response.status_code == 429:
                self._limiter.refused(retry_after_of(headers), problem_of(headers))
            else:
                self._limiter.observe(observed_of(headers))
        except SyncError as error:
            # A reply is at hand: what it says of a write must not be lost over its headers.
            _log.warning("limits_not_stored error=%s", type(error).__name__)

    def _headers(
        self,
        *,
        has_body: bool,
        tenant_id: TenantId | None,
        idempotency_key: str | None,
        if_modified_since: datetime | None,
    ) -> dict[str, str]:
        # Without this Accept, Xero answers in XML (requests and responses).
        headers = {"Accept": "application/json"}
        if has_body:
            headers["Content-Type"] = "application/json"
        if tenant_id is not None:
            headers["xero-tenant-id"] = tenant_id
        if idempotency_key is not None:
            if not 0 < len(idempotency_key) <= _LONGEST_KEY:
                raise ValueError(f"an idempotency key has 1 to {_LONGEST_KEY} characters")
            headers["Idempotency-Key"] = idempotency_key
        if if_modified_since is not None:
            headers["If-Modified-Since"] = modified_since(if_modified_since)
        return headers
