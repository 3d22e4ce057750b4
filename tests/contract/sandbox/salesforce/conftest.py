"""A small org served in process, with a clock that only the test moves."""

import asyncio
import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from sfxero.clock import FakeClock
from sfxero.sandbox.salesforce import control, routes
from sfxero.sandbox.salesforce.auth import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET
from sfxero.sandbox.salesforce.models import SalesforceOrg
from sfxero.sandbox.seed import seed_org

BASE = "http://127.0.0.1:8901"
START = datetime(2026, 11, 1, 3, 4, 5, 678_000, tzinfo=UTC)


class InProcess(httpx.BaseTransport):
    """Hands requests to an application without a socket and keeps the bytes as sent."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app=app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def send() -> tuple[httpx.Response, bytes]:
            response = await self._transport.handle_async_request(request)
            return response, b"".join([part async for part in response.aiter_raw()])

        response, body = asyncio.run(send())
        stream = httpx.ByteStream(body)
        return httpx.Response(response.status_code, headers=response.headers, stream=stream)


@dataclass
class Bench:
    """What a test drives."""

    org: SalesforceOrg
    clock: FakeClock
    http: httpx.Client
    version: str = "66.0"

    def call(self, method: str, path: str, **options: object) -> httpx.Response:
        return self.http.request(method, f"/services/data/v{self.version}{path}", **options)

    def query(self, soql: str, name: str = "query") -> httpx.Response:
        return self.call("GET", f"/{name}", params={"q": soql})

    def rows(self, soql: str, name: str = "query") -> list[dict]:
        response = self.query(soql, name)
        assert response.status_code == 200, response.text
        return response.json()["records"]

    def select(self, fields: str, source: str, rest: str, name: str = "query") -> list[dict]:
        return self.rows(" ".join(("SELECT", fields, "FROM", source, rest)), name)

    def create_job(self, soql: str, **settings: str) -> httpx.Response:
        body = {"operation": "query", "query": soql, **settings}
        return self.call("POST", "/jobs/query", json=body)

    def finished_job(self, soql: str, **settings: str) -> str:
        response = self.create_job(soql, **settings)
        assert response.status_code == 200, response.text
        self.clock.advance(2)
        return response.json()["id"]

    def open_ingest(self, **settings: str) -> dict:
        body = {"object": "Opportunity", "operation": "insert", "contentType": "CSV", **settings}
        reply = self.call("POST", "/jobs/ingest", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def upload(self, path: str, text: str | bytes, kind: str = "text/csv") -> httpx.Response:
        content = text.encode() if isinstance(text, str) else text
        head = {"Content-Type": kind}
        return self.call("PUT", f"{path}/batches", content=content, headers=head)

    def ingest(self, text: str | bytes, *, wait: float = 2.0, **settings: str) -> str:
        """Open, fill and close a job, and let its time pass; returns its path."""
        path = f"/jobs/ingest/{self.open_ingest(**settings)['id']}"
        reply = self.upload(path, text)
        assert reply.status_code == 201, reply.text
        self.call("PATCH", path, json={"state": "UploadComplete"})
        self.clock.advance(wait)
        return path

    def results(self, path: str, name: str, delimiter: str = ",") -> list[dict]:
        """Read one of the three result files of an ingest job."""
        reply = self.call("GET", f"{path}/{name}/")
        assert reply.status_code == 200, reply.text
        text = io.StringIO(reply.text, newline="")
        return list(csv.DictReader(text, delimiter=delimiter))

    def control(self, method: str, path: str, **options: object) -> httpx.Response:
        return self.http.request(method, f"/_sandbox/salesforce{path}", **options)

    def switch(self, **wanted: object) -> None:
        response = self.control("POST", "/switches", json=wanted)
        assert response.status_code == 200, response.text

    def token(self) -> str:
        response = self.http.post(
            "/services/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET),
        )
        return response.json()["access_token"]

    def log_in(self) -> None:
        self.http.headers["Authorization"] = f"Bearer {self.token()}"


def _bench(*, accounts: int, opportunities: int) -> Bench:
    clock = FakeClock(START)
    org = SalesforceOrg(clock)
    seed_org(org, accounts=accounts, opportunities=opportunities)
    app = FastAPI()
    app.include_router(routes.build_router(org))
    app.include_router(control.build_router(org), prefix="/_sandbox/salesforce")
    http = httpx.Client(transport=InProcess(app), base_url=BASE)
    bench = Bench(org, clock, http)
    bench.log_in()
    return bench


@pytest.fixture
def bench() -> Bench:
    return _bench(accounts=10, opportunities=40)


@pytest.fixture
def empty() -> Bench:
    return _bench(accounts=0, opportunities=0)


@pytest.fixture
def deal(empty):
    """Create opportunities, by default without lines."""

    def create(**values: object) -> str:
        body = {"Name": "Deal", "StageName": "Closed Won", "CloseDate": "2026-10-01", **values}
        reply = empty.call("POST", "/sobjects/Opportunity", json=body)
        assert reply.status_code == 201, reply.text
        return reply.json()["id"]

    return create


@pytest.fixture
def shown(empty):
    """Read a record past all visibility."""

    def read(name: str, record_id: str) -> dict:
        return empty.control("GET", f"/{name}/{record_id}").json()

    return read
