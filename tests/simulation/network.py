"""What lies between our clients and the two services: no socket, but time, loss and crashes."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import httpx
from tests.simulation.faults import Weather
from tests.simulation.scheduler import Scheduler, Worker

from sfxero.ratelimit.limiter import LONGEST_WAIT_S
from sfxero.sandbox.strikes import App
from sfxero.transport.wire import CALL_DEADLINE_S

Message = MutableMapping[str, Any]
_ACCOUNTING = "/api.xro/"


@dataclass(slots=True)
class Sent:
    """A write as it left, before anything could happen to it; `status` is what its sender heard."""

    at_s: float
    key: str
    address: str
    body: bytes
    status: int | None = None

    @property
    def body_hash(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def is_unclear(self) -> bool:
        """Whether its sender cannot know what became of it, or of a part of it."""
        return self.status is None or self.status >= 500 or self.status in {400, 408, 409}


@dataclass(frozen=True, slots=True)
class Pause:
    """A 429: all workers are to wait, as soon as whoever heard it can have told them."""

    heard_s: float
    until_s: float
    hearer: Worker

    def binds(self, worker: Worker, now_s: float) -> bool:
        """Whether a worker that calls now must have known."""
        if now_s >= self.until_s or self.hearer.ledger_failed_at_s >= self.heard_s:
            return False
        if worker is self.hearer:
            return True
        known_s = max(self.heard_s, self.hearer.stalls_until_s)
        is_days = self.until_s - self.heard_s > LONGEST_WAIT_S
        return not self.hearer.is_dead and not is_days and worker.stalls_until_s < known_s < now_s


@dataclass(slots=True)
class Traffic:
    """What passed, as far as the promises ask for it."""

    sent: list[Sent] = field(default_factory=list)
    # What was read of documents, and how many writes had left before.
    reads: list[tuple[int, str]] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    impatience: list[str] = field(default_factory=list)
    jobs: Counter[bytes] = field(default_factory=Counter)
    """How often a job was asked for each query; the query of a window is its own."""


class Network(httpx.BaseTransport):
    """Carries each call to the sandbox's application; the client waits in virtual time."""

    def __init__(self, app: App, scheduler: Scheduler, weather: Weather) -> None:
        """`weather` says how long a call takes, and what is lost on the way."""
        self._app = app
        self._scheduler = scheduler
        self._weather = weather
        self.traffic = Traffic()
        self.on_write: Callable[[Sent], None] = lambda _sent: None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        scheduler = self._scheduler
        started_s = scheduler.elapsed()
        scheduler.point(f"calls {request.method} {request.url.path}")
        self._connect(request, waited_s=scheduler.elapsed() - started_s)
        self._look_at_pauses(request)
        scheduler.sleep(self._weather.latency_s())
        sent = self._note(request)
        call = _Call(request)
        task = scheduler.loop.create_task(self._app(call.scope, call.receive, call.send))
        scheduler.loop.turn()
        if not task.done():
            left_s = CALL_DEADLINE_S - (scheduler.elapsed() - started_s)
            scheduler.wait(
                lambda wake: task.add_done_callback(lambda _: wake()),
                within_s=max(min(left_s, float(request.extensions["timeout"]["read"])), 0.0),
            )
        if not task.done():
            # The service goes on with it all the same.
            task.add_done_callback(_forget)
            scheduler.point("has waited too long")
            raise httpx.ReadTimeout("no reply in time", request=request)
        response = self._reply(call, request, task.exception())
        scheduler.sleep(self._weather.latency_s())
        scheduler.point(f"hears {response.status_code}")
        self._note_reply(request, response, sent)
        return response

    def _connect(self, request: httpx.Request, *, waited_s: float) -> None:
        """A process that slept past the call's deadline finds it over before it has sent."""
        if waited_s > CALL_DEADLINE_S:
            raise httpx.WriteTimeout("the deadline has passed", request=request)
        if self._weather.has_no_connection():
            self._scheduler.note("finds no connection")
            raise httpx.ConnectError("nobody there", request=request)

    def _reply(
        self, call: "_Call", request: httpx.Request, failure: BaseException | None
    ) -> httpx.Response:
        is_batch = request.method in {"PUT", "POST"} and _ACCOUNTING in request.url.path
        if is_batch and failure is None and self._weather.loses_element():
            call.lose_element()
        return call.response(request, failure)

    def _note(self, request: httpx.Request) -> Sent | None:
        """Note what leaves: writes whole, reads by what they ask for."""
        if request.method == "POST" and request.url.path.endswith("/jobs/query"):
            self.traffic.jobs[request.content] += 1
        if _ACCOUNTING not in request.url.path:
            return None
        key = request.headers.get("idempotency-key")
        if key is None:
            return None
        address = f"{request.method} {request.url}"
        sent = Sent(self._scheduler.elapsed(), key=key, address=address, body=request.content)
        self.traffic.sent.append(sent)
        self.on_write(sent)
        return sent

    def _note_reply(
        self, request: httpx.Request, response: httpx.Response, sent: Sent | None
    ) -> None:
        traffic = self.traffic
        if sent is not None:
            sent.status = response.status_code
        elif response.is_success and _ACCOUNTING in request.url.path:
            asked = unquote_plus(request.url.query.decode())
            traffic.reads.append((len(traffic.sent), asked))
        pause = response.headers.get("retry-after")
        hearer, now_s = self._scheduler.current, self._scheduler.elapsed()
        if hearer and response.status_code == 429 and pause and _ACCOUNTING in request.url.path:
            traffic.pauses.append(Pause(now_s, now_s + float(pause), hearer))

    def _look_at_pauses(self, request: httpx.Request) -> None:
        caller, now_s = self._scheduler.current, self._scheduler.elapsed()
        if caller is None or _ACCOUNTING not in request.url.path:
            return
        for pause in self.traffic.pauses:
            if pause.binds(caller, now_s):
                early_s = pause.until_s - now_s
                self.traffic.impatience.append(f"{caller.name} calls {early_s:.1f} s too early")


