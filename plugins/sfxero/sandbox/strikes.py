"""How each fault strikes one request on the wire."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, TypeAlias
from uuid import uuid4

from sfxero.sandbox.fault_levers import Lever
from sfxero.sandbox.fault_replies import refusal_for
from sfxero.sandbox.faults import FaultKind, FaultRule
from sfxero.sandbox.xero.failures import ValidationFailed
from sfxero.sandbox.xero.replies import STORED_REPLY, WHOLE_BODY, Reply, json_bytes

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Strike: TypeAlias = Callable[["Strikes", FaultRule, "Wire"], Awaitable[None]]


class Wire:
    """One request's channels."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, raw_send: Send) -> None:
        """`send` is journaled, `raw_send` leads to the connection."""
        self.scope = scope
        self.receive = receive
        self.send = send
        self._raw_send = raw_send

    @property
    def service(self) -> str:
        """Whose paths these are."""
        return "salesforce" if "/services/" in self.scope["path"] else "xero"

    async def read(self) -> bytes:
        """Read the body to its end; a reply sent before that would cross it."""
        body = bytearray()
        while True:
            message = await self.receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                return bytes(body)

    async def reply(self, reply: Reply) -> None:
        """Answer without the routes."""
        headers = {"content-length": str(len(reply.body)), **reply.headers}
        if reply.media_type is not None:
            headers["content-type"] = reply.media_type
        if self.service == "xero":
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


