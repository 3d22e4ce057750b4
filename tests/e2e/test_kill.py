"""The publisher is killed while its requests are under way; nothing is sent twice, nothing lost."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.world import (
    SLOW,
    Books,
    Deployment,
    SandboxProcess,
    assert_once_each,
    kill_group,
    running_sandbox,
    wait_for,
)

from sfxero.sync.publish import LaneSpec

CONTACTS, INVOICES = "/api.xro/2.0/Contacts", "/api.xro/2.0/Invoices"
WRITE_S = 2.0
"""How long each write takes: ample time to see one under way."""
HELD_S = 120.0
LEASE_S = LaneSpec.__dataclass_fields__["lease_s"].default

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder, accounts=40, opportunities=160) as running:
        # Query jobs that are done at once spare each run its waits; they are not the point here.
        running.post("/salesforce/switches", job_delay_s=0)
        yield running


def test_three_killed_runs_and_a_whole_one_send_everything_once(
    sandbox: SandboxProcess, deployment: Deployment
) -> None:
    sandbox.post("/xero/switches", write_latency_s=WRITE_S)
    # The second batch is under way, the first is settled, the rest still waits.
    run_until_killed(sandbox, deployment, during=CONTACTS, answered=1)
    run_until_killed(sandbox, deployment, during=INVOICES, answered=1)
    wait_for(lambda: not in_flight(sandbox), limit_s=4 * WRITE_S, what="the end of all requests")
    assert_no_twins(Books.read(sandbox))
    # This request will never be carried out, and nobody will hear of it.
    hold = {"path": INVOICES, "method": "PUT", "kind": "timeout_before", "seconds": HELD_S}
    sandbox.post("/fault", **hold)
    run_until_killed(sandbox, deployment, during=INVOICES, answered=0)
    killed_at = time.monotonic()
    assert deployment.ledger("SELECT count(*) FROM entries WHERE state = 'claimed'") != [(0,)]
    sandbox.post("/xero/switches", write_latency_s=0.1)
    time.sleep(max(0.0, killed_at + LEASE_S + 1 - time.monotonic()))
    deployment.run()
    books = Books.read(sandbox)
    assert len(books.good) > 50
    assert_once_each(books)
    accounts = {row["Id"] for row in sandbox.rows("Account")}
    assert set(books.contact_numbers()) == accounts
    assert_all_has_ended(deployment, books)


def run_until_killed(
    sandbox: SandboxProcess, deployment: Deployment, *, during: str, answered: int
) -> None:
    """Start a run; kill it as soon as, after some answers, another write of it is under way."""
    before = sandbox.last_number()

    def sent() -> list[Any]:
        return [
            one
            for one in sandbox.get("/journal", after=before, service="xero")
            if one["method"] == "PUT" and one["path"] == during
        ]

    def is_under_way() -> bool:
        assert process.poll() is None, deployment.last_words()
        states = [one["duration_ms"] is None for one in sent()]
        return len(states) > answered and states[-1]

    process = deployment.start_run()
    try:
        wait_for(is_under_way, limit_s=SLOW, what=f"a write to {during}")
    finally:
        kill_group(process)
    statuses = [one["status"] for one in sent()]
    assert statuses == [200] * answered + [None]


def in_flight(sandbox: SandboxProcess) -> list[Any]:
    """Return the requests to Xero that are not over yet."""
    return [one for one in sandbox.get("/journal", service="xero") if one["duration_ms"] is None]


def assert_no_twins(books: Books) -> None:
    """Nothing that is there is there twice, whatever is missing yet."""
    numbers = books.contact_numbers()
    assert len(set(numbers)) == len(numbers)
    twins = {one: len(found) for one, found in books.invoices_by_opportunity().items()}
    assert set(twins.values()) == {1}


def assert_all_has_ended(deployment: Deployment, books: Books) -> None:
    """No run left out a good opportunity, and each is in step with nothing still under way."""
    read = deployment.ledger("SELECT source_id FROM dispositions WHERE entity = 'opportunity'")
    assert books.good <= {source_id for (source_id,) in read}
    run_id = deployment.last_run()
    assert deployment.lost_records(run_id) == []
    ended = deployment.dispositions(run_id)
    assert {how for _, source_id, how in ended if source_id in books.good} <= {"in_step"}
    linked = deployment.ledger("SELECT source_id FROM links WHERE entity = 'invoice'")
    assert {source_id for (source_id,) in linked} == books.good
    stuck = "SELECT DISTINCT state FROM entries WHERE state NOT IN ('settled', 'superseded')"
    assert deployment.ledger(stuck) == []
