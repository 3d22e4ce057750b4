from collections.abc import Iterator

import httpx
import pytest

from sfxero.salesforce.bulk_query import BulkQuery
from sfxero.salesforce.client import SalesforceClient
from sfxero.salesforce.job import JobRef, JobStatus
from sfxero.sandbox.server import SandboxSettings, run_in_thread


class Control:
    """The sandbox's control plane."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = httpx.Client(base_url=f"{address}/_sandbox")

    def post(self, path: str, /, **body: object) -> None:
        self._client.post(path, json=body).raise_for_status()

    def delete(self, path: str) -> None:
        self._client.delete(path).raise_for_status()

    def get(self, path: str) -> object:
        return self._client.get(path).raise_for_status().json()

    def switch(self, **values: object) -> None:
        self.post("/salesforce/switches", **values)

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="session")
def sandbox_address() -> Iterator[str]:
    with run_in_thread(SandboxSettings(accounts=40, opportunities=700)) as address:
        yield address


@pytest.fixture
def control(sandbox_address: str) -> Iterator[Control]:
    control = Control(sandbox_address)
    before = control.get("/salesforce/switches")
    control.switch(job_delay_s=0, page_cap=100)
    yield control
    control.switch(**before)
    control.delete("/fault")
    control.close()


@pytest.fixture
def client(control: Control) -> Iterator[SalesforceClient]:
    client = client_of(control.address)
    yield client
    client.close()


@pytest.fixture
def bulk(client: SalesforceClient) -> BulkQuery:
    return BulkQuery(client)


def client_of(address: str, **changes: str) -> SalesforceClient:
    values = {
        "login_url": address,
        "client_id": "sandbox-sf-client",
        "client_secret": "sandbox-sf-secret",
        "api_version": "66.0",
    }
    return SalesforceClient(**(values | changes))


@pytest.fixture
def other_client():
    """Build a client that differs in some arguments."""
    return client_of


@pytest.fixture
def run_job(bulk: BulkQuery):
    """Start a job and follow it to its end, on the sandbox's clock."""

    def run(soql: str) -> tuple[JobRef, JobStatus]:
        ref = bulk.create(soql)
        status = bulk.status(ref)
        for _ in range(50):
            if status.is_ended:
                break
            status = bulk.status(ref)
        return ref, status

    return run
