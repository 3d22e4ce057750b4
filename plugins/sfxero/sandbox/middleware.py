"""What every service request passes: the journal and the faults."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import format_datetime
from typing import Any, TypeAlias
from uuid import uuid4

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.faults import FaultKind, FaultPlan, FaultRule, refusal_for
from sfxero.sandbox.journal import Journal, JournalEntry
from sfxero.sandbox.xero.replies import STORED_REPLY, Reply

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

CONTROL_PATH = "/_sandbox"


class Doorway:
    """The outermost ASGI layer, shared by both services."""

    def __init__(
        self, app: App, *, clock: SandboxClock, journal: Journal, faults: FaultPlan
    ) -> None:
        """Wrap the routes."""
        self._app = app
        self._clock = clock
        self._journal = journal
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Journal one request and let its fault strike."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PATH):
            await self._app(scope, receive, send)
            return
        entry = self._opened(scope)
        started = time.perf_counter()
        status: int | None = None

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._date(message)
            await send(message)

        try:
            rule = self._faults.pick(scope["method"], scope["path"])
            if rule is None:
                await self._app(scope, receive, noting)
            else:
                entry.fault = rule.kind
                await self._strike(rule, entry, _Wire(scope, receive, noting, send))
        finally:
            elapsed_ms = (time.perf_counter() - started) * 1000
            self._journal.closed(entry, status=status, duration_ms=elapsed_ms)

    def _date(self, message: Message) -> None:
        """Say the sandbox's time, which need not be the machine's, unless the routes did."""
        headers = message.setdefault("headers", [])
        if all(name.lower() != b"date" for name, _ in headers):
            now = format_datetime(self._clock.now(), usegmt=True)
            message["headers"] = [*headers, (b"date", now.encode())]

    def _opened(self, scope: Scope) -> JournalEntry:
        path = scope["path"]
        return self._journal.opened(
            at=self._clock.now(),
            service="salesforce" if "/services/" in path else "xero",
            method=scope["method"],
            path=path,
            query=scope["query_string"].decode("latin-1"),
            headers={
                key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
            },
        )

    async def _strike(self, rule: FaultRule, entry: JournalEntry, wire: "_Wire") -> None:
        match rule.kind:
            case FaultKind.LATENCY:
                await asyncio.sleep(rule.seconds)
                await self._app(wire.scope, wire.receive, wire.send)
            case FaultKind.ERROR_BEFORE | FaultKind.FORCE_429:
                await wire.drain()
                await wire.reply(refusal_for(rule, entry.service), entry.service)
            case FaultKind.TIMEOUT_BEFORE:
                await wire.drain()
                await asyncio.sleep(rule.seconds)
                await wire.cut()
            case FaultKind.ERROR_AFTER:
                refusal = refusal_for(rule, entry.service)
                wire.scope[STORED_REPLY] = refusal
                await self._app(wire.scope, wire.receive, _swallow)
                await wire.reply(refusal, entry.service)
            case FaultKind.LOST_REPLY:
                await self._app(wire.scope, wire.receive, _swallow)
                await wire.cut()


class _Wire:
    """One request's channels."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, raw_send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self._raw_send = raw_send

    async def drain(self) -> None:
        """Read the body to its end, so that the reply does not cross it."""
        while (await self.receive()).get("more_body", False):
            pass

    async def reply(self, reply: Reply, service: str) -> None:
        """Answer without the routes."""
        headers = {"content-length": str(len(reply.body)), **reply.headers}
        if reply.media_type is not None:
            headers["content-type"] = reply.media_type
        if service == "xero":
            headers["Xero-Correlation-Id"] = str(uuid4())
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await self.send({"type": "http.response.body", "body": reply.body})

    async def cut(self) -> None:
        """Drop the connection without a word; in process there is none, so raise."""
        transport = getattr(getattr(self._raw_send, "__self__", None), "transport", None)
        if transport is None:
            raise ConnectionResetError("The sandbox dropped the connection.")
        transport.abort()
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def _swallow(_message: Message) -> None:
    """Take a reply that nobody will see."""