class Strikes:
    """Carries out faults."""

    def __init__(
        self, app: App, *, now: Callable[[], datetime], levers: Mapping[FaultKind, Lever]
    ) -> None:
        """Strike requests to these routes."""
        self._app = app
        self._now = now
        self._levers = levers

    async def strike(self, rule: FaultRule, wire: Wire) -> None:
        """Let the request fail as the rule says."""
        lever = self._levers.get(rule.kind)
        if lever is None:
            await _STRIKES[rule.kind](self, rule, wire)
            return
        undo = lever(rule, wire.service)
        try:
            await self._app(wire.scope, wire.receive, wire.send)
        finally:
            undo()

    async def refuse(self, rule: FaultRule, wire: Wire) -> None:
        """Answer without having done anything."""
        await wire.read()
        await wire.reply(refusal_for(rule, wire.service))

    async def time_out(self, rule: FaultRule, wire: Wire) -> None:
        """Hold the request and drop it, without having done anything."""
        await wire.read()
        await asyncio.sleep(rule.seconds)
        await wire.cut()

    async def fail_after(self, rule: FaultRule, wire: Wire) -> None:
        """Do all, then answer as if the server had broken down."""
        refusal = refusal_for(rule, wire.service)
        wire.scope[STORED_REPLY] = refusal
        await self._app(wire.scope, wire.receive, _swallow)
        await wire.reply(refusal)

    async def lose_reply(self, _rule: FaultRule, wire: Wire) -> None:
        """Do all, then drop the connection."""
        await self._app(wire.scope, wire.receive, _swallow)
        await wire.cut()

    async def do_half(self, _rule: FaultRule, wire: Wire) -> None:
        """Create the first half of a batch, then refuse the whole of it with a 400.

        A request that is refused for itself, for its token say, is answered as ever.
        """
        body = await wire.read()
        done, left = _halves(body)
        refusal = ValidationFailed(
            [{**row, "ValidationErrors": [{"Message": "Not saved"}]} for row in left]
        ).reply("")
        # A repeated key must find this call by the body that the client sent.
        wire.scope[STORED_REPLY] = refusal
        wire.scope[WHOLE_BODY] = body
        head, told = await self._collected(wire, receive=_receiving(done))
        if head["status"] < 400:
            await wire.reply(refusal)
        else:
            await self._send_part(wire, head, told, length=len(told))

    async def delay(self, rule: FaultRule, wire: Wire) -> None:
        """Wait, then answer as ever."""
        await asyncio.sleep(rule.seconds)
        await self._app(wire.scope, wire.receive, wire.send)

    async def skew(self, rule: FaultRule, wire: Wire) -> None:
        """Answer as ever, under a wrong date."""
        wrong = format_datetime(self._now() + timedelta(seconds=rule.skew_s), usegmt=True)

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() != b"date"]
                message["headers"] = [*kept, (b"date", wrong.encode())]
            await wire.send(message)

        await self._app(wire.scope, wire.receive, dated)

    async def truncate(self, _rule: FaultRule, wire: Wire) -> None:
        """Do all, and answer well-formed HTTP with half of the text."""
        head, body = await self._collected(wire)
        await self._send_part(wire, head, body[: len(body) // 2], length=len(body) // 2)

    async def empty(self, _rule: FaultRule, wire: Wire) -> None:
        """Do all, and answer well-formed HTTP with nothing in it, as a gateway may."""
        head, _ = await self._collected(wire, plain=True)
        await self._send_part(wire, head, b"", length=0)

    async def shorten(self, rule: FaultRule, wire: Wire) -> None:
        """Answer with whole lines, but fewer than the headers promise."""
        head, body = await self._collected(wire, plain=True)
        lines = body.splitlines(keepends=True)
        short = b"".join(lines[: max(1, len(lines) - rule.rows)])
        await self._send_part(wire, head, short, length=len(short))

    async def cut_reply(self, _rule: FaultRule, wire: Wire) -> None:
        """Do all, send half of the reply, and drop the connection."""
        head, body = await self._collected(wire)
        await self._send_part(wire, head, body[: len(body) // 2], length=len(body), ends=False)
        await wire.cut()

    async def stall(self, rule: FaultRule, wire: Wire) -> None:
        """Do all, send half of the reply, and fall silent before the connection drops."""
        head, body = await self._collected(wire)
        await self._send_part(wire, head, body[: len(body) // 2], length=len(body), ends=False)
        await asyncio.sleep(rule.seconds)
        await wire.cut()

    async def _collected(
        self, wire: Wire, *, plain: bool = False, receive: Receive | None = None
    ) -> tuple[Message, bytes]:
        """Run the routes and keep their reply."""
        if plain:
            kept = [pair for pair in wire.scope["headers"] if pair[0].lower() != b"accept-encoding"]
            wire.scope["headers"] = kept
        parts: list[Message] = []

        async def keep(message: Message) -> None:
            parts.append(message)

        await self._app(wire.scope, receive or wire.receive, keep)
        head, *rest = parts
        return head, b"".join(part.get("body", b"") for part in rest)

    async def _send_part(
        self, wire: Wire, head: Message, part: bytes, *, length: int, ends: bool = True
    ) -> None:
        lengths = {b"content-length", b"transfer-encoding"}
        headers = [pair for pair in head.get("headers", []) if pair[0].lower() not in lengths]
        headers.append((b"content-length", str(length).encode()))
        await wire.send({**head, "headers": headers})
        await wire.send({"type": "http.response.body", "body": part, "more_body": not ends})
        if not ends:
            # The half must leave before the connection is dropped under it.
            await asyncio.sleep(_FLUSH_S)


_FLUSH_S = 0.05
_STRIKES: Mapping[FaultKind, Strike] = {
    FaultKind.ERROR_BEFORE: Strikes.refuse,
    FaultKind.FORCE_429: Strikes.refuse,
    FaultKind.HTML_BODY: Strikes.refuse,
    FaultKind.OUTAGE: Strikes.refuse,
    FaultKind.TIMEOUT_BEFORE: Strikes.time_out,
    FaultKind.ERROR_AFTER: Strikes.fail_after,
    FaultKind.LOST_REPLY: Strikes.lose_reply,
    FaultKind.REFRESH_REPLY_LOST: Strikes.lose_reply,
    FaultKind.PARTIAL_BATCH: Strikes.do_half,
    FaultKind.TRUNCATED_JSON: Strikes.truncate,
    FaultKind.EMPTY_BODY: Strikes.empty,
    FaultKind.SHORT_PAGE: Strikes.shorten,
    FaultKind.CUT_REPLY: Strikes.cut_reply,
    FaultKind.STALLED_REPLY: Strikes.stall,
    FaultKind.LATENCY: Strikes.delay,
    FaultKind.CLOCK_SKEW: Strikes.skew,
}


def _halves(body: bytes) -> tuple[bytes, list[dict[str, object]]]:
    """The body with the first half of its batch, and the other half; a single thing is all."""
    try:
        batch = json.loads(body, parse_float=Decimal)
    except ValueError:
        return body, []
    name = next(iter(batch), "") if isinstance(batch, dict) else ""
    rows = batch[name] if name else batch
    if not isinstance(rows, list):
        return body, []
    middle = (len(rows) + 1) // 2
    done = {name: rows[:middle]} if name else rows[:middle]
    return json_bytes(done), [row for row in rows[middle:] if isinstance(row, dict)]


def _receiving(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _swallow(_message: Message) -> None:
    """Take a reply that nobody will see."""
