"""Xero goes away in the middle of a run: the run is deferred, and later all is in step."""

import time
from collections.abc import Iterator

import pytest
from tests.e2e.world import (
    DAG_ID,
    DRAIN_ID,
    SLOW,
    Books,
    Deployment,
    SandboxProcess,
    assert_once_each,
    running_sandbox,
    wait_for,
)

XERO = r"^/(api\.xro|connect)"
HOUR_S = 3600
MOST_DRAINS = 8
PAUSE_S = 10.0
WAITING = (
    "SELECT count(*) FROM entries WHERE state IN ('pending', 'retry_later', 'claimed', 'in_doubt')"
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder, accounts=10, opportunities=40) as running:
        yield running


def test_a_run_that_xero_left_is_deferred_and_the_drain_brings_all_in_step(
    sandbox: SandboxProcess, deployment: Deployment
) -> None:
    run = deployment.start_run()
    wait_for(lambda: is_reading(sandbox), limit_s=SLOW, what="a run that reads Salesforce")
    sandbox.post("/fault", kind="outage", path=XERO, for_s=HOUR_S)
    deployment.finish(run)

    assert_deferred(deployment)
    assert_skipped_not_failed(deployment, DAG_ID)
    waiting = outstanding(deployment)
    assert waiting > 0
    assert deployment.lost_records(deployment.last_run()) == []

    deployment.run(DRAIN_ID)

    assert_deferred(deployment)
    assert_skipped_not_failed(deployment, DRAIN_ID)
    assert outstanding(deployment) == waiting
    assert Books.read(sandbox).invoices == []

    sandbox.delete("/fault")
    drain_until_empty(deployment)

    books = Books.read(sandbox)
    assert len(books.good) > 10
    assert_once_each(books)
    assert deployment.ledger("SELECT kind, closed_at IS NOT NULL FROM alerts") == [("outage", 1)]
    before = sandbox.last_number()
    deployment.run(DRAIN_ID)
    assert sandbox.get("/journal", after=before) == []


def is_reading(sandbox: SandboxProcess) -> bool:
    """Say whether a run is past its first task: it has turned to the org's records."""
    requests = sandbox.get("/journal", service="salesforce")
    return any("/query" in one["path"] for one in requests)


def outstanding(deployment: Deployment) -> int:
    ((count,),) = deployment.ledger(WAITING)
    return int(count)


def assert_deferred(deployment: Deployment) -> None:
    """The newest run says that it was deferred, why, and that the next one goes on."""
    ((state, verdict),) = deployment.ledger(
        "SELECT state, verdict FROM runs WHERE run_id = ?", deployment.last_run()
    )
    assert state == "deferred", deployment.last_words()
    assert verdict.startswith("deferred: ")
    assert "entries wait; the next run goes on" in verdict


def assert_skipped_not_failed(deployment: Deployment, dag_id: str) -> None:
    """In Airflow, the run is neither red nor plainly green."""
    states = deployment.task_states(dag_id)
    assert states["gate/-1"] == "skipped"
    assert states["start/-1"] == "success"
    assert set(states.values()) == {"success", "skipped"}
    to_xero = ("publish.contacts", "publish.invoices")
    assert {states[one] for one in states if one.startswith(to_xero)} == {"skipped"}


def drain_until_empty(deployment: Deployment) -> None:
    """Let the drain run as its schedule would; the circuit lets it through after its pause."""
    for _ in range(MOST_DRAINS):
        deployment.run(DRAIN_ID)
        if not outstanding(deployment):
            return
        time.sleep(PAUSE_S)
    raise AssertionError(f"{outstanding(deployment)} entries wait still")
