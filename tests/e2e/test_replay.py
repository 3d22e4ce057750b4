"""A dead letter whose cause is cured goes with the next run, if that run is told so."""

from collections.abc import Iterator

import pytest
from tests.e2e.world import (
    DAG_ID,
    Books,
    Deployment,
    SandboxProcess,
    assert_once_each,
    kill_group,
    running_sandbox,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

LETTERS = "SELECT entry_id, message FROM entries WHERE state = 'dead'"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder, accounts=5, opportunities=20) as running:
        running.post("/salesforce/switches", job_delay_s=0)
        yield running


def test_a_run_replays_what_it_is_told_to(sandbox: SandboxProcess, deployment: Deployment) -> None:
    deployment.run()
    source_id, (invoice,) = min(Books.read(sandbox).invoices_by_opportunity().items())
    sandbox.post(f"/xero/invoices/{invoice['invoice_id']}/pay", amount="1.00")
    sandbox.post(f"/salesforce/Opportunity/{source_id}", CloseDate="2026-03-31")

    assert "dead letter" in failed_run(deployment)
    ((letter, message),) = deployment.ledger(LETTERS)
    assert "payment" in message
    (payment,) = sandbox.get("/state", full=1)["xero"]["payment_rows"]
    sandbox.post(f"/xero/payments/{payment['payment_id']}/delete")
    deployment.run(params={"replay": [str(letter)]})

    assert deployment.ledger(LETTERS) == []
    books = Books.read(sandbox)
    (changed,) = books.invoices_by_opportunity()[source_id]
    assert changed["dated_on"] == "2026-03-31"
    assert_once_each(books)


def failed_run(deployment: Deployment) -> str:
    """Run the DAG, which must fail; returns the ledger's verdict."""
    process = deployment.start_run(DAG_ID)
    try:
        code = process.wait(240)
    finally:
        kill_group(process)
    assert code != 0
    ((state, verdict),) = deployment.ledger(
        "SELECT state, verdict FROM runs WHERE run_id = ?", deployment.last_run()
    )
    assert state == "failed"
    return str(verdict)
