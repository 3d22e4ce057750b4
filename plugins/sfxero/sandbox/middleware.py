"""What every service request passes: the journal and the faults."""

import time
from email.utils import format_datetime

from sfxero.sandbox.clock import SandboxClock
from sfxero.sandbox.faults import FaultPlan
from sfxero.sandbox.journal import Journal, JournalEntry
from sfxero.sandbox.strikes import App, Message, Receive, Scope, Send, Strikes, Wire

CONTROL_PATH = "/_sandbox"


class Doorway:
    """The outermost ASGI layer, shared by both services."""

    def __init__(
        self,
        app: App,
        *,
        clock: SandboxClock,
        journal: Journal,
        faults: FaultPlan,
        strikes: Strikes,
    ) -> None:
        """Wrap the routes."""
        self._app = app
        self._clock = clock
        self._journal = journal
        self._faults = faults
        self._strikes = strikes

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
                await self._strikes.strike(rule, Wire(scope, receive, noting, send))
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