class _Call:
    """One request as ASGI has it, and what came back."""

    def __init__(self, request: httpx.Request) -> None:
        self._body = request.read()
        self._is_read = False
        self._parts: list[Message] = []
        url = request.url
        self.scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 1),
        }

    async def receive(self) -> Message:
        if self._is_read:
            return {"type": "http.disconnect"}
        self._is_read = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Message) -> None:
        self._parts.append(message)

    def lose_element(self) -> None:
        """Let the first element of a batch's reply be missing."""
        head, *rest = self._parts
        try:
            body = json.loads(b"".join(part.get("body", b"") for part in rest))
            name = "Invoices" if "Invoices" in body else "Contacts"
            body[name] = body[name][1:]
        except (ValueError, LookupError):
            return  # no whole reply, or a refusal
        headers = [pair for pair in head["headers"] if pair[0].lower() != b"content-length"]
        self._parts = [{**head, "headers": headers}, {"body": json.dumps(body).encode()}]

    def response(self, request: httpx.Request, failure: BaseException | None) -> httpx.Response:
        """What the client sees; a connection that was dropped shows where it was dropped."""
        if failure is not None and not isinstance(failure, ConnectionResetError):
            raise failure
        if not self._parts:
            raise httpx.RemoteProtocolError("dropped without a reply", request=request)
        head, *rest = self._parts
        body = b"".join(part.get("body", b"") for part in rest)
        stream = _CutStream(body, request) if failure else httpx.ByteStream(body)
        return httpx.Response(head["status"], headers=head["headers"], stream=stream)


class _CutStream(httpx.SyncByteStream):
    """A body whose connection drops before its end."""

    def __init__(self, body: bytes, request: httpx.Request) -> None:
        self._body = body
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        raise httpx.ReadError("dropped within the reply", request=self._request)


def _forget(task: Any) -> None:
    """Nobody waits for this reply any more."""
    if not task.cancelled():
        task.exception()
