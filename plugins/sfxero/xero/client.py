"""Calls to Xero's API: token, tenant, permit, limits, and what follows a refusal."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final
from urllib.parse import urlsplit

import httpx

from sfxero.clock import Clock, Sleeper, seeded_random
from sfxero.errors import AuthenticationFailed, NotSent, SyncError
from sfxero.model.ids import TenantId
from sfxero.ratelimit.limiter import Limiter
from sfxero.transport.retry import Outcome, RetryPolicy, Step, decide
from sfxero.transport.tokens import CachedTokens
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

_ACCOUNTING: Final = "/api.xro/2.0"
_TOKEN_PATH: Final = "/connect/token"  # noqa: S105 - a path, not a secret
_LONGEST_KEY: Final = 128
_READS: Final = RetryPolicy(attempts=3, base_s=2.0, longest_wait_s=65.0)
_WRITES: Final = RetryPolicy(attempts=1)
_WRITE_STARTS_WITHIN: Final = timedelta(seconds=10)
"""With the wire's deadline this stays below a claim's lease, also if a token must be renewed."""


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: str
    params: Mapping[str, str | int] | None
    content: bytes | None
    headers: Mapping[str, str]
    is_write: bool
    needs_permit: bool
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
    ) -> None:
        """`api_url` may end in /api.xro/2.0 or not; without a limiter no permit is taken."""
        self.tenant_id = tenant_id
        self._limiter = limiter
        self._clock = clock
        self._sleeper = sleeper
        self._random = random or seeded_random(os.getpid())
        root = api_url.rstrip("/").removesuffix(_ACCOUNTING)
        self._wire = Wire(service=SERVICE, base_url=root, transport=transport)
        self._credentials = ClientCredentials(
            token_url=_token_address(token_url),
            client_id=client_id,
            client_secret=client_secret,
            scopes=scopes,
            clock=clock,
            transport=transport,
        )
        self._tokens = CachedTokens(self._credentials.fetch, clock)

    def take_permit(self) -> None:
        """Have a token ready, then wait for the right to make one call."""
        self._tokens.get()
        if self._limiter is not None:
            self._limiter.acquire()

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
            is_write=is_write,
            needs_permit=is_accounting and not permit_taken,
            start_by_at=(
                self._clock.now() + _WRITE_STARTS_WITHIN if is_write and permit_taken else None
            ),
        )
        return self._until_answered(call)

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()
        self._credentials.close()

    def _until_answered(self, call: _Call) -> XeroReply:
        policy = _WRITES if call.is_write else _READS
        attempt, is_token_renewed = 1, False
        while True:
            token = None
            try:
                token = self._tokens.get()
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
                    raise
            if decision.step is Step.RENEW_TOKEN and token is not None:
                self._tokens.renew(token)
                is_token_renewed = True
            else:
                self._sleeper.sleep(decision.delay_s)
                attempt += 1

    def _send_once(self, call: _Call, token: str) -> XeroReply:
        if call.needs_permit and self._limiter is not None:
            self._limiter.acquire()
        if call.start_by_at is not None and self._clock.now() > call.start_by_at:
            raise NotSent("a write was not sent: getting a token took too long", service=SERVICE)
        response = self._wire.send(
            call.method,
            call.url,
            headers={**call.headers, "Authorization": f"Bearer {token}"},
            params=call.params,
            content=call.content,
            is_write=call.is_write,
        )
        self._tell_limiter(response)
        return reply_of(response, is_write=call.is_write, now=self._clock.now())

    def _tell_limiter(self, response: httpx.Response) -> None:
        if self._limiter is None:
            return
        if response.status_code == 429:
            self._limiter.refused(retry_after_of(response.headers), problem_of(response.headers))
        else:
            self._limiter.observe(observed_of(response.headers))

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


def _token_address(token_url: str) -> str:
    """Return the token endpoint; an address without a path gets Xero's own path."""
    return token_url if urlsplit(token_url).path.strip("/") else token_url.rstrip("/") + _TOKEN_PATH
