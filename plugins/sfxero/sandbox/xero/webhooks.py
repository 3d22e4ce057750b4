"""Webhooks: signed events, the intent-to-receive round, retries and replay (xero-api, 8)."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import secrets
import ssl
import string
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import urlsplit

import httpx

from sfxero.sandbox.xero.books import Books, Change
from sfxero.sandbox.xero.replies import Json, json_bytes

API = "https://api.xero.com/api.xro/2.0"
RETRY_EVERY = timedelta(minutes=15)
GIVE_UP_AFTER = timedelta(hours=24)
KEPT = timedelta(days=31)
MOST_EVENTS = 100
LONGEST_LOG = 1000
POLL_S = 0.2
CATEGORIES = ("CONTACT", "INVOICE", "CREDITNOTE", "PREPAYMENT", "OVERPAYMENT")
_RESOURCES = {
    "CONTACT": "Contacts",
    "INVOICE": "Invoices",
    "CREDITNOTE": "CreditNotes",
    "PREPAYMENT": "Prepayments",
    "OVERPAYMENT": "Overpayments",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One change that will be told."""

    sequence: int
    at: datetime
    change: Change
    data: tuple[str, str] | None


@dataclass(slots=True)
class Hook:
    """Where events go, and how that is going."""

    url: str
    categories: frozenset[str]
    key: str = field(repr=False)
    tls: ssl.SSLContext
    status: str = "pending"
    told_up_to: int = 0
    failing_since: datetime | None = None
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery, for the control plane."""

    at: datetime
    kind: str
    first: int
    last: int
    outcome: str

    def as_json(self) -> Json:
        """Without bodies."""
        return {
            "at": self.at.isoformat(),
            "kind": self.kind,
            "first": self.first,
            "last": self.last,
            "outcome": self.outcome,
        }


class Webhooks:
    """The one stream of events of the app, and its receiver."""

    def __init__(self, books: Books, tenant_id: Callable[[], str]) -> None:
        """Listen to the books."""
        self._books = books
        self._tenant_id = tenant_id
        books.on_changes = self.take
        self._task: asyncio.Task[None] | None = None
        self._is_pumping = False
        self.reset()

    def reset(self) -> None:
        """Forget the receiver and all events; sequences start again."""
        self.hook: Hook | None = None
        self._events: deque[Event] = deque()
        self._sequence = 0
        self.log: deque[Attempt] = deque(maxlen=LONGEST_LOG)

    @property
    def pending(self) -> int:
        """How many events the receiver has not been told."""
        return len(self._events)

    def take(self, changes: list[Change]) -> None:
        """Turn stored changes into events; the same record is told once per request."""
        if self.hook is None:
            return
        seen: set[str] = set()
        now = self._books.clock.now()
        while self._events and self._events[0].at <= now - KEPT:
            self._events.popleft()
        for change in changes:
            is_quiet = change.cause == "payment" and not self._books.switches.webhook_on_payment
            is_wanted = change.category in self.hook.categories
            if is_wanted and not is_quiet and change.record_id not in seen:
                seen.add(change.record_id)
                self._sequence += 1
                self._events.append(Event(self._sequence, now, change, self._data(change)))
        self.wake()

    async def subscribe(
        self, url: str, categories: frozenset[str], *, key: str | None, ca_file: str | None
    ) -> Hook:
        """Set the receiver: events start once it has shown that it checks signatures."""
        check_loopback(url)
        # Plain HTTP needs no authorities, and reading them for each delivery is slow.
        tls = (
            ssl.create_default_context(cafile=ca_file)
            if url.startswith("https:")
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        new_key = key or base64.b64encode(secrets.token_bytes(64)).decode()
        self.hook = Hook(url, categories, new_key, tls, told_up_to=self._sequence)
        self._events.clear()
        await self.enable()
        return self.hook

    async def enable(self) -> None:
        """The intent-to-receive round: right signatures must be taken, wrong ones refused."""
        hook = self.hook
        if hook is None:
            return
        results = []
        for is_right in (True, False, True, False):
            body = self._payload([])
            status, outcome = await self._post(hook, body, is_right=is_right)
            fits = outcome == "ok" if is_right else status == 401
            results.append(fits)
            kind = "intent" if is_right else "intent, wrong signature"
            self._log(kind, [], "ok" if fits else f"wrong answer: {outcome}")
        hook.status = "ok" if all(results) else "refused"
        hook.failing_since = hook.next_at = None
        self.wake()

    async def pump(self) -> None:
        """Deliver whatever is due now, in order."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while self.is_due():
                await self._deliver()
        finally:
            self._is_pumping = False

    def is_due(self) -> bool:
        """Whether a delivery is to be tried now."""
        hook = self.hook
        if hook is None or hook.status != "ok" or not self.pending:
            return False
        return hook.next_at is None or self._books.clock.now() >= hook.next_at

    def wake(self) -> None:
        """Deliver in the background while there is something to tell."""
        hook = self.hook
        is_idle = self._task is None or self._task.done()
        if not (self._books.switches.webhook_background and is_idle):
            return
        if hook is not None and hook.status == "ok" and self.pending:
            with suppress(RuntimeError):  # no loop: a later request will wake it
                self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self.hook is not None and self.hook.status == "ok" and self.pending:
            await self.pump()
            await asyncio.sleep(POLL_S)

    async def _deliver(self) -> None:
        hook, events = self.hook, list(islice(self._events, MOST_EVENTS))
        if hook is None:
            return
        body = self._payload(events)
        _, outcome = await self._post(hook, body, is_right=True)
        self._log("events", events, outcome)
        if outcome != "ok":
            self._note_failure(hook)
            return
        hook.failing_since = hook.next_at = None
        hook.told_up_to = events[-1].sequence
        while self._events and self._events[0].sequence <= hook.told_up_to:
            self._events.popleft()
        if self._books.switches.webhook_duplicates:
            _, again = await self._post(hook, body, is_right=True)
            self._log("duplicate", events, again)

    def _note_failure(self, hook: Hook) -> None:
        """One retry at once, then every 15 minutes for 24 hours, then the hook is off."""
        now = self._books.clock.now()
        if hook.failing_since is None:
            hook.failing_since = now
        elif now - hook.failing_since >= GIVE_UP_AFTER:
            hook.status = "disabled"
        else:
            hook.next_at = now + RETRY_EVERY

    async def _post(self, hook: Hook, body: bytes, *, is_right: bool) -> tuple[int | None, str]:
        """Send one body; a good answer is quick, 2xx, empty and without cookies."""
        limit_s = self._books.switches.webhook_timeout_s
        key = hook.key if is_right else f"{hook.key}wrong"
        headers = {"Content-Type": "application/json", "x-xero-signature": signature(key, body)}
        try:
            async with (
                asyncio.timeout(limit_s),
                httpx.AsyncClient(verify=hook.tls, trust_env=False, timeout=limit_s) as client,
            ):
                reply = await client.post(hook.url, content=body, headers=headers)
        except TimeoutError:
            return None, "no answer in time"
        except httpx.HTTPError as error:
            return None, type(error).__name__
        if not reply.is_success:
            return reply.status_code, f"status {reply.status_code}"
        if reply.content or "set-cookie" in reply.headers:
            return reply.status_code, "answer with a body or a cookie"
        return reply.status_code, "ok"

    def _payload(self, events: list[Event]) -> bytes:
        letters = string.ascii_uppercase
        return json_bytes(
            {
                "events": [self._event_json(one) for one in events],
                "firstEventSequence": events[0].sequence if events else 0,
                "lastEventSequence": events[-1].sequence if events else 0,
                "entropy": "".join(secrets.choice(letters) for _ in range(20)),
            }
        )

    def _event_json(self, event: Event) -> Json:
        change = event.change
        at = event.at.astimezone(UTC).isoformat(timespec="milliseconds")
        row: Json = {
            "resourceUrl": f"{API}/{_RESOURCES[change.category]}/{change.record_id}",
            "resourceId": change.record_id,
            "eventDateUtc": at.removesuffix("+00:00"),
            "eventType": "CREATE" if change.is_new else "UPDATE",
            "eventCategory": change.category,
            "tenantId": self._tenant_id(),
            "tenantType": "ORGANISATION",
        }
        if event.data is not None:
            row["data"] = dict(zip(("Type", "Status"), event.data, strict=True))
        return row

    def _data(self, change: Change) -> tuple[str, str] | None:
        """Credits bring their type and status along."""
        credit = self._books.credits.get(change.record_id)
        return None if credit is None else (credit.kind, credit.status)

    def _log(self, kind: str, events: list[Event], outcome: str) -> None:
        first = events[0].sequence if events else 0
        last = events[-1].sequence if events else 0
        self.log.append(Attempt(self._books.clock.now(), kind, first, last, outcome))


def signature(key: str, body: bytes) -> str:
    """Base64 of HMAC-SHA256 over the raw bytes."""
    return base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()


def check_loopback(url: str) -> None:
    """The sandbox delivers to this machine only, whatever the port; HTTP is allowed here."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = False
    if parts.scheme not in {"http", "https"} or not is_local:
        raise ValueError("The sandbox delivers webhooks to loopback addresses only.")
