"""Real processes call a real server through one ledger; the server counts what reaches it."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.contract.ledger import workers
from tests.contract.ledger.limit_workers import call_xero
from tests.contract.ledger.making import TENANT

from sfxero.ledger import Ledger
from sfxero.ratelimit.policy import LimitPolicy

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]


class Recorder(ThreadingHTTPServer):
    """Notes when calls arrive and how many are under way, and lets each take its time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Door)
        self.lock = threading.Lock()
        self.arrivals: list[float] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.reply_s = 0.0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def serve_call(self) -> None:
        with self.lock:
            self.arrivals.append(time.monotonic())
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        time.sleep(self.reply_s)
        with self.lock:
            self.in_flight -= 1


class _Door(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer({"access_token": "a-token", "expires_in": 1800})

    def do_GET(self) -> None:
        self.server.serve_call()
        self._answer({"Status": "OK", "Organisations": []})

    def _answer(self, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Recorder]:
    recorder = Recorder()
    thread = threading.Thread(target=recorder.serve_forever)
    thread.start()
    yield recorder
    recorder.shutdown()
    thread.join()
    recorder.server_close()


@pytest.fixture(scope="module")
def crew() -> Iterator[workers.Crew]:
    crew = workers.Crew()
    yield crew
    crew.dismiss()


def test_four_processes_together_keep_the_minute(
    ledger: Ledger, url: str, crew: workers.Crew, server: Recorder
) -> None:
    # Eleven a second are allowed, ten leave: the eleventh is for a machine that is busy.
    policy = LimitPolicy(minute=660, headroom=60)
    assert crew.all_do(call_xero, url, server.address, policy, 25) == [25] * 4

    arrivals = sorted(server.arrivals)
    pairs = zip(arrivals, arrivals[66:], strict=False)
    assert len(arrivals) == 100
    assert all(after - before >= 6 for before, after in pairs)
    assert arrivals[-1] - arrivals[0] >= 9
    assert ledger.quota.usage(TENANT).calls == 100


def test_four_processes_together_keep_the_cap_on_calls_at_once(
    ledger: Ledger, url: str, crew: workers.Crew, server: Recorder
) -> None:
    server.reply_s = 0.4
    policy = LimitPolicy(minute=1200, concurrent=2)
    assert crew.all_do(call_xero, url, server.address, policy, 5) == [5] * 4

    assert server.most_in_flight == 2
    assert ledger.permits.take(TENANT, limit=1, lease_s=1) is not None
